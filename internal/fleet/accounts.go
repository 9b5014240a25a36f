package fleet

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// MemberReader reads accounts with their details.
type MemberReader interface {
	Members(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]tenant.Member, error)
	Member(ctx context.Context, in tenant.Sphere, id string) (tenant.Member, error)
	Titles(ctx context.Context, in tenant.Sphere) (map[ident.PortfolioID]string, error)
}

// MemberWriter changes accounts and their details.
type MemberWriter interface {
	SaveAccount(ctx context.Context, a tenant.Account) error
	SaveRoles(ctx context.Context, userType int64, roles string) (int64, error)
	SaveDetail(ctx context.Context, account string, d tenant.Detail) error
	EndSessions(ctx context.Context, account string) error
	SaveTitle(ctx context.Context, p tenant.Portfolio, title string) error
}

// DefaultRole is a service account's when none is named: everything about SIMs,
// nothing about people.
const DefaultRole = "engineer"

// NewServiceAccount is a program to be let in.
type NewServiceAccount struct {
	Portfolio ident.PortfolioID
	Role      string // DefaultRole when empty
	Detail    tenant.Detail
	ExpiresAt time.Time // zero for never
	Suspend   tenant.Suspending
}

// CreateServiceAccount lets a program in, and returns its secret, which is
// stored as a hash only. The account's name is its client id.
func (s *Service) CreateServiceAccount(ctx context.Context, r Request, n NewServiceAccount) (tenant.Member, string, error) {
	if n.Role == "" {
		n.Role = DefaultRole
	}
	secret := s.newSecret()
	m := tenant.Member{Detail: n.Detail}
	m.ID, m.Kind, m.Portfolio = string(ident.NewPortfolioID()), tenant.ServiceAccount, n.Portfolio
	m.Name, m.Roles, m.Hash, m.ExpiresAt, m.CreatedAt = m.ID, n.Role, s.secretHash(secret), n.ExpiresAt, s.now()
	m.Suspended = n.Suspend.Of(0)
	rights, err := tenant.ParseRole(n.Role)
	m.May = rights
	if err := fault.Join(r.Caller.Needs(tenant.UserWrite), err, checkDetail(&m.Detail, true), s.checkExpiry(n.ExpiresAt),
		maySuspend(&r.Caller, 0, m.Suspended)); err != nil {
		return m, "", err
	}
	if err := r.Caller.Gives(rights); err != nil {
		return m, "", err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, n.Portfolio)
		if err != nil {
			return err
		}
		if p.Status == tenant.Deleted {
			return fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", p.ID)
		}
		m.Sphere = tenant.Below(p.Path)
		if err := tx.AddAccount(ctx, m.Account); err != nil {
			return err
		}
		if err := tx.SaveDetail(ctx, m.ID, m.Detail); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.AccountCreated, p.ID, s.now(), event.Data{Subject: m.Actor(), To: m.Roles})})
	})
	return m, secret, err
}

// newSecret returns 260 random bits in letters and digits.
func (s *Service) newSecret() string { return s.vault.NewToken() + s.vault.NewToken() }

// secretHash is what is stored of a secret. It is random and long, so that one
// round of a fast hash is enough.
func (s *Service) secretHash(secret string) string {
	return hex.EncodeToString(s.vault.HashToken(secret))
}

func (s *Service) checkExpiry(at time.Time) error {
	if !at.IsZero() && !at.After(s.now()) {
		return fault.InvalidField("expiryDate", "has passed already")
	}
	return nil
}

// Limits of the details of an account.
const (
	maxPersonName = 64
	maxEmail      = 255
	maxNetworks   = 100
)

func checkDetail(d *tenant.Detail, email bool) error {
	d.Email, d.FirstName, d.LastName = strings.TrimSpace(d.Email), strings.TrimSpace(d.FirstName), strings.TrimSpace(d.LastName)
	var errs []error
	if email || d.Email != "" {
		errs = append(errs, checkEmail(d.Email))
	}
	for field, text := range map[string]string{"firstName": d.FirstName, "lastName": d.LastName, "mobileNumber": d.Mobile} {
		if text != "" {
			errs = append(errs, checkName(field, text, maxPersonName))
		}
	}
	if len(d.AllowList) > maxNetworks {
		errs = append(errs, fault.InvalidField("allowList", "has %d entries; at most %d are allowed", len(d.AllowList), maxNetworks))
	}
	return fault.Join(errs...)
}

func checkEmail(s string) error {
	if err := checkName("emailAddress", s, maxEmail); err != nil {
		return err
	}
	name, host, found := strings.Cut(s, "@")
	if !found || name == "" || host == "" || strings.ContainsAny(s, " ,;<>\"") || strings.Contains(host, "@") {
		return fault.InvalidField("emailAddress", "is not an address such as ops@acme.example")
	}
	return nil
}

