package simapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
)

// carrier is something with attributes, and how they are called.
type carrier struct{ path, kind, holder, id, deleted string }

// carriers are one of each kind.
func (w *world) carriers() []carrier {
	w.t.Helper()
	item := w.made(operator, "/package/6691/packageItem", `{"packageItemCategoryId":105,"mcc":["999"]}`, "packageItemId")
	user := w.secrets[viewer].id
	return []carrier{
		{fill("/portfolio/<A>"), "portfolio", "portfolioId", `"` + fill("<A>") + `"`, "PORTFOLIO_ATTRIBUTE"},
		{fill("/portfolio/<A>/user/") + user, "user", "userId", `"` + user + `"`, "USER_ATTRIBUTE"},
		{"/package/6691", "package", "packageId", "6691", "PACKAGE_ATTRIBUTE"},
		{"/package/6691/packageItem/" + item, "packageItem", "packageItemId", item, "PACKAGE_ITEM_ATTRIBUTE"},
	}
}

// Attributes behave alike, whatever carries them.
func TestAttributesOfEverything(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for _, c := range w.carriers() {
			list, member := c.path+"/attribute", c.kind+"AttributeId"
			w.call(operator, http.MethodGet, list, "").has(t, `{"itemCount":0,"items":[],"pageToken":"0","requestedPageSize":50}`)
			id := w.made(operator, list, `{"attribute":"costCentre","value":"17"}`, member)
			one := list + "/" + id
			want := `{"` + member + `":` + id + `,"` + c.holder + `":` + c.id + `,"attribute":"costCentre","value":"17","status":"active"}`
			w.call(operator, http.MethodGet, one, "").has(t, want)
			w.call(operator, http.MethodPost, list, `{"attribute":"costCentre"}`).fails(t, 400, 16002)
			w.call(operator, http.MethodPost, list, `{"attribute":""}`).fails(t, 400, 6053)
			w.call(operator, http.MethodPost, list, `{"attribute":"a b"}`).fails(t, 400, 6006)
			w.call(operator, http.MethodPost, list, `{"attribute":"x","value":null}`).fails(t, 400, 6006)
			w.call(operator, http.MethodPost, list, `{"attribute":"x","colour":1}`).fails(t, 400, 6014)
			w.call(operator, http.MethodPost, list, `[{"attribute":"new"},{"attribute":"costCentre"}]`).fails(t, 400, 16002)
			w.call(operator, http.MethodGet, list, "").has(t, `{"itemCount":1,"items":[`+want+`]}`)
			w.call(operator, http.MethodPost, list, `[{"attribute":"friendlyName","value":"x"},{"attribute":"presentationIMSI"}]`).has(t, `[{"attribute":"friendlyName"},{"attribute":"presentationIMSI","value":""}]`)
			w.call(operator, http.MethodPost, list, `{"attributes":[{"attribute":"z"}]}`).has(t, `[{"attribute":"z","value":""}]`)
			w.call(operator, http.MethodGet, list+"?attribute=z", "").has(t, `{"itemCount":1,"items":[{"attribute":"z"}]}`)
			w.call(operator, http.MethodGet, list+"?"+member+"="+id, "").has(t, `{"itemCount":1}`)
			w.call(operator, http.MethodGet, list+"?pageSize=3", "").has(t, `{"itemCount":3,"items":[{"attribute":"costCentre"},{},{}]}`)
			w.call(operator, http.MethodPatch, one, `{"value":""}`).has(t, `{"value":"","attribute":"costCentre"}`)
			w.call(operator, http.MethodPatch, one, `{}`).fails(t, 400, 6006)
			w.call(operator, http.MethodPatch, list+"/999999", `{"value":"x"}`).fails(t, 404, 6002)
			w.call(operator, http.MethodDelete, one, "").has(t, `{"`+c.deleted+`":1}`)
			w.call(operator, http.MethodDelete, one, "").fails(t, 400, 6023)
			w.call(operator, http.MethodGet, one, "").fails(t, 404, 6002)
			w.call(operator, http.MethodGet, list+"?status=deleted", "").has(t, `{"itemCount":1,"items":[{"`+member+`":`+id+`,"status":"deleted"}]}`)
			if again := w.made(operator, list, `{"attribute":"costCentre"}`, member); again == id {
				t.Errorf("%s: the id %s is used again", c.kind, id)
			}
			w.call(stranger, http.MethodGet, list, "").fails(t, map[bool]int{true: 403, false: 404}[c.kind == "user"], map[bool]int{true: 6001, false: 6002}[c.kind == "user"])
			w.call(viewer, http.MethodPost, list, `{"attribute":"x"}`).fails(t, 403, 6001)
		}
		seen := 0
		for _, e := range must(w.Fleet.Events(t.Context(), w.op, event.Query{Kinds: []event.Kind{event.Attributed}, Limit: 100})) {
			if strings.HasPrefix(e.Data.Subject, "user ") && string(e.Portfolio) == fill("<A>") && e.Data.Changes[0].Field != "" {
				seen++
			}
		}
		if seen != 6 {
			t.Errorf("%d changes of the user in the audit trail", seen)
		}
	})
}

// The limits hold: of names, of values, and of how many there are.
func TestLimitsOfAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range w.carriers() {
		list, most := c.path+"/attribute", 255
		if c.kind == "user" {
			most = 1024
		}
		w.call(operator, http.MethodPost, list, `{"attribute":"a","value":"`+strings.Repeat("é", most)+`"}`).has(t, `{"attribute":"a"}`)
		w.call(operator, http.MethodPost, list, `{"attribute":"b","value":"`+strings.Repeat("é", most+1)+`"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPost, list, `{"attribute":"`+strings.Repeat("n", 49)+`"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPost, list, `{"attribute":"c","value":"\u0007"}`).fails(t, 400, 6006)
		var b strings.Builder
		for i := range 100 {
			b.WriteString(`,{"attribute":"n` + strings.Repeat("x", i%40) + string(rune('a'+i/40)) + `"}`)
		}
		w.call(operator, http.MethodPost, list, "["+b.String()[1:]+"]").fails(t, 400, 6014)
	}
	w.call(operator, http.MethodPatch, "/portfolio/<C>", `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(operator, http.MethodPost, "/portfolio/<C>/attribute", `{"attribute":"x"}`).fails(t, 400, 16003)
}

// Many callers add the same attribute to a package at once: one does.
func TestOnePackageAttributeAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			wg.Go(func() {
				codes[i] = w.call(operator, http.MethodPost, "/package/6691/attribute", `{"attribute":"once"}`).code()
			})
		}
		wg.Wait()
		won := 0
		for _, c := range codes {
			switch c {
			case 0:
				won++
			case 16002:
			default:
				t.Errorf("error %d", c)
			}
		}
		if won != 1 {
			t.Errorf("%d added it", won)
		}
	})
}
