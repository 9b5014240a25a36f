package simapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/oauth"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func TestPortfolios(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.call(engineer, http.MethodGet, "/portfolio", "").has(t, `{"items":[{"portfolioId":"<A>","parentPortfolioId":"<R>","portalId":"<R>"},{"portfolioId":"<C>","parentPortfolioId":"<A>"}]}`)
		var made struct{ PortfolioID string }
		a := w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"New","title":"new","parentPortfolioId":"<A>","billingDayOfMonth":15`))
		a.has(t, `{"name":"New","title":"new","parentPortfolioId":"<A>","portalId":"<R>","currencyId":"GBP","billingDayOfMonth":15,"status":"setup","businessCodeId":1,"attributes":"absent","disableNewActivation":"no","overdue":0,"allowList":[],"createdDate":"2026-03-04T12:00:00Z"}`)
		a.read(t, &made)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"Own child","title":"own","currencyId":"eur"`)).has(t, `{"parentPortfolioId":"<R>","currencyId":"EUR","title":"own"}`)
		one := "/portfolio/" + made.PortfolioID
		w.call(engineer, http.MethodGet, one, "").has(t, `{"title":"new"}`)
		w.call(stranger, http.MethodGet, one, "").fails(t, 404, 6002)
		w.call(operator, http.MethodPatch, one, `{"name":"Newer","title":"newer","billingDayOfMonth":28,"allowList":["192.0.2.0/24","203.0.113.7"]}`).has(t,
			`{"name":"Newer","title":"newer","billingDayOfMonth":28,"allowList":["192.0.2.0/24","203.0.113.7/32"]}`)
		w.call(operator, http.MethodPatch, one, `{"allowList":[]}`).has(t, `{"allowList":[]}`)
		for query, want := range map[string]string{"name=newer": "newer", "title=newer": "newer", "title=new": "", "matchField=title&matchType=S&title=NEW": "newer",
			"matchField=status,title&matchType=s,e&status=SET&title=WER": "newer", "matchField=status&matchType=S&status=del": "",
			"parentPortfolioId=<A>&sortField=name&sortOrder=D": "- newer", "status=deleted": ""} {
			var p struct{ Items []struct{ Title string } }
			w.call(operator, http.MethodGet, "/portfolio?"+query, "").into(t, &p)
			var got []string
			for _, i := range p.Items {
				if i.Title == "" {
					i.Title = "-"
				}
				got = append(got, i.Title)
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s: %q, not %q", query, s, want)
			}
		}
		for body, code := range map[string]int{`{}`: 6017, `{"title":"a b"}`: 6006, `{"billingDayOfMonth":29}`: 6006, `{"allowList":["x"]}`: 6045, `{"overdue":-1}`: 6006,
			`{"overdue":1.0000001}`: 6006, `{"currencyId":"EUR"}`: 6014, `{"name":""}`: 6006} {
			w.call(operator, http.MethodPatch, one, body).fails(t, 400, code)
		}
		w.call(operator, http.MethodPatch, "/portfolio/<C>", `{"title":"newer"}`).fails(t, 400, 6050)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"x","title":"newer","parentPortfolioId":"<A>"`)).fails(t, 400, 6050)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"x","parentPortfolioId":"dddddddddddddddddddddddddddddddd"`)).fails(t, 403, 6026)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"x","currencyId":"ZZZ"`)).fails(t, 400, 6006)
		w.call(operator, http.MethodPatch, "/portfolio/<R>", `{"status":"deleted"}`).fails(t, 400, 6049)
		w.call(admin, http.MethodPost, "/portfolio", portfolioInput(`"name":"x"`)).fails(t, 403, 6001)
		w.call(operator, http.MethodPatch, one, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"x","parentPortfolioId":"`+made.PortfolioID+`"`)).fails(t, 400, 16003)
		w.call(operator, http.MethodGet, "/portfolio/xyz", "").fails(t, 400, 6006)
	})
}

