package fleet

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Lives of the tokens of API users.
const (
	APITokenLife = 7 * 24 * time.Hour
	RefreshLife  = 30 * 24 * time.Hour

	// RefreshGrace is how long a refresh token that was exchanged is answered
	// again with the pair that it was exchanged for, and how long the bearer
	// token before it goes on: a caller may have missed the answer.
	RefreshGrace = time.Minute
)

// WrongRefresh is the code of the fault that a refresh token is unknown, over or
// used up. Its kind is Unauthenticated.
const WrongRefresh = "token.refresh"

// tokenKeySetting is where the key lies that API tokens are derived with: their
// texts can be made again from the key and an id, and are stored nowhere.
const tokenKeySetting = "apitokens.key"

// APITokens are what a program signs its calls with. An API user has one live
// pair at a time: who asks again gets it again.
type APITokens struct {
	Access, Refresh string
	ExpiresAt       time.Time // of Access
}

// minLeft is how long a token must still last to be handed out again.
const minLeft = time.Minute

// IssueAPITokens signs a program in. It fails with kind Unauthenticated and
// WrongClient, with kind Forbidden and ClientAddress or tenant.AccountSuspended,
// or with kind Exhausted after too many failures.
func (s *Service) IssueAPITokens(ctx context.Context, r Request, l ClientLogin) (APITokens, tenant.Bearer, error) {
	b, err := s.apiLogin(ctx, r, l)
	if err != nil {
		return APITokens{}, b, err
	}
	key, err := s.key(ctx, tokenKeySetting)
	if err != nil {
		return APITokens{}, b, err
	}
	pair, found, err := s.livePair(ctx, s.store, key, b.ID)
	if err != nil || found {
		return pair, b, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := sameSecret(ctx, tx, &b.Account, WrongClient); err != nil {
			return err
		}
		if pair, found, err = s.livePair(ctx, tx, key, b.ID); err != nil || found {
			return err
		}
		pair, err = s.newPair(ctx, tx, key, &r, &b, l.From)
		return err
	})
	return pair, b, err
}

// apiLogin checks who a program is, and from where it calls.
func (s *Service) apiLogin(ctx context.Context, r Request, l ClientLogin) (b tenant.Bearer, err error) {
	l.ID = strings.ToLower(strings.TrimSpace(l.ID))
	guarded := "api:" + l.ID
	if err := s.guard.admit(guarded, l.From); err != nil {
		return b, err
	}
	account, found, err := s.store.AccountByName(ctx, tenant.APIUser, l.ID)
	if err != nil {
		return b, err
	}
	right := subtle.ConstantTimeCompare([]byte(s.secretHash(l.Secret)), []byte(account.Hash)) == 1
	if !found || !right || !account.Live(s.now()) {
		s.guard.failed(guarded, l.From)
		return b, s.refuseClient(ctx, r, account, WrongClient, l.From)
	}
	if b, err = s.bearer(ctx, account.ID); err != nil {
		return b, err
	}
	b.Hash = account.Hash // which is the one that was given
	switch {
	case b.Home.Status == tenant.Deleted:
		return b, s.refuseClient(ctx, r, account, WrongClient, l.From)
	case !welcome(&b, l.From):
		return b, s.refuseClient(ctx, r, account, ClientAddress, l.From)
	case account.Shut() != nil:
		return b, s.refuseClient(ctx, r, account, tenant.AccountSuspended, l.From)
	}
	s.guard.clear(guarded, l.From)
	return b, nil
}

// bearer reads who an API user is and what it may.
func (s *Service) bearer(ctx context.Context, account string) (b tenant.Bearer, err error) {
	if b.Member, err = s.store.Member(ctx, tenant.Everything(), account); err != nil {
		return b, err
	}
	if b.Features, err = s.store.FeaturesOf(ctx, account); err != nil {
		return b, err
	}
	b.Home, err = s.store.Portfolio(ctx, tenant.Everything(), b.Portfolio)
	return b, err
}

