package terminal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// request makes a request with a body of a content type; both may be empty.
func request(method, path, kind, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

const form = "application/x-www-form-urlencoded"

type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	Expires int64  `json:"expires_in"`
	Scope   string `json:"scope"`
}

// signIn asks for tokens with a form.
func (w *world) signIn(values ...string) got {
	w.t.Helper()
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	a := w.send(request(http.MethodPost, "/v1/oauth/token", form, q.Encode()))
	conforms(w.t, http.MethodPost, "/oauth/token", a)
	return a
}

func (g got) oauth(t testing.TB, status int, code, text string) {
	t.Helper()
	if g.status != status || !strings.Contains(g.body, `"error":"`+code+`"`) || !strings.Contains(g.body, text) {
		t.Errorf("%d %s instead of %d %s %q", g.status, g.body, status, code, text)
	}
	if challenge := g.header.Get("WWW-Authenticate"); (challenge == "Bearer") != (status == http.StatusUnauthorized) {
		t.Errorf("challenge %q with %d", challenge, status)
	}
}

// Every way in which clients in the field ask for a token.
func TestTokenTransports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	q := "grant_type=password&username=" + s.username + "&client_id=" + s.username + "&password=" + s.password
	for name, r := range map[string]*http.Request{
		"query, no body":             request(http.MethodPost, "/v1/oauth/token?"+q, "", ""),
		"query, JSON type, no body":  request(http.MethodPost, "/v1/oauth/token?"+q, "application/json", ""),
		"query, JSON body":           request(http.MethodPost, "/v1/oauth/token?"+q, "application/json", "{}"),
		"query, slash":               request(http.MethodPost, "/v1/oauth/token/?"+q, "", ""),
		"form":                       request(http.MethodPost, "/v1/oauth/token", form, q),
		"form with charset":          request(http.MethodPost, "/v1/oauth/token", form+"; charset=utf-8", q),
		"without client_id":          request(http.MethodPost, "/v1/oauth/token", form, "grant_type=password&username="+s.username+"&password="+s.password),
		"client_id alone":            request(http.MethodPost, "/v1/oauth/token", form, "grant_type=password&client_id="+s.username+"&password="+s.password),
		"empty refresh token":        request(http.MethodPost, "/v1/oauth/token", form, q+"&refresh_token="),
		"junk refresh token":         request(http.MethodPost, "/v1/oauth/token", form, q+"&refresh_token=1"),
		"JSON":                       request(http.MethodPost, "/v1/oauth/token", "application/json", `{"grant_type":"password","username":"`+s.username+`","password":"`+s.password+`"}`),
		"username in lower case":     request(http.MethodPost, "/v1/oauth/token", form, strings.ReplaceAll(q, "API_USER", "api_user")),
		"stray: Bearer undefined":    strayed(q, "Bearer undefined"),
		"stray: Bearer, blank":       strayed(q, "Bearer "),
		"stray: an unknown token":    strayed(q, "Bearer 0123456789abcdef"),
		"stray: not a bearer at all": strayed(q, "Basic Zm9vOmJhcg=="),
	} {
		a := w.send(r)
		conforms(t, http.MethodPost, "/oauth/token", a)
		var got tokens
		a.into(t, &got)
		want := tokens{s.token, "bearer", s.refresh, got.Expires, "read write trust"}
		if got != want || len(got.Access) != 64 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func strayed(query, header string) *http.Request {
	r := request(http.MethodPost, "/v1/oauth/token?"+query, "application/json", "")
	r.Header.Set("Authorization", header)
	return r
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	w.signIn("grant_type", "password", "username", s.username, "password", "wrong").oauth(t, 401, "invalid_client", "Bad client credentials")
	w.signIn("grant_type", "password", "username", "API_USER_1", "password", s.password).oauth(t, 401, "invalid_client", "Bad client credentials")
	w.signIn("grant_type", "password").oauth(t, 401, "invalid_client", "Bad client credentials")
	w.signIn("grant_type", "refresh_token", "refresh_token", "unknown").oauth(t, 401, "invalid_grant", "refresh token")
	w.signIn("grant_type", "refresh_token").oauth(t, 401, "invalid_grant", "refresh token")
	w.signIn("grant_type", "refresh_token", "refresh_token", s.token).oauth(t, 401, "invalid_grant", "refresh token")
	w.signIn("grant_type", "client_credentials").oauth(t, 400, "unsupported_grant_type", "password or refresh_token")
	w.signIn().oauth(t, 400, "unsupported_grant_type", "password or refresh_token")
	w.send(request(http.MethodPost, "/v1/oauth/token", "application/json", "{")).oauth(t, 400, "invalid_request", "JSON")
	w.send(request(http.MethodPost, "/v1/oauth/token?a=%zz", "", "")).oauth(t, 400, "invalid_request", "query")
	w.send(request(http.MethodGet, "/v1/oauth/token", "", "")).oauth(t, 405, "invalid_request", "POST")
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	for range 10 {
		w.signIn("grant_type", "password", "username", s.username, "password", "wrong").ok(t, 401)
	}
	a := w.signIn("grant_type", "password", "username", s.username, "password", s.password).ok(t, 429)
	if a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	w.clock.Pass(6 * time.Minute)
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).ok(t, 200)
}

