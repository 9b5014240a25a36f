package simapi_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func (w *world) keyed(as, key, method, path, body string) answer {
	w.t.Helper()
	r := w.request(as, method, path, body)
	r.Header.Set("Idempotency-Key", key)
	return w.send(r)
}

// A request with a key is carried out once, and answered alike.
func TestARepeatedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct{ as, method, path, body string }{
		{engineer, http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`},
		{engineer, http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"orderId","value":"1"}`},
		{engineer, http.MethodPost, "/sim/<live2>/iccSwap", `{"newIccId":"<stock2>"}`},
		{engineer, http.MethodPost, "/iccCollection", `{"name":"x","title":"x","portfolioId":"<A>","iccList":[{"iccId":"<stock>"}]}`},
		{operator, http.MethodPost, "/portfolio", portfolioInput(`"name":"Once"`)},
		{operator, http.MethodPost, "/package", `{"name":"Once","portfolios":["<A>"]}`},
		{operator, http.MethodPost, "/package/6685/packageItem", `{"packageItemCategoryId":122}`},
		{admin, http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"once@a.example"}`},
		{admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"once and for all","password":"correct horse","emailAddress":"once@a.example"`)},
	} {
		key := fmt.Sprintf("key-%d", i)
		first := w.keyed(c.as, key, c.method, c.path, c.body)
		first.has(t, `{}`)
		if again := w.keyed(c.as, key, c.method, c.path, c.body); again.body != first.body || again.status != first.status {
			t.Errorf("%s %s: first %s\nthen %s", c.method, c.path, first.body, again.body)
		}
		w.keyed(c.as, key, c.method, c.path, c.body+" ").fails(t, 400, 6014) // the key of another request
	}
	w.keyed(engineer, "key-0", http.MethodPatch, "/sim/<live3>", `{"customerSuspend":"yes"}`).fails(t, 400, 6014)
	w.keyed(admin, "key-0", http.MethodPatch, "/sim/<live3>", `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`) // another's keys are their own
	ops := must(w.Fleet.Tasks(t.Context(), w.op, 0, 10))
	if len(ops) > 2 {
		t.Errorf("%d tasks", len(ops))
	}
}

// An answer shows what is shown once, and is kept sealed.
func TestAnswersAreKeptSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made struct{ ClientSecret string }
	w.keyed(admin, "s", http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"once@a.example"}`).into(t, &made)
	db := must(sql.Open("sqlite", filepath.Join(w.Data, "simurgh.db")))
	defer func() { check(db.Close()) }()
	var kept []byte
	check(db.QueryRowContext(t.Context(), "SELECT answer FROM idempotency WHERE key = 's'").Scan(&kept))
	if len(kept) == 0 || bytes.Contains(kept, []byte(made.ClientSecret)) || bytes.Contains(kept, []byte("clientId")) {
		t.Errorf("kept as %q", kept)
	}
}

// What is refused changes nothing, and is asked anew with the same key.
func TestARefusalIsNotKept(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.keyed(engineer, "k", http.MethodPatch, "/sim/<live>", `{"customerSuspend":"no"}`).fails(t, 400, 6047)
		w.call(engineer, http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`).has(t, `{}`)
		w.keyed(engineer, "k", http.MethodPatch, "/sim/<live>", `{"customerSuspend":"no"}`).has(t, `{"customerSuspend":"no"}`)
		w.keyed(engineer, "k", http.MethodPatch, "/sim/<live>", `{"customerSuspend":"no"}`).has(t, `{"customerSuspend":"no"}`)
		w.keyed(operator, "p", http.MethodPost, "/portfolio", portfolioInput(`"name":"x","title":"t"`)).has(t, `{}`)
		before := len(must(w.Fleet.Portfolios(t.Context(), w.op)))
		w.keyed(operator, "q", http.MethodPost, "/portfolio", portfolioInput(`"name":"x","title":"t"`)).fails(t, 400, 6050)
		if n := len(must(w.Fleet.Portfolios(t.Context(), w.op))); n != before {
			t.Error("half of a refused request was carried out")
		}
		w.keyed(engineer, strings.Repeat("k", 256), http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`).fails(t, 400, 6006)
		w.keyed(engineer, "é", http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`).fails(t, 400, 6006)
		w.keyed(engineer, "g", http.MethodGet, "/sim/<live>", "").has(t, `{}`)
	})
}

// The same request many times at once, with one key, is one request.
func TestARequestRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		answers := make([]answer, 8)
		for i := range answers {
			wg.Go(func() {
				answers[i] = w.keyed(engineer, "k", http.MethodPost, "/sim/<stock>/attribute", `{"attribute":"orderId","value":"1"}`)
			})
		}
		wg.Wait()
		for _, a := range answers {
			if a.status != http.StatusOK || a.body != answers[0].body {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		var p page
		w.call(engineer, http.MethodGet, "/sim/<stock>/attribute", "").into(t, &p)
		if len(p.Items) != 1 {
			t.Errorf("%d attributes", len(p.Items))
		}
	})
}

// A query is part of what is asked.
func TestTheQueryIsPartOfTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.collection(`{"name":"x","title":"x","portfolioId":"<A>","iccList":[{"iccId":"<stock>"},{"iccId":"<live>"}]}`)
	w.keyed(engineer, "k", http.MethodDelete, one+"/icc?iccList=<stock>", "").has(t, `{"ICC_COLLECTION_ICC":1}`)
	w.keyed(engineer, "k", http.MethodDelete, one+"/icc?iccList=<stock>", "").has(t, `{"ICC_COLLECTION_ICC":1}`)
	w.keyed(engineer, "k", http.MethodDelete, one+"/icc?iccList=<live>", "").fails(t, 400, 6014)
}
