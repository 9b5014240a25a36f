package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// ItemReader reads the items of packages, and links.
type ItemReader interface {
	Items(ctx context.Context, in tenant.Sphere, pkg int64) ([]plan.Item, error)
	LinksOf(ctx context.Context, in tenant.Sphere) (map[int64][]plan.Link, error)
}

// ItemWriter changes packages and their items.
type ItemWriter interface {
	SaveItem(ctx context.Context, i *plan.Item) error
	SavePackage(ctx context.Context, p plan.Package) error
}

// LinksOf lists where in the caller's part of the tree each package is offered.
func (s *Service) LinksOf(ctx context.Context, r Request) (map[int64][]plan.Link, error) {
	if err := r.Caller.Needs(tenant.PackageGet); err != nil {
		return nil, err
	}
	return s.store.LinksOf(ctx, r.Caller.Sphere)
}

// Package returns one of the packages that Packages lists.
func (s *Service) Package(ctx context.Context, r Request, id int64) (plan.Package, error) {
	if err := r.Caller.Needs(tenant.PackageGet); err != nil {
		return plan.Package{}, err
	}
	return s.store.Package(ctx, r.Caller.Offers(), id)
}

// PackageInUse is the code of the fault that a package still has SIMs.
const PackageInUse = "package.in_use"

// ChangePackage lets change alter what may change of a package: its name,
// status, prices, periods and who approves. A package that SIMs are on cannot
// be deleted.
func (s *Service) ChangePackage(ctx context.Context, r Request, id int64, change func(*plan.Package) error) (plan.Package, error) {
	var p plan.Package
	if err := r.Caller.Needs(tenant.PackageWrite); err != nil {
		return p, err
	}
	err := s.store.Write(ctx, func(tx Tx) (err error) {
		if err := tx.LockPackage(ctx, id); err != nil {
			return err
		}
		if p, err = tx.Package(ctx, r.Caller.Offers(), id); err != nil {
			return err
		}
		was := p.Status
		if err := change(&p); err != nil {
			return err
		}
		p.Name = strings.TrimSpace(p.Name)
		if err := fault.Join(checkName("name", p.Name, 128), checkPackage(&p)); err != nil {
			return err
		}
		if p.Status == tenant.Deleted && was != tenant.Deleted {
			if err := s.unused(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := tx.SavePackage(ctx, p); err != nil {
			return err
		}
		return s.packageEvents(ctx, tx, &r, &p, string(p.Status))
	})
	return p, err
}

func (s *Service) unused(ctx context.Context, tx Tx, id int64) error {
	tallies, err := tx.Tallies(ctx, tenant.Everything())
	if err != nil {
		return err
	}
	var n int64
	for _, t := range tallies {
		if t.Package == id {
			n += t.Count
		}
	}
	if n > 0 {
		return fault.New(fault.Precondition, PackageInUse, "%d SIMs are on package %d; move them first", n, id)
	}
	return nil
}

// packageEvents tells every portfolio of the caller's that the package is offered
// to, and none that it was. Of one that is offered nowhere, the root is told.
func (s *Service) packageEvents(ctx context.Context, tx Tx, r *Request, p *plan.Package, what string) error {
	links, err := tx.Links(ctx, r.Caller.Sphere, p.ID)
	if err != nil {
		return err
	}
	links = slices.DeleteFunc(links, func(l plan.Link) bool { return l.Status == tenant.Deleted })
	if len(links) == 0 {
		root, _ := r.Caller.Sphere.Root()
		links = []plan.Link{{Portfolio: ident.PortfolioID(root)}}
	}
	events := make([]event.Event, len(links))
	for i, l := range links {
		events[i] = r.event(event.PackageChanged, l.Portfolio, s.now(), event.Data{Subject: strconv.FormatInt(p.ID, 10), To: what})
	}
	return tx.AddEvents(ctx, events)
}

// Items lists the items of a package, deleted ones too.
func (s *Service) Items(ctx context.Context, r Request, pkg int64) ([]plan.Item, error) {
	if _, err := s.Package(ctx, r, pkg); err != nil {
		return nil, err
	}
	return s.store.Items(ctx, r.Caller.Offers(), pkg)
}

// CreateItem adds an item to a package. It fails with plan.ItemExists when
// another is for the same use.
func (s *Service) CreateItem(ctx context.Context, r Request, i plan.Item) (plan.Item, error) {
	i.CreatedAt = s.now()
	return s.putItem(ctx, r, i.Package, func([]plan.Item) (plan.Item, error) { return i, nil })
}

// ChangeItem lets change alter an item: everything but its category. An item
// that is deleted may be brought back.
func (s *Service) ChangeItem(ctx context.Context, r Request, pkg, id int64, change func(*plan.Item) error) (plan.Item, error) {
	return s.putItem(ctx, r, pkg, func(items []plan.Item) (plan.Item, error) {
		for _, i := range items {
			if i.ID == id {
				return i, change(&i)
			}
		}
		return plan.Item{}, fault.Missing("item", strconv.FormatInt(id, 10))
	})
}

func (s *Service) putItem(ctx context.Context, r Request, pkg int64, make func([]plan.Item) (plan.Item, error)) (plan.Item, error) {
	var out plan.Item
	if err := r.Caller.Needs(tenant.PackageWrite); err != nil {
		return out, err
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPackage(ctx, pkg); err != nil {
			return err
		}
		p, err := tx.Package(ctx, r.Caller.Offers(), pkg)
		if err != nil {
			return err
		}
		items, err := tx.Items(ctx, r.Caller.Offers(), pkg)
		if err != nil {
			return err
		}
		if out, err = make(items); err != nil {
			return err
		}
		if err := out.Check(); err != nil {
			return err
		}
		for _, o := range items {
			if o.ID != out.ID && o.Overlaps(&out) {
				return fault.New(fault.Precondition, plan.ItemExists, "package %d has an item for %s already: %d", pkg, o.Category, o.ID)
			}
		}
		if err := tx.SaveItem(ctx, &out); err != nil {
			return err
		}
		return s.packageEvents(ctx, tx, &r, &p, "item "+strconv.FormatInt(out.ID, 10))
	})
	return out, err
}
