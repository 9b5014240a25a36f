package fleet

import (
	"context"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// PortalReader reads portals, and who is in them.
type PortalReader interface {
	Portals(ctx context.Context, root string) ([]tenant.Portal, error)
	PortalSteps(ctx context.Context, in tenant.Sphere) (tenant.PortalSteps, error)
}

// PortalWriter changes them.
type PortalWriter interface {
	SavePortal(ctx context.Context, p tenant.Portal) error
	SavePortalStep(ctx context.Context, portfolio ident.PortfolioID, portal string) error
}

// Codes of the faults about portals.
const (
	PortalOutside   = "portal.outside" // it does not exist, or the caller does not see it
	PortalElsewhere = "portal.elsewhere"
	PortalDeleted   = "portal.deleted"
	PortalTaken     = "portal.title"
	PortalOwn       = "portal.own"
	PortalForeign   = "portal.forbidden"
	PortalLimit     = "portal.limit"
)

// maxPortals bounds the portals that are made in a tree, whoever sees them.
const maxPortals = 1000

// Portals lists the portals that the caller's portfolios are in, and those that
// belong to them, the tree's own first. The command line sees those of all trees.
func (s *Service) Portals(ctx context.Context, r Request) ([]tenant.Portal, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return portals(ctx, s.store, &r)
}

func portals(ctx context.Context, from Reader, r *Request) ([]tenant.Portal, error) {
	root, _ := r.Caller.Sphere.Root()
	switch {
	case r.Caller.Sphere.All():
		return allPortals(ctx, from)
	case root == "":
		return nil, nil
	}
	top, err := from.Portfolio(ctx, tenant.Everything(), ident.PortfolioID(root))
	if err != nil {
		return nil, err
	}
	made, err := from.Portals(ctx, root)
	if err != nil {
		return nil, err
	}
	steps, err := from.PortalSteps(ctx, r.Caller.Sphere)
	seen := steps.Seen(r.Caller.Sphere)
	return slices.DeleteFunc(append([]tenant.Portal{tenant.OwnPortal(&top)}, made...), func(p tenant.Portal) bool {
		return !seen[p.ID] && !r.Caller.Sphere.Contains(p.OwnerPath)
	}), err
}

// allPortals lists the portals of every tree.
func allPortals(ctx context.Context, from Reader) ([]tenant.Portal, error) {
	folios, err := from.Portfolios(ctx, tenant.Everything())
	var out []tenant.Portal
	for i := range folios {
		if folios[i].Parent != "" {
			continue
		}
		made, err := from.Portals(ctx, string(folios[i].ID))
		if err != nil {
			return nil, err
		}
		out = append(append(out, tenant.OwnPortal(&folios[i])), made...)
	}
	return out, err
}

// Portal returns one portal that the caller sees.
func (s *Service) Portal(ctx context.Context, r Request, id string) (tenant.Portal, error) {
	all, err := s.Portals(ctx, r)
	if err != nil {
		return tenant.Portal{}, err
	}
	return portalIn(all, id)
}

func portalIn(all []tenant.Portal, id string) (tenant.Portal, error) {
	if i := slices.IndexFunc(all, func(p tenant.Portal) bool { return p.ID == id }); i >= 0 {
		return all[i], nil
	}
	return tenant.Portal{}, fault.Missing("portal", id)
}

// PortalSteps says which portal each of the caller's portfolios is in.
func (s *Service) PortalSteps(ctx context.Context, r Request) (tenant.PortalSteps, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return s.store.PortalSteps(ctx, r.Caller.Sphere)
}

// InPortal returns the caller's portfolios that are in a portal. One that the
// caller does not see is refused with the code PortalOutside.
func (s *Service) InPortal(ctx context.Context, r Request, portal string) (map[ident.PortfolioID]bool, error) {
	if _, err := s.Portal(ctx, r, portal); err != nil {
		return nil, outsidePortal(err, portal)
	}
	folios, err := s.store.Portfolios(ctx, r.Caller.Sphere)
	if err != nil {
		return nil, err
	}
	steps, err := s.store.PortalSteps(ctx, r.Caller.Sphere)
	out := map[ident.PortfolioID]bool{}
	for _, p := range folios {
		if steps.Of(p.Path) == portal {
			out[p.ID] = true
		}
	}
	return out, err
}

func outsidePortal(err error, id string) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Forbidden, PortalOutside, "portal %s is not in your sphere", id)
	}
	return err
}

// CreatePortal makes a portal that belongs to a portfolio of the caller.
func (s *Service) CreatePortal(ctx context.Context, r Request, p tenant.Portal) (tenant.Portal, error) {
	p.ID, p.Status, p.CreatedAt = string(ident.NewPortfolioID()), tenant.Active, s.now()
	return s.savePortal(ctx, r, func(tx Tx, _ []tenant.Portal) (tenant.Portal, error) {
		owner, err := tx.Portfolio(ctx, r.Caller.Sphere, p.Owner)
		switch {
		case err != nil:
			return p, err
		case owner.Status == tenant.Deleted:
			return p, fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", owner.ID)
		}
		p.OwnerPath = owner.Path
		p.Root, _ = tenant.Below(owner.Path).Root()
		return p, roomForPortal(ctx, tx, p.Root)
	})
}

