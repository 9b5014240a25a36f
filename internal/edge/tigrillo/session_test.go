package tigrillo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

var (
	wrongPassword = failed("E0000", "Unknown username or password")
	unknownLogin  = failed("E0100", "Unknown username or password")
	denied        = failed("E0006", "Permission denied")
	noResponse    = failed("F0000", "No response provided")
)

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, token := w.login(engineer, password, string(folios["A"]), "")
	same(t, a.body, fmt.Sprintf(`{"status":{"status":"OK","errorCode":"","errorMessage":""},"cookie":%q,"permissions":"EA","canActivate":"yes"}`, token))
	if got, want := a.header.Get("Set-Cookie"), "PHPSESSID="+token+"; path=/; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("the cookie is %q, not %q", got, want)
	}
	if a := w.send(w.as(w.request("", "getSIMs", "[]"), token)); errorCode(a) != "" {
		t.Errorf("the session is not live: %s", a.body)
	}
	a, _ = w.login("ENGINEER@a.test", password, strings.ToUpper(string(folios["C"])), "")
	if errorCode(a) != "" {
		t.Errorf("into a portfolio below: %s", a.body)
	}
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	one := func(o *tigrillo.Options) { o.OneLoginError = true }
	in := func(user, secret, folio string) string {
		return fmt.Sprintf(`{"username":%q,"password":%q,"portfolioID":%q}`, user, secret, folio)
	}
	a := string(folios["A"])
	play(t, []scenario{
		{name: "wrong password", method: "login", body: in(engineer, "wrong horse", a), want: wrongPassword},
		{name: "wrong password, one error for all", options: one, method: "login", body: in(engineer, "wrong horse", a), want: unknownLogin},
		{name: "unknown user", method: "login", body: in("nobody@a.test", password, a), want: unknownLogin},
		{name: "another's portfolio", method: "login", body: in(stranger, password, a), want: unknownLogin},
		{name: "another's portfolio, wrong password", method: "login", body: in(stranger, "wrong horse", a), want: unknownLogin},
		{name: "a portfolio above", method: "login", body: in(customer, password, a), want: unknownLogin},
		{name: "unknown portfolio", method: "login", body: in(engineer, password, strings.Repeat("0", 32)), want: unknownLogin},
		{name: "portfolio of 31", method: "login", body: in(engineer, password, a[1:]), want: unknownLogin},
		{name: "portfolio not hexadecimal", method: "login", body: in(engineer, password, strings.Repeat("x", 32)), want: unknownLogin},
		{name: "name of 5", method: "login", body: in("abcde", password, a), want: unknownLogin},
		{name: "name of 256", method: "login", body: in(strings.Repeat("a", 256), password, a), want: unknownLogin},
		{name: "password of 5", method: "login", body: in(engineer, "abcde", a), want: unknownLogin},
		{name: "password of 256", method: "login", body: in(engineer, strings.Repeat("a", 256), a), want: unknownLogin},
		{name: "misnamed key", method: "login", body: `{"user":"a","password":"b","portfolioID":"c"}`, want: noResponse},
		{name: "other case of a key", method: "login", body: `{"UserName":"a","password":"b","portfolioID":"c"}`, want: noResponse},
		{name: "null", method: "login", body: `{"username":null,"password":"b","portfolioID":"c"}`, want: noResponse},
		{name: "no portfolio", method: "login", body: `{"username":"a","password":"b"}`, want: noResponse},
		{name: "nothing", method: "login", body: ``, want: noResponse},
		{name: "number for a name", method: "login", body: `{"username":123456,"password":"b","portfolioID":"c"}`, want: failed("E0005", "Invalid parameter - username")},
		{name: "array for a password", method: "login", body: `{"username":"a","password":[],"portfolioID":"c"}`, want: failed("E0005", "Invalid parameter - password")},
		{name: "object for a portfolio", method: "login", body: `{"username":"a","password":"b","portfolioId":{}}`, want: failed("E0005", "Invalid parameter - portfolioId")},
		{name: "malformed", method: "login", body: `{"username":`, want: failed("E0001", "Invalid input - Syntax error, malformed JSON")},
	})
}

