package simapi

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// account is a portfolio with its title, its terms and its attributes.
type account struct {
	tenant.Portfolio
	title   string
	portal  string
	terms   tenant.Terms
	carries []sim.Attribute
}

func (a *account) show() Portfolio {
	carries := carried{kind: "portfolio", holder: "portfolioId", id: string(a.ID)}
	return Portfolio{PortfolioId: string(a.ID), Name: a.Name, Title: a.title, ParentPortfolioId: orNull(string(a.Parent)), PortalId: a.portal,
		CurrencyId: string(a.Currency), BusinessCodeId: idOrNull(a.terms.BusinessCode), TaxCodeId: idOrNull(a.terms.TaxCode),
		PaymentMethodId: idOrNull(a.terms.PaymentMethod), InvoicingEntityId: idOrNull(a.terms.InvoicingEntity), BillingDayOfMonth: a.BillingDay,
		Status: PortfolioStatus(a.Status), AdminSuspend: flag(a.Suspended.Has(tenant.AdminSuspension)),
		SystemSuspend: flag(a.Suspended.Has(tenant.SystemSuspension)), CustomerSuspend: flag(a.Suspended.Has(tenant.CustomerSuspension)), Attributes: each(a.carries, carries.show),
		DisableNewActivation: flag(a.NoActivations), Overdue: decimal(a.Overdue), AllowList: networks(a.AllowList), CreatedDate: Moment{a.CreatedAt}}
}

func networks(list []netip.Prefix) []string {
	return each(list, func(n *netip.Prefix) string { return n.String() })
}

// suspended shows whether an account has a suspension.
func suspended(k tenant.Suspension) func(*account) string {
	return func(a *account) string { return string(flag(a.Suspended.Has(k))) }
}

// allowList reads addresses and networks; nil when there is no list.
func allowList(list []string) ([]netip.Prefix, error) {
	out, err := tenant.ParseAllowList(strings.Join(list, ","))
	if err == nil && out == nil && list != nil {
		out = []netip.Prefix{}
	}
	return out, err
}

// ListPortfolios implements StrictServerInterface.
func (h *handler) ListPortfolios(ctx context.Context, _ ListPortfoliosRequestObject) (ListPortfoliosResponseObject, error) {
	x := of(ctx)
	folios, err := x.fleet.Portfolios(ctx, x.request)
	if err != nil {
		return nil, err
	}
	all, err := x.accounts(ctx, folios)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, all, []column[account]{
		{"portfolioId", func(a *account) string { return string(a.ID) }},
		{"parentPortfolioId", func(a *account) string { return string(a.Parent) }},
		{"portalId", func(a *account) string { return a.portal }},
		{"name", func(a *account) string { return a.Name }},
		{"title", func(a *account) string { return a.title }},
		{"status", func(a *account) string { return string(a.Status) }},
		{"adminSuspend", suspended(tenant.AdminSuspension)},
		{"systemSuspend", suspended(tenant.SystemSuspension)},
		{"customerSuspend", suspended(tenant.CustomerSuspension)},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	if err := x.carry(ctx, page); err != nil {
		return nil, err
	}
	return ListPortfolios200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: each(page, (*account).show)}, err
}

func (x *exchange) account(ctx context.Context, id PortfolioId) (account, error) {
	folio, err := ident.ParsePortfolioID(id)
	if err != nil {
		return account{}, err
	}
	p, err := x.fleet.Portfolio(ctx, x.request, folio)
	if err != nil {
		return account{}, err
	}
	all, err := x.accounts(ctx, []tenant.Portfolio{p})
	if err != nil {
		return account{}, err
	}
	return all[0], x.carry(ctx, all)
}

