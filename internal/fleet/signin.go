package fleet

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// SessionLife is how long a session lasts, whatever it does meanwhile.
const SessionLife = 4 * time.Hour

// Codes of the faults of SignIn.
const (
	WrongPassword = "signin.password" // the user is known, the password is not theirs
	UnknownLogin  = "signin.unknown"  // the user, or their right to the portfolio, is not known
	WrongAddress  = "signin.address"  // the portfolio's allow-list leaves out the caller's address
)

// Login is what a user signs in with.
type Login struct {
	Username, Password string
	Portfolio          ident.PortfolioID // where to work: their own, or a descendant
	From               netip.Addr
	Only               bool // end the user's other sessions in that portfolio
	Listed             bool // from an address on the portfolio's allow-list alone
}

// SignedIn is a new session. Token is its id, which is stored nowhere.
type SignedIn struct {
	Token     string
	Account   tenant.Account
	Portfolio tenant.Portfolio
	ExpiresAt time.Time
}

// SignIn starts a session of a user. It fails with kind Unauthenticated and one
// of the first two codes above, with kind Forbidden and the third or
// tenant.AccountSuspended, or with kind Exhausted after too many failures.
func (s *Service) SignIn(ctx context.Context, r Request, l Login) (SignedIn, error) {
	if err := s.guard.admit(l.Username, l.From); err != nil {
		return SignedIn{}, err
	}
	if err := s.listed(ctx, l); err != nil {
		return SignedIn{}, err
	}
	account, found, err := s.store.AccountByName(ctx, tenant.User, l.Username)
	if err != nil {
		return SignedIn{}, err
	}
	ok, err := s.vault.CheckPassword(ctx, account.Hash, l.Password)
	if err != nil {
		return SignedIn{}, err
	}
	now := s.now()
	if !found || account.Disabled || (!account.ExpiresAt.IsZero() && !account.ExpiresAt.After(now)) {
		return SignedIn{}, s.refuse(ctx, r, l, account, UnknownLogin)
	}
	portfolio, err := s.store.Portfolio(ctx, account.Sphere, l.Portfolio)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return SignedIn{}, err
	case err != nil || portfolio.Status == tenant.Deleted:
		return SignedIn{}, s.refuse(ctx, r, l, account, UnknownLogin)
	case !ok:
		return SignedIn{}, s.refuse(ctx, r, l, account, WrongPassword)
	case account.Shut() != nil:
		return SignedIn{}, s.refuse(ctx, r, l, account, tenant.AccountSuspended)
	}
	s.guard.clear(l.Username, l.From)
	in := SignedIn{Token: s.vault.NewToken(), Account: account, Portfolio: portfolio, ExpiresAt: now.Add(SessionLife)}
	in.Account.Portfolio, in.Account.Sphere = portfolio.ID, tenant.Below(portfolio.Path)
	return in, s.startSession(ctx, r, &in, l.Only, now)
}

// listed holds the caller's address against the allow-list, whoever they say
// they are: from outside nobody can try out names and passwords.
func (s *Service) listed(ctx context.Context, l Login) error {
	if !l.Listed {
		return nil
	}
	p, err := s.store.Portfolio(ctx, tenant.Everything(), l.Portfolio)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return err
	case err == nil && !p.Allows(l.From):
		return fault.New(fault.Forbidden, WrongAddress, "the address %s is not on the allow-list of portfolio %s", l.From, p.ID)
	}
	return nil
}

func (s *Service) startSession(ctx context.Context, r Request, in *SignedIn, only bool, now time.Time) error {
	return s.store.Write(ctx, func(tx Tx) error {
		if err := sameSecret(ctx, tx, &in.Account, WrongPassword); err != nil {
			return err
		}
		if only {
			if err := tx.EndSessionsOf(ctx, in.Account.ID, in.Portfolio.ID); err != nil {
				return err
			}
		}
		if err := tx.AddSession(ctx, tenant.Session{Hash: s.vault.HashToken(in.Token), Principal: in.Account.ID, Portfolio: in.Portfolio.ID,
			CreatedAt: now, ExpiresAt: in.ExpiresAt}); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{{At: now, Kind: event.SignedIn, Portfolio: in.Portfolio.ID, Actor: in.Account.Actor(),
			Via: r.Via, Request: r.ID}})
	})
}

// sameSecret fails when an account's secret is not the one any more that somebody
// gave: whoever changed it has ended what there was by it, and nothing may follow.
func sameSecret(ctx context.Context, tx Tx, a *tenant.Account, code string) error {
	if err := tx.LockAccount(ctx, a.ID); err != nil {
		return err
	}
	now, err := tx.Member(ctx, tenant.Everything(), a.ID)
	if err == nil && now.Hash != a.Hash {
		err = fault.New(fault.Unauthenticated, code, "the password was changed just now")
	}
	return err
}