func TestLoginTakesBothSpellingsOfThePortfolio(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call("", "login", fmt.Sprintf(`{"username":%q,"password":%q,"portfolioId":%q}`, engineer, password, folios["A"]))
	if errorCode(a) != "" {
		t.Error(a.body)
	}
	var in struct{ Cookie string }
	check(json.Unmarshal([]byte(a.body), &in))
	w.asked = append(w.asked, in.Cookie)
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	say := func(user, folio string) (letters, activates string) {
		a, _ := w.login(user, password, string(folios[folio]), "")
		var in struct{ Permissions, CanActivate string }
		check(json.Unmarshal([]byte(a.body), &in))
		return in.Permissions, in.CanActivate
	}
	if l, a := say(logistics, "A"); l != "L" || a != "no" {
		t.Errorf("logistics: %s %s", l, a)
	}
	must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios["A"], func(p *tenant.Portfolio) error {
		p.NoActivations = true
		return nil
	}))
	if l, a := say(engineer, "A"); l != "EA" || a != "no" {
		t.Errorf("engineer of a stopped portfolio: %s %s", l, a)
	}
}

func TestSessionsLastFourHoursWhateverIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.clock.Pass(80*time.Minute - time.Second)
		if a := w.call(engineer, "getSIMs", ""); errorCode(a) != "" {
			t.Fatal(a.body)
		}
	}
	w.clock.Pass(3 * time.Second)
	same(t, w.call(engineer, "getSIMs", "").body, denied)
}

// TestLoginEndsTheSessionItCameWith: even when it fails, unless it is malformed.
func TestLoginEndsTheSessionItCameWith(t *testing.T) {
	t.Parallel()
	for body, ends := range map[string]bool{
		`{"username":"engineer@a.test","password":"wrong horse","portfolioID":"0123456789abcdef0123456789abcdef"}`: true,
		`{"username":"x"}`: true,
		`{}`:               true,
		`{"username":`:     false,
		`[]`:               false,
		``:                 false,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.call(engineer, "login", body)
			if ended := errorCode(w.call(engineer, "getSIMs", "")) == "E0006"; ended != ends {
				t.Errorf("the session has ended: %v", ended)
			}
			if errorCode(w.call(logistics, "getSIMs", "")) != "" {
				t.Error("another's session has ended")
			}
		})
	}
}

func TestTwoLogins(t *testing.T) {
	t.Parallel()
	for _, one := range []bool{false, true} {
		t.Run(fmt.Sprint("one session: ", one), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *tigrillo.Options) { o.OneSession = one })
			_, first := w.login(engineer, password, string(folios["A"]), "")
			_, below := w.login(engineer, password, string(folios["C"]), "")
			_, second := w.login(engineer, password, string(folios["A"]), "")
			for token, lives := range map[string]bool{first: !one, below: true, second: true} {
				if a := w.send(w.as(w.request("", "getSIMs", ""), token)); (errorCode(a) == "") != lives {
					t.Errorf("lives: %v", !lives)
				}
			}
			_, third := w.login(engineer, password, string(folios["A"]), second)
			if third == second || errorCode(w.send(w.as(w.request("", "getSIMs", ""), second))) != "E0006" {
				t.Error("the session that the login came with lives on")
			}
		})
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same(t, w.call(engineer, "logout", "").body, done)
	same(t, w.call(engineer, "logout", "").body, denied)
	same(t, w.call("", "logout", "").body, denied)
	same(t, w.call(engineer, "getSIMs", "").body, denied)
}

func TestEveryMethodButThreeNeedsASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	free := map[string]bool{"ping": true, "getCookieName": true, "login": true}
	for _, m := range methods {
		for _, cookie := range []string{"", "PHPSESSID=", "PHPSESSID=aaaaaaaaaaaaaaaaaaaaaaaaaa", "SESSION=" + w.tokens[engineer], "PHPSESSID=' OR 1=1 --",
			"PHPSESSID=" + strings.Repeat("a", 5000)} {
			r := w.request("", m, `{"sims":["<live>"],"ICCID":"<live>","state":"suspend"}`)
			r.Header.Set("Cookie", cookie)
			if got := errorCode(w.send(r)); (got == "E0006") == free[m] {
				t.Errorf("%s with the cookie %.20q: %q", m, cookie, got)
			}
		}
	}
	w.asked = nil
}

// TestTheBodyIsNotLookedAtWithoutASession: a stranger learns nothing of what
// would be wrong with it.
func TestTheBodyIsNotLookedAtWithoutASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same(t, w.call("", "getSIMs", "{").body, denied)
}

func TestADisabledPortfolioHasNoSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios["A"], func(p *tenant.Portfolio) error {
		p.Status = tenant.Deleted
		return nil
	}))
	same(t, w.call(engineer, "getSIMs", "").body, denied)
	a, _ := w.login(engineer, password, string(folios["A"]), "")
	same(t, a.body, unknownLogin)
}

func TestASuspendedPortfolioHasNoSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	suspend := func(to tenant.Suspensions) {
		must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios["A"], func(p *tenant.Portfolio) error {
			p.Suspended = to
			return nil
		}))
	}
	suspend(tenant.Suspensions(tenant.AdminSuspension))
	same(t, w.call(engineer, "getSIMs", "").body, denied)
	a, _ := w.login(engineer, password, string(folios["A"]), "")
	same(t, a.body, unknownLogin)
	suspend(0)
	if got := w.call(engineer, "getSIMs", ""); got.body == denied {
		t.Error("the session does not go on")
	}
}

func TestASuspendedUserHasNoSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var id string
	for _, a := range must(w.Fleet.Accounts(t.Context(), w.op)) {
		if a.Name == engineer {
			id = a.ID
		}
	}
	suspend := func(to bool) {
		must(w.Fleet.ChangeMember(t.Context(), w.op, folios["A"], id, fleet.MemberChange{Suspend: tenant.Suspending{tenant.AdminSuspension: to}}))
	}
	suspend(true)
	same(t, w.call(engineer, "getSIMs", "").body, denied)
	a, _ := w.login(engineer, password, string(folios["A"]), "")
	same(t, a.body, unknownLogin)
	suspend(false)
	if got := w.call(engineer, "getSIMs", ""); got.body == denied {
		t.Error("the session does not go on")
	}
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios["A"], func(p *tenant.Portfolio) error {
		p.AllowList = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		return nil
	}))
	from := func(r *http.Request, addr string) answer {
		r.RemoteAddr = addr
		return w.send(r)
	}
	login := func(secret string) *http.Request {
		return w.request("", "login", fmt.Sprintf(`{"username":%q,"password":%q,"portfolioID":%q}`, engineer, secret, folios["A"]))
	}
	for name, r := range map[string]*http.Request{"login": login(password), "login with a wrong password": login("wrong horse"),
		"call": w.request(engineer, "getSIMs", ""), "logout": w.request(engineer, "logout", "")} {
		a := from(r, "203.0.113.9:4000")
		if a.code != http.StatusForbidden || !strings.Contains(a.body, "<title>403 Forbidden</title>") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s from outside: %d %s", name, a.code, a.body)
		}
		if a.header.Get("Set-Cookie") != "" || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s from outside: %v", name, a.header)
		}
	}
	if a := from(w.request("", "ping", ""), "203.0.113.9:4000"); a.body != `"pong"` {
		t.Errorf("ping from outside: %s", a.body)
	}
	for _, inside := range []string{"198.51.100.7:4000", "[::ffff:198.51.100.7]:4000"} {
		if a := from(w.request(engineer, "getSIMs", ""), inside); a.code != 200 || errorCode(a) != "" {
			t.Errorf("from %s: %d %s", inside, a.code, a.body)
		}
	}
	if a := from(w.request(stranger, "getSIMs", ""), "203.0.113.9:4000"); errorCode(a) != "" {
		t.Errorf("another portfolio's list holds: %s", a.body)
	}
}

// TestGuessingIsSlowedDown: the user's other callers are not kept out.
func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10 {
		name := engineer
		if i%2 == 0 {
			name = "Engineer@A.test" // the same user
		}
		a, _ := w.login(name, "wrong horse", string(folios["A"]), "")
		same(t, a.body, wrongPassword)
	}
	a, _ := w.login(engineer, password, string(folios["A"]), "")
	same(t, a.body, system("E9998", "System not available at this moment"))
	r := w.request("", "login", fmt.Sprintf(`{"username":%q,"password":%q,"portfolioID":%q}`, engineer, password, folios["A"]))
	r.RemoteAddr = "203.0.113.9:4000"
	if a := w.send(r); errorCode(a) != "" {
		t.Errorf("from elsewhere: %s", a.body)
	}
	w.clock.Pass(6 * time.Minute)
	if a, _ := w.login(engineer, password, string(folios["A"]), ""); errorCode(a) != "" {
		t.Errorf("later: %s", a.body)
	}
}
