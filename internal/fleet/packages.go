package fleet

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// event returns an event that is about no SIM.
func (r *Request) event(kind event.Kind, p ident.PortfolioID, at time.Time, data event.Data) event.Event {
	return event.Event{At: at, Kind: kind, Portfolio: p, Actor: r.Caller.Actor(), Via: r.Via, Request: r.ID, Data: data}
}

// CreatePackage makes a package and links it to portfolios, which must all pay
// in one currency. Its id, status, dates and defaults are filled in.
func (s *Service) CreatePackage(ctx context.Context, r Request, p plan.Package, links []ident.PortfolioID) (plan.Package, error) {
	p.Name = strings.TrimSpace(p.Name)
	defaults(&p)
	p.CreatedAt = s.now()
	if err := fault.Join(r.Caller.Needs(tenant.PackageWrite), checkName("name", p.Name, 128), checkPackage(&p)); err != nil {
		return p, err
	}
	if len(links) == 0 {
		return p, fault.InvalidField("portfolio", "is missing; a package is offered to one portfolio at least")
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		p := &p
		if err := s.networkExists(ctx, tx, p.Network); err != nil {
			return err
		}
		if err := s.linkable(ctx, tx, &r, p, links); err != nil {
			return err
		}
		if err := tx.AddPackage(ctx, p); err != nil {
			return taken(err, "package", strconv.FormatInt(p.ID, 10))
		}
		var events []event.Event
		for _, id := range links {
			if err := tx.SaveLink(ctx, plan.Link{Package: p.ID, Portfolio: id, Status: tenant.Active}); err != nil {
				return err
			}
			events = append(events, r.event(event.PackageCreated, id, s.now(), event.Data{Subject: strconv.FormatInt(p.ID, 10), To: p.Name}))
		}
		return tx.AddEvents(ctx, events)
	})
	return p, err
}

func defaults(p *plan.Package) {
	p.Status = tenant.Active
	if p.Activation == "" {
		p.Activation = plan.Auto
	}
	if p.Termination == "" {
		p.Termination = plan.Auto
	}
	if p.BillingMonths == 0 {
		p.BillingMonths = 1
	}
}

func checkPackage(p *plan.Package) error {
	var errs []error
	bad := func(wrong bool, field, format string, args ...any) {
		if wrong {
			errs = append(errs, fault.InvalidField(field, format, args...))
		}
	}
	bad(p.ID < 0, "id", "is negative")
	bad(p.MNO < 0, "mno", "is negative")
	bad(p.ContractMonths < 0 || p.ContractMonths > 240, "contractMonths", "is %d; 0 to 240 are allowed", p.ContractMonths)
	bad(p.BillingMonths < 1 || p.BillingMonths > 36, "billingMonths", "is %d; 1 to 36 are allowed", p.BillingMonths)
	for field, a := range map[string]money.Amount{"price": p.Price, "activationPrice": p.ActivationPrice, "terminationPrice": p.TerminationPrice} {
		bad(a < 0, field, "is negative")
	}
	return fault.Join(errs...)
}

// linkable takes over the currency of the portfolios, and checks that they
// have one.
func (s *Service) linkable(ctx context.Context, tx Tx, r *Request, p *plan.Package, links []ident.PortfolioID) error {
	for _, id := range links {
		folio, err := tx.Portfolio(ctx, r.Caller.Sphere, id)
		if err != nil {
			return err
		}
		if p.Currency == "" {
			p.Currency = folio.Currency
		}
		if err := plan.Linkable(p, &folio); err != nil {
			return err
		}
	}
	return nil
}

// LinkPackage offers a package to a portfolio, or changes how it is offered: as
// change alters the link. One that is not there yet is active, and not found.
func (s *Service) LinkPackage(ctx context.Context, r Request, pkg int64, to ident.PortfolioID, change func(l *plan.Link, found bool) error) (plan.Link, error) {
	var l plan.Link
	if !r.Caller.May.Has(tenant.SIMAssign) {
		if err := r.Caller.Needs(tenant.PackageWrite); err != nil {
			return l, err
		}
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPackage(ctx, pkg); err != nil {
			return err
		}
		p, err := tx.Package(ctx, r.Caller.Offers(), pkg)
		if err != nil {
			return err
		}
		if err := s.linkable(ctx, tx, &r, &p, []ident.PortfolioID{to}); err != nil {
			return err
		}
		was, found, err := tx.Link(ctx, pkg, to)
		if err != nil {
			return err
		}
		if l = was; !found {
			l.Status = tenant.Active
		}
		if err := change(&l, found); err != nil {
			return err
		}
		if err := mayLink(&r.Caller, was, l); err != nil {
			return err
		}
		if err := tx.SaveLink(ctx, l); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PackageLinked, to, s.now(), event.Data{Subject: strconv.FormatInt(p.ID, 10),
			Changes: suspensionChanges(was.Suspended, l.Suspended)})})
	})
	return l, err
}

// mayLink checks a change of a link. The customer's suspension is the customer's,
// who may put SIMs on packages; anything else is for who may change packages.
func mayLink(caller *tenant.Principal, before, after plan.Link) error {
	if err := maySuspend(caller, before.Suspended, after.Suspended); err != nil {
		return err
	}
	before.Suspended = before.Suspended.Set(tenant.CustomerSuspension, after.Suspended.Has(tenant.CustomerSuspension))
	if before == after {
		return nil
	}
	return caller.Needs(tenant.PackageWrite)
}

// Packages lists the packages that are offered in the caller's part of the tree;
// for the operator of a tree, those too that were.
func (s *Service) Packages(ctx context.Context, r Request) ([]plan.Package, error) {
	if err := r.Caller.Needs(tenant.PackageGet); err != nil {
		return nil, err
	}
	return s.store.Packages(ctx, r.Caller.Offers())
}

// Links lists where in the caller's part of the tree a package is offered.
func (s *Service) Links(ctx context.Context, r Request, pkg int64) ([]plan.Link, error) {
	if err := r.Caller.Needs(tenant.PackageGet); err != nil {
		return nil, err
	}
	return s.store.Links(ctx, r.Caller.Sphere, pkg)
}

func (s *Service) networkExists(ctx context.Context, tx Tx, name string) error {
	if name == "" {
		return nil
	}
	if err := tx.HoldNetwork(ctx, name); fault.KindOf(err) != fault.NotFound {
		return err
	}
	networks, err := tx.Networks(ctx)
	if err != nil {
		return err
	}
	known := make([]string, len(networks))
	for i, n := range networks {
		known[i] = n.Name
	}
	return fault.InvalidField("network", "%q is not a network; there are: %s (add it with: simurgh network add --name %s --driver ...)",
		name, strings.Join(known, ", "), name)
}
