package terminal_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

func readAll(t testing.TB, f fs.File) string {
	t.Helper()
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The styles of clients in the field, against a live server, whose client follows
// no redirect.
func TestClientStyles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *terminal.Options) { o.Prefixes = []string{"/webapi"} })
	mux := http.NewServeMux()
	o := terminal.Options{Prefixes: []string{"webapi/"}}
	for _, prefix := range o.Mounts() {
		mux.Handle(prefix+"/", w.edge)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, b := string(iccid("live")), string(iccid("live2"))
	for _, c := range []struct{ name, method, path, kind, body, want string }{
		{"query string", "GET", "/v1/get_sim?iccid=" + a, "", "", `"iccid":"` + a},
		{"a JSON type and no body", "GET", "/v1/get_sim?iccid=" + a, "application/json", "", `"iccid":"` + a},
		{"a JSON type and an empty object", "PUT", "/v1/set_name?iccid=" + a + "&name=n", "application/json", "{}", `"name":"n"`},
		{"slash before the query", "GET", "/v1/get_account_sims/?offset=0", "", "", `"found":15`},
		{"slash and nothing", "GET", "/v1/get_account_sims/?", "", "", `"found":15`},
		{"repeated parameter", "GET", "/v1/get_sims?iccid=" + a + "&iccid=" + b, "", "", `"found":2`},
		{"comma list", "GET", "/v1/get_sims?iccid=" + a + "," + b, "", "", `"found":2`},
		{"escaped comma list", "GET", "/v1/get_sims?iccid=" + a + "%2C" + b, "", "", `"found":2`},
		{"a mixture with repetitions", "GET", "/v1/get_sims?iccid=" + a + "%2C" + b + "&iccid=" + a, "", "", `"found":2,"offset":0,"total":2`},
		{"form body, PUT", "PUT", "/v1/set_name", form, "iccid=" + a + "&name=" + url.QueryEscape("pump 7"), `"name":"pump 7"`},
		{"form body, POST", "POST", "/v1/set_name", form, "iccid=" + a + "&name=x", `"name":"x"`},
		{"POST for a read", "POST", "/v1/get_account_sims", form, "offset=", `"found":15,"offset":0`},
		{"blank offset", "GET", "/v1/get_account_sims?offset=", "", "", `"offset":0`},
		{"JSON body", "PUT", "/v1/set_data_limit", "application/json", `{"iccid":["` + a + `"],"limit":50}`, `"data_limit":50`},
		{"query before body", "PUT", "/v1/set_name?name=query", form, "iccid=" + a + "&name=form", `"name":"query"`},
		{"blank in the query, then the body", "PUT", "/v1/set_name?name=", form, "iccid=" + a + "&name=form", `"name":"form"`},
		{"a body of another type is not looked at", "PUT", "/v1/set_name?iccid=" + a + "&name=n", "text/plain", "anything", `"name":"n"`},
		{"another prefix", "GET", "/webapi/get_sim?iccid=" + a, "", "", `"iccid":"` + a},
		{"EID", "GET", "/v1/get_sim?eid=" + esimEID, "", "", `"eid":"` + esimEID},
		{"both: the ICCID wins", "GET", "/v1/get_sim?eid=" + esimEID + "&iccid=" + a, "", "", `"iccid":"` + a},
		{"True of .NET", "GET", "/v1/get_account_alerts?unread=True&markRead=False", "", "", `"found":0`},
		{"several: OK", "PUT", "/v1/set_name?iccid=" + a + "," + b + "&name=both", "", "", "OK"},
	} {
		r, err := http.NewRequest(c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		r.Header.Set("Authorization", "Bearer "+w.secrets[full].token)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: %d %.300s %v", c.name, resp.StatusCode, text, err)
		}
	}
}

// Methods and paths that are none, each with the reason.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.get("/nothing").fails(t, 404, "E404", "nothing")
	w.get("/").fails(t, 404, "E404", "")
	w.call(full, http.MethodPut, "/get_sim?iccid=<live>").fails(t, 405, "E405", "GET")
	a := w.call(full, http.MethodGet, "/activate?iccid=<stock>")
	if a.fails(t, 405, "E405", "PUT"); a.header.Get("Allow") != "PUT, POST, OPTIONS" || w.look("stock").State != "SHIPPING" {
		t.Errorf("%v", a.header)
	}
	w.call(full, http.MethodDelete, "/me").fails(t, 405, "E405", "GET")
	w.send(authorized(w, request(http.MethodPut, "/v1/set_name", "application/json", "[1]"))).fails(t, 400, "E400", "JSON object")
	w.send(authorized(w, request(http.MethodPut, "/v1/set_name", "application/json", `{"name":{"a":1}}`))).fails(t, 400, "E400", "name")
	w.send(authorized(w, request(http.MethodPut, "/v1/set_name", form, "a=%zz"))).fails(t, 400, "E400", "form")
	w.send(authorized(w, request(http.MethodGet, "/v1/get_sim?iccid=%zz", "", ""))).fails(t, 400, "E400", "query")
	w.send(authorized(w, request(http.MethodPut, "/v1/set_name", "", strings.Repeat(" ", 300<<10)))).fails(t, 413, "E400", "too large")
}

func authorized(w *world, r *http.Request) *http.Request {
	r.Header.Set("Authorization", "Bearer "+w.secrets[full].token)
	return r
}

// A write with a key is carried out once, and answered again as it was.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		keyed := func(path, key string) got {
			r := authorized(w, request(http.MethodPut, "/v1"+fill(path), "", ""))
			r.Header.Set("Idempotency-Key", key)
			return w.send(r)
		}
		first := keyed("/activate?iccid=<stock>", "k1").ok(t, 202)
		w.settle()
		w.put("/deactivate?iccid=<stock>").ok(t, 202)
		if again := keyed("/activate?iccid=<stock>", "k1"); again.body != first.body || again.status != 202 {
			t.Errorf("%d %s", again.status, again.body)
		}
		if s := w.look("stock"); s.State != "OFFLINE" {
			t.Errorf("it was done twice: %s", s.State)
		}
		keyed("/activate?iccid=<stock2>", "k1").fails(t, 409, "E409", "idempotency key")
		keyed("/test?iccid=<live>", "k2").fails(t, 409, "E201", "")
		keyed("/set_name?iccid=<live>&name=n", "k2").ok(t, 200) // what was refused is not kept
		keyed("/sendSms?iccid=<live>&sms=hello", "k3").ok(t, 202)
		keyed("/sendSms?iccid=<live>&sms=hello", "k3").ok(t, 202)
		if text := w.get("/get_sim_sms?iccid=<live>").body; strings.Count(text, `"text":"hello"`) != 1 {
			t.Error(text)
		}
		keyed("/set_name?iccid=<live>&name=n", strings.Repeat("k", 300)).fails(t, 400, "E400", "Idempotency-Key")
	})
}
