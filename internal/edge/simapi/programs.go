package simapi

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func programOf(m *tenant.Member) ServiceAccount {
	return ServiceAccount{ClientId: m.Name, PortfolioId: string(m.Portfolio), EmailAddress: m.Email, FirstName: m.FirstName, LastName: m.LastName,
		Role: Role(m.Roles), AllowList: networks(m.AllowList), ExpiryDate: at(m.ExpiresAt), Status: life(m.Disabled), CreatedDate: Moment{m.CreatedAt},
		AdminSuspend: flag(m.Suspended.Has(tenant.AdminSuspension)), SystemSuspend: flag(m.Suspended.Has(tenant.SystemSuspension)),
		CustomerSuspend: flag(m.Suspended.Has(tenant.CustomerSuspension))}
}

// ListServiceAccounts implements StrictServerInterface.
func (h *handler) ListServiceAccounts(ctx context.Context, r ListServiceAccountsRequestObject) (ListServiceAccountsResponseObject, error) {
	x := of(ctx)
	all, err := x.members(ctx, r.PortfolioId, func(m *tenant.Member) bool { return m.Kind == tenant.ServiceAccount })
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(all, programOf), []column[ServiceAccount]{
		{"clientId", func(a *ServiceAccount) string { return a.ClientId }},
		{"emailAddress", func(a *ServiceAccount) string { return a.EmailAddress }},
		{"role", func(a *ServiceAccount) string { return string(a.Role) }},
		{"status", func(a *ServiceAccount) string { return string(a.Status) }},
		{"adminSuspend", func(v *ServiceAccount) string { return string(v.AdminSuspend) }},
		{"systemSuspend", func(v *ServiceAccount) string { return string(v.SystemSuspend) }},
		{"customerSuspend", func(v *ServiceAccount) string { return string(v.CustomerSuspend) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListServiceAccounts200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: page}, err
}

// GetServiceAccount implements StrictServerInterface.
func (h *handler) GetServiceAccount(ctx context.Context, r GetServiceAccountRequestObject) (GetServiceAccountResponseObject, error) {
	m, err := of(ctx).member(ctx, r.PortfolioId, r.ClientId, true)
	return GetServiceAccount200JSONResponse(programOf(&m)), err
}

// CreateServiceAccount implements StrictServerInterface.
func (h *handler) CreateServiceAccount(ctx context.Context, r CreateServiceAccountRequestObject) (CreateServiceAccountResponseObject, error) {
	x, b := of(ctx), r.Body
	n := fleet.NewServiceAccount{Detail: tenant.Detail{Email: b.EmailAddress}, Suspend: suspending(nil, nil, b.CustomerSuspend)}
	set(b.FirstName, &n.Detail.FirstName)
	set(b.LastName, &n.Detail.LastName)
	if b.Role != nil {
		n.Role = string(*b.Role)
	}
	var err1, err2, err3 error
	n.Portfolio, err1 = ident.ParsePortfolioID(r.PortfolioId)
	n.Detail.AllowList, err2 = allowList(b.AllowList)
	if b.ExpiryDate != nil {
		n.ExpiresAt, err3 = instant("expiryDate", *b.ExpiryDate)
	}
	if err := fault.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	m, secret, err := x.fleet.CreateServiceAccount(ctx, x.request, n)
	if err != nil {
		return nil, err
	}
	out := programOf(&m)
	out.ClientSecret = &secret
	return CreateServiceAccount200JSONResponse(out), nil
}

// ChangeServiceAccount implements StrictServerInterface.
func (h *handler) ChangeServiceAccount(ctx context.Context, r ChangeServiceAccountRequestObject) (ChangeServiceAccountResponseObject, error) {
	x, b := of(ctx), r.Body
	m, err := x.member(ctx, r.PortfolioId, r.ClientId, true)
	if err != nil {
		return nil, err
	}
	suspends := suspending(b.AdminSuspend, b.SystemSuspend, b.CustomerSuspend)
	if b.EmailAddress == nil && b.FirstName == nil && b.LastName == nil && b.Role == nil && b.AllowList == nil && b.Status == nil &&
		b.ExpiryDate.absent() && len(suspends) == 0 {
		return nil, errNothing
	}
	allow, err1 := allowList(b.AllowList)
	expiry, err2 := b.ExpiryDate.expiry()
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	c := fleet.MemberChange{Roles: fleet.Exactly(b.Role), Disabled: disabled(b.Status), ExpiresAt: expiry, Suspend: suspends, Detail: func(d *tenant.Detail) {
		set(b.EmailAddress, &d.Email)
		set(b.FirstName, &d.FirstName)
		set(b.LastName, &d.LastName)
		if allow != nil {
			d.AllowList = allow
		}
	}}
	m, err = x.fleet.ChangeMember(ctx, x.request, m.Portfolio, m.ID, c)
	return ChangeServiceAccount200JSONResponse(programOf(&m)), err
}

// expiry reads a time that may be null, which means never; nil when absent.
func (g Given) expiry() (*time.Time, error) {
	switch {
	case g.absent():
		return nil, nil
	case g.null():
		return &time.Time{}, nil
	}
	t, err := instant("expiryDate", g.text())
	return &t, err
}

// DeleteServiceAccount implements StrictServerInterface.
func (h *handler) DeleteServiceAccount(ctx context.Context, r DeleteServiceAccountRequestObject) (DeleteServiceAccountResponseObject, error) {
	x := of(ctx)
	m, err := x.member(ctx, r.PortfolioId, r.ClientId, true)
	if err != nil {
		return nil, err
	}
	if m.Disabled {
		return nil, refusal(codeNotActive, "the service account is deleted already")
	}
	gone := true
	_, err = x.fleet.ChangeMember(ctx, x.request, m.Portfolio, m.ID, fleet.MemberChange{Disabled: &gone})
	return DeleteServiceAccount200JSONResponse{SERVICEACCOUNT: 1}, err
}

// ListTokens implements StrictServerInterface.
func (h *handler) ListTokens(ctx context.Context, r ListTokensRequestObject) (ListTokensResponseObject, error) {
	x := of(ctx)
	m, err := x.member(ctx, r.PortfolioId, r.ClientId, true)
	if err != nil {
		return nil, err
	}
	list, err := x.fleet.Tokens(ctx, x.request, m.Portfolio, m.ID)
	return ListTokens200JSONResponse(each(list, func(t *tenant.Token) Token {
		out := Token{TokenId: t.ID, CreatedDate: Moment{t.CreatedAt}, ExpiryDate: Moment{t.ExpiresAt}}
		if t.From.IsValid() {
			out.Address = t.From.String()
		}
		return out
	})), err
}

// DeleteTokens implements StrictServerInterface.
func (h *handler) DeleteTokens(ctx context.Context, r DeleteTokensRequestObject) (DeleteTokensResponseObject, error) {
	n, err := of(ctx).revoke(ctx, r.PortfolioId, r.ClientId, 0)
	return DeleteTokens200JSONResponse{TOKEN: n}, err
}

// DeleteToken implements StrictServerInterface.
func (h *handler) DeleteToken(ctx context.Context, r DeleteTokenRequestObject) (DeleteTokenResponseObject, error) {
	n, err := of(ctx).revoke(ctx, r.PortfolioId, r.ClientId, max(r.TokenId, 1)) // no token has the id 0
	return DeleteToken200JSONResponse{TOKEN: n}, err
}

func (x *exchange) revoke(ctx context.Context, portfolio PortfolioId, client ClientId, token int64) (int, error) {
	m, err := x.member(ctx, portfolio, client, true)
	if err != nil {
		return 0, err
	}
	n, err := x.fleet.RevokeTokens(ctx, x.request, m.Portfolio, m.ID, token)
	return int(n), err
}