// What the contract says that a portfolio and a user need, they need: what is
// missing is named, field by field.
func TestWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, c := range map[string]struct {
		whole string
		needs []string
	}{
		"/portfolio":          {portfolioInput(`"name":"Whole"`), []string{"name", "title", "businessCodeId", "taxCodeId", "currencyId", "paymentMethodId", "invoicingEntityId", "billingDayOfMonth"}},
		"/portfolio/<A>/user": {userInput(`"username":"somebody"`), []string{"firstName", "lastName", "emailAddress", "username", "mobileNumber", "userTypeId"}},
	} {
		for _, field := range c.needs {
			for _, with := range []string{"absent", "null", `""`} {
				var body map[string]any
				check(json.Unmarshal([]byte(c.whole), &body))
				switch delete(body, field); with {
				case "null":
					body[field] = nil
				case `""`:
					body[field] = ""
				}
				a := w.call(operator, http.MethodPost, path, encode(body))
				if a.fails(t, 400, 6006); !strings.Contains(a.body, field+" is missing") && (with == "absent" || !strings.Contains(a.body, `["`+field+" ")) {
					t.Errorf("%s without %s: %s", path, field, a.body)
				}
			}
		}
	}
	// The older word for how it pays is taken, too.
	older := strings.Replace(portfolioInput(`"name":"Older"`), "paymentMethodId", "paymentMethod", 1)
	w.call(operator, http.MethodPost, "/portfolio", older).has(t, `{"paymentMethodId":3}`)
	w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"title":"two","paymentMethod":3,"paymentMethodId":4`)).fails(t, 400, 6006)
	w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"title":"two","paymentMethod":"4","paymentMethodId":4`)).has(t, `{"paymentMethodId":4}`)
	// A user without a password is given one, which is told once.
	var made struct{ UserID, Password string }
	w.call(admin, http.MethodPost, "/portfolio/<A>/user", strings.Replace(userInput(`"username":"somebody"`), `,"password":"correct horse"`, "", 1)).into(t, &made)
	if _, err := w.Fleet.SignIn(t.Context(), fleet.Request{}, fleet.Login{Username: "somebody", Password: made.Password, Portfolio: folios["A"]}); err != nil || len(made.Password) < 20 {
		t.Errorf("with %d characters: %v", len(made.Password), err)
	}
	w.call(admin, http.MethodGet, "/portfolio/<A>/user/"+made.UserID, "").has(t, `{"password":"absent"}`)
	w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"somebody else"`)).has(t, `{"password":"absent"}`)
}

// Roles that are given and taken at once are all given and taken, but for the last.
func TestRolesAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		var u struct{ UserID string }
		w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"Ada Lovelace","roles":"A"`)).into(t, &u)
		all := "/portfolio/<A>/user/" + u.UserID + "/userPermission"
		var wg sync.WaitGroup
		for _, title := range []string{"E", "F", "L"} {
			wg.Go(func() { w.call(admin, http.MethodPost, all, `{"title":"`+title+`"}`).has(t, `{"status":"active"}`) })
		}
		wg.Wait()
		w.call(admin, http.MethodGet, all, "").has(t, `[{"title":"A"},{"title":"E"},{"title":"F"},{"title":"L"}]`)
		var taken atomic.Int32
		for id := range 4 {
			wg.Go(func() {
				if a := w.call(admin, http.MethodPatch, fmt.Sprint(all, "/", id+1), `{"status":"deleted"}`); a.status == http.StatusOK {
					taken.Add(1)
				} else {
					a.fails(t, 400, 6048)
				}
			})
		}
		wg.Wait()
		if n := taken.Load(); n != 3 {
			t.Errorf("%d of 4 roles are taken; a user keeps one", n)
		}
	})
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"Ada Lovelace","password":"correct horse","emailAddress":"ada@a.example","firstName":"Ada",
		"lastName":"Lovelace","mobileNumber":"+447700900999","roles":"EF"`))
	a.has(t, `{"portfolioId":"<A>","username":"Ada Lovelace","firstName":"Ada","lastName":"Lovelace","emailAddress":"ada@a.example","mobileNumber":"+447700900999","userTypeId":1,
		"clientId":null,"roles":"EF","status":"active","createdDate":"2026-03-04T12:00:00Z"}`)
	var u struct{ UserID string }
	a.read(t, &u)
	one := "/portfolio/<A>/user/" + u.UserID
	if _, err := w.Fleet.SignIn(t.Context(), fleet.Request{}, fleet.Login{Username: "ada lovelace", Password: "correct horse", Portfolio: folios["A"]}); err != nil {
		t.Error(err)
	}
	w.call(admin, http.MethodGet, one, "").has(t, `{"firstName":"Ada"}`)
	w.call(admin, http.MethodGet, "/portfolio/<A>/user?userTypeId=1", "").has(t, `{"items":[{"emailAddress":"ada@a.example"}]}`)
	w.call(admin, http.MethodGet, "/portfolio/<A>/user?emailAddress=ADA@a.example&username=ada+lovelace", "").has(t, `{"itemCount":1}`)
	w.call(admin, http.MethodGet, "/portfolio/<A>/user?userTypeId=4&pageSize=2", "").has(t, `{"itemCount":2,"items":[{"userTypeId":4},{}]}`)
	w.call(admin, http.MethodPatch, one, `{"firstName":"Augusta","mobileNumber":"","password":"battery staple"}`).has(t, `{"firstName":"Augusta","mobileNumber":"","lastName":"Lovelace"}`)
	in := must(w.Fleet.SignIn(t.Context(), fleet.Request{}, fleet.Login{Username: "ada lovelace", Password: "battery staple", Portfolio: folios["A"]}))
	w.call(admin, http.MethodGet, one+"/userPermission", "").has(t, `[{"userPermissionId":2,"title":"E","name":"Engineering"},{"userPermissionId":3,"title":"F","status":"active","userId":"`+u.UserID+`"}]`)
	w.call(admin, http.MethodPost, one+"/userPermission", `{"title":"A"}`).has(t, `{"permissionId":1,"title":"A"}`)
	w.call(admin, http.MethodPost, one+"/userPermission", `{"permissionId":"4"}`).has(t, `{"title":"L"}`)
	w.call(admin, http.MethodPatch, one+"/userPermission/3", `{"status":"deleted"}`).has(t, `{"title":"F","status":"deleted"}`)
	w.call(admin, http.MethodGet, one, "").has(t, `{"roles":"EAL"}`)
	for body, code := range map[string]int{`{"title":"A"}`: 6047, `{"title":"Z"}`: 6006, `{"permissionId":99}`: 6006, `{}`: 6006, `{"title":"A","permissionId":1}`: 6006, `{"title":"operator"}`: 6006} {
		w.call(admin, http.MethodPost, one+"/userPermission", body).fails(t, 400, code)
	}
	w.call(admin, http.MethodPatch, one+"/userPermission/3", `{"status":"deleted"}`).fails(t, 404, 6002)
	w.call(admin, http.MethodPatch, one+"/userPermission/1", `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(admin, http.MethodPatch, one+"/userPermission/2", `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(admin, http.MethodPatch, one+"/userPermission/4", `{"status":"deleted"}`).fails(t, 400, 6048)
	w.call(admin, http.MethodPatch, one, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	if _, _, err := w.Fleet.Session(t.Context(), in.Token); err == nil {
		t.Error("a deleted user's session lives on")
	}
	w.call(admin, http.MethodGet, "/portfolio/<A>/user?status=deleted", "").has(t, `{"itemCount":1}`)
	for body, code := range map[string]int{`{}`: 6017, `{"password":"short"}`: 6006, `{"emailAddress":"x"}`: 6006, `{"username":"x"}`: 6014, `{"mobileNumber":"call me"}`: 6006} {
		w.call(admin, http.MethodPatch, one, body).fails(t, 400, code)
	}
	for body, code := range map[string]int{`"username":"ada lovelace"`: 6052, `"username":"short"`: 6006, `"username":"someone","roles":"X"`: 6006,
		`"username":"someone","roles":"AA"`: 6006, `"username":"someone","userTypeId":4`: 6013, `"username":"someone","userTypeId":0`: 6013} {
		w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(body)).fails(t, 400, code)
	}
	w.call(engineer, http.MethodGet, "/portfolio/<A>/user", "").fails(t, 403, 6001)
	w.call(admin, http.MethodGet, "/portfolio/<R>/user", "").fails(t, 404, 6002)
	w.call(admin, http.MethodGet, "/portfolio/<C>/user/"+u.UserID, "").fails(t, 404, 6002)
}

func TestNobodyGivesAwayMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(admin, http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"x@a.example","role":"operator"}`).fails(t, 403, 6001)
	self := w.secrets[admin].id
	w.call(admin, http.MethodPost, "/portfolio/<A>/user/"+self+"/userPermission", `{"title":"operator"}`).fails(t, 403, 6001)
	w.call(admin, http.MethodPatch, "/portfolio/<A>/serviceAccount/"+self, `{"role":"operator"}`).fails(t, 403, 6001)
	var made struct{ ClientID string }
	w.call(operator, http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"op@a.example","role":"operator"}`).into(t, &made)
	w.call(admin, http.MethodPatch, "/portfolio/<A>/serviceAccount/"+made.ClientID, `{"status":"deleted"}`).fails(t, 403, 6001)
	w.call(admin, http.MethodPost, "/portfolio/<A>/user/"+made.ClientID+"/userPermission", `{"title":"viewer"}`).fails(t, 403, 6001)
}

// token fetches one over the wire.
func (w *world) token(id, secret, from string) answer {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, oauth.Path, strings.NewReader("grant_type=client_credentials"))
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	if from != "" {
		r.RemoteAddr = from + ":5000"
	}
	rec := httptest.NewRecorder()
	oauth.New(oauth.Options{Fleet: w.Fleet, HTTP: httpx.Options{}}).ServeHTTP(rec, r)
	return answer{rec.Code, rec.Header(), rec.Body.String()}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		a := w.call(admin, http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"bot@a.example","firstName":"Bot","role":"viewer","allowList":["192.0.2.0/24"],"expiryDate":"2026-04-01"}`)
		a.has(t, `{"portfolioId":"<A>","emailAddress":"bot@a.example","firstName":"Bot","lastName":"","role":"viewer","allowList":["192.0.2.0/24"],"expiryDate":"2026-04-01T00:00:00Z","status":"active"}`)
		var made struct{ ClientID, ClientSecret string }
		a.read(t, &made)
		if len(made.ClientID) != 32 || len(made.ClientSecret) != 52 {
			t.Errorf("%+v", made)
		}
		w.secrets["bot"] = secret{id: made.ClientID, secret: made.ClientSecret}
		one := "/portfolio/<A>/serviceAccount/" + made.ClientID
		w.call(admin, http.MethodGet, one, "").has(t, `{"clientId":"`+made.ClientID+`","clientSecret":"absent"}`)
		w.call(admin, http.MethodGet, "/portfolio/<A>/serviceAccount?role=viewer&sortField=emailAddress", "").has(t, `{"items":[{"emailAddress":"bot@a.example"},{"emailAddress":"viewer@simurgh.example"}]}`)
		w.call(admin, http.MethodGet, "/portfolio/<A>/user/"+made.ClientID, "").has(t, `{"userTypeId":4,"clientId":"`+made.ClientID+`","roles":"viewer"}`)

		if got := w.token(made.ClientID, made.ClientSecret, "198.51.100.1"); got.status != 400 || !strings.Contains(got.body, "unauthorized_client") {
			t.Errorf("from elsewhere: %s", got.body)
		}
		var tok struct {
			AccessToken string `json:"access_token"`
		}
		w.token(made.ClientID, made.ClientSecret, "192.0.2.7").into(t, &tok)
		get := func(from string) answer {
			r := w.request("", http.MethodGet, "/sim/<live>", "")
			r.Header.Set("Authorization", "bearer "+tok.AccessToken)
			r.RemoteAddr = from + ":5000"
			return w.send(r)
		}
		get("192.0.2.9").has(t, `{"iccId":"<live>"}`)
		get("198.51.100.1").fails(t, 403, 6009)
		w.call(admin, http.MethodPatch, one, `{"allowList":[],"role":"engineer","expiryDate":null,"lastName":"Two"}`).has(t, `{"allowList":[],"role":"engineer","expiryDate":null,"lastName":"Two"}`)
		get("198.51.100.1").has(t, `{"iccId":"<live>"}`)

		var list []struct {
			TokenID int64
			Address string
		}
		w.call(admin, http.MethodGet, one+"/token", "").into(t, &list)
		if len(list) != 1 || list[0].Address != "192.0.2.7" {
			t.Fatalf("%+v", list)
		}
		w.call(admin, http.MethodDelete, fmt.Sprintf("%s/token/%d", one, list[0].TokenID), "").has(t, `{"TOKEN":1}`)
		get("192.0.2.7").fails(t, 401, 0)
		w.call(admin, http.MethodDelete, fmt.Sprintf("%s/token/%d", one, list[0].TokenID), "").fails(t, 404, 6002)
		w.call(admin, http.MethodDelete, one+"/token/0", "").fails(t, 404, 6002)
		for range 2 {
			w.token(made.ClientID, made.ClientSecret, "").into(t, &tok)
		}
		w.call(admin, http.MethodDelete, one+"/token", "").has(t, `{"TOKEN":2}`)
		w.token(made.ClientID, made.ClientSecret, "").into(t, &tok)
		w.call(admin, http.MethodDelete, one, "").has(t, `{"SERVICE_ACCOUNT":1}`)
		get("192.0.2.7").fails(t, 401, 0)
		if got := w.token(made.ClientID, made.ClientSecret, ""); !strings.Contains(got.body, "invalid_client") {
			t.Error(got.body)
		}
		w.call(admin, http.MethodDelete, one, "").fails(t, 400, 6023)
		for body, code := range map[string]int{`{}`: 6017, `{"expiryDate":"2026-01-01"}`: 6006, `{"role":"king"}`: 6006, `{"allowList":["x"]}`: 6045, `{"clientSecret":"x"}`: 6014, `{"emailAddress":"x y@z"}`: 6006} {
			w.call(admin, http.MethodPatch, one, body).fails(t, 400, code)
		}
		w.call(admin, http.MethodGet, "/portfolio/<A>/serviceAccount/"+strings.Repeat("d", 32), "").fails(t, 404, 6002)
	})
}

