package simapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

var dictionaries = []string{"addressType", "businessCode", "industrySector", "invoicingEntity", "jobTitle", "paymentMethod", "taxCode", "userType"}

// Dictionaries behave alike: what is built in stays, and a tree adds its own.
func TestDictionaries(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for _, d := range dictionaries {
			list, member := "/"+d, d+"Id"
			w.call(viewer, http.MethodGet, list+"?"+member+"=1", "").has(t, `{"itemCount":1,"items":[{"`+member+`":1,"status":"active"}]}`)
			w.call(operator, http.MethodPatch, list+"/1", `{"name":"x"}`).fails(t, 403, 6001)
			id := w.made(operator, list, `{"name":" Our own ","title":"own"}`, member)
			one := list + "/" + id
			w.call(customer, http.MethodGet, one, "").has(t, `{"`+member+`":`+id+`,"name":"Our own","title":"own","status":"active"}`)
			w.call(operator, http.MethodPost, list, `{"name":"x","title":"own"}`).fails(t, 400, 6050)
			w.call(operator, http.MethodPost, list, `{"name":"x","title":"a b"}`).fails(t, 400, 6006)
			w.call(operator, http.MethodPost, list, `{"name":"x"}`).fails(t, 400, 6006)
			w.call(operator, http.MethodPost, list, `{"name":"x","title":"x","colour":1}`).fails(t, 400, 6014)
			w.call(operator, http.MethodPatch, one, `{}`).fails(t, 400, 6017)
			w.call(operator, http.MethodPatch, one, `{"name":"Ours","title":"ours","status":"deleted"}`).has(t, `{"name":"Ours","title":"ours","status":"deleted"}`)
			w.call(operator, http.MethodPatch, list+"/999999", `{"name":"x"}`).fails(t, 404, 6002)
			w.call(operator, http.MethodPatch, list+"/0", `{"name":"x","title":"zero"}`).fails(t, 404, 6002)
			w.call(operator, http.MethodGet, list+"?status=deleted", "").has(t, `{"itemCount":1,"items":[{"title":"ours"}]}`)
			w.call(operator, http.MethodGet, list+"?sortField=title&sortOrder=D&pageSize=1", "").has(t, `{"itemCount":1}`)
			w.call(admin, http.MethodPost, list, `{"name":"x","title":"x"}`).fails(t, 403, 6001)
		}
	})
}

// A tree of accounts has its dictionaries for itself, and only its root changes
// them.
func TestDictionariesOfAnotherTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.made(operator, "/taxCode", `{"name":"Ours","title":"ours"}`, "taxCodeId")
	root := must(w.Fleet.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "Another root"}))
	folio := must(w.Fleet.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "Below it", Parent: root.ID}))
	for _, p := range []tenant.Portfolio{root, folio} {
		n := newOperator("A")
		n.Portfolio = p.ID
		m, key := must2(w.Fleet.CreateServiceAccount(t.Context(), w.op, n))
		var tok struct {
			AccessToken string `json:"access_token"`
		}
		w.token(m.Name, key, "").into(t, &tok)
		w.secrets[p.Name] = secret{m.Name, key, tok.AccessToken}
		w.call(p.Name, http.MethodGet, "/taxCode/"+id, "").fails(t, 404, 6002)
		w.call(p.Name, http.MethodGet, "/taxCode?title=ours", "").has(t, `{"itemCount":0,"items":[]}`)
		w.call(p.Name, http.MethodPatch, "/portfolio/"+string(folio.ID), `{"taxCodeId":`+id+`}`).fails(t, 400, 6013)
	}
	w.call(folio.Name, http.MethodPost, "/taxCode", `{"name":"x","title":"x"}`).fails(t, 403, 6001)
	w.call(folio.Name, http.MethodPost, "/invoicingEntity/1/attribute", `{"attribute":"x"}`).fails(t, 403, 6001)
	w.call(root.Name, http.MethodPost, "/taxCode", `{"name":"x","title":"ours"}`).has(t, `{"title":"ours"}`)
	// The built-in entry carries attributes of each tree.
	w.made(operator, "/invoicingEntity/1/attribute", `{"attribute":"vat","value":"GB1"}`, "invoicingEntityAttributeId")
	w.call(root.Name, http.MethodGet, "/invoicingEntity/1/attribute", "").has(t, `{"items":[]}`)
	w.call(viewer, http.MethodGet, "/invoicingEntity/1/attribute", "").has(t, `{"items":[{"invoicingEntityId":1,"attribute":"vat","value":"GB1"}]}`)
	w.call(operator, http.MethodPost, "/invoicingEntity/55/attribute", `{"attribute":"vat"}`).fails(t, 404, 6002)
}