// accounts adds to portfolios what is kept beside them.
func (x *exchange) accounts(ctx context.Context, folios []tenant.Portfolio) ([]account, error) {
	titles, err1 := x.fleet.Titles(ctx, x.request)
	terms, err2 := x.fleet.Terms(ctx, x.request)
	steps, err3 := x.fleet.PortalSteps(ctx, x.request)
	return each(folios, func(p *tenant.Portfolio) account {
		return account{Portfolio: *p, title: titles[p.ID], portal: steps.Of(p.Path), terms: terms[p.ID]}
	}), errors.Join(err1, err2, err3)
}

// carry reads the attributes of accounts.
func (x *exchange) carry(ctx context.Context, page []account) error {
	found, err := x.fleet.AttributesOfPortfolios(ctx, x.request, each(page, func(a *account) ident.PortfolioID { return a.ID }))
	for i := range page {
		page[i].carries = found[page[i].ID]
	}
	return err
}

// references reads the ids of entries that an account's terms may name.
func references(business, tax, payment, invoicing *Digits) (change func(*tenant.Terms), any bool, err error) {
	var ids [4]*int64
	var errs [4]error
	for i, f := range []struct {
		name string
		from *Digits
	}{{"businessCodeId", business}, {"taxCodeId", tax}, {"paymentMethodId", payment}, {"invoicingEntityId", invoicing}} {
		ids[i], errs[i] = reference(f.name, f.from)
		any = any || f.from != nil
	}
	return func(t *tenant.Terms) {
		for i, to := range []*int64{&t.BusinessCode, &t.TaxCode, &t.PaymentMethod, &t.InvoicingEntity} {
			set(ids[i], to)
		}
	}, any, fault.Join(errs[:]...)
}

// GetPortfolio implements StrictServerInterface.
func (h *handler) GetPortfolio(ctx context.Context, r GetPortfolioRequestObject) (GetPortfolioResponseObject, error) {
	a, err := of(ctx).account(ctx, r.PortfolioId)
	return GetPortfolio200JSONResponse(a.show()), err
}

// newPortfolio reads what an account shall be, and what is kept beside it.
func (x *exchange) newPortfolio(b *PortfolioInput) (fleet.NewPortfolio, beside, error) {
	n := fleet.NewPortfolio{Name: b.Name, Parent: x.home.ID, Setup: true, BillingDay: b.BillingDayOfMonth}
	pays, err1 := oneOf(b.PaymentMethodId, b.PaymentMethod)
	more, _, err2 := besides(&b.Title, b.PortalId, &b.BusinessCodeId, &b.TaxCodeId, pays, &b.InvoicingEntityId)
	var err3, err4 error
	n.Currency, err3 = money.ParseCurrency(b.CurrencyId)
	if b.ParentPortfolioId != nil {
		n.Parent, err4 = ident.ParsePortfolioID(*b.ParentPortfolioId)
	}
	return n, more, fault.Join(err1, err2, ident.As("currencyId", err3), ident.As("parentPortfolioId", err4))
}

// oneOf is how an account pays, which has two names.
func oneOf(id, older *Digits) (*Digits, error) {
	switch {
	case id == nil && older == nil:
		return nil, fault.InvalidField("paymentMethodId", "is missing")
	case id == nil:
		return older, nil
	case older != nil && *older != *id:
		return nil, fault.InvalidField("paymentMethod", "is not the same as paymentMethodId")
	}
	return id, nil
}

// CreatePortfolio implements StrictServerInterface.
func (h *handler) CreatePortfolio(ctx context.Context, r CreatePortfolioRequestObject) (CreatePortfolioResponseObject, error) {
	x := of(ctx)
	n, more, err := x.newPortfolio(r.Body)
	if err != nil {
		return nil, err
	}
	var a account
	err = x.fleet.Together(ctx, func(in *fleet.Service) (err error) {
		if a.Portfolio, err = in.CreatePortfolio(ctx, x.request, n); err != nil {
			return x.outside(n.Parent, err)
		}
		return more.give(ctx, x, in, &a)
	})
	return CreatePortfolio200JSONResponse(a.show()), err
}

