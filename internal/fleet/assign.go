package fleet

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// known remembers what a transaction has read of portfolios and packages: a
// batch of thousands shares a handful.
type known struct {
	tx         Tx
	in         tenant.Sphere
	portfolios map[ident.PortfolioID]*tenant.Portfolio
	packages   map[int64]*plan.Package
	offered    map[int64]*plan.Package // those that the caller may choose
	links      map[linkKey]*plan.Link
	items      map[int64]*[]plan.Item
	rules      map[ident.PortfolioID]*[]usage.AlertRule
}

type linkKey struct {
	pkg       int64
	portfolio ident.PortfolioID
}

func newKnown(tx Tx, in tenant.Sphere) *known {
	return &known{tx: tx, in: in, portfolios: map[ident.PortfolioID]*tenant.Portfolio{}, packages: map[int64]*plan.Package{},
		offered: map[int64]*plan.Package{}, links: map[linkKey]*plan.Link{}, items: map[int64]*[]plan.Item{},
		rules: map[ident.PortfolioID]*[]usage.AlertRule{}}
}

// portfolio returns a portfolio of the caller's sphere.
func (k *known) portfolio(ctx context.Context, id ident.PortfolioID) (*tenant.Portfolio, error) {
	return remember(k.portfolios, id, func() (*tenant.Portfolio, error) {
		p, err := k.tx.Portfolio(ctx, k.in, id)
		return &p, err
	})
}

// pkg returns the package that a SIM is on, in whatever sphere; nil for none.
func (k *known) pkg(ctx context.Context, id int64) (*plan.Package, error) {
	if id == 0 {
		return nil, nil
	}
	return remember(k.packages, id, func() (*plan.Package, error) {
		p, err := k.tx.Package(ctx, tenant.Everything(), id)
		return &p, err
	})
}

// price returns what a package charges for use in a country; nothing for no
// package.
func (k *known) price(ctx context.Context, pkg int64, c plan.Category, mcc string) (plan.Rate, error) {
	if pkg == 0 {
		return plan.Rate{}, nil
	}
	items, err := remember(k.items, pkg, func() (*[]plan.Item, error) {
		list, err := k.tx.Items(ctx, tenant.Everything(), pkg)
		return &list, err
	})
	if err != nil {
		return plan.Rate{}, err
	}
	return plan.RateOf(*items, c, mcc), nil
}

// offer returns a package that the caller may choose.
func (k *known) offer(ctx context.Context, id int64) (*plan.Package, error) {
	return remember(k.offered, id, func() (*plan.Package, error) {
		if err := k.tx.HoldPackage(ctx, id); err != nil { // it might be deleted
			return nil, err
		}
		p, err := k.tx.Package(ctx, k.in, id)
		return &p, err
	})
}

// link returns how a package is linked to a portfolio; nil when it is not.
func (k *known) link(ctx context.Context, pkg int64, portfolio ident.PortfolioID) (*plan.Link, error) {
	return remember(k.links, linkKey{pkg, portfolio}, func() (*plan.Link, error) {
		l, found, err := k.tx.Link(ctx, pkg, portfolio)
		if !found {
			return nil, err
		}
		return &l, err
	})
}

func remember[K comparable, V any](seen map[K]*V, key K, read func() (*V, error)) (*V, error) {
	if v, ok := seen[key]; ok {
		return v, nil
	}
	v, err := read()
	if err != nil {
		return nil, err
	}
	seen[key] = v
	return v, nil
}

// facts gathers what a dialect may look at.
func (b *batch) facts(ctx context.Context, s *sim.SIM) (Facts, error) {
	folio, err := b.portfolio(ctx, s.Portfolio)
	if err != nil {
		return Facts{}, err
	}
	p, err := b.pkg(ctx, s.Package)
	return Facts{SIM: s, Portfolio: folio, Package: p}, err
}

