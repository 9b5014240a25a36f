package tigrillo_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

var methods = []string{"ping", "getCookieName", "login", "logout", "getSIMs", "getSIMStateOptions", "setSIMState", "activateSIMs", "suspendSIMs",
	"unsuspendSIMs", "terminateSIMs", "setSIMDetail", "getSIMBilling", "getSIMLastActivity"}

var (
	noFunction = system("E0002", "Function not recognized")
	noVersion  = system("E0003", "API version not recognized")
)

func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]string{
		"/Japi/Tigrillo/ping":              `"pong"`,
		"/Japi/v1.0/Tigrillo/ping":         `"pong"`,
		"/Japi/v1.0Tigrillo/ping":          `"pong"`,
		"/Japi/Tigrillo/getCookieName":     `"PHPSESSID"`,
		"/Japi/Tigrillo/pong":              noFunction,
		"/Japi/Tigrillo/Ping":              noFunction,
		"/Japi/Tigrillo/ping/":             noFunction,
		"/Japi/Tigrillo/ping/ping":         noFunction,
		"/Japi/Tigrillo//ping":             noFunction,
		"/Japi/Tigrillo/changePassword":    noFunction,
		"/Japi/v1.0/Tigrillo/getSims":      noFunction,
		"/Japi/Tigrillo/":                  noVersion,
		"/Japi/Tigrillo":                   noVersion,
		"/Japi/v1.0Tigrillo":               noVersion,
		"/Japi/v1.0/Tigrillo/":             noVersion,
		"/Japi/v1/Tigrillo/ping":           noVersion,
		"/Japi/v2.0/Tigrillo/ping":         noVersion,
		"/Japi/v2.0Tigrillo/ping":          noVersion,
		"/Japi/1.0Tigrillo/ping":           noVersion,
		"/Japi//Tigrillo/ping":             noVersion,
		"/Japi/v9/Tigrillo/no":             noVersion,
		"/Japi/v1.0Tigrillo/Tigrillo/ping": noFunction,
	} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		a := w.send(r)
		if a.code != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, a.code, a.header.Get("Content-Type"))
		}
		same(t, a.body, want)
	}
}

func TestTheErrorPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/Japi/", "/Japi/ping", "/Japi/tigrillo/ping", "/Japi/v1.0/ping", "/Japi/SIAM/ping", "/Japi/v1.0/v1.0/Tigrillo/ping", "/elsewhere"} {
		for _, edge := range []http.Handler{w.edge, tigrillo.ErrorPage()} {
			rec := httptest.NewRecorder()
			edge.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, nil))
			if rec.Code != http.StatusNotFound || rec.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s: %d %s", path, rec.Code, rec.Header().Get("Content-Type"))
			}
			var page struct {
				XMLName xml.Name `xml:"http://www.w3.org/1999/xhtml html"`
				Title   string   `xml:"head>title"`
			}
			if err := xml.Unmarshal(rec.Body.Bytes(), &page); err != nil || page.Title != "Tigrillo Application error page" {
				t.Errorf("%s: %v %+v", path, err, page)
			}
		}
	}
}

// TestOtherVerbsLoseTheBody: a request that is no POST is answered as one
// without a body, and so changes nothing.
func TestOtherVerbsLoseTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]string{"ping": "", "getCookieName": "", "login": "F0000", "getSIMs": "", "getSIMStateOptions": "E0004", "setSIMState": "E0004",
		"activateSIMs": "E0004", "suspendSIMs": "E0004", "unsuspendSIMs": "E0004", "terminateSIMs": "E0004", "setSIMDetail": "E0005",
		"getSIMBilling": "E0005", "getSIMLastActivity": "E0005", "logout": ""}
	body := fill(`{"ICCID":"<live>","sims":["<live>"],"state":"terminate","username":"a","password":"b","portfolioID":"c"}`)
	for _, verb := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		for _, m := range methods {
			token := w.tokens[engineer]
			if m == "logout" {
				_, token = w.login(engineer, password, string(folios["A"]), "")
			}
			r := httptest.NewRequest(verb, "/Japi/Tigrillo/"+m, strings.NewReader(body))
			if a := w.send(w.as(r, token)); errorCode(a) != want[m] {
				t.Errorf("%s %s: %s", verb, m, a.body)
			}
		}
	}
	if s := w.sim("live"); s.Status() != sim.StatusProvisioned {
		t.Errorf("live is %s", s.Status())
	}
}

func TestAnyContentTypeWillDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"} {
		r := w.request(engineer, "getSIMs", `{"numRecs":1}`)
		r.Header.Set("Content-Type", kind)
		if a := w.send(r); errorCode(a) != "" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q: %s", kind, a.body)
		}
	}
	for _, body := range []string{"", "[]", "null", "{}", "[ ]", "\r\n", `{"a":1}`, "a=b&c=d", "{"} {
		for m, want := range map[string]string{"ping": `"pong"`, "getCookieName": `"PHPSESSID"`} {
			if a := w.call("", m, body); a.body != want {
				t.Errorf("%s with %q: %s", m, body, a.body)
			}
		}
	}
	for _, body := range []string{"", "[]", "null", "{}", " [ ] ", "\r\n"} {
		if a := w.call(engineer, "getSIMs", body); errorCode(a) != "" {
			t.Errorf("%q: %s", body, a.body)
		}
	}
}

func TestAnswersCarryTheRequestIDAndAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request(engineer, "suspendSIMs", `{"sims":["<live>"]}`)
	r.Header.Set("X-Request-Id", "abc-123")
	a := w.send(r)
	if a.header.Get("X-Request-Id") != "abc-123" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
	if !strings.Contains(w.log.String(), "request=abc-123") || !strings.Contains(w.log.String(), "caller=user:engineer@a.test") {
		t.Errorf("the log says %s", w.log)
	}
}

type samples chan httpx.Sample

func (s samples) Observe(x httpx.Sample) { s <- x }

func TestMetricsNameTheMethod(t *testing.T) {
	t.Parallel()
	seen := make(samples, 10)
	w := newWorld(t, func(o *tigrillo.Options) { o.HTTP.Observer = seen })
	for path, want := range map[string]string{"/Japi/Tigrillo/ping": "ping", "/Japi/v1.0Tigrillo/getSIMs": "getSIMs", "/Japi/Tigrillo/x": "other", "/Japi/x": "other"} {
		w.send(httptest.NewRequest(http.MethodPost, path, nil))
		if got := <-seen; got.Edge != "tigrillo" || got.Route != want || got.Problem != 0 {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