// beside is what a request says of what is kept beside an account. Nil fields
// stay.
type beside struct {
	title  *string
	portal *string
	terms  func(*tenant.Terms)
}

// besides reads it. Some says that there is something.
func besides(title, portal *string, business, tax, payment, invoicing *Digits) (b beside, some bool, err error) {
	id, err1 := portalID(portal)
	terms, termed, err2 := references(business, tax, payment, invoicing)
	if b.title = title; portal != nil {
		b.portal = &id
	}
	if termed {
		b.terms = terms
	}
	return b, title != nil || portal != nil || termed, fault.Join(err1, err2)
}

// give changes it, in a transaction that is under way.
func (b *beside) give(ctx context.Context, x *exchange, in *fleet.Service, a *account) (err error) {
	if b.terms != nil {
		if a.terms, err = in.ChangeTerms(ctx, x.request, a.ID, b.terms); err != nil {
			return err
		}
	}
	if b.title != nil {
		a.title = *b.title
		if err := in.SetTitle(ctx, x.request, a.ID, a.title); err != nil {
			return err
		}
	}
	if b.portal != nil {
		a.portal = *b.portal
		return in.SetPortal(ctx, x.request, a.ID, a.portal)
	}
	if a.portal == "" {
		steps, err := in.PortalSteps(ctx, x.request)
		a.portal = steps.Of(a.Path)
		return err
	}
	return nil
}

// suspending reads which suspensions are set and lifted.
func suspending(admin, system, customer *Flag) tenant.Suspending {
	out := tenant.Suspending{}
	for k, to := range map[tenant.Suspension]*Flag{tenant.AdminSuspension: admin, tenant.SystemSuspension: system, tenant.CustomerSuspension: customer} {
		if to != nil {
			out[k] = *to == FlagYes
		}
	}
	return out
}

// ChangePortfolio implements StrictServerInterface.
func (h *handler) ChangePortfolio(ctx context.Context, r ChangePortfolioRequestObject) (ChangePortfolioResponseObject, error) {
	x, b := of(ctx), r.Body
	a, err := x.account(ctx, r.PortfolioId)
	if err != nil {
		return nil, err
	}
	allow, err1 := allowList(b.AllowList)
	owed, err2 := amount("overdue", b.Overdue)
	more, some, err3 := besides(b.Title, b.PortalId, b.BusinessCodeId, b.TaxCodeId, b.PaymentMethodId, b.InvoicingEntityId)
	suspends := suspending(b.AdminSuspend, b.SystemSuspend, b.CustomerSuspend)
	switch err := fault.Join(err1, err2, err3); {
	case err != nil:
		return nil, err
	case b.Name == nil && b.BillingDayOfMonth == nil && b.Status == nil && b.DisableNewActivation == nil &&
		b.Overdue == nil && b.AllowList == nil && !some && len(suspends) == 0:
		return nil, errNothing
	case a.ID == x.home.ID && (b.Status != nil || len(suspends) > 0):
		return nil, refusal(codeOwnPortfolio, "the status and the suspensions of one's own portfolio cannot be changed")
	}
	err = x.fleet.Together(ctx, func(in *fleet.Service) (err error) {
		if err := more.give(ctx, x, in, &a); err != nil {
			return err
		}
		a.Portfolio, err = in.ChangePortfolio(ctx, x.request, a.ID, func(p *tenant.Portfolio) error {
			set(b.Name, &p.Name)
			set(b.BillingDayOfMonth, &p.BillingDay)
			set((*tenant.Status)(b.Status), &p.Status)
			p.Suspended = suspends.Of(p.Suspended)
			if b.DisableNewActivation != nil {
				p.NoActivations = *b.DisableNewActivation == FlagYes
			}
			if b.Overdue != nil {
				p.Overdue = owed
			}
			if allow != nil {
				p.AllowList = allow
			}
			return nil
		})
		return err
	})
	return ChangePortfolio200JSONResponse(a.show()), err
}