// Members lists the people and programs of one portfolio.
func (s *Service) Members(ctx context.Context, r Request, portfolio ident.PortfolioID) ([]tenant.Member, error) {
	if err := r.Caller.Needs(tenant.UserGet); err != nil {
		return nil, err
	}
	if _, err := s.store.Portfolio(ctx, r.Caller.Sphere, portfolio); err != nil {
		return nil, err
	}
	return s.store.Members(ctx, r.Caller.Sphere, portfolio)
}

// Member returns one account of a portfolio.
func (s *Service) Member(ctx context.Context, r Request, portfolio ident.PortfolioID, id string) (tenant.Member, error) {
	if err := r.Caller.Needs(tenant.UserGet); err != nil {
		return tenant.Member{}, err
	}
	return member(ctx, s.store, &r, portfolio, id)
}

func member(ctx context.Context, from MemberReader, r *Request, portfolio ident.PortfolioID, id string) (tenant.Member, error) {
	m, err := from.Member(ctx, r.Caller.Sphere, id)
	if err == nil && m.Portfolio != portfolio {
		err = fault.Missing("account", id)
	}
	return m, err
}

// MemberChange is what may change of an account. Nil fields stay.
type MemberChange struct {
	Roles     func(now string) (string, error) // from those that it has
	Type      *int64                           // of a person: its own roles follow; tenant.Person, or 0, for none
	Password  *string                          // of a person
	Disabled  *bool
	ExpiresAt *time.Time
	Suspend   tenant.Suspending
	Detail    func(*tenant.Detail)
}

// Exactly are the roles of a MemberChange whatever they were; nil stays nil.
func Exactly[S ~string](roles *S) func(string) (string, error) {
	if roles == nil {
		return nil
	}
	return func(string) (string, error) { return string(*roles), nil }
}

// ChangeMember changes an account. One that is disabled is signed out
// everywhere and loses its tokens; so does one whose password is new. One that is
// suspended keeps them, for when it comes back. Nobody suspends their own.
func (s *Service) ChangeMember(ctx context.Context, r Request, portfolio ident.PortfolioID, id string, c MemberChange) (tenant.Member, error) {
	var m tenant.Member
	if err := r.Caller.Needs(tenant.UserWrite); err != nil {
		return m, err
	}
	hash := ""
	if c.Password != nil {
		var err error
		if err = checkLength("password", *c.Password); err != nil {
			return m, err
		}
		if hash, err = s.vault.HashPassword(ctx, *c.Password); err != nil {
			return m, err
		}
	}
	err := s.store.Write(ctx, func(tx Tx) (err error) {
		if c.Type != nil {
			if err := lockTree(ctx, tx, &r); err != nil {
				return err
			}
		}
		if err := tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if m, err = member(ctx, tx, &r, portfolio, id); err != nil {
			return err
		}
		c := c // which may run more than once
		if c.Type != nil {
			roles, err := retype(ctx, tx, &r, &m, *c.Type)
			if err != nil {
				return err
			}
			c.Roles = roles
		}
		changes, err := s.alter(&r, &m, &c, hash)
		if err != nil {
			return err
		}
		return s.saveMember(ctx, tx, &r, &m, changes, m.Disabled || hash != "")
	})
	s.bearers.forget()
	return m, err
}

// alter applies a change to m, and says what of it the audit trail shows.
func (s *Service) alter(r *Request, m *tenant.Member, c *MemberChange, hash string) ([]event.Change, error) {
	// Whoever holds more than the caller is not the caller's to change.
	if err := r.Caller.Gives(m.May); err != nil {
		return nil, err
	}
	before := *m
	if c.Roles != nil {
		roles, err := c.Roles(m.Roles)
		if err != nil {
			return nil, err
		}
		if c.Type == nil && m.Type != 0 && roles != m.Roles {
			return nil, fault.New(fault.Precondition, RolesOfType, "the user is of type %d, which names the roles; give it another type", m.Type)
		}
		if err := setRoles(r, m, roles); err != nil {
			return nil, err
		}
	}
	if c.Type != nil {
		m.Type = ownType(*c.Type)
	}
	if c.Disabled != nil {
		m.Disabled = *c.Disabled
	}
	if c.ExpiresAt != nil {
		if err := s.checkExpiry(*c.ExpiresAt); err != nil {
			return nil, err
		}
		m.ExpiresAt = *c.ExpiresAt
	}
	m.Suspended = c.Suspend.Of(m.Suspended)
	if err := maySuspendMember(r, &before, m); err != nil {
		return nil, err
	}
	if c.Detail != nil {
		c.Detail(&m.Detail)
		if err := checkDetail(&m.Detail, m.Email != before.Email); err != nil {
			return nil, err
		}
	}
	if hash != "" {
		if m.Kind != tenant.User {
			return nil, fault.InvalidField("password", "belongs to people; a program has a secret, which does not change")
		}
		m.Hash = hash
	}
	return memberChanges(&before, m, hash != ""), nil
}

