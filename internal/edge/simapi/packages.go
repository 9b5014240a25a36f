package simapi

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func packageOf(p *plan.Package, links []plan.Link) Package {
	return Package{PackageId: p.ID, Name: p.Name, Status: LifeStatus(p.Status), CurrencyId: string(p.Currency), Price: decimal(p.Price),
		BillingPeriod: p.BillingMonths, ActivationPrice: decimal(p.ActivationPrice), TerminationPrice: decimal(p.TerminationPrice),
		ContractPeriod: p.ContractMonths, AutoProvision: PackageAutoProvision(flag(p.Activation == plan.Auto)),
		AutoTerminate: PackageAutoTerminate(flag(p.Termination == plan.Auto)), IccMnoId: p.MNO, Network: p.Network,
		Portfolios: each(live(links), func(l *plan.Link) string { return string(l.Portfolio) }), CreatedDate: Moment{p.CreatedAt}}
}

func live(links []plan.Link) []plan.Link {
	var out []plan.Link
	for _, l := range links {
		if l.Status != tenant.Deleted {
			out = append(out, l)
		}
	}
	return out
}

// ListPackages implements StrictServerInterface.
func (h *handler) ListPackages(ctx context.Context, _ ListPackagesRequestObject) (ListPackagesResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.Packages(ctx, x.request)
	if err != nil {
		return nil, err
	}
	links, err := x.fleet.LinksOf(ctx, x.request)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, all, []column[plan.Package]{
		{"packageId", func(p *plan.Package) string { return strconv.FormatInt(p.ID, 10) }},
		{"name", func(p *plan.Package) string { return p.Name }},
		{"status", func(p *plan.Package) string { return string(p.Status) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListPackages200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: each(page, func(p *plan.Package) Package { return packageOf(p, links[p.ID]) })}, err
}

// show writes a package with the portfolios that it is offered to.
func (x *exchange) show(ctx context.Context, p *plan.Package) (Package, error) {
	links, err := x.fleet.Links(ctx, x.request, p.ID)
	return packageOf(p, links), err
}

// GetPackage implements StrictServerInterface.
func (h *handler) GetPackage(ctx context.Context, r GetPackageRequestObject) (GetPackageResponseObject, error) {
	x := of(ctx)
	p, err := x.fleet.Package(ctx, x.request, r.PackageId)
	if err != nil {
		return nil, err
	}
	out, err := x.show(ctx, &p)
	return GetPackage200JSONResponse(out), err
}

// prices reads the amounts of a package.
func prices(price, activation, termination *Decimal) (out [3]money.Amount, err error) {
	var errs [3]error
	for i, f := range []struct {
		name string
		from *Decimal
	}{{"price", price}, {"activationPrice", activation}, {"terminationPrice", termination}} {
		out[i], errs[i] = amount(f.name, f.from)
	}
	return out, fault.Join(errs[:]...)
}

func review(f *Flag, to *plan.Review) {
	if f == nil {
		return
	}
	if *to = plan.Manual; *f == FlagYes {
		*to = plan.Auto
	}
}

// CreatePackage implements StrictServerInterface.
func (h *handler) CreatePackage(ctx context.Context, r CreatePackageRequestObject) (CreatePackageResponseObject, error) {
	x, b := of(ctx), r.Body
	amounts, err := prices(b.Price, b.ActivationPrice, b.TerminationPrice)
	errs := []error{err}
	p := plan.Package{Name: b.Name, Price: amounts[0], ActivationPrice: amounts[1], TerminationPrice: amounts[2]}
	set(b.BillingPeriod, &p.BillingMonths)
	set(b.ContractPeriod, &p.ContractMonths)
	set(b.Network, &p.Network)
	review(b.AutoProvision, &p.Activation)
	review(b.AutoTerminate, &p.Termination)
	for _, f := range []struct {
		name string
		from *Digits
		to   *int64
	}{{"packageId", b.PackageId, &p.ID}, {"iccMnoId", b.IccMnoId, &p.MNO}} {
		if f.from != nil {
			*f.to, err = f.from.id(f.name)
			errs = append(errs, err)
		}
	}
	links := make([]ident.PortfolioID, len(b.Portfolios))
	for i, text := range b.Portfolios {
		links[i], err = ident.ParsePortfolioID(text)
		errs = append(errs, err)
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	made, err := x.fleet.CreatePackage(ctx, x.request, p, links)
	if err != nil {
		return nil, err
	}
	out, err := x.show(ctx, &made)
	return CreatePackage200JSONResponse(out), err
}

// ChangePackage implements StrictServerInterface.
func (h *handler) ChangePackage(ctx context.Context, r ChangePackageRequestObject) (ChangePackageResponseObject, error) {
	x, b := of(ctx), r.Body
	amounts, err := prices(b.Price, b.ActivationPrice, b.TerminationPrice)
	if err != nil {
		return nil, err
	}
	if *b == (PackageChange{}) {
		return nil, errNothing
	}
	p, err := x.fleet.ChangePackage(ctx, x.request, r.PackageId, func(p *plan.Package) error {
		set(b.Name, &p.Name)
		set(b.BillingPeriod, &p.BillingMonths)
		set(b.ContractPeriod, &p.ContractMonths)
		review(b.AutoProvision, &p.Activation)
		review(b.AutoTerminate, &p.Termination)
		for i, f := range []struct {
			from *Decimal
			to   *money.Amount
		}{{b.Price, &p.Price}, {b.ActivationPrice, &p.ActivationPrice}, {b.TerminationPrice, &p.TerminationPrice}} {
			if f.from != nil {
				*f.to = amounts[i]
			}
		}
		if b.Status != nil {
			p.Status = tenant.Active
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, err := x.show(ctx, &p)
	return ChangePackage200JSONResponse(out), err
}

// DeletePackage implements StrictServerInterface.
func (h *handler) DeletePackage(ctx context.Context, r DeletePackageRequestObject) (DeletePackageResponseObject, error) {
	x := of(ctx)
	_, err := x.fleet.ChangePackage(ctx, x.request, r.PackageId, func(p *plan.Package) error {
		if p.Status == tenant.Deleted {
			return refusal(codeNotActive, "the package is deleted already")
		}
		p.Status = tenant.Deleted
		return nil
	})
	return DeletePackage200JSONResponse{PACKAGE: 1}, err
}

func linkOf(l *plan.Link) PackagePortfolio {
	return PackagePortfolio{PackagePortfolioId: string(l.Portfolio), PackageId: l.Package, PortfolioId: string(l.Portfolio),
		AdminSuspend: flag(l.Suspended.Has(tenant.AdminSuspension)), CustomerSuspend: flag(l.Suspended.Has(tenant.CustomerSuspension)),
		Status: LifeStatus(l.Status)}
}

// ListPackagePortfolios implements StrictServerInterface.
func (h *handler) ListPackagePortfolios(ctx context.Context, r ListPackagePortfoliosRequestObject) (ListPackagePortfoliosResponseObject, error) {
	x := of(ctx)
	if _, err := x.fleet.Package(ctx, x.request, r.PackageId); err != nil {
		return nil, err
	}
	all, err := x.fleet.Links(ctx, x.request, r.PackageId)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(all, linkOf), []column[PackagePortfolio]{
		{"portfolioId", func(l *PackagePortfolio) string { return l.PortfolioId }},
		{"adminSuspend", func(l *PackagePortfolio) string { return string(l.AdminSuspend) }},
		{"customerSuspend", func(l *PackagePortfolio) string { return string(l.CustomerSuspend) }},
		{"status", func(l *PackagePortfolio) string { return string(l.Status) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListPackagePortfolios200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: page}, err
}

// CreatePackagePortfolio implements StrictServerInterface.
func (h *handler) CreatePackagePortfolio(ctx context.Context, r CreatePackagePortfolioRequestObject) (CreatePackagePortfolioResponseObject, error) {
	x := of(ctx)
	folio, err := ident.ParsePortfolioID(r.Body.PortfolioId)
	if err != nil {
		return nil, err
	}
	if _, err := x.fleet.Package(ctx, x.request, r.PackageId); err != nil {
		return nil, err
	}
	l, err := x.fleet.LinkPackage(ctx, x.request, r.PackageId, folio, func(l *plan.Link, found bool) error {
		if found && l.Status != tenant.Deleted {
			return refusal(codeExists, "the package is linked to the portfolio already")
		}
		l.Status, l.Suspended = tenant.Active, 0
		return nil
	})
	return CreatePackagePortfolio200JSONResponse(linkOf(&l)), x.outside(folio, err)
}

// ChangePackagePortfolio implements StrictServerInterface.
func (h *handler) ChangePackagePortfolio(ctx context.Context, r ChangePackagePortfolioRequestObject) (ChangePackagePortfolioResponseObject, error) {
	x, b := of(ctx), r.Body
	folio, err := ident.ParsePortfolioID(r.PackagePortfolioId)
	if err != nil {
		return nil, err
	}
	l, err := x.fleet.LinkPackage(ctx, x.request, r.PackageId, folio, func(l *plan.Link, found bool) error {
		switch {
		case !found:
			return fault.Missing("packagePortfolio", string(folio))
		case *b == (PackagePortfolioChange{}):
			return errNothing
		}
		l.Suspended = suspending(b.AdminSuspend, nil, b.CustomerSuspend).Of(l.Suspended)
		set((*tenant.Status)(b.Status), &l.Status)
		return nil
	})
	return ChangePackagePortfolio200JSONResponse(linkOf(&l)), err
}