// roomForPortal refuses one more portal in a tree that is full of them, those
// that the caller does not see and those that are deleted among them.
func roomForPortal(ctx context.Context, tx Tx, root string) error {
	if err := tx.LockPortfolio(ctx, ident.PortfolioID(root)); err != nil {
		return err
	}
	made, err := tx.Portals(ctx, root)
	if err == nil && len(made) >= maxPortals {
		err = fault.New(fault.Exhausted, PortalLimit, "there are %d portals; no more are allowed", maxPortals)
	}
	return err
}

// ChangePortal changes the name, the title or the status of a portal that belongs
// to a portfolio of the caller. A tree's own stays as it is.
func (s *Service) ChangePortal(ctx context.Context, r Request, id string, change func(*tenant.Portal)) (tenant.Portal, error) {
	return s.savePortal(ctx, r, func(_ Tx, all []tenant.Portal) (tenant.Portal, error) {
		p, err := portalIn(all, id)
		switch {
		case err != nil:
			return p, err
		case p.Own():
			return p, fault.New(fault.Forbidden, PortalOwn, "portal %s is its tree's own, and stays as it is", id)
		case !r.Caller.Sphere.Contains(p.OwnerPath):
			return p, fault.New(fault.Forbidden, PortalForeign, "portal %s belongs to a portfolio above; only that one changes it", id)
		}
		change(&p)
		return p, nil
	})
}

func (s *Service) savePortal(ctx context.Context, r Request, make func(tx Tx, all []tenant.Portal) (tenant.Portal, error)) (p tenant.Portal, err error) {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return p, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := lockTree(ctx, tx, &r); err != nil {
			return err
		}
		all, err := portals(ctx, tx, &r)
		if err != nil {
			return err
		}
		if p, err = make(tx, all); err != nil {
			return err
		}
		p.Name = strings.TrimSpace(p.Name)
		if err := fault.Join(checkName("name", p.Name, 128), checkTitle(p.Title)); err != nil {
			return err
		}
		if p.Title == tenant.MainPortal {
			return portalTaken(fault.New(fault.Conflict, "", "taken"), p.Title)
		}
		if err := tx.SavePortal(ctx, p); err != nil {
			return portalTaken(err, p.Title)
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortalChanged, p.Owner, s.now(), event.Data{Subject: "portal " + p.ID + " " + p.Title, To: string(p.Status)})})
	})
	return p, err
}

func portalTaken(err error, title string) error {
	if fault.KindOf(err) == fault.Conflict {
		return fault.New(fault.Conflict, PortalTaken, "the title %s exists already", title).Because(err)
	}
	return err
}

// SetPortal puts a portfolio, and those below it that were put nowhere else, into
// a portal. One that the caller does not see is refused with the code
// PortalOutside, one that belongs elsewhere with PortalElsewhere.
func (s *Service) SetPortal(ctx context.Context, r Request, id ident.PortfolioID, portal string) error {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPortfolio(ctx, id); err != nil {
			return err
		}
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, id)
		if err != nil {
			return err
		}
		all, err := portals(ctx, tx, &r)
		if err != nil {
			return err
		}
		steps, err := tx.PortalSteps(ctx, tenant.Below(p.Path))
		if err != nil {
			return err
		}
		to, err := portalIn(all, portal)
		was := steps.Of(p.Path)
		switch {
		case err != nil:
			return outsidePortal(err, portal)
		case !to.Covers(p.Path):
			return fault.New(fault.Precondition, PortalElsewhere, "portal %s belongs to a portfolio that %s is not below", portal, id)
		case to.Status != tenant.Active && was != portal:
			return fault.New(fault.Precondition, PortalDeleted, "portal %s is deleted", portal)
		}
		if err := tx.SavePortalStep(ctx, id, portal); err != nil || was == portal {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, id, s.now(), event.Data{Subject: p.Name,
			Changes: []event.Change{{Field: "portal", From: was, To: portal}}})})
	})
}

// PortalAttributes are those of a portal, which belong to its owner.
func PortalAttributes(id string) Carrier {
	return holding{tenant.PortfolioGet, tenant.PortfolioWrite, func(ctx context.Context, from Reader, r *Request) (holder, error) {
		all, err := portals(ctx, from, r)
		if err != nil {
			return holder{}, err
		}
		p, err := portalIn(all, id)
		h := holder{Holder: tenant.Holder{Kind: tenant.PortalHolder, ID: id}, name: "the portal", value: sim.MaxAttributeValue, owner: p.Owner}
		if err == nil && !r.Caller.Sphere.Contains(p.OwnerPath) {
			h.no = fault.New(fault.Forbidden, PortalForeign, "portal %s belongs to a portfolio above; only that one changes it", id)
		}
		return h, err
	}}
}