// A token that is not the caller's, not a token, or no longer one.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	try := func(header string) answer {
		r := w.request("", http.MethodGet, "/sim/<live>", "")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		return w.send(r)
	}
	token := w.secrets[engineer].token
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + token, token, "Bearer " + token[1:], "Bearer " + strings.ToUpper(token), "Bearer " + w.secrets[engineer].secret} {
		a := try(header)
		a.fails(t, 401, 0)
		if a.body != `{"message":"Unauthorized"}`+"\n" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%q: %s, %s", header, a.body, a.header.Get("WWW-Authenticate"))
		}
	}
	try("Bearer "+token).has(t, `{}`)
	w.clock.Pass(time.Hour - time.Second)
	try("Bearer "+token).has(t, `{}`)
	w.clock.Pass(time.Second)
	try("Bearer "+token).fails(t, 401, 0)
	check(w.Fleet.DropExpired(t.Context()))
	// The account's own end comes first.
	soon := w.clock.Now().Add(time.Minute)
	var tok struct {
		AccessToken string `json:"access_token"`
	}
	w.token(w.secrets[viewer].id, w.secrets[viewer].secret, "").into(t, &tok)
	must(w.Fleet.ChangeMember(t.Context(), w.op, folios["A"], w.secrets[viewer].id, fleet.MemberChange{ExpiresAt: &soon}))
	try("Bearer "+tok.AccessToken).has(t, `{}`)
	w.clock.Pass(time.Minute)
	try("Bearer "+tok.AccessToken).fails(t, 401, 0)
	if got := w.token(w.secrets[viewer].id, w.secrets[viewer].secret, ""); !strings.Contains(got.body, "invalid_client") {
		t.Error(got.body)
	}
	// So does the portfolio's.
	w.token(w.secrets[customer].id, w.secrets[customer].secret, "").into(t, &tok)
	must(w.Fleet.ChangePortfolio(t.Context(), w.op, folios["C"], func(p *tenant.Portfolio) error { p.Status = tenant.Deleted; return nil }))
	try("Bearer "+tok.AccessToken).fails(t, 401, 0)
}