// refuse counts and records a failed sign-in. The audit trail of the portfolio
// that the user belongs to shows it; an unknown name belongs to nobody.
func (s *Service) refuse(ctx context.Context, r Request, l Login, a tenant.Account, code string) error {
	no := error(fault.New(fault.Unauthenticated, code, "unknown username or password"))
	if code == tenant.AccountSuspended {
		no = a.Shut()
	} else {
		s.guard.failed(l.Username, l.From)
	}
	if a.ID == "" {
		return no
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		return tx.AddEvents(ctx, []event.Event{{At: s.now(), Kind: event.SignInFailed, Portfolio: a.Portfolio, Actor: a.Actor(), Via: r.Via,
			Request: r.ID, Data: event.Data{Reason: code, Subject: l.From.String()}}})
	})
	if err != nil {
		return err
	}
	return no
}

// Session returns the principal of a live session and the portfolio it works
// in. An unknown or expired one is of kind Unauthenticated.
func (s *Service) Session(ctx context.Context, token string) (tenant.Account, tenant.Portfolio, error) {
	var none tenant.Account
	if token == "" {
		return none, tenant.Portfolio{}, noSession()
	}
	a, p, found, err := s.store.SessionAccount(ctx, s.vault.HashToken(token), s.now())
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return none, p, err
	}
	if err != nil || !found || a.Disabled || a.Shut() != nil || p.Status == tenant.Deleted {
		return none, p, noSession()
	}
	return a, p, nil
}

func noSession() error {
	return fault.New(fault.Unauthenticated, "session.unknown", "the session is unknown or over; sign in again")
}

// SignOut ends a session; kind Unauthenticated when there is none.
func (s *Service) SignOut(ctx context.Context, r Request, token string) error {
	a, p, err := s.Session(ctx, token)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		if _, err := tx.EndSession(ctx, s.vault.HashToken(token)); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{{At: s.now(), Kind: event.SignedOut, Portfolio: p.ID, Actor: a.Actor(), Via: r.Via, Request: r.ID}})
	})
}

// DropExpired removes sessions, tokens and stored answers whose time is over, in
// small steps, until none is left.
func (s *Service) DropExpired(ctx context.Context) error {
	for {
		var n int64
		err := s.store.Write(ctx, func(tx Tx) (err error) {
			if n, err = tx.DropExpired(ctx, s.now(), maxPage); err != nil {
				return err
			}
			tokens, err := tx.DropTokens(ctx, s.now(), maxPage)
			n += tokens
			return err
		})
		if err != nil || n < maxPage {
			return err
		}
	}
}

// guard slows down guessing: after a few failures for one name from one place,
// sign-ins there are refused for a while.
type guard struct {
	mu    sync.Mutex
	now   func() time.Time
	tries map[guardKey]*tries
}

type guardKey struct {
	name string
	from netip.Addr
}

// guarded folds the name as the store does: one user has one count.
func guarded(name string, from netip.Addr) guardKey {
	return guardKey{strings.ToLower(name), from}
}

type tries struct {
	failures int
	until    time.Time
}

// Bounds of the guard.
const (
	maxFailures = 10
	guardTime   = 5 * time.Minute
	maxGuarded  = 10_000
)

func newGuard(now func() time.Time) *guard { return &guard{now: now, tries: map[guardKey]*tries{}} }

func (g *guard) admit(name string, from netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := guarded(name, from)
	t := g.tries[k]
	if t == nil || t.failures < maxFailures {
		return nil
	}
	if left := t.until.Sub(g.now()); left > 0 {
		return fault.New(fault.Exhausted, "signin.guarded", "too many failed sign-ins; try again in %s", left.Round(time.Second))
	}
	delete(g.tries, k)
	return nil
}

func (g *guard) failed(name string, from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tries) >= maxGuarded {
		g.sweep()
	}
	k := guarded(name, from)
	if g.tries[k] == nil {
		g.tries[k] = &tries{}
	}
	g.tries[k].failures++
	g.tries[k].until = g.now().Add(guardTime)
}

// sweep forgets what is over, and everything when that is not enough: the
// memory is bounded, whoever knocks.
func (g *guard) sweep() {
	for k, t := range g.tries {
		if t.until.Before(g.now()) {
			delete(g.tries, k)
		}
	}
	if len(g.tries) >= maxGuarded {
		clear(g.tries)
	}
}

func (g *guard) clear(name string, from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tries, guarded(name, from))
}