// What an account is invoiced by refers to entries that are there.
func TestTermsOfPortfolios(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		own := w.made(operator, "/taxCode", `{"name":"Reduced","title":"reduced"}`, "taxCodeId")
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"New","title":"new","currencyId":"GBP","billingDayOfMonth":3,"businessCodeId":"1","taxCodeId":`+own+`,"paymentMethodId":3,"invoicingEntityId":1`)).has(t,
			`{"businessCodeId":1,"taxCodeId":`+own+`,"paymentMethodId":3,"invoicingEntityId":1,"billingDayOfMonth":3,"status":"setup"}`)
		w.call(operator, http.MethodGet, "/portfolio?title=new", "").has(t, `{"items":[{"taxCodeId":`+own+`,"paymentMethodId":3}]}`)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"paymentMethodId":4}`).has(t, `{"paymentMethodId":4,"taxCodeId":null}`)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"paymentMethodId":5}`).fails(t, 400, 6013)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"paymentMethodId":"x"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"paymentMethodId":null}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"Never","title":"never","taxCodeId":99`)).fails(t, 400, 6013)
		w.call(operator, http.MethodGet, "/portfolio?title=never", "").has(t, `{"itemCount":0}`)
		// One that is deleted stays where it is, and goes nowhere else.
		w.call(operator, http.MethodPatch, "/taxCode/"+own, `{"status":"deleted"}`).has(t, `{}`)
		w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"taxCodeId":`+own+`}`).fails(t, 400, 6013)
		w.call(operator, http.MethodGet, "/portfolio?title=new", "").has(t, `{"items":[{"taxCodeId":`+own+`}]}`)
		w.call(operator, http.MethodPost, "/portfolio/<A>/attribute", `{"attribute":"costCentre","value":"17"}`).has(t, `{}`)
		w.call(viewer, http.MethodGet, "/portfolio/<A>", "").has(t, `{"attributes":[{"portfolioId":"<A>","attribute":"costCentre","value":"17","status":"active"}]}`)
		w.call(viewer, http.MethodGet, "/portfolio", "").has(t, `{"items":[{"attributes":[{"value":"17"}]},{"attributes":"absent"}]}`)
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		list := "/portfolio/<A>/portfolioAddress"
		w.call(viewer, http.MethodGet, list, "").has(t, `[]`)
		id := w.made(operator, fill(list), address, "portfolioAddressId")
		one := list + "/" + id
		w.call(viewer, http.MethodGet, one, "").has(t, `{"portfolioAddressId":"`+id+`","portfolioId":"<A>","addressTypeId":1,"name":"Acme","addressLine1":"1 Main Street","addressLine2":"",
			"city":"Leeds","region":"","postCode":"","countryCode":"GB","emailAddress":"","telephone":"","status":"active","createdDate":"2026-03-04T12:00:00Z"}`)
		w.call(viewer, http.MethodGet, list, "").has(t, `[{"portfolioAddressId":"`+id+`"}]`)
		w.call(operator, http.MethodPatch, one, `{"addressTypeId":"2","addressLine2":" Unit 3 ","emailAddress":"bills@acme.example","region":"Yorkshire","telephone":"+44 113 4960000","postCode":"LS1 1AA"}`).has(t,
			`{"addressTypeId":2,"addressLine2":"Unit 3","city":"Leeds","emailAddress":"bills@acme.example","region":"Yorkshire","telephone":"+44 113 4960000","postCode":"LS1 1AA"}`)
		for body, code := range map[string]int{`{}`: 6017, `{"city":""}`: 6006, `{"city":" "}`: 6006, `{"countryCode":"GBR"}`: 6006, `{"countryCode":"12"}`: 6006, `{"emailAddress":"x"}`: 6006,
			`{"addressTypeId":77}`: 6013, `{"colour":"red"}`: 6014, `{"name":"` + strings.Repeat("n", 129) + `"}`: 6006, `{"status":"setup"}`: 6006, `{"city":null}`: 6006} {
			w.call(operator, http.MethodPatch, one, body).fails(t, 400, code)
		}
		w.call(operator, http.MethodPost, list, `{"addressTypeId":1,"name":"x","city":"x","countryCode":"GB"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPatch, list+"/"+strings.Repeat("0", 32), `{"city":"x"}`).fails(t, 404, 6002)
		w.call(operator, http.MethodGet, "/portfolio/<B>/portfolioAddress/"+id, "").fails(t, 404, 6002)
		w.call(stranger, http.MethodGet, one, "").fails(t, 404, 6002)
		w.call(engineer, http.MethodPatch, one, `{"city":"x"}`).fails(t, 403, 6001)
		w.call(operator, http.MethodPatch, one, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		for range 99 {
			w.call(operator, http.MethodPost, list, address).has(t, `{}`)
		}
		w.call(operator, http.MethodPost, list, address).fails(t, 400, 6014)
	})
}