// assign moves the SIM to another package or portfolio.
func (b *batch) assign(ctx context.Context, e *Edit, s *sim.SIM, f Facts) error {
	var changes []event.Change
	since := sim.Assigned{SIM: s.ID}
	folio := f.Portfolio
	if e.Portfolio != nil && *e.Portfolio != s.Portfolio {
		p, err := b.portfolio(ctx, *e.Portfolio)
		if err != nil {
			return err
		}
		changes = append(changes, event.Change{Field: "portfolio", From: string(s.Portfolio), To: string(p.ID)})
		folio, s.Portfolio, since.PortfolioAt = p, p.ID, b.at
	}
	p := f.Package
	if e.Package != nil && *e.Package != s.Package {
		next, err := b.offer(ctx, *e.Package)
		if err != nil {
			return err
		}
		changes = append(changes, event.Change{Field: "package", From: strconv.FormatInt(s.Package, 10), To: strconv.FormatInt(next.ID, 10)})
		p, s.Package, since.PackageAt = next, next.ID, b.at
	}
	if len(changes) == 0 {
		return nil
	}
	if err := folio.Serves(); err != nil {
		return err
	}
	if err := b.fits(ctx, p, folio, s); err != nil {
		return err
	}
	b.assigned = append(b.assigned, since)
	b.tell(event.SIMAssigned, f.SIM, event.Data{Changes: changes})
	return nil
}

// fits checks the package against the SIM, and takes over its network. A SIM
// that a network knows cannot change it by a change of package.
func (b *batch) fits(ctx context.Context, p *plan.Package, folio *tenant.Portfolio, s *sim.SIM) error {
	var link *plan.Link
	if p != nil {
		var err error
		if link, err = b.link(ctx, p.ID, folio.ID); err != nil {
			return err
		}
	}
	if err := plan.Fits(p, link, folio, s.MNO); err != nil {
		return err
	}
	if p.Network == "" || p.Network == s.Network {
		return nil
	}
	if s.Wanted.State.OnNetwork() || s.Settled.State == sim.Provisioned {
		return fault.New(fault.Precondition, "plan.network_differs", "the SIM is on network %s, package %d is for network %s: terminate it first",
			s.Network, p.ID, p.Network)
	}
	s.Network = p.Network
	return nil
}

// PaymentDue refuses an activation because the portfolio owes money. It is a
// fault of kind Precondition with the code "portfolio.payment_due".
type PaymentDue struct {
	Amount   money.Amount
	Currency money.Currency
}

// Error says what is owed.
func (p *PaymentDue) Error() string {
	return "payment of " + p.Amount.Format(2) + " " + string(p.Currency) + " is due before anything more is activated"
}

// Unwrap gives the edges the fault.
func (p *PaymentDue) Unwrap() error {
	return fault.New(fault.Precondition, "portfolio.payment_due", "%s", p.Error())
}

// mayActivate holds the rules of the account, when a SIM comes onto a network.
// It takes over the network of the package.
func (b *batch) mayActivate(ctx context.Context, p *plan.Package, s *sim.SIM, next *sim.Lifecycle) error {
	on := next.Wanted.State == sim.Provisioning || next.Wanted.State == sim.AwaitingApproval
	if !on || s.Wanted.State.OnNetwork() || s.Wanted.State == sim.AwaitingApproval {
		return nil
	}
	folio, err := b.portfolio(ctx, s.Portfolio)
	if err != nil {
		return err
	}
	switch {
	case folio.Status == tenant.Setup:
		return folio.Ready()
	case folio.Serves() != nil:
		return folio.Serves()
	case folio.NoActivations:
		return fault.New(fault.Precondition, "portfolio.no_activations", "the operator has stopped new activations in portfolio %s", folio.ID)
	case folio.Overdue > 0:
		return &PaymentDue{folio.Overdue, folio.Currency}
	case s.IMSI == "":
		return fault.New(fault.Precondition, "sim.no_imsi", "the SIM has no IMSI, so that no network can know it")
	}
	if err := b.fits(ctx, p, folio, s); err != nil {
		return err
	}
	if s.Network == "" {
		return fault.New(fault.Precondition, "sim.no_network", "neither the SIM nor its package names a network")
	}
	return nil
}

// mayResume refuses to end a suspension of a SIM while its portfolio is
// suspended.
func (b *batch) mayResume(ctx context.Context, v sim.Verb, s *sim.SIM) error {
	if v != sim.ResumeCustomer && v != sim.ResumeAdmin && v != sim.ResumeSystem {
		return nil
	}
	return b.serves(ctx, s.Portfolio)
}

// serves refuses more service in a portfolio that is suspended.
func (k *known) serves(ctx context.Context, id ident.PortfolioID) error {
	folio, err := k.portfolio(ctx, id)
	if err != nil {
		return err
	}
	return folio.Serves()
}
