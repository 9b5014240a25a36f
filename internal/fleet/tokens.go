package fleet

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// TokenReader reads bearer tokens.
type TokenReader interface {
	BearerOf(ctx context.Context, hash []byte, now time.Time) (tenant.Bearer, bool, error)
	Tokens(ctx context.Context, in tenant.Sphere, account string, now time.Time) ([]tenant.Token, error)
}

// TokenWriter stores and removes bearer tokens.
type TokenWriter interface {
	AddToken(ctx context.Context, t *tenant.Token) error
	EndToken(ctx context.Context, account string, id int64) (int64, error)
	EndTokens(ctx context.Context, account string) (int64, error)
	DropTokens(ctx context.Context, now time.Time, n int) (int64, error)
}

// TokenLife is how long a bearer token lasts.
const TokenLife = time.Hour

// Codes of the faults of IssueToken and Bearer.
const (
	WrongClient   = "token.client"  // unknown id, wrong secret, expired or revoked account
	ClientAddress = "token.address" // an allow-list leaves out the caller's address
	WrongToken    = "token.unknown"
)

// ClientLogin is what a program asks for a token with.
type ClientLogin struct {
	ID, Secret string
	From       netip.Addr
}

// IssueToken returns a new bearer token of a service account, which is stored as
// a hash only. It fails with kind Unauthenticated and WrongClient, with kind
// Forbidden and ClientAddress or tenant.AccountSuspended, or with kind Exhausted
// after too many failures.
func (s *Service) IssueToken(ctx context.Context, r Request, l ClientLogin) (token string, b tenant.Bearer, err error) {
	l.ID = strings.ToLower(l.ID)
	guarded := "client:" + l.ID
	if err := s.guard.admit(guarded, l.From); err != nil {
		return "", b, err
	}
	account, found, err := s.store.AccountByName(ctx, tenant.ServiceAccount, l.ID)
	if err != nil {
		return "", b, err
	}
	right := subtle.ConstantTimeCompare([]byte(s.secretHash(l.Secret)), []byte(account.Hash)) == 1
	if !found || !right || !account.Live(s.now()) {
		s.guard.failed(guarded, l.From)
		return "", b, s.refuseClient(ctx, r, account, WrongClient, l.From)
	}
	if b.Member, err = s.store.Member(ctx, tenant.Everything(), account.ID); err != nil {
		return "", b, err
	}
	if b.Home, err = s.store.Portfolio(ctx, tenant.Everything(), account.Portfolio); err != nil {
		return "", b, err
	}
	if b.Home.Status == tenant.Deleted {
		return "", b, s.refuseClient(ctx, r, account, WrongClient, l.From)
	}
	if !welcome(&b, l.From) {
		return "", b, s.refuseClient(ctx, r, account, ClientAddress, l.From)
	}
	if account.Shut() != nil {
		return "", b, s.refuseClient(ctx, r, account, tenant.AccountSuspended, l.From)
	}
	s.guard.clear(guarded, l.From)
	token = s.newSecret()
	return token, b, s.addToken(ctx, r, &b, token, l.From)
}

// welcome holds an address against the allow-lists of the account and of its
// portfolio.
func welcome(b *tenant.Bearer, from netip.Addr) bool {
	return tenant.Listed(b.AllowList, from) && b.Home.Allows(from)
}

func (s *Service) addToken(ctx context.Context, r Request, b *tenant.Bearer, token string, from netip.Addr) error {
	return s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		t := tenant.Token{Hash: s.vault.HashToken(token), Account: b.ID, From: from, CreatedAt: now, ExpiresAt: now.Add(TokenLife)}
		if err := tx.AddToken(ctx, &t); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{{At: now, Kind: event.SignedIn, Portfolio: b.Portfolio, Actor: b.Actor(), Via: r.Via, Request: r.ID,
			Data: event.Data{Subject: "token " + strconv.FormatInt(t.ID, 10)}}})
	})
}

// refuseClient records a refusal in the audit trail of the portfolio that the
// account belongs to; an unknown id belongs to nobody.
func (s *Service) refuseClient(ctx context.Context, r Request, a tenant.Account, code string, from netip.Addr) error {
	no := error(fault.New(fault.Unauthenticated, code, "unknown client or wrong secret"))
	switch code {
	case ClientAddress:
		no = fault.New(fault.Forbidden, code, "the address %s is not on the allow-list", from)
	case tenant.AccountSuspended:
		no = a.Shut()
	}
	if a.ID == "" {
		return no
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		return tx.AddEvents(ctx, []event.Event{{At: s.now(), Kind: event.SignInFailed, Portfolio: a.Portfolio, Actor: a.Actor(), Via: r.Via,
			Request: r.ID, Data: event.Data{Reason: code, Subject: from.String()}}})
	})
	if err != nil {
		return err
	}
	return no
}

// Bearer returns who a token speaks for. An unknown, expired or revoked one is
// of kind Unauthenticated; an address that an allow-list leaves out, and an
// account that is suspended, Forbidden.
func (s *Service) Bearer(ctx context.Context, token string, from netip.Addr) (tenant.Bearer, error) {
	if token == "" {
		return tenant.Bearer{}, unknownToken()
	}
	now := s.now()
	b, found, err := s.bearerOf(ctx, s.vault.HashToken(token), now)
	switch {
	case err != nil:
		return b, err
	case !found || b.Kind != tenant.ServiceAccount || !b.Live(now) || b.Home.Status == tenant.Deleted:
		return tenant.Bearer{}, unknownToken()
	case !welcome(&b, from):
		return b, fault.New(fault.Forbidden, ClientAddress, "the address %s is not on the allow-list", from)
	}
	return b, b.Shut()
}

func unknownToken() error {
	return fault.New(fault.Unauthenticated, WrongToken, "the token is unknown or over; fetch a new one")
}

// bearerOf reads who a token speaks for, once in [BearerLife].
func (s *Service) bearerOf(ctx context.Context, hash []byte, now time.Time) (tenant.Bearer, bool, error) {
	b, found, epoch := s.bearers.find(hash, now)
	if found {
		return b, true, nil
	}
	b, found, err := s.store.BearerOf(ctx, hash, now)
	if err == nil && found {
		s.bearers.put(hash, b, now, epoch)
	}
	return b, found, err
}

// Tokens lists the live tokens of a service account.
func (s *Service) Tokens(ctx context.Context, r Request, portfolio ident.PortfolioID, account string) ([]tenant.Token, error) {
	if _, err := s.Member(ctx, r, portfolio, account); err != nil {
		return nil, err
	}
	return s.store.Tokens(ctx, r.Caller.Sphere, account, s.now())
}

// RevokeTokens revokes one token of a service account, or all of them when id
// is 0, and returns how many there were. One that is not there is NotFound.
func (s *Service) RevokeTokens(ctx context.Context, r Request, portfolio ident.PortfolioID, account string, id int64) (n int64, err error) {
	if err := r.Caller.Needs(tenant.UserWrite); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		m, err := member(ctx, tx, &r, portfolio, account)
		if err != nil {
			return err
		}
		what := "all tokens"
		if id == 0 {
			n, err = tx.EndTokens(ctx, account)
		} else {
			what = "token " + strconv.FormatInt(id, 10)
			n, err = tx.EndToken(ctx, account, id)
		}
		if err != nil {
			return err
		}
		if n == 0 && id != 0 {
			return fault.Missing("token", strconv.FormatInt(id, 10))
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.TokensRevoked, m.Portfolio, s.now(), event.Data{Subject: m.Actor(), Reason: what})})
	})
	s.bearers.forget()
	return n, err
}

func allowed(list []netip.Prefix) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}