// What another process revokes is over here within a second; what this one
// revokes, at once.
func TestTokensRevokedElsewhere(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		other := must(app.Open(t.Context(), app.Config{Data: w.Data, Database: w.Database, KeyFile: w.KeyFile, Now: w.clock.Now}))
		defer func() { check(other.Close()) }()
		w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{}`)
		must(other.Fleet.RevokeTokens(t.Context(), w.op, folios["A"], w.secrets[engineer].id, 0))
		w.clock.Pass(fleet.BearerLife)
		w.call(engineer, http.MethodGet, "/sim/<live>", "").fails(t, 401, 0)

		w.call(viewer, http.MethodGet, "/sim/<live>", "").has(t, `{}`)
		must(w.Fleet.RevokeTokens(t.Context(), w.op, folios["A"], w.secrets[viewer].id, 0))
		w.call(viewer, http.MethodGet, "/sim/<live>", "").fails(t, 401, 0)
		// So it is when the request had a key.
		w.call(finance, http.MethodGet, "/sim/<live>/billingTotal", "").has(t, `{}`)
		w.keyed(admin, "out", http.MethodDelete, "/portfolio/<A>/serviceAccount/"+w.secrets[finance].id, "").has(t, `{}`)
		w.call(finance, http.MethodGet, "/sim/<live>/billingTotal", "").fails(t, 401, 0)
	})
}

func TestPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call(operator, http.MethodPost, "/package", `{"name":"Gold","portfolios":["<A>","<C>"],"price":2.75,"billingPeriod":1,"activationPrice":1,"terminationPrice":0.5,"contractPeriod":24,
		"autoProvision":"no","autoTerminate":"yes","iccMnoId":"350","network":"lab"}`)
	a.has(t, `{"name":"Gold","status":"active","currencyId":"GBP","price":2.75,"billingPeriod":1,"activationPrice":1,"terminationPrice":0.5,"contractPeriod":24,"autoProvision":"no",
		"autoTerminate":"yes","iccMnoId":350,"network":"lab","portfolios":["<A>","<C>"]}`)
	var p struct{ PackageID int64 }
	a.read(t, &p)
	one := fmt.Sprintf("/package/%d", p.PackageID)
	w.call(engineer, http.MethodGet, one, "").has(t, `{"name":"Gold","portfolios":["<A>","<C>"]}`)
	w.call(customer, http.MethodGet, one, "").has(t, `{"portfolios":["<C>"]}`)
	w.call(stranger, http.MethodGet, one, "").fails(t, 404, 6002)
	w.call(operator, http.MethodPatch, one, `{"name":"Silver","price":1,"autoProvision":"yes","contractPeriod":0}`).has(t, `{"name":"Silver","price":1,"autoProvision":"yes","contractPeriod":0,"terminationPrice":0.5}`)
	w.call(operator, http.MethodGet, "/package?name=silver", "").has(t, `{"items":[{"name":"Silver"}]}`)
	w.call(operator, http.MethodGet, "/package?matchField=name&matchType=e&name=alone&sortField=packageId&sortOrder=d", "").has(t, `{"items":[{"packageId":6691},{"packageId":6689}]}`)
	w.call(operator, http.MethodDelete, one, "").has(t, `{"PACKAGE":1}`)
	w.call(operator, http.MethodDelete, one, "").fails(t, 400, 6023)
	w.call(operator, http.MethodPatch, one, `{"status":"active"}`).has(t, `{"status":"active"}`)
	w.call(operator, http.MethodDelete, "/package/6685", "").fails(t, 400, 6046)
	w.call(engineer, http.MethodPatch, one, `{"name":"x"}`).fails(t, 403, 6001)
	for body, code := range map[string]int{`{}`: 6017, `{"price":-1}`: 6006, `{"price":"1"}`: 6006, `{"network":"x"}`: 6014, `{"billingPeriod":0}`: 6006, `{"status":"deleted"}`: 6006} {
		w.call(operator, http.MethodPatch, one, body).fails(t, 400, code)
	}
	for body, code := range map[string]int{`{"name":"x","portfolios":[]}`: 6006, `{"name":"x"}`: 6006, `{"name":"x","portfolios":["<A>"],"packageId":6685}`: 6052,
		`{"name":"x","portfolios":["<A>"],"network":"nowhere"}`: 6006, `{"name":"x","portfolios":["<A>"],"price":0.0000001}`: 6006, `{"name":"x","portfolios":["<A>"],"price":1e3}`: 6006} {
		w.call(operator, http.MethodPost, "/package", body).fails(t, 400, code)
	}
	w.call(operator, http.MethodPost, "/package", `{"name":"x","portfolios":["dddddddddddddddddddddddddddddddd"]}`).fails(t, 404, 6002)
}

func TestPackageItems(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		a := w.call(operator, http.MethodPost, "/package/6685/packageItem", `{"packageItemCategoryId":105,"bundleAmount":10485760,"outOfBundlePrice":0.25}`)
		a.has(t, `{"packageId":6685,"packageItemCategoryId":105,"bundleAmount":10485760,"outOfBundlePrice":0.25,"inBundleRounding":1024,"outOfBundleRounding":1024,"mcc":[],"status":"active"}`)
		var i struct{ PackageItemID int64 }
		a.read(t, &i)
		one := fmt.Sprintf("/package/6685/packageItem/%d", i.PackageItemID)
		w.call(operator, http.MethodPost, "/package/6685/packageItem", `{"packageItemCategoryId":105,"mcc":["234","208"],"outOfBundlePrice":0.1}`).has(t, `{"mcc":["208","234"]}`)
		w.call(operator, http.MethodPost, "/package/6685/packageItem", `{"packageItemCategoryId":133}`).has(t, `{"inBundleRounding":60}`)
		w.call(engineer, http.MethodGet, "/package/6685/packageItem?packageItemCategoryId=105", "").has(t, `{"itemCount":2}`)
		w.call(engineer, http.MethodGet, one, "").has(t, `{"bundleAmount":10485760}`)
		w.call(operator, http.MethodPatch, one, `{"bundleAmount":0,"outOfBundlePrice":0.3,"inBundleRounding":1,"outOfBundleRounding":2}`).has(t, `{"bundleAmount":0,"outOfBundlePrice":0.3,"inBundleRounding":1,"outOfBundleRounding":2}`)
		w.call(operator, http.MethodDelete, one, "").has(t, `{"PACKAGE_ITEM":1}`)
		w.call(operator, http.MethodDelete, one, "").fails(t, 400, 6023)
		w.call(engineer, http.MethodGet, "/package/6685/packageItem?status=deleted", "").has(t, `{"itemCount":1}`)
		w.call(operator, http.MethodPatch, one, `{"status":"active"}`).has(t, `{"status":"active"}`)
		for body, code := range map[string]int{`{"packageItemCategoryId":105}`: 6052, `{"packageItemCategoryId":105,"mcc":["234"]}`: 6052, `{"packageItemCategoryId":104}`: 6006, `{}`: 6006,
			`{"packageItemCategoryId":122,"mcc":["x"]}`: 6006, `{"packageItemCategoryId":122,"inBundleRounding":0}`: 6006} {
			w.call(operator, http.MethodPost, "/package/6685/packageItem", body).fails(t, 400, code)
		}
		w.call(operator, http.MethodPatch, one, `{}`).fails(t, 400, 6017)
		w.call(operator, http.MethodPatch, "/package/6685/packageItem/1", `{"bundleAmount":1}`).fails(t, 404, 6002)
		w.call(operator, http.MethodPatch, strings.Replace(one, "6685", "6686", 1), `{"bundleAmount":1}`).fails(t, 404, 6002)
		w.call(engineer, http.MethodGet, "/package/6689/packageItem", "").fails(t, 404, 6002)
		w.call(engineer, http.MethodPost, "/package/6685/packageItem", `{"packageItemCategoryId":122}`).fails(t, 403, 6001)
	})
}

func TestPackageLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(operator, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"<C>"}`).has(t, `{"packagePortfolioId":"<C>","packageId":6691,"portfolioId":"<C>","adminSuspend":"no","customerSuspend":"no","status":"active"}`)
	w.call(operator, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"<C>"}`).fails(t, 400, 6052)
	w.call(customer, http.MethodPatch, "/sim/<child>", `{"packageId":6691}`).has(t, `{"portfolioPackage":{"packageId":6691}}`)
	w.call(operator, http.MethodPatch, "/package/6691/packagePortfolio/<C>", `{"adminSuspend":"yes"}`).has(t, `{"adminSuspend":"yes"}`)
	w.call(customer, http.MethodPatch, "/sim/<child>", `{"packageId":6686}`).has(t, `{}`)
	w.call(customer, http.MethodPatch, "/sim/<child>", `{"packageId":6691}`).fails(t, 400, 16006)
	w.call(operator, http.MethodPatch, "/package/6691/packagePortfolio/<C>", `{"adminSuspend":"no","status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(customer, http.MethodPatch, "/sim/<child>", `{"packageId":6691}`).fails(t, 404, 6002)
	w.call(engineer, http.MethodPatch, "/sim/<child>", `{"packageId":6691}`).fails(t, 400, 16005)
	w.call(operator, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"<C>"}`).has(t, `{"status":"active"}`)
	w.call(operator, http.MethodGet, "/package/6691/packagePortfolio", "").has(t, `{"items":[{"portfolioId":"<A>"},{"portfolioId":"<C>"}]}`)
	w.call(operator, http.MethodGet, "/package/6691/packagePortfolio?portfolioId=<C>", "").has(t, `{"itemCount":1}`)
	w.call(operator, http.MethodPatch, "/package/6691/packagePortfolio/<C>", `{}`).fails(t, 400, 6017)
	w.call(operator, http.MethodPatch, "/package/6691/packagePortfolio/<B>", `{"adminSuspend":"yes"}`).fails(t, 404, 6002)
	w.call(operator, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"dddddddddddddddddddddddddddddddd"}`).fails(t, 403, 6026)
	var made struct{ PortfolioID string }
	w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"Euro","currencyId":"EUR"`)).into(t, &made)
	w.call(operator, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"`+made.PortfolioID+`"}`).fails(t, 400, 6013)
	w.call(engineer, http.MethodPost, "/package/6691/packagePortfolio", `{"portfolioId":"<C>"}`).fails(t, 403, 6001)
}

