package simapi_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// link asks for a link to a file and returns its address.
func (w *world) link(as, id string, way fleet.Way) *url.URL {
	w.t.Helper()
	var l struct{ URL, Method string }
	w.call(as, http.MethodGet, "/file/"+id+"?action="+string(way), "").into(w.t, &l)
	if want := map[fleet.Way]string{fleet.Download: "GET", fleet.Upload: "PUT"}[way]; l.Method != want {
		w.t.Errorf("%s by %s", way, l.Method)
	}
	return must(url.Parse(l.URL))
}

// secretOf makes a link as the account of the engineer does.
func (w *world) secretOf(id string, way fleet.Way) string {
	w.t.Helper()
	if way == fleet.Download {
		w.call(engineer, http.MethodPut, "/file/"+id, "iccId,value\n1,2\n")
		return w.link(engineer, id, way).Query().Get("link")
	}
	return w.link(engineer, w.made(engineer, "/file", `{"name":"empty","portfolioId":"<A>"}`, "fileId"), way).Query().Get("link")
}

// at sends a request without a token, as who has nothing but the address does.
func (w *world) at(method, address, body string) answer {
	w.t.Helper()
	return w.send(httptest.NewRequest(method, address, strings.NewReader(fill(body))))
}

const oneRow = "iccId,value\n8944538500000000017,active\n"

// A file goes up and down by links alone, under both prefixes.
func TestLinks(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		id := w.made(engineer, "/file", `{"name":"rows.csv","portfolioId":"<A>"}`, "fileId")
		w.call(engineer, http.MethodGet, "/file/"+id+"?action=download", "").fails(t, 400, 6046)
		up := w.link(engineer, id, fleet.Upload)
		w.at(http.MethodPut, up.String(), "no rows").fails(t, 400, 6006)
		w.at(http.MethodPut, up.String(), oneRow).has(t, `{"status":"active","rowCount":1}`)
		w.at(http.MethodPut, up.String(), oneRow).fails(t, 400, 6047)
		down := w.link(engineer, id, fleet.Download)
		if down.Scheme != "http" || down.Host != "example.com" || down.Path != "/api/v2/file/"+id+"/content" {
			t.Errorf("the address is %s", down)
		}
		for _, path := range []string{down.Path, "/v2/file/" + id + "/content", down.Path + "/"} {
			a := w.at(http.MethodGet, path+"?"+down.RawQuery, "")
			if a.status != 200 || a.body != oneRow || a.header.Get("Content-Disposition") != `attachment; filename="file-`+id+`.csv"` || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
			}
		}
		w.at(http.MethodGet, down.String()+"&more=1", "").fails(t, 400, 6014)
		w.call(viewer, http.MethodGet, "/file/"+id+"?action=upload", "").fails(t, 403, 6001)
		w.call(stranger, http.MethodGet, "/file/"+id+"?action=download", "").fails(t, 404, 6002)
		if log := w.log.String(); strings.Contains(log, down.Query().Get("link")) || strings.Contains(log, up.Query().Get("link")) || !strings.Contains(log, "/content") {
			t.Error("the log holds a link, or not the request")
		}
	})
}