// An account that is made over this API is set up first: it needs somewhere to
// send invoices to before anything in it goes live.
func TestStatesOfPortfolios(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		folio := w.made(operator, "/portfolio", fill(portfolioInput(`"name":"New","parentPortfolioId":"<A>"`)), "portfolioId")
		one := "/portfolio/" + folio
		w.call(operator, http.MethodPatch, one, `{"status":"setup"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPatch, one, `{"status":"active"}`).fails(t, 400, 6046)
		w.call(operator, http.MethodPost, "/package/6685/packagePortfolio", `{"portfolioId":"`+folio+`"}`).has(t, `{}`)
		w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"portfolioId":"`+folio+`"}`).has(t, `{"portfolioPackage":{"portfolioId":"`+folio+`"}}`)
		w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).fails(t, 400, 6023)
		// An address of another type, or one that is not active, is not enough.
		w.call(operator, http.MethodPost, one+"/portfolioAddress", strings.Replace(address, ":1,", ":2,", 1)).has(t, `{}`)
		w.call(operator, http.MethodPatch, one, `{"status":"active"}`).fails(t, 400, 6046)
		bills := w.made(operator, one+"/portfolioAddress", strings.Replace(address, "}", `,"status":"setup"}`, 1), "portfolioAddressId")
		w.call(operator, http.MethodPatch, one, `{"status":"active"}`).fails(t, 400, 6046)
		w.call(operator, http.MethodPatch, one+"/portfolioAddress/"+bills, `{"status":"active"}`).has(t, `{"status":"active"}`)
		w.call(operator, http.MethodPatch, one, `{"status":"active"}`).has(t, `{"status":"active"}`)
		w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).has(t, `{"status":"active"}`)
		if s := w.sim("stock"); s.Wanted.State != sim.Provisioning {
			t.Errorf("the SIM is %s", s.Status())
		}
		// No way round by being deleted in between.
		other := "/portfolio/" + w.made(operator, "/portfolio", portfolioInput(`"name":"Other"`), "portfolioId")
		w.call(operator, http.MethodPatch, other, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		w.call(operator, http.MethodPatch, other, `{"status":"active"}`).fails(t, 400, 6046)
		w.call(operator, http.MethodPost, other+"/portfolioAddress", address).has(t, `{}`)
		w.call(operator, http.MethodPatch, other, `{"status":"active"}`).has(t, `{"status":"active"}`)
		// What the command line makes is active at once.
		if p := must(w.Fleet.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "By hand"})); p.Status != tenant.Active {
			t.Errorf("by hand: %s", p.Status)
		}
	})
}