// RefreshAPITokens exchanges a refresh token for a new pair. Within RefreshGrace
// it may be exchanged again, for the same pair. An unknown, expired or used up
// one is of kind Unauthenticated with WrongRefresh.
func (s *Service) RefreshAPITokens(ctx context.Context, r Request, refresh string, from netip.Addr) (APITokens, tenant.Bearer, error) {
	unknown := fault.New(fault.Unauthenticated, WrongRefresh, "the refresh token is unknown, over or used up; sign in again")
	old, found, err := s.store.RefreshOf(ctx, s.vault.HashToken(refresh), s.now())
	if err != nil || !found {
		return APITokens{}, tenant.Bearer{}, orElse(err, unknown)
	}
	b, err := s.bearer(ctx, old.Account)
	switch {
	case err != nil:
		return APITokens{}, b, err
	case !b.Live(s.now()) || b.Home.Status == tenant.Deleted:
		return APITokens{}, b, unknown
	case !welcome(&b, from):
		return APITokens{}, b, s.refuseClient(ctx, r, b.Account, ClientAddress, from)
	case b.Shut() != nil:
		return APITokens{}, b, s.refuseClient(ctx, r, b.Account, tenant.AccountSuspended, from)
	}
	key, err := s.key(ctx, tokenKeySetting)
	if err != nil {
		return APITokens{}, b, err
	}
	var pair APITokens
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockAccount(ctx, b.ID); err != nil {
			return err
		}
		pair, err = s.exchange(ctx, tx, key, &r, &b, refresh, from)
		return err
	})
	return pair, b, err
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// exchange is the rotation, inside the transaction that has locked the account.
func (s *Service) exchange(ctx context.Context, tx Tx, key []byte, r *Request, b *tenant.Bearer, refresh string, from netip.Addr) (APITokens, error) {
	now := s.now()
	gone := fault.New(fault.Unauthenticated, WrongRefresh, "the refresh token has been used; sign in again")
	old, found, err := tx.RefreshOf(ctx, s.vault.HashToken(refresh), now)
	switch {
	case err != nil:
		return APITokens{}, err
	case !found || !old.UsedAt.IsZero() && !now.Before(old.UsedAt.Add(RefreshGrace)):
		return APITokens{}, gone
	case !old.UsedAt.IsZero():
		pair, found, err := s.livePair(ctx, tx, key, b.ID)
		if err == nil && !found {
			err = gone
		}
		return pair, err
	}
	if err := tx.UseRefreshes(ctx, b.ID, now); err != nil {
		return APITokens{}, err
	}
	if err := tx.CapTokens(ctx, b.ID, now.Add(RefreshGrace)); err != nil {
		return APITokens{}, err
	}
	return s.newPair(ctx, tx, key, r, b, from)
}

// livePair makes the texts of an account's tokens again, when both are there
// and last.
func (s *Service) livePair(ctx context.Context, from APIUserReader, key []byte, account string) (pair APITokens, found bool, err error) {
	now := s.now()
	access, found, err := from.LiveToken(ctx, account, now)
	if err != nil || !found || access.ExpiresAt.Sub(now) <= minLeft {
		return pair, false, err
	}
	refresh, found, err := from.LiveRefresh(ctx, account, now)
	if err != nil || !found {
		return pair, false, err
	}
	pair = APITokens{Access: derive(key, "access", account, access.ID), Refresh: derive(key, "refresh", account, refresh.ID), ExpiresAt: access.ExpiresAt}
	same := hmac.Equal(s.vault.HashToken(pair.Access), access.Hash) && hmac.Equal(s.vault.HashToken(pair.Refresh), refresh.Hash)
	return pair, same, nil
}

// derive makes the text of a token: 64 hexadecimal digits.
func derive(key []byte, kind, account string, id int64) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(kind + "\x00" + account + "\x00" + strconv.FormatInt(id, 10)))
	return hex.EncodeToString(m.Sum(nil))
}

// newPair stores a new pair, as hashes.
func (s *Service) newPair(ctx context.Context, tx Tx, key []byte, r *Request, b *tenant.Bearer, from netip.Addr) (APITokens, error) {
	now := s.now()
	id, err := tx.NextTokenID(ctx)
	if err != nil {
		return APITokens{}, err
	}
	pair := APITokens{Access: derive(key, "access", b.ID, id), Refresh: derive(key, "refresh", b.ID, id), ExpiresAt: now.Add(APITokenLife)}
	if err := tx.UseRefreshes(ctx, b.ID, now); err != nil {
		return pair, err
	}
	if err := tx.AddToken(ctx, &tenant.Token{ID: id, Hash: s.vault.HashToken(pair.Access), Account: b.ID, From: from, CreatedAt: now,
		ExpiresAt: pair.ExpiresAt}); err != nil {
		return pair, err
	}
	if err := tx.AddRefresh(ctx, tenant.Refresh{ID: id, Hash: s.vault.HashToken(pair.Refresh), Account: b.ID, CreatedAt: now,
		ExpiresAt: now.Add(RefreshLife)}); err != nil {
		return pair, err
	}
	return pair, tx.AddEvents(ctx, []event.Event{{At: now, Kind: event.SignedIn, Portfolio: b.Portfolio, Actor: b.Actor(), Via: r.Via, Request: r.ID,
		Data: event.Data{Subject: "token " + strconv.FormatInt(id, 10)}}})
}

// APIBearer returns whom a token of an API user speaks for. An unknown, expired
// or revoked one is of kind Unauthenticated; an address that an allow-list
// leaves out, and an account that is suspended, Forbidden.
func (s *Service) APIBearer(ctx context.Context, token string, from netip.Addr) (tenant.Bearer, error) {
	unknown := fault.New(fault.Unauthenticated, WrongToken, "the token is unknown or over; fetch a new one")
	if token == "" {
		return tenant.Bearer{}, unknown
	}
	now := s.now()
	b, found, err := s.store.BearerOf(ctx, s.vault.HashToken(token), now)
	switch {
	case err != nil:
		return b, err
	case !found || b.Kind != tenant.APIUser || !b.Live(now) || b.Home.Status == tenant.Deleted:
		return tenant.Bearer{}, unknown
	case !welcome(&b, from):
		return b, fault.New(fault.Forbidden, ClientAddress, "the address %s is not on the allow-list", from)
	case b.Shut() != nil:
		return b, b.Shut()
	}
	b.Features, err = s.store.FeaturesOf(ctx, b.ID)
	return b, err
}
