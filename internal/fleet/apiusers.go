package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// APIUserReader reads what is kept of API users besides their accounts.
type APIUserReader interface {
	FeaturesOf(ctx context.Context, account string) (tenant.Features, error)
	LiveToken(ctx context.Context, account string, now time.Time) (tenant.Token, bool, error)
	LiveRefresh(ctx context.Context, account string, now time.Time) (tenant.Refresh, bool, error)
	RefreshOf(ctx context.Context, hash []byte, now time.Time) (tenant.Refresh, bool, error)
}

// APIUserWriter changes it.
type APIUserWriter interface {
	SaveFeatures(ctx context.Context, account string, f tenant.Features) error
	NextTokenID(ctx context.Context) (int64, error)
	CapTokens(ctx context.Context, account string, until time.Time) error
	AddRefresh(ctx context.Context, t tenant.Refresh) error
	UseRefreshes(ctx context.Context, account string, now time.Time) error
}

// NewAPIUser is a program that is to call the Terminal API.
type NewAPIUser struct {
	Portfolio ident.PortfolioID
	Role      string // DefaultRole when empty
	Features  tenant.Features
	Detail    tenant.Detail
	ExpiresAt time.Time // zero for never
}

// APIUser is a program of the Terminal API.
type APIUser struct {
	tenant.Member
	Features tenant.Features
}

// Username is how the program signs in.
func (u *APIUser) Username() string { return APIUsername(u.Name) }

// APIUsername writes the name of an API user as it is shown.
func APIUsername(name string) string { return strings.ToUpper(name) }

// CreateAPIUser lets a program in, and returns its password, which is stored as
// a hash only.
func (s *Service) CreateAPIUser(ctx context.Context, r Request, n NewAPIUser) (APIUser, string, error) {
	if n.Role == "" {
		n.Role = DefaultRole
	}
	password := newPassword()
	u := APIUser{Features: n.Features}
	u.Detail, u.ID, u.Kind, u.Portfolio = n.Detail, string(ident.NewPortfolioID()), tenant.APIUser, n.Portfolio
	u.Name, u.Roles, u.Hash, u.ExpiresAt, u.CreatedAt = newUsername(), n.Role, s.secretHash(password), n.ExpiresAt, s.now()
	rights, err := tenant.ParseRole(n.Role)
	u.May = rights
	if err := fault.Join(r.Caller.Needs(tenant.UserWrite), err, checkDetail(&u.Detail, false), s.checkExpiry(n.ExpiresAt)); err != nil {
		return u, "", err
	}
	if err := r.Caller.Gives(rights); err != nil {
		return u, "", err
	}
	return u, password, s.store.Write(ctx, func(tx Tx) error { return s.addAPIUser(ctx, tx, &r, &u) })
}

func (s *Service) addAPIUser(ctx context.Context, tx Tx, r *Request, u *APIUser) error {
	p, err := tx.Portfolio(ctx, r.Caller.Sphere, u.Portfolio)
	if err != nil {
		return err
	}
	if p.Status == tenant.Deleted {
		return fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", p.ID)
	}
	u.Sphere = tenant.Below(p.Path)
	if err := tx.AddAccount(ctx, u.Account); err != nil {
		return err
	}
	if err := tx.SaveDetail(ctx, u.ID, u.Detail); err != nil {
		return err
	}
	if err := tx.SaveFeatures(ctx, u.ID, u.Features); err != nil {
		return err
	}
	return tx.AddEvents(ctx, []event.Event{r.event(event.AccountCreated, p.ID, s.now(),
		event.Data{Subject: u.Actor(), To: u.Roles + " " + u.Features.String()})})
}

// newUsername is of the shape that the field's clients know. Twelve random
// digits do not meet by chance; the store refuses the second of two that do.
func newUsername() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1e12))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("api_user_%012d", n)
}

// newPassword returns 64 hexadecimal digits: 256 random bits.
func newPassword() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

// APIUsers lists the programs of the caller's part of the tree.
func (s *Service) APIUsers(ctx context.Context, r Request) ([]APIUser, error) {
	folios, err := s.Portfolios(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []APIUser
	for _, p := range folios {
		members, err := s.Members(ctx, r, p.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if m.Kind != tenant.APIUser {
				continue
			}
			u := APIUser{Member: m}
			if u.Features, err = s.store.FeaturesOf(ctx, m.ID); err != nil {
				return nil, err
			}
			out = append(out, u)
		}
	}
	return out, nil
}

// APIUserChange is what may change of an API user. Nil fields stay.
type APIUserChange struct {
	Features *tenant.Features
	Disabled *bool
	Suspend  tenant.Suspending
	Allow    func(*tenant.Detail)
	Password bool // give it a new one
}

// ChangeAPIUser changes a program that is known by its username. A new password
// is returned; it, and being disabled, revoke all tokens.
func (s *Service) ChangeAPIUser(ctx context.Context, r Request, username string, c APIUserChange) (u APIUser, password string, err error) {
	if err := r.Caller.Needs(tenant.UserWrite); err != nil {
		return u, "", err
	}
	if c.Password {
		password = newPassword()
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if u, err = s.apiUser(ctx, tx, &r, username); err != nil {
			return err
		}
		if err := tx.LockAccount(ctx, u.ID); err != nil {
			return err
		}
		if u, err = s.apiUser(ctx, tx, &r, username); err != nil {
			return err
		}
		changes, err := s.alter(&r, &u.Member, &MemberChange{Disabled: c.Disabled, Suspend: c.Suspend, Detail: c.Allow}, "")
		if err != nil {
			return err
		}
		if c.Features != nil && *c.Features != u.Features {
			changes = append(changes, event.Change{Field: "features", From: u.Features.String(), To: c.Features.String()})
			u.Features = *c.Features
			if err := tx.SaveFeatures(ctx, u.ID, u.Features); err != nil {
				return err
			}
		}
		if password != "" {
			u.Hash, changes = s.secretHash(password), append(changes, event.Change{Field: "password"})
		}
		return s.saveMember(ctx, tx, &r, &u.Member, changes, u.Disabled || password != "")
	})
	return u, password, err
}

func (s *Service) apiUser(ctx context.Context, tx Tx, r *Request, username string) (APIUser, error) {
	missing := fault.Missing("apiUser", username)
	a, found, err := tx.AccountByName(ctx, tenant.APIUser, username)
	if err != nil {
		return APIUser{}, err
	}
	if !found {
		return APIUser{}, missing
	}
	m, err := tx.Member(ctx, r.Caller.Sphere, a.ID)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = missing
		}
		return APIUser{}, err
	}
	f, err := tx.FeaturesOf(ctx, m.ID)
	return APIUser{Member: m, Features: f}, err
}
