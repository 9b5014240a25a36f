package simapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

type collection struct{ IccCollectionID int64 }

func (w *world) collection(body string) string {
	w.t.Helper()
	var c collection
	w.call(engineer, http.MethodPost, "/iccCollection", body).into(w.t, &c)
	return fmt.Sprintf("/iccCollection/%d", c.IccCollectionID)
}

func (w *world) collected(one string) string {
	w.t.Helper()
	var out []string
	token := "0"
	for {
		var p page
		w.call(engineer, http.MethodGet, one+"/icc?pageSize=3&pageToken="+token, "").into(w.t, &p)
		out = append(out, strings.Fields(p.names())...)
		if p.NextPageToken == nil {
			return strings.Join(out, " ")
		}
		token = *p.NextPageToken
	}
}

func TestStaticCollections(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := w.collection(`{"name":"My pumps","title":"pumps","portfolioId":"<A>","iccList":[{"iccId":"<live>"},{"iccId":<stock>},{"iccId":"<child>"}]}`)
		w.call(engineer, http.MethodGet, one, "").has(t, `{"name":"My pumps","title":"pumps","portfolioId":"<A>","iccCollectionCriteria":null,"iccCount":3,"snapshotFileId":null,"status":"active"}`)
		if got := w.collected(one); got != "stock live child" {
			t.Error(got)
		}
		w.call(engineer, http.MethodPost, one+"/icc", `{"iccList":[{"iccId":"<live>"},{"iccId":"<live2>"},{"iccId":"<gone>"}]}`).has(t, `{"iccCount":5}`)
		if got := w.collected(one); got != "stock live live2 gone child" {
			t.Error(got)
		}
		w.call(engineer, http.MethodDelete, one+"/icc?iccList=<live>,<gone>;iccList=<stock2>", "").has(t, `{"ICC_COLLECTION_ICC":2}`)
		w.call(engineer, http.MethodPatch, one+"/icc", `{"iccList":[{"iccId":"<live3>"},{"iccId":"<child>"}]}`).has(t, `{"iccCount":2}`)
		if got := w.collected(one); got != "live3 child" {
			t.Error(got)
		}
		for body, code := range map[string]int{`{"iccList":[{"iccId":"<live>"},{"iccId":"<foreign>"}]}`: 14003, `{"iccList":[{"iccId":"<missing>"}]}`: 14003, `{"iccList":[]}`: 14002,
			`{}`: 6006, `{"iccList":["<live>"]}`: 6006, `{"iccList":[{"iccId":"x"}]}`: 6006} {
			w.call(engineer, http.MethodPost, one+"/icc", body).fails(t, 400, code)
		}
		w.call(engineer, http.MethodDelete, one+"/icc", "").fails(t, 400, 14002)
		// A SIM that leaves is not seen, and not counted once the collection is reconciled.
		to := folios["B"]
		must(w.Fleet.Apply(t.Context(), w.op, iccids("live3"), func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Portfolio: &to}, nil }, nil))
		if got := w.collected(one); got != "child" {
			t.Error(got)
		}
		w.call(engineer, http.MethodGet, one, "").has(t, `{"iccCount":2}`)
		w.call(engineer, http.MethodPatch, one+"/reconcile", "").has(t, `{"iccCount":1}`)
		w.call(engineer, http.MethodPatch, one, `{"iccCollectionCriteria":{"status":"active"}}`).fails(t, 400, 14001)
		w.call(engineer, http.MethodPatch, one, `{"name":"Pumps","title":"pumps2"}`).has(t, `{"name":"Pumps","title":"pumps2","iccCount":1}`)
		w.call(engineer, http.MethodPatch, one+"/icc", `{"iccList":[]}`).has(t, `{"iccCount":0}`)
	})
}

