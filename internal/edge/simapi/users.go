package simapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The contract's kinds of user.
const (
	personType  UserTypeId = tenant.Person
	programType UserTypeId = 4
)

func userOf(m *tenant.Member) User {
	out := User{UserId: m.ID, PortfolioId: string(m.Portfolio), Username: m.Name, FirstName: m.FirstName, LastName: m.LastName,
		EmailAddress: m.Email, MobileNumber: m.Mobile, UserTypeId: personType, Roles: m.Roles, Status: life(m.Disabled), CreatedDate: Moment{m.CreatedAt},
		AdminSuspend: flag(m.Suspended.Has(tenant.AdminSuspension)), SystemSuspend: flag(m.Suspended.Has(tenant.SystemSuspension)),
		CustomerSuspend: flag(m.Suspended.Has(tenant.CustomerSuspension))}
	if m.Kind == tenant.ServiceAccount {
		out.UserTypeId, out.ClientId = programType, &m.Name
	} else if m.Type != 0 {
		out.UserTypeId = m.Type
	}
	return out
}

// members lists the accounts of a portfolio, of some kinds.
func (x *exchange) members(ctx context.Context, portfolio PortfolioId, keep func(*tenant.Member) bool) ([]tenant.Member, error) {
	id, err := ident.ParsePortfolioID(portfolio)
	if err != nil {
		return nil, err
	}
	all, err := x.fleet.Members(ctx, x.request, id)
	var out []tenant.Member
	for i := range all {
		if keep(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out, err
}

// member returns an account of a portfolio of some kind.
func (x *exchange) member(ctx context.Context, portfolio PortfolioId, id string, program bool) (tenant.Member, error) {
	folio, err := ident.ParsePortfolioID(portfolio)
	if err != nil {
		return tenant.Member{}, err
	}
	m, err := x.fleet.Member(ctx, x.request, folio, id)
	if err == nil && (program && m.Kind != tenant.ServiceAccount || !ours(&m)) {
		err = fault.Missing("account", id)
	}
	return m, err
}

// ours reports whether an account is of a kind that this contract knows.
func ours(m *tenant.Member) bool { return m.Kind == tenant.User || m.Kind == tenant.ServiceAccount }

// ListUsers implements StrictServerInterface.
func (h *handler) ListUsers(ctx context.Context, r ListUsersRequestObject) (ListUsersResponseObject, error) {
	x := of(ctx)
	all, err := x.members(ctx, r.PortfolioId, ours)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(all, userOf), []column[User]{
		{"userId", func(u *User) string { return u.UserId }},
		{"username", func(u *User) string { return u.Username }},
		{"emailAddress", func(u *User) string { return u.EmailAddress }},
		{"userTypeId", func(u *User) string { return strconv.FormatInt(u.UserTypeId, 10) }},
		{"status", func(u *User) string { return string(u.Status) }},
		{"adminSuspend", func(v *User) string { return string(v.AdminSuspend) }},
		{"systemSuspend", func(v *User) string { return string(v.SystemSuspend) }},
		{"customerSuspend", func(v *User) string { return string(v.CustomerSuspend) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListUsers200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: page}, err
}

// GetUser implements StrictServerInterface.
func (h *handler) GetUser(ctx context.Context, r GetUserRequestObject) (GetUserResponseObject, error) {
	m, err := of(ctx).member(ctx, r.PortfolioId, r.UserId, false)
	return GetUser200JSONResponse(userOf(&m)), err
}

// CreateUser implements StrictServerInterface.
func (h *handler) CreateUser(ctx context.Context, r CreateUserRequestObject) (CreateUserResponseObject, error) {
	x, b := of(ctx), r.Body
	folio, err := ident.ParsePortfolioID(r.PortfolioId)
	if err != nil {
		return nil, err
	}
	kind, err := userType(&b.UserTypeId)
	if err != nil {
		return nil, err
	}
	n := fleet.NewUser{Username: b.Username, Portfolio: folio, Type: *kind,
		Detail: tenant.Detail{Email: b.EmailAddress, FirstName: b.FirstName, LastName: b.LastName, Mobile: b.MobileNumber}}
	var told *string
	if b.Password == nil {
		n.Password = x.fleet.NewPassword()
		told = &n.Password
	}
	set(b.Password, &n.Password)
	set(b.Roles, &n.Roles)
	a, err := x.fleet.CreateUser(ctx, x.request, n)
	out := userOf(&tenant.Member{Account: a, Detail: n.Detail})
	out.Password = told
	return CreateUser200JSONResponse(out), err
}

// userType reads the id of a type, where it is given. There is none with 0.
func userType(d *Digits) (*int64, error) {
	id, err := reference("userTypeId", d)
	if err == nil && id != nil && *id == 0 {
		err = fault.New(fault.Precondition, fleet.EntryUnknown, "there is no active userType 0")
	}
	return id, err
}

// ChangeUser implements StrictServerInterface.
func (h *handler) ChangeUser(ctx context.Context, r ChangeUserRequestObject) (ChangeUserResponseObject, error) {
	x, b := of(ctx), r.Body
	m, err := x.member(ctx, r.PortfolioId, r.UserId, false)
	if err != nil {
		return nil, err
	}
	if *b == (UserChange{}) {
		return nil, errNothing
	}
	kind, err := userType(b.UserTypeId)
	if err != nil {
		return nil, err
	}
	c := fleet.MemberChange{Type: kind, Password: b.Password, Disabled: disabled(b.Status), Suspend: suspending(b.AdminSuspend, b.SystemSuspend, b.CustomerSuspend), Detail: func(d *tenant.Detail) {
		set(b.EmailAddress, &d.Email)
		set(b.FirstName, &d.FirstName)
		set(b.LastName, &d.LastName)
		set(b.MobileNumber, &d.Mobile)
	}}
	m, err = x.fleet.ChangeMember(ctx, x.request, m.Portfolio, m.ID, c)
	return ChangeUser200JSONResponse(userOf(&m)), err
}

func disabled(s *LifeStatus) *bool {
	if s == nil {
		return nil
	}
	d := *s == LifeStatusDeleted
	return &d
}

func roleOf(m *tenant.Member, r *tenant.Role, deleted bool) UserPermission {
	return UserPermission{UserPermissionId: r.ID, PermissionId: r.ID, Name: r.Name, Title: r.Title, UserId: m.ID, PortfolioId: string(m.Portfolio),
		Status: life(deleted), Permission: r.May.Names()}
}

// holds reports whether a role is among those of an account.
func holds(kind tenant.Kind, roles string, r *tenant.Role) bool {
	if kind == tenant.User {
		return strings.Contains(roles, r.Title)
	}
	return roles == r.Title
}

// ListUserPermissions implements StrictServerInterface.
func (h *handler) ListUserPermissions(ctx context.Context, r ListUserPermissionsRequestObject) (ListUserPermissionsResponseObject, error) {
	m, err := of(ctx).member(ctx, r.PortfolioId, r.UserId, false)
	out := ListUserPermissions200JSONResponse{}
	for _, role := range tenant.Roles(m.Kind) {
		if holds(m.Kind, m.Roles, &role) {
			out = append(out, roleOf(&m, &role, false))
		}
	}
	return out, err
}

// AddUserPermission implements StrictServerInterface.
func (h *handler) AddUserPermission(ctx context.Context, r AddUserPermissionRequestObject) (AddUserPermissionResponseObject, error) {
	x := of(ctx)
	m, err := x.member(ctx, r.PortfolioId, r.UserId, false)
	if err != nil {
		return nil, err
	}
	title, id := "", int64(0)
	set(r.Body.Title, &title)
	if r.Body.PermissionId != nil {
		if id, err = r.Body.PermissionId.id("permissionId"); err != nil {
			return nil, err
		}
	}
	role, err := tenant.FindRole(m.Kind, title, id)
	if err != nil {
		return nil, err
	}
	m, err = x.fleet.ChangeMember(ctx, x.request, m.Portfolio, m.ID, fleet.MemberChange{Roles: func(now string) (string, error) {
		switch {
		case holds(m.Kind, now, &role):
			return "", refusal(codeAlready, "The user has the role "+role.Title+" already")
		case m.Kind == tenant.User:
			return now + role.Title, nil
		}
		return role.Title, nil
	}})
	return AddUserPermission200JSONResponse(roleOf(&m, &role, false)), err
}

// ChangeUserPermission implements StrictServerInterface.
func (h *handler) ChangeUserPermission(ctx context.Context, r ChangeUserPermissionRequestObject) (ChangeUserPermissionResponseObject, error) {
	x := of(ctx)
	m, err := x.member(ctx, r.PortfolioId, r.UserId, false)
	if err != nil {
		return nil, err
	}
	role, err := tenant.FindRole(m.Kind, "", r.UserPermissionId)
	missing := fault.Missing("userPermission", strconv.FormatInt(r.UserPermissionId, 10))
	if err != nil {
		return nil, missing
	}
	m, err = x.fleet.ChangeMember(ctx, x.request, m.Portfolio, m.ID, fleet.MemberChange{Roles: func(now string) (string, error) {
		switch {
		case !holds(m.Kind, now, &role):
			return "", missing
		case now == role.Title:
			return "", refusal(codeNotRequested, "a user keeps one role at least")
		}
		return strings.ReplaceAll(now, role.Title, ""), nil
	}})
	return ChangeUserPermission200JSONResponse(roleOf(&m, &role, true)), err
}