// A package that is offered nowhere any more stays with the operator, who can
// offer it again, or delete it; anybody else sees nothing of it.
func TestPackageOfferedNowhere(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var made struct{ PackageID int64 }
		w.call(operator, http.MethodPost, "/package", `{"name":"Once","network":"lab","portfolios":["<A>"]}`).into(t, &made)
		one := fmt.Sprintf("/package/%d", made.PackageID)
		link := one + "/packagePortfolio"
		w.call(engineer, http.MethodGet, one, "").has(t, `{"name":"Once"}`)
		w.call(operator, http.MethodPatch, link+"/<A>", `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		for _, caller := range []string{admin, engineer, customer, stranger} {
			w.call(caller, http.MethodGet, one, "").fails(t, 404, 6002)
		}
		w.call(operator, http.MethodGet, one, "").has(t, `{"name":"Once","portfolios":[]}`)
		w.call(operator, http.MethodGet, "/package?name=Once", "").has(t, `{"itemCount":1}`)
		w.call(engineer, http.MethodGet, "/package?name=Once", "").has(t, `{"itemCount":0}`)
		w.call(operator, http.MethodPost, one+"/packageItem", `{"packageItemCategoryId":105,"bundleAmount":0,"outOfBundlePrice":0.25}`).has(t, `{"status":"active"}`)
		w.call(operator, http.MethodGet, one+"/packageItem", "").has(t, `{"itemCount":1}`)
		w.call(operator, http.MethodPatch, "/sim/<live>", fmt.Sprintf(`{"packageId":%d}`, made.PackageID)).fails(t, 404, 6002)
		w.call(operator, http.MethodPost, link, `{"portfolioId":"<A>"}`).has(t, `{"status":"active"}`)
		w.call(engineer, http.MethodGet, one, "").has(t, `{"name":"Once"}`)
	})
}