func TestDynamicCollections(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := w.collection(`{"name":"Active","title":"active","portfolioId":"<A>","iccCollectionCriteria":{"status":"active","packageId":6685,"customerSuspend":"no"}}`)
		w.call(engineer, http.MethodGet, one, "").has(t, `{"iccCount":8,"iccCollectionCriteria":{"status":"active","packageId":6685}}`)
		if got := w.collected(one); got != "provisioning live live2 live3 admin system bare child" {
			t.Error(got)
		}
		w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).has(t, `{}`)
		if got := w.collected(one); got != "stock provisioning live live2 live3 admin system bare child" {
			t.Error(got)
		}
		w.call(engineer, http.MethodPatch, one+"/reconcile", "").has(t, `{"iccCount":9}`)
		w.call(engineer, http.MethodPost, one+"/icc", `{"iccList":[{"iccId":"<live>"}]}`).fails(t, 400, 14001)
		w.call(engineer, http.MethodPatch, one, `{"iccCollectionCriteria":{"iccId":"<live>,<gone>"}}`).has(t, `{"iccCount":2}`)
		w.call(engineer, http.MethodPatch, one, `{"iccCollectionCriteria":{"matchField":"friendlyName","matchType":"S","friendlyName":"Char"}}`).has(t, `{"iccCount":1}`)
		w.call(engineer, http.MethodPatch, one, `{"iccCollectionCriteria":null}`).fails(t, 400, 14001)
		for criteria, code := range map[string]int{`{"status":"on"}`: 6006, `{"colour":"red"}`: 6014, `{"pageSize":5}`: 6014, `{"pin1":"1234"}`: 6014, `{"packageId":"x"}`: 6006, `5`: 6006, `{"status":["a"]}`: 6006} {
			w.call(engineer, http.MethodPatch, one, `{"iccCollectionCriteria":`+criteria+`}`).fails(t, 400, code)
			w.call(engineer, http.MethodPost, "/iccCollection", `{"name":"x","title":"x","portfolioId":"<A>","iccCollectionCriteria":`+criteria+`}`).fails(t, 400, code)
		}
		w.call(engineer, http.MethodPost, "/iccCollection", `{"name":"x","title":"x","portfolioId":"<A>","iccCollectionCriteria":{"status":"active"},"iccList":[]}`).fails(t, 400, 14001)
		// Another's collection holds what lies below its own portfolio.
		child := w.collection(`{"name":"C","title":"c","portfolioId":"<C>","iccCollectionCriteria":{"status":"active"}}`)
		if got := w.collected(child); got != "child" {
			t.Error(got)
		}
	})
}

func TestCollections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.collection(`{"name":"A","title":"a","portfolioId":"<A>"}`)
	w.collection(`{"name":"C","title":"a","portfolioId":"<C>"}`)
	w.call(engineer, http.MethodPost, "/iccCollection", `{"name":"A","title":"a","portfolioId":"<A>"}`).fails(t, 400, 6050)
	w.call(engineer, http.MethodPost, "/iccCollection", `{"name":"A","title":"a b","portfolioId":"<A>"}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/iccCollection", `{"name":"A","title":"ab","portfolioId":"<B>"}`).fails(t, 403, 6026)
	w.call(engineer, http.MethodGet, "/iccCollection?title=A&sortField=name&sortOrder=D", "").has(t, `{"items":[{"name":"C"},{"name":"A"}]}`)
	w.call(engineer, http.MethodGet, "/iccCollection?portfolioId=<C>", "").has(t, `{"itemCount":1}`)
	w.call(customer, http.MethodGet, "/iccCollection", "").has(t, `{"items":[{"portfolioId":"<C>"}]}`)
	w.call(customer, http.MethodGet, one, "").fails(t, 404, 6002)
	w.call(stranger, http.MethodPatch, one, `{"name":"x"}`).fails(t, 404, 6002)
	w.call(viewer, http.MethodPatch, one, `{"name":"x"}`).fails(t, 403, 6001)
	w.call(engineer, http.MethodPatch, one, `{}`).fails(t, 400, 6017)
	w.call(engineer, http.MethodPatch, one, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(engineer, http.MethodGet, one+"/icc", "").fails(t, 400, 6023)
	w.call(engineer, http.MethodPost, one+"/icc", `{"iccList":[{"iccId":"<live>"}]}`).fails(t, 400, 6023)
	w.call(engineer, http.MethodPatch, one+"/reconcile", "").fails(t, 400, 6023)
	again := w.collection(`{"name":"A","title":"a","portfolioId":"<A>"}`)
	w.call(engineer, http.MethodPatch, one, `{"status":"active"}`).fails(t, 400, 6050)
	w.call(engineer, http.MethodPatch, again, `{"title":"b"}`).has(t, `{"title":"b"}`)
	w.call(engineer, http.MethodPatch, one, `{"status":"active"}`).has(t, `{"status":"active"}`)
	w.call(engineer, http.MethodGet, "/iccCollection/1", "").fails(t, 404, 6002)
}
