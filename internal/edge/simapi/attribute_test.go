package simapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type attribute struct {
	IccAttributeID                  int64
	IccID, Attribute, Value, Status string
}

func (w *world) attributes(query string) string {
	w.t.Helper()
	var p struct{ Items []attribute }
	w.call(engineer, http.MethodGet, "/sim/<live>/attribute?"+query, "").into(w.t, &p)
	var out []string
	for _, a := range p.Items {
		out = append(out, a.Attribute+"="+a.Value)
	}
	return strings.Join(out, " ")
}

func (w *world) add(name, value string) attribute {
	w.t.Helper()
	var a attribute
	w.call(engineer, http.MethodPost, "/sim/<live>/attribute", fmt.Sprintf(`{"attribute":%q,"value":%q}`, name, value)).into(w.t, &a)
	return a
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		a := w.add("orderId", "5791")
		if a.Attribute != "orderId" || a.Value != "5791" || a.Status != "active" || a.IccID != string(iccid("live")) || a.IccAttributeID == 0 {
			t.Errorf("%+v", a)
		}
		w.call(engineer, http.MethodPost, "/sim/<live>/attribute", `{"attribute":"field1"}`).has(t, `{"attribute":"field1","value":""}`)
		w.call(engineer, http.MethodPost, "/sim/<live>/attribute", `{"attribute":"orderId","value":"2"}`).fails(t, 400, 16002)
		one := fmt.Sprintf("/sim/<live>/attribute/%d", a.IccAttributeID)
		w.call(engineer, http.MethodGet, one, "").has(t, `{"value":"5791"}`)
		w.call(engineer, http.MethodPatch, one, `{"value":""}`).has(t, `{"attribute":"orderId","value":"","status":"active"}`)
		w.call(engineer, http.MethodPatch, one, `{"value":"5792"}`).has(t, `{"value":"5792"}`)
		if got := w.attributes(""); got != "friendlyName=Charger 12 groupName=North imei=490154203237518 orderId=5792 field1=" {
			t.Error(got)
		}
		for query, want := range map[string]string{"attribute=orderId": "orderId=5792", "value=North": "groupName=North", "value=north": "", "iccId=<live>&attribute=field1": "field1=",
			"iccId=<stock>": "", fmt.Sprintf("iccAttributeId=%d", a.IccAttributeID): "orderId=5792", "status=active&attribute=imei": "imei=490154203237518"} {
			if got := w.attributes(fill(query)); got != want {
				t.Errorf("%s: %q, not %q", query, got, want)
			}
		}
		w.call(engineer, http.MethodDelete, one, "").has(t, `{"ICC_ATTRIBUTE":1}`)
		w.call(engineer, http.MethodGet, one, "").fails(t, 404, 6002)
		w.call(engineer, http.MethodPatch, one, `{"value":"x"}`).fails(t, 400, 6023)
		w.call(engineer, http.MethodDelete, one, "").fails(t, 400, 6023)
		if got := w.attributes("status=deleted"); got != "orderId=5792" {
			t.Error(got)
		}
		if b := w.add("orderId", "1"); b.IccAttributeID == a.IccAttributeID {
			t.Error("a new attribute has the id of the deleted one")
		}
		w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{"attributes":[{"attribute":"friendlyName"},{"attribute":"groupName"},{"attribute":"imei"},
			{"attribute":"field1"},{"attribute":"orderId","value":"1"}]}`)
		w.call(engineer, http.MethodGet, "/sim/<live>/attribute/1", "").fails(t, 404, 6002)
		w.call(engineer, http.MethodPatch, "/sim/<live>/attribute/1", `{"value":"x"}`).fails(t, 404, 6002)
	})
}

func TestBadAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("é", 256)
	for body, code := range map[string]int{
		`{"attribute":""}`: 6053, `{"attribute":"presentationIMSI","value":"1"}`: 6014, `{"attribute":"a b"}`: 6006, `{"attribute":"` + long + `"}`: 6006,
		`{"attribute":"a","value":"` + long + `"}`: 6006, `{"attribute":"a","value":null}`: 6006, `{"attribute":"a","value":5}`: 6006, `{"value":"x"}`: 6006,
		`{}`: 6006, `[]`: 6006, `"x"`: 6006, `[{"attribute":"a"},5]`: 6006, `{"attributes":[]}`: 6006, `{"attribute":"a","colour":1}`: 6014,
		`{"attribute":"a","value":"x\u0000y"}`: 6006, `{"attribute":"friendlyName","value":"x"}`: 16002, `{"attribute":"field1","iccId":"<live>"}`: 6014,
		`[{"attribute":"a"},{"attribute":"a"}]`: 16002,
	} {
		w.call(engineer, http.MethodPost, "/sim/<live>/attribute", body).fails(t, 400, code)
	}
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"imei","value":"123"}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"groupName","value":"a,b"}`).fails(t, 400, 6006)
	id, _ := sim.LabelID(w.sim("live").ID, sim.LabelName)
	for body, code := range map[string]int{`{}`: 6006, `{"value":null}`: 6006, `{"value":"x","attribute":"y"}`: 6014, `{"value":"` + long + `"}`: 6006} {
		w.call(engineer, http.MethodPatch, fmt.Sprintf("/sim/<live>/attribute/%d", id), body).fails(t, 400, code)
	}
	if got := w.attributes(""); got != "friendlyName=Charger 12 groupName=North imei=490154203237518" {
		t.Errorf("a refused request changed something: %s", got)
	}
}

func TestSeveralAttributesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `[{"attribute":"field1","value":"a"},{"attribute":"friendlyName","value":"b"}]`).has(t,
		`[{"attribute":"field1","value":"a"},{"attribute":"friendlyName","value":"b"}]`)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attributes":[{"attribute":"field2","value":"c"}]}`).has(t, `[{"attribute":"field2"}]`)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `[{"attribute":"field3"},{"attribute":"field1"}]`).fails(t, 400, 16002)
	w.call(engineer, http.MethodGet, "/sim/<stock>", "").has(t, `{"attributes":[{"attribute":"friendlyName","value":"b"},{"attribute":"field1","value":"a"},{"attribute":"field2"}]}`)
}

// Labels are fields of the SIM: every door sees the same.
func TestLabelsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := sim.LabelID(w.sim("stock").ID, sim.LabelName)
	one := fmt.Sprintf("/sim/<stock>/attribute/%d", id)
	w.call(engineer, http.MethodGet, one, "").fails(t, 404, 6002)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `[{"attribute":"friendlyName","value":"Pump"},{"attribute":"groupName","value":"South"},
		{"attribute":"imei","value":"490154203237518"}]`).has(t, `[{},{},{}]`)
	if s := w.sim("stock"); s.Name != "Pump" || s.Group != "South" || s.IMEI != "490154203237518" {
		t.Errorf("%+v", s)
	}
	if got := w.list(engineer, "friendlyName=Pump&groupName=South"); got.names() != "stock" {
		t.Errorf("the list has %q", got.names())
	}
	// Another door changes it.
	name := "Valve"
	must(w.Fleet.Apply(t.Context(), w.op, iccids("stock"), func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Name: &name}, nil }, nil))
	w.call(engineer, http.MethodGet, one, "").has(t, fmt.Sprintf(`{"iccAttributeId":%d,"attribute":"friendlyName","value":"Valve"}`, id))
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"friendlyName","value":"x"}`).fails(t, 400, 16002)
	w.call(engineer, http.MethodPatch, one, `{"value":""}`).has(t, `{"value":""}`)
	w.call(engineer, http.MethodGet, one, "").has(t, `{"value":"","status":"active"}`)
	w.call(engineer, http.MethodPatch, one, `{"value":"Tap"}`).has(t, `{"value":"Tap"}`)
	w.call(engineer, http.MethodDelete, one, "").has(t, `{"ICC_ATTRIBUTE":1}`)
	if s := w.sim("stock"); s.Name != "" {
		t.Errorf("the name is still %q", s.Name)
	}
	w.call(engineer, http.MethodGet, one, "").fails(t, 404, 6002)
	w.call(engineer, http.MethodGet, "/sim/<stock>/attribute?status=deleted", "").has(t, fmt.Sprintf(`{"items":[{"iccAttributeId":%d,"value":"Tap","status":"deleted"}]}`, id))
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"friendlyName","value":"Again"}`).has(t, fmt.Sprintf(`{"iccAttributeId":%d}`, id))
	w.call(engineer, http.MethodGet, "/sim/<stock>/attribute?status=deleted", "").has(t, `{"items":[]}`)
	if s := w.sim("stock"); s.Name != "Again" {
		t.Errorf("the name is %q", s.Name)
	}
	// Cleared by another door, it is gone.
	empty := ""
	must(w.Fleet.Apply(t.Context(), w.op, iccids("stock"), func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Group: &empty}, nil }, nil))
	w.call(engineer, http.MethodGet, "/sim/<stock>", "").has(t, `{"attributes":[{"attribute":"friendlyName"},{"attribute":"imei"}]}`)
}

func iccids(names ...string) []ident.ICCID {
	out := make([]ident.ICCID, len(names))
	for i, n := range names {
		out[i] = iccid(n)
	}
	return out
}

func TestAttributesOfASuspendedSIM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodPost, "/sim/<suspended>/attribute", `{"attribute":"field1"}`).fails(t, 400, 16000)
	w.call(operator, http.MethodPost, "/sim/<admin>/attribute", `{"attribute":"field1"}`).fails(t, 400, 16000)
	w.call(engineer, http.MethodGet, "/sim/<suspended>/attribute", "").has(t, `{"items":[]}`)
	lenient := newWorld(t, func(o *simapi.Options) { o.LabelSuspended = true })
	lenient.call(engineer, http.MethodPost, "/sim/<suspended>/attribute", `{"attribute":"field1"}`).has(t, `{"attribute":"field1"}`)
}

// A SIM has a sane number of attributes, however they come.
func TestTooManyAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"attribute":"a%d"}`, from+i)
		}
		return "[" + b.String()[1:] + "]"
	}
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", many(0, 10_000)).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", many(0, 60)).has(t, `[`+strings.Repeat(`{},`, 59)+`{}]`)
	a := w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", many(60, 41))
	a.fails(t, 400, 6014)
	if !strings.Contains(a.body, "the SIM would have 101 attributes; at most 100 are allowed") {
		t.Error(a.body)
	}
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", many(60, 40)).has(t, `[`+strings.Repeat(`{},`, 39)+`{}]`)
	w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"friendlyName"}`).fails(t, 400, 6014)
	var p struct {
		ItemCount     int
		NextPageToken string
	}
	w.call(engineer, http.MethodGet, "/sim/<stock>/attribute?pageSize=70", "").into(t, &p)
	w.call(engineer, http.MethodGet, "/sim/<stock>/attribute?pageSize=70&pageToken="+p.NextPageToken, "").has(t, `{"itemCount":30,"nextPageToken":"absent"}`)
}

// Many callers add the same attribute at once: one does.
func TestOneAttributeAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			wg.Go(func() {
				codes[i] = w.call(engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"field1","value":"x"}`).code()
			})
		}
		wg.Wait()
		won := 0
		for _, c := range codes {
			if c == 0 {
				won++
			} else if c != 16002 {
				t.Errorf("error %d", c)
			}
		}
		if won != 1 {
			t.Errorf("%d added it", won)
		}
	})
}
