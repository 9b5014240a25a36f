package tigrillo

import (
	"context"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// cookieName is a wire fact.
const cookieName = "PHPSESSID"

func (h *handler) ping(context.Context, *exchange) (any, error) { return "pong", nil }

// getCookieName needs no session, whatever the documentation says: clients ask
// it first.
func (h *handler) getCookieName(context.Context, *exchange) (any, error) { return cookieName, nil }

// token returns the session id that came with the request.
func (x *exchange) token() string {
	c, err := x.r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// session finds out who calls. It fails with errAddress for a caller that the
// portfolio's allow-list leaves out.
func (h *handler) session(ctx context.Context, x *exchange) error {
	account, portfolio, err := h.Fleet.Session(ctx, x.token())
	if err != nil {
		return err
	}
	x.call.Caller = account.Actor()
	if !portfolio.Allows(x.call.From) {
		return errAddress
	}
	x.portfolio = &portfolio
	x.request = x.call.Request(x.r, account.Principal, edgeName)
	return nil
}

type loginAnswer struct {
	plain
	Cookie      string `json:"cookie"`
	Permissions string `json:"permissions"`
	CanActivate string `json:"canActivate"`
}

func (h *handler) login(ctx context.Context, x *exchange) (any, error) {
	who := fleet.Request{Via: edgeName, ID: x.call.ID}
	if x.in != nil {
		if err := h.Fleet.SignOut(ctx, who, x.token()); err != nil && fault.KindOf(err) != fault.Unauthenticated {
			return nil, err
		}
	}
	l, err := x.in.login()
	if err != nil {
		return nil, err
	}
	l.From, l.Only, l.Listed = x.call.From, h.OneSession, true
	in, err := h.Fleet.SignIn(ctx, who, l)
	if err != nil {
		return nil, h.noLogin(err)
	}
	x.call.Caller = in.Account.Actor()
	attributes := "; path=/; HttpOnly; SameSite=Lax"
	if h.SecureCookie {
		attributes += "; Secure"
	}
	x.w.Header().Set("Set-Cookie", cookieName+"="+in.Token+attributes)
	return loginAnswer{ok, in.Token, in.Account.Roles, yesNo(mayActivate(&in.Account.Principal, &in.Portfolio))}, nil
}

// noLogin translates why nobody was let in.
func (h *handler) noLogin(err error) error {
	switch fault.CodeOf(err) {
	case fleet.WrongPassword:
		if !h.OneLoginError {
			return errPassword
		}
		return errLogin
	case fleet.UnknownLogin, tenant.AccountSuspended:
		return errLogin
	case fleet.WrongAddress:
		return errAddress
	}
	return err
}

// login reads the three parameters. One that is missing is F0000; one that
// nobody can have is an unknown login.
func (p params) login() (fleet.Login, error) {
	var l fleet.Login
	var portfolio *string
	for _, f := range []struct {
		name string
		take func(*string)
	}{
		{"username", func(s *string) { l.Username = *s }},
		{"password", func(s *string) { l.Password = *s }},
		{p.portfolioKey(), func(s *string) { portfolio = s }},
	} {
		s, err := p.text(f.name)
		if err != nil {
			return l, err
		}
		if s == nil {
			return l, errNoAnswer
		}
		f.take(s)
	}
	id, err := ident.ParsePortfolioID(*portfolio)
	if err != nil || !loginText(l.Username) || !loginText(l.Password) {
		return l, errLogin
	}
	l.Portfolio = id
	return l, nil
}

// portfolioKey is the spelling that the caller uses: documentation and clients
// differ.
func (p params) portfolioKey() string {
	if p.value("portfolioID") == nil && p.value("portfolioId") != nil {
		return "portfolioId"
	}
	return "portfolioID"
}

// loginText reports whether s can be a user name or a password.
func loginText(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 6 && n <= 255
}

// mayActivate is the contract's canActivate.
func mayActivate(who *tenant.Principal, p *tenant.Portfolio) bool {
	return who.May.Has(tenant.SIMActivate) && !p.NoActivations
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (h *handler) logout(ctx context.Context, x *exchange) (any, error) {
	if err := h.Fleet.SignOut(ctx, x.request, x.token()); err != nil {
		return nil, err
	}
	return ok, nil
}
