package simapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// Portals are seen by who is in them and by whose they are, and changed by the
// latter.
func TestPortals(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		main := `{"portalId":"<R>","portfolioId":"<R>","name":"Portfolio R","title":"main","status":"active"}`
		w.call(viewer, http.MethodGet, "/portal", "").has(t, `{"itemCount":1,"items":[`+main+`]}`)
		w.call(customer, http.MethodGet, "/portal/<R>", "").has(t, main)
		id := w.made(operator, "/portal", `{"name":" Acme's ","title":"acme","portfolioId":"<A>"}`, "portalId")
		acme := `{"portalId":"` + id + `","portfolioId":"<A>","name":"Acme's","title":"acme","status":"active","createdDate":"2026-03-04T12:00:00Z"}`
		w.call(operator, http.MethodGet, "/portal", "").has(t, `{"items":[`+main+`,`+acme+`]}`)
		w.call(operator, http.MethodGet, "/portal?portfolioId=<A>", "").has(t, `{"items":[`+acme+`]}`)
		w.call(operator, http.MethodGet, "/portal?sortField=title&pageSize=1", "").has(t, `{"items":[`+acme+`]}`)
		w.call(engineer, http.MethodGet, "/portal/"+strings.ToUpper(id), "").has(t, acme) // A's, though it is not there
		w.call(customer, http.MethodGet, "/portal/"+id, "").fails(t, 404, 6002)
		w.call(stranger, http.MethodGet, "/portal/"+id, "").fails(t, 404, 6002)

		w.call(operator, http.MethodPatch, "/portfolio/<C>", `{"portalId":"`+id+`"}`).has(t, `{"portalId":"`+id+`"}`)
		w.call(customer, http.MethodGet, "/portal", "").has(t, `{"items":[`+acme+`]}`)
		w.call(customer, http.MethodGet, "/portal/<R>", "").fails(t, 404, 6002)
		w.call(engineer, http.MethodGet, "/portal", "").has(t, `{"items":[`+main+`,`+acme+`]}`)
		w.call(engineer, http.MethodGet, "/portfolio?portalId="+id, "").has(t, `{"items":[{"portfolioId":"<C>"}]}`)
		w.call(engineer, http.MethodGet, "/portfolio?portalId=<R>", "").has(t, `{"items":[{"portfolioId":"<A>"}]}`)

		one := "/portal/" + id
		w.call(operator, http.MethodPatch, one, `{"name":"Acme","title":"acme2"}`).has(t, `{"name":"Acme","title":"acme2"}`)
		for body, code := range map[string]int{`{}`: 6017, `{"title":"main"}`: 6050, `{"title":"a b"}`: 6006, `{"name":""}`: 6006, `{"portfolioId":"<B>"}`: 6014, `{"status":"setup"}`: 6006} {
			w.call(operator, http.MethodPatch, one, body).fails(t, 400, code)
		}
		for body, code := range map[string]int{`{"name":"x","title":"acme2"}`: 6050, `{"name":"x"}`: 6006, `{"title":"x"}`: 6006, `{"name":"x","title":"x","portfolioId":"x"}`: 6006} {
			w.call(operator, http.MethodPost, "/portal", body).fails(t, 400, code)
		}
		w.call(operator, http.MethodPost, "/portal", `{"name":"x","title":"x","portfolioId":"dddddddddddddddddddddddddddddddd"}`).fails(t, 403, 6026)
		w.call(operator, http.MethodPatch, "/portal/<R>", `{"name":"x"}`).fails(t, 403, 6001)
		w.call(admin, http.MethodPatch, one, `{"name":"x"}`).fails(t, 403, 6001)
		w.call(operator, http.MethodPatch, "/portal/dddddddddddddddddddddddddddddddd", `{"name":"x"}`).fails(t, 404, 6002)
		w.call(operator, http.MethodGet, "/portal/xyz", "").fails(t, 400, 6006)

		// An operator of C sees the portal, and does not change what is A's.
		w.enter("C's", newOperator("C"))
		w.call("C's", http.MethodPatch, one, `{"name":"x"}`).fails(t, 403, 6001)
		w.call("C's", http.MethodPost, one+"/attribute", `{"attribute":"x"}`).fails(t, 403, 6001)
		w.call(operator, http.MethodPost, one+"/attribute", `{"attribute":"domain","value":"iot.acme.example"}`).has(t, `{"portalId":"`+id+`","attribute":"domain"}`)
		w.call("C's", http.MethodGet, one+"/attribute", "").has(t, `{"items":[{"value":"iot.acme.example"}]}`)
		w.call(stranger, http.MethodGet, one+"/attribute", "").fails(t, 404, 6002)
	})
}

