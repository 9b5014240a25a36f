package simapi

import (
	"context"
	"net/netip"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// account is a portfolio with its title.
type account struct {
	tenant.Portfolio
	title string
}

func (a *account) show() Portfolio {
	root, _, _ := strings.Cut(a.Path, "/")
	return Portfolio{PortfolioId: string(a.ID), Name: a.Name, Title: a.title, ParentPortfolioId: orNull(string(a.Parent)), PortalId: root,
		CurrencyId: string(a.Currency), BillingDayOfMonth: a.BillingDay, Status: LifeStatus(a.Status),
		DisableNewActivation: flag(a.NoActivations), Overdue: decimal(a.Overdue), AllowList: networks(a.AllowList), CreatedDate: Moment{a.CreatedAt}}
}

func networks(list []netip.Prefix) []string {
	return each(list, func(n *netip.Prefix) string { return n.String() })
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
	titles, err := x.fleet.Titles(ctx, x.request)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(folios, func(p *tenant.Portfolio) account { return account{*p, titles[p.ID]} }), []column[account]{
		{"portfolioId", func(a *account) string { return string(a.ID) }},
		{"parentPortfolioId", func(a *account) string { return string(a.Parent) }},
		{"name", func(a *account) string { return a.Name }},
		{"title", func(a *account) string { return a.title }},
		{"status", func(a *account) string { return string(a.Status) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
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
	titles, err := x.fleet.Titles(ctx, x.request)
	return account{p, titles[p.ID]}, err
}

// GetPortfolio implements StrictServerInterface.
func (h *handler) GetPortfolio(ctx context.Context, r GetPortfolioRequestObject) (GetPortfolioResponseObject, error) {
	a, err := of(ctx).account(ctx, r.PortfolioId)
	return GetPortfolio200JSONResponse(a.show()), err
}

// CreatePortfolio implements StrictServerInterface.
func (h *handler) CreatePortfolio(ctx context.Context, r CreatePortfolioRequestObject) (CreatePortfolioResponseObject, error) {
	x, b := of(ctx), r.Body
	n := fleet.NewPortfolio{Name: b.Name, Parent: x.home.ID}
	set(b.BillingDayOfMonth, &n.BillingDay)
	var errs []error
	if b.ParentPortfolioId != nil {
		var err error
		n.Parent, err = ident.ParsePortfolioID(*b.ParentPortfolioId)
		errs = append(errs, ident.As("parentPortfolioId", err))
	}
	if b.CurrencyId != nil {
		var err error
		n.Currency, err = money.ParseCurrency(*b.CurrencyId)
		errs = append(errs, ident.As("currencyId", err))
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	var a account
	err := x.fleet.Together(ctx, func(in *fleet.Service) (err error) {
		if a.Portfolio, err = in.CreatePortfolio(ctx, x.request, n); err != nil || b.Title == nil {
			return err
		}
		a.title = *b.Title
		return in.SetTitle(ctx, x.request, a.ID, a.title)
	})
	return CreatePortfolio200JSONResponse(a.show()), x.outside(n.Parent, err)
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
	switch err := fault.Join(err1, err2); {
	case err != nil:
		return nil, err
	case b.Name == nil && b.Title == nil && b.BillingDayOfMonth == nil && b.Status == nil && b.DisableNewActivation == nil &&
		b.Overdue == nil && b.AllowList == nil:
		return nil, errNothing
	case a.ID == x.home.ID && b.Status != nil:
		return nil, refusal(codeOwnPortfolio, "the status of one's own portfolio cannot be changed")
	}
	err = x.fleet.Together(ctx, func(in *fleet.Service) (err error) {
		if b.Title != nil {
			a.title = *b.Title
			if err := in.SetTitle(ctx, x.request, a.ID, a.title); err != nil {
				return err
			}
		}
		a.Portfolio, err = in.ChangePortfolio(ctx, x.request, a.ID, func(p *tenant.Portfolio) error {
			set(b.Name, &p.Name)
			set(b.BillingDayOfMonth, &p.BillingDay)
			set((*tenant.Status)(b.Status), &p.Status)
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