// OwnAccount is the code of the fault that somebody would suspend themselves.
const OwnAccount = "account.own"

// maySuspendMember checks a change of the suspensions of an account.
func maySuspendMember(r *Request, before, after *tenant.Member) error {
	if before.Suspended != after.Suspended && after.ID == r.Caller.ID {
		return fault.New(fault.Precondition, OwnAccount, "nobody suspends their own account")
	}
	return maySuspend(&r.Caller, before.Suspended, after.Suspended)
}

// Codes of the faults about user types.
const (
	RolesOfType = "user.type" // the user's type names the roles
	NoUserType  = "user.no_type"
)

// ownType is how a type is stored: people of none of a tree's own have 0.
func ownType(id int64) int64 {
	if id == tenant.Person {
		return 0
	}
	return id
}

// retype returns the roles that come with a type; nil when they stay.
func retype(ctx context.Context, from CatalogueReader, r *Request, m *tenant.Member, id int64) (func(string) (string, error), error) {
	if m.Kind != tenant.User {
		return nil, fault.New(fault.Precondition, NoUserType, "types are of people; this is a program")
	}
	e, err := userType(ctx, from, r, id)
	if err != nil || e.Role == "" || id == m.Type {
		return nil, err
	}
	return Exactly(&e.Role), nil
}

// userType returns an active type that people can have; 0 is the type of those
// of none of a tree's own.
func userType(ctx context.Context, from CatalogueReader, r *Request, id int64) (tenant.Entry, error) {
	if ownType(id) == 0 {
		return tenant.Entry{}, nil
	}
	all, err := entries(ctx, from, r, tenant.UserTypes)
	if err != nil {
		return tenant.Entry{}, err
	}
	e, err := entryIn(all, tenant.UserTypes, id)
	switch {
	case err != nil || e.Status != tenant.Active:
		return e, fault.New(fault.Precondition, EntryUnknown, "there is no active userType %d", id)
	case e.Role == "":
		return e, fault.New(fault.Precondition, NoUserType, "userType %d (%s) is not for people", id, e.Name)
	}
	return e, nil
}

func setRoles(r *Request, m *tenant.Member, roles string) error {
	parse := tenant.ParseRole
	if m.Kind == tenant.User {
		parse = tenant.ParseLetters
	}
	rights, err := parse(roles)
	if err != nil {
		return err
	}
	if err := r.Caller.Gives(rights); err != nil {
		return err
	}
	m.Roles, m.May = roles, rights
	return nil
}

func memberChanges(before, after *tenant.Member, password bool) []event.Change {
	var out []event.Change
	add := func(field, from, to string) {
		if from != to {
			out = append(out, event.Change{Field: field, From: from, To: to})
		}
	}
	status := map[bool]string{false: string(tenant.Active), true: string(tenant.Deleted)}
	add("roles", before.Roles, after.Roles)
	add("type", strconv.FormatInt(before.Type, 10), strconv.FormatInt(after.Type, 10))
	add("status", status[before.Disabled], status[after.Disabled])
	add("expiry", before.ExpiresAt.Format(time.RFC3339), after.ExpiresAt.Format(time.RFC3339))
	add("email", before.Email, after.Email)
	add("name", before.FirstName+" "+before.LastName, after.FirstName+" "+after.LastName)
	add("mobile", before.Mobile, after.Mobile)
	add("allow", allowed(before.AllowList), allowed(after.AllowList))
	if password {
		out = append(out, event.Change{Field: "password"})
	}
	return append(out, suspensionChanges(before.Suspended, after.Suspended)...)
}

func (s *Service) saveMember(ctx context.Context, tx Tx, r *Request, m *tenant.Member, changes []event.Change, end bool) error {
	if err := tx.SaveAccount(ctx, m.Account); err != nil {
		return err
	}
	if err := tx.SaveDetail(ctx, m.ID, m.Detail); err != nil {
		return err
	}
	if end {
		if err := tx.EndSessions(ctx, m.ID); err != nil {
			return err
		}
		if _, err := tx.EndTokens(ctx, m.ID); err != nil {
			return err
		}
	}
	return tx.AddEvents(ctx, []event.Event{r.event(event.AccountChanged, m.Portfolio, s.now(), event.Data{Subject: m.Actor(), Changes: changes})})
}