// Tokens last seven days; within them, who asks again gets the same one.
func TestTokensLastAWeek(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		s := w.secrets[full]
		ask := func() (out tokens) {
			w.signIn("grant_type", "password", "username", s.username, "password", s.password).into(t, &out)
			return out
		}
		first := ask()
		week := int64(7 * 24 * 3600)
		if first.Access != s.token || first.Expires != week {
			t.Errorf("%+v", first)
		}
		w.clock.Pass(time.Hour)
		if again := ask(); again.Access != first.Access || again.Expires != week-3600 {
			t.Errorf("%+v", again)
		}
		w.clock.Pass(7*24*time.Hour - 2*time.Hour)
		w.get("/me").ok(t, 200)
		w.clock.Pass(time.Hour)
		w.get("/me").oauth(t, 401, "invalid_token", "unknown or expired")
		if next := ask(); next.Access == first.Access || next.Refresh == first.Refresh || next.Expires != week {
			t.Errorf("%+v", next)
		}
	})
}

// A refresh token is exchanged once; for a minute the exchange may be repeated.
func TestRefresh(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		s := w.secrets[full]
		refresh := func(token string) got { return w.signIn("grant_type", "refresh_token", "refresh_token", token) }
		var first, again, next tokens
		refresh(s.refresh).into(t, &first)
		if first.Access == s.token || first.Refresh == s.refresh || first.Expires != 7*24*3600 {
			t.Fatalf("%+v", first)
		}
		refresh(s.refresh).into(t, &again) // the answer was lost
		if again != first {
			t.Errorf("%+v after %+v", again, first)
		}
		w.get("/me").ok(t, 200) // with the token before
		w.clock.Pass(fleet.RefreshGrace)
		w.get("/me").ok(t, 401)
		refresh(s.refresh).oauth(t, 401, "invalid_grant", "used up")
		refresh(first.Refresh).into(t, &next)
		if next.Refresh == first.Refresh {
			t.Error("it does not rotate")
		}
		w.clock.Pass(fleet.RefreshLife)
		refresh(next.Refresh).oauth(t, 401, "invalid_grant", "expired")
	})
}

// A new password, and being shut out, end everything at once.
func TestRevoking(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		s := w.secrets[full]
		_, password, err := w.Fleet.ChangeAPIUser(t.Context(), w.op, s.username, fleet.APIUserChange{Password: true})
		if err != nil || password == s.password || len(password) != 64 {
			t.Fatalf("%v", err)
		}
		w.get("/me").ok(t, 401)
		w.signIn("grant_type", "refresh_token", "refresh_token", s.refresh).ok(t, 401)
		w.signIn("grant_type", "password", "username", s.username, "password", s.password).ok(t, 401)
		var fresh tokens
		w.signIn("grant_type", "password", "username", s.username, "password", password).into(t, &fresh)
		gone := true
		if _, _, err := w.Fleet.ChangeAPIUser(t.Context(), w.op, s.username, fleet.APIUserChange{Disabled: &gone}); err != nil {
			t.Fatal(err)
		}
		w.signIn("grant_type", "password", "username", s.username, "password", password).ok(t, 401)
		w.signIn("grant_type", "refresh_token", "refresh_token", fresh.Refresh).ok(t, 401)
	})
}

// Nothing that is stored can be read as a token or a password.
func TestNothingReadableIsStored(t *testing.T) {
	t.Parallel()
	from, secrets := mould()
	for _, s := range secrets {
		for _, name := range []string{"simurgh.db", "simurgh.db-wal"} {
			f, err := from.Open(name)
			if err != nil {
				continue
			}
			text := readAll(t, f)
			for _, secret := range []string{s.token, s.refresh, s.password} {
				if strings.Contains(text, secret) {
					t.Errorf("%s holds a secret", name)
				}
			}
		}
	}
}

// Tokens come in the header, in the query or in a form; each is found out, and
// none is logged.
func TestWhereTokensStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.secrets[full].token
	send := func(r *http.Request, header string) got {
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		return w.send(r)
	}
	query := "/v1/me?access_token=" + token
	send(request(http.MethodGet, "/v1/me", "", ""), "Bearer "+token).ok(t, 200)
	send(request(http.MethodGet, "/v1/me", "", ""), "bearer "+token).ok(t, 200)
	send(request(http.MethodGet, query, "", ""), "").ok(t, 200)
	send(request(http.MethodGet, query, "", ""), "Bearer undefined").ok(t, 200)
	send(request(http.MethodGet, query, "", ""), "Bearer ").ok(t, 200)
	send(request(http.MethodPost, "/v1/me", form, "access_token="+token), "").ok(t, 200)
	send(request(http.MethodGet, query, "", ""), "Bearer wrong").oauth(t, 401, "invalid_token", "unknown or expired")
	send(request(http.MethodGet, "/v1/me", "", ""), "").oauth(t, 401, "invalid_token", "No access token")
	send(request(http.MethodGet, "/v1/nothing", "", ""), "").oauth(t, 401, "invalid_token", "No access token")
	if !strings.Contains(w.log.String(), "path=/v1/me") || strings.Contains(w.log.String(), token) {
		t.Error("the log lacks the path, or has the token")
	}
	strict := newWorld(t, func(o *terminal.Options) { o.NoQueryToken = true })
	strict.send(request(http.MethodGet, query, "", "")).oauth(t, 401, "invalid_token", "No access token")
}

func TestTextExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *terminal.Options) { o.TextExpiry = true })
	s := w.secrets[full]
	if a := w.signIn("grant_type", "password", "username", s.username, "password", s.password); !strings.Contains(a.body, `"expires_in":"604800"`) {
		t.Error(a.body)
	}
}

// A program of a suspended account has no tokens, and those it has are refused
// until that is lifted.
func TestASuspendedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	suspend := func(to tenant.Suspensions) {
		must(w.Fleet.ChangePortfolio(t.Context(), w.op, folios["A"], func(p *tenant.Portfolio) error {
			p.Suspended = to
			return nil
		}))
	}
	suspend(tenant.Suspensions(tenant.CustomerSuspension))
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).oauth(t, 403, "access_denied", "suspended")
	w.signIn("grant_type", "refresh_token", "refresh_token", s.refresh).oauth(t, 403, "access_denied", "suspended")
	w.get("/me").oauth(t, 403, "access_denied", "suspended")
	suspend(0)
	if got := w.get("/me"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A program that is suspended itself, likewise.
func TestASuspendedProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	suspend := func(to bool) {
		if _, _, err := w.Fleet.ChangeAPIUser(t.Context(), w.op, s.username, fleet.APIUserChange{Suspend: tenant.Suspending{tenant.AdminSuspension: to}}); err != nil {
			t.Fatal(err)
		}
	}
	suspend(true)
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).oauth(t, 403, "access_denied", "suspended")
	w.signIn("grant_type", "refresh_token", "refresh_token", s.refresh).oauth(t, 403, "access_denied", "suspended")
	w.get("/me").oauth(t, 403, "access_denied", "suspended")
	suspend(false)
	if got := w.get("/me"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.secrets[full]
	list := must(tenant.ParseAllowList("198.51.100.0/24"))
	if _, _, err := w.Fleet.ChangeAPIUser(t.Context(), w.op, s.username, fleet.APIUserChange{Allow: func(d *tenant.Detail) { d.AllowList = list }}); err != nil {
		t.Fatal(err)
	}
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).oauth(t, 403, "access_denied", "192.0.2.1 is not on the allow-list")
	w.signIn("grant_type", "refresh_token", "refresh_token", s.refresh).oauth(t, 403, "access_denied", "allow-list")
	w.get("/me").oauth(t, 403, "access_denied", "allow-list")
	r := request(http.MethodGet, "/v1/me", "", "")
	r.RemoteAddr = "198.51.100.7:1"
	r.Header.Set("Authorization", "Bearer "+s.token)
	w.send(r).ok(t, 200)
}

// A token of another dialect opens nothing here, and one of ours nothing there.
func TestTokensBelongToTheirDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, key, err := w.Fleet.CreateServiceAccount(t.Context(), w.op, fleet.NewServiceAccount{Portfolio: folios["A"], Detail: tenant.Detail{Email: "a@b.example"}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := w.Fleet.IssueToken(t.Context(), fleet.Request{}, fleet.ClientLogin{ID: m.Name, Secret: key})
	if err != nil {
		t.Fatal(err)
	}
	w.send(request(http.MethodGet, "/v1/me?access_token="+theirs, "", "")).ok(t, 401)
	if _, err := w.Fleet.Bearer(t.Context(), w.secrets[full].token, must(tenant.ParseAllowList("192.0.2.1"))[0].Addr()); err == nil {
		t.Error("our token opens another door")
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := request(http.MethodOptions, "/v1/get_account_sims/", "", "")
	r.Header.Set("Origin", "https://dashboard.example")
	r.Header.Set("Access-Control-Request-Method", "GET")
	r.Header.Set("Access-Control-Request-Headers", "authorization")
	a := w.send(r).ok(t, 204)
	if h := a.header; h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("%v", h)
	}
	if a := w.call("", http.MethodGet, "/me"); a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a page cannot read why it is refused")
	}
}

func TestPaceIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *terminal.Options) { o.Rate = 1 })
	for range 10 {
		w.get("/me").ok(t, 200)
	}
	a := w.get("/me")
	if a.fails(t, 429, "E429", "wait"); a.header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.header)
	}
	w.call(plain, http.MethodGet, "/me").ok(t, 200)
	w.clock.Pass(time.Second)
	w.get("/me").ok(t, 200)
}