// Whatever is changed of a link, it opens nothing, and says the same.
func TestLinksThatAreNotRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := w.uploaded(engineer, "A", oneRow), w.uploaded(engineer, "A", oneRow)
	empty := w.made(engineer, "/file", `{"name":"empty","portfolioId":"<A>"}`, "fileId")
	good := w.link(engineer, id, fleet.Download).Query().Get("link")
	raw := must(base64.RawURLEncoding.DecodeString(good))
	flip := func(i int) string {
		b := append([]byte(nil), raw...)
		b[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	content := func(file, link string) string {
		return "/api/v2/file/" + file + "/content?link=" + url.QueryEscape(link)
	}
	body := ""
	for name, address := range map[string]string{
		"another file": content(other, good), "a file that is not there": content("999999999", good), "a huge id": content("99999999999999999999", good),
		"cut": content(id, good[:len(good)-2]), "half": content(id, good[:20]), "longer": content(id, good+"AAAA"), "padded": content(id, good+"="),
		"another mark": content(id, flip(0)), "another file inside": content(id, flip(37)), "another time": content(id, flip(len(raw)-2)),
		"no mark": content(id, base64.RawURLEncoding.EncodeToString(raw[32:])), "nothing right": content(id, strings.Repeat("A", 400)), "not base64": content(id, "*"),
		"for the other way": content(empty, w.link(engineer, empty, fleet.Upload).Query().Get("link")),
	} {
		a := w.at(http.MethodGet, address, "")
		if a.fails(t, 403, 6001); body == "" {
			body = a.body
		} else if a.body != body {
			t.Errorf("%s: %s, and not %s", name, a.body, body)
		}
	}
	w.at(http.MethodPut, content(id, good), oneRow).fails(t, 403, 6001)
	w.at(http.MethodGet, content(id, strings.Repeat("A", 5000)), "").fails(t, 403, 6001)
	w.at(http.MethodGet, "/api/v2/file/"+id+"/content", "").fails(t, 401, 0)
	w.at(http.MethodGet, "/api/v2/file/"+id+"/content?link=", "").fails(t, 401, 0)
	w.at(http.MethodDelete, content(id, good), "").fails(t, 405, 6003)
	w.call(engineer, http.MethodGet, "/file/"+id+"/content", "").fails(t, 401, 0)
	w.clock.Pass(fleet.LinkLife - time.Second)
	if a := w.at(http.MethodGet, content(id, good), ""); a.body != oneRow {
		t.Errorf("before its end: %d %s", a.status, a.body)
	}
	w.clock.Pass(time.Second)
	w.at(http.MethodGet, content(id, good), "").fails(t, 403, 6001)
}

// A link is worth what its account is worth when it is used.
func TestLinksOfAccountsThatChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, key := must2(w.Fleet.CreateServiceAccount(t.Context(), w.op, newOperator("A")))
	var tok struct {
		AccessToken string `json:"access_token"`
	}
	w.token(m.Name, key, "").into(t, &tok)
	w.secrets["linker"] = secret{m.ID, key, tok.AccessToken}
	id := w.uploaded("linker", "A", oneRow)
	l := w.link("linker", id, fleet.Download).String()
	set := func(body string) {
		w.call(operator, http.MethodPatch, "/portfolio/<A>/serviceAccount/"+m.ID, body).has(t, `{}`)
	}
	set(`{"allowList":["203.0.113.0/24"]}`)
	w.at(http.MethodGet, l, "").fails(t, 403, 6001)
	set(`{"allowList":[]}`)
	if a := w.at(http.MethodGet, l, ""); a.body != oneRow {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.call(operator, http.MethodDelete, "/portfolio/<A>/serviceAccount/"+m.ID, "").has(t, `{}`)
	w.at(http.MethodGet, l, "").fails(t, 403, 6001)
}

// The address is the one that callers see, which only a trusted proxy can tell.
func TestTheAddressOfALink(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		w := newWorld(t, func(o *simapi.Options) {
			if trusted {
				o.HTTP.Trusted = []netip.Prefix{must(netip.ParsePrefix("192.0.2.0/24"))}
			}
		})
		id := w.uploaded(engineer, "A", oneRow)
		r := w.request(engineer, http.MethodGet, "/file/"+id+"?action=download", "")
		r.Header.Set("X-Forwarded-Proto", "http, https")
		r.Header.Set("X-Forwarded-Host", "evil.example, sims.example")
		var l struct{ URL string }
		w.send(r).into(t, &l)
		want := "http://example.com/api/v2/"
		if trusted {
			want = "https://sims.example/api/v2/"
		}
		if !strings.HasPrefix(l.URL, want) {
			t.Errorf("trusted %t: %s", trusted, l.URL)
		}
	}
}

// Who is no stored account has no link.
func TestLinksAreForAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := must(w.Fleet.CreateFile(t.Context(), w.op, "x", folios["A"]))
	if _, err := w.Fleet.FileLink(t.Context(), fleet.Request{Caller: tenant.Operator("cli")}, f.ID, fleet.Upload); err == nil {
		t.Error("the operator's command line got a link")
	}
}
