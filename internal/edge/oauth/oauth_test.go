package oauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/oauth"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type world struct {
	*app.App
	t          testing.TB
	mu         sync.Mutex
	at         time.Time
	op         fleet.Request
	log        bytes.Buffer
	edge       http.Handler
	id, secret string
	folio      ident.PortfolioID
	tokens     []string
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// Write implements io.Writer for the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli"}}
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.Open(t.Context(), app.Config{Data: sqlitetest.Dir(t), Now: w.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.App = a
	p, err := a.Fleet.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	m, secret, err := a.Fleet.CreateServiceAccount(t.Context(), w.op, fleet.NewServiceAccount{Portfolio: p.ID, Detail: tenant.Detail{Email: "bot@a.example"}})
	if err != nil {
		t.Fatal(err)
	}
	w.id, w.secret, w.folio = m.ID, secret, p.ID
	w.edge = oauth.New(oauth.Options{Fleet: a.Fleet, HTTP: httpx.Options{Log: log}})
	t.Cleanup(func() {
		_ = a.Close()
		for _, s := range append(w.tokens, w.secret, "Basic ") {
			if strings.Contains(w.log.String(), s) {
				t.Errorf("the log holds %q", s)
			}
		}
	})
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
	Token  string `json:"access_token"`
	Type   string `json:"token_type"`
	Left   int    `json:"expires_in"`
	Error  string `json:"error"`
	Why    string `json:"error_description"`
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.edge.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	if err := json.Unmarshal([]byte(a.body), &a); err != nil {
		w.t.Fatalf("%v in %s", err, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.header.Get("Content-Type") != "application/json" {
		w.t.Errorf("headers %v", a.header)
	}
	if a.Token != "" {
		w.tokens = append(w.tokens, a.Token)
	}
	return a
}

func post(form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, oauth.Path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func basic(form, id, secret string) *http.Request {
	r := post(form)
	r.SetBasicAuth(id, secret)
	return r
}

const grant = "grant_type=client_credentials"

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := "&client_id=" + w.id + "&client_secret=" + w.secret
	plain := httptest.NewRequest(http.MethodPost, oauth.Path, strings.NewReader(grant+in))
	upper := basic(grant, strings.ToUpper(w.id), w.secret)
	for name, r := range map[string]*http.Request{
		"header": basic(grant+"&scope=api/api", w.id, w.secret), "header without scope": basic(grant, w.id, w.secret), "encoded scope": basic(grant+"&scope=api%2Fapi", w.id, w.secret),
		"form": post(grant + in), "form with scope": post(grant + in + "&scope=api/api"), "no content type": plain, "id in upper case": upper,
		"header, id in both": basic(grant+"&client_id="+w.id, w.id, w.secret), "unknown parameter": basic(grant+"&audience=x", w.id, w.secret),
	} {
		a := w.send(r)
		if a.status != http.StatusOK || len(a.Token) != 52 || a.Type != "Bearer" || a.Left != 3600 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		if b, err := w.Fleet.Bearer(t.Context(), a.Token, netip.Addr{}); err != nil || b.ID != w.id || b.Home.ID != w.folio || !b.May.Has(tenant.SIMActivate) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := "&client_id=" + w.id + "&client_secret=" + w.secret
	typed := func(kind string) *http.Request {
		r := basic(grant, w.id, w.secret)
		r.Header.Set("Content-Type", kind)
		return r
	}
	header := func(value string) *http.Request {
		r := post(grant)
		r.Header.Set("Authorization", value)
		return r
	}
	for name, c := range map[string]struct {
		r    *http.Request
		want string
	}{
		"wrong secret":           {basic(grant, w.id, "x"), "invalid_client"},
		"no secret":              {basic(grant, w.id, ""), "invalid_client"},
		"unknown client":         {basic(grant, strings.Repeat("d", 32), w.secret), "invalid_client"},
		"no credentials":         {post(grant), "invalid_client"},
		"not basic":              {header("Bearer " + w.secret), "invalid_client"},
		"broken basic":           {header("Basic %%%"), "invalid_client"},
		"badly encoded basic":    {basic(grant, w.id, "%zz"), "invalid_client"},
		"no grant type":          {basic("scope=api/api", w.id, w.secret), "invalid_request"},
		"empty":                  {basic("", w.id, w.secret), "invalid_request"},
		"another grant":          {basic("grant_type=password", w.id, w.secret), "unsupported_grant_type"},
		"another scope":          {basic(grant+"&scope=admin", w.id, w.secret), "invalid_scope"},
		"two scopes":             {basic(grant+"&scope=api/api%20admin", w.id, w.secret), "invalid_scope"},
		"twice":                  {basic(grant+"&"+grant, w.id, w.secret), "invalid_request"},
		"both ways":              {basic(grant+in, w.id, w.secret), "invalid_request"},
		"two ids":                {basic(grant+"&client_id=x", w.id, w.secret), "invalid_request"},
		"JSON":                   {typed("application/json"), "invalid_request"},
		"no form":                {basic("%zz", w.id, w.secret), "invalid_request"},
		"credentials in the URL": {httptest.NewRequest(http.MethodPost, oauth.Path+"?"+grant+in, nil), "invalid_request"},
	} {
		a := w.send(c.r)
		if a.status != http.StatusBadRequest || a.Error != c.want || a.Token != "" {
			t.Errorf("%s: %d %s, not %s", name, a.status, a.body, c.want)
		}
	}
	if a := w.send(httptest.NewRequest(http.MethodGet, oauth.Path, nil)); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", a.status)
	}
	if a := w.send(post(strings.Repeat("x", 20<<10))); a.status != http.StatusRequestEntityTooLarge || a.Error != "invalid_request" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Guessing is slowed down, for one client from one address.
func TestGuessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from := func(r *http.Request, address string) *http.Request {
		r.RemoteAddr = address + ":4000"
		return r
	}
	for range 10 {
		if a := w.send(from(basic(grant, w.id, "guess"), "192.0.2.1")); a.Error != "invalid_client" || a.Why != "" {
			t.Fatal(a.body)
		}
	}
	if a := w.send(from(basic(grant, w.id, w.secret), "192.0.2.1")); a.status != 400 || a.Error != "invalid_client" || !strings.Contains(a.Why, "try again in 5m0s") {
		t.Errorf("the right secret after ten guesses: %s", a.body)
	}
	if a := w.send(from(basic(grant, w.id, w.secret), "192.0.2.2")); a.status != 200 {
		t.Errorf("from elsewhere: %s", a.body)
	}
	w.pass(5 * time.Minute)
	if a := w.send(from(basic(grant, w.id, w.secret), "192.0.2.1")); a.status != 200 {
		t.Errorf("five minutes later: %s", a.body)
	}
}

func TestTheAuditTrail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(basic(grant, w.id, w.secret))
	w.send(basic(grant, w.id, "x"))
	events, err := w.Fleet.Events(t.Context(), w.op, event.Query{Kinds: []event.Kind{event.SignedIn, event.SignInFailed}})
	if err != nil || len(events) != 2 || events[0].Kind != event.SignInFailed || events[0].Data.Reason != fleet.WrongClient || events[1].Actor != "service:"+w.id {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Fleet.ChangePortfolio(t.Context(), w.op, w.folio, func(p *tenant.Portfolio) (err error) {
		p.AllowList, err = tenant.ParseAllowList("192.0.2.0/24")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := basic(grant, w.id, w.secret)
	r.RemoteAddr = "198.51.100.1:4000"
	if a := w.send(r); a.status != 400 || a.Error != "unauthorized_client" {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.RemoteAddr = "192.0.2.77:4000"
	if a := w.send(basic(grant, w.id, w.secret)); a.status != 200 { // httptest comes from 192.0.2.1
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Whatever comes, the answer is a token for the right secret, or an error.
func TestDrawnRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		form := url.Values{}
		for _, name := range []string{"grant_type", "scope", "client_id", "client_secret", "x"} {
			if rapid.Bool().Draw(rt, name+" there") {
				form.Set(name, rapid.OneOf(rapid.SampledFrom([]string{"client_credentials", "api/api", w.id, w.secret[:5], ""}), rapid.String()).Draw(rt, name))
			}
		}
		r := post(form.Encode())
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", rapid.IntRange(1, 250).Draw(rt, "from"))
		if rapid.Bool().Draw(rt, "header") {
			r.Header.Set("Authorization", rapid.OneOf(rapid.Just("Basic "), rapid.Just("Basic eDp5"), rapid.StringMatching(`[ -~]{0,40}`)).Draw(rt, "authorization"))
		}
		if a := w.send(r); a.status != http.StatusBadRequest || a.Error == "" {
			rt.Fatalf("%d %s", a.status, a.body)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			token, _, err := w.Fleet.IssueToken(context.Background(), fleet.Request{Via: "oauth"}, fleet.ClientLogin{ID: w.id, Secret: w.secret})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[token] {
				t.Errorf("%q twice, or %v", token, err)
			}
			seen[token] = true
			w.tokens = append(w.tokens, token)
		})
	}
	wg.Wait()
}