// An account is in the portal that it, or the nearest above it, was put into;
// a portal that is out of the caller's sphere is refused, whether it is there or not.
func TestPortalsOfPortfolios(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		ofA := w.made(operator, "/portal", `{"name":"A's","title":"a","portfolioId":"<A>"}`, "portalId")
		ofR := w.made(operator, "/portal", `{"name":"R's","title":"r"}`, "portalId")
		in := func(folio string) string {
			var p struct{ PortalID string }
			w.call(operator, http.MethodGet, "/portfolio/"+folio, "").into(t, &p)
			return p.PortalID
		}
		put := func(folio, portal string) answer {
			return w.call(operator, http.MethodPatch, "/portfolio/"+folio, `{"portalId":"`+portal+`"}`)
		}
		put("<A>", ofR).has(t, `{"portalId":"`+ofR+`"}`)
		if in("<C>") != ofR || in("<B>") != string(folios["R"]) {
			t.Error("those below follow, and those beside do not")
		}
		child := w.made(operator, "/portfolio", fill(portfolioInput(`"name":"Child","title":"child","parentPortfolioId":"<C>","portalId":"`+ofA+`"`)), "portfolioId")
		other := w.made(operator, "/portfolio", fill(portfolioInput(`"name":"Other","title":"other","parentPortfolioId":"<C>"`)), "portfolioId")
		if in(child) != ofA || in(other) != ofR {
			t.Errorf("made in %s and %s", in(child), in(other))
		}
		put("<A>", string(folios["R"])).has(t, `{"portalId":"<R>"}`)
		if in(child) != ofA || in(other) != string(folios["R"]) {
			t.Errorf("after a move in %s and %s", in(child), in(other))
		}
		put("<B>", ofA).fails(t, 400, 6013)
		put("<A>", strings.Repeat("d", 32)).fails(t, 403, 6027)
		put("<A>", "xyz").fails(t, 400, 6006)
		w.enter("B's", newOperator("B"))
		for _, portal := range []string{ofA, ofR, strings.Repeat("d", 32)} {
			w.call("B's", http.MethodPatch, "/portfolio/<B>", `{"portalId":"`+portal+`"}`).fails(t, 403, 6027)
			w.call("B's", http.MethodPost, "/portfolio", portfolioInput(`"name":"x","title":"x","portalId":"`+portal+`"`)).fails(t, 403, 6027)
			w.call("B's", http.MethodGet, "/sim/iccStock?portalId="+portal, "").fails(t, 403, 6027)
		}
		w.call("B's", http.MethodGet, "/portfolio", "").has(t, `{"itemCount":1}`) // nothing was half made
		// Who is in a deleted portal stays; nobody else goes there.
		w.call(operator, http.MethodPatch, "/portal/"+ofA, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		put("<A>", ofA).fails(t, 400, 6013)
		put(child, ofA).has(t, `{"portalId":"`+ofA+`"}`)
		// Another tree has a portal of its own, and titles of its own.
		root := must(w.Fleet.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "Another root"}))
		n := newOperator("R")
		n.Portfolio = root.ID
		w.enter("another", n)
		w.call("another", http.MethodGet, "/portal", "").has(t, `{"items":[{"portalId":"`+string(root.ID)+`","name":"Another root","title":"main"}]}`)
		w.call("another", http.MethodPost, "/portal", `{"name":"x","title":"r"}`).has(t, `{}`)
		w.call("another", http.MethodGet, "/portal/"+ofR, "").fails(t, 404, 6002)
	})
}

// enter makes a program and signs it in.
func (w *world) enter(name string, n fleet.NewServiceAccount) {
	w.t.Helper()
	m, key := must2(w.Fleet.CreateServiceAccount(w.t.Context(), w.op, n))
	var tok struct {
		AccessToken string `json:"access_token"`
	}
	w.token(m.Name, key, "").into(w.t, &tok)
	w.secrets[name] = secret{m.Name, key, tok.AccessToken}
}
