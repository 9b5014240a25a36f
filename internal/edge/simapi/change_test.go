package simapi_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// The decision table: what each program gets for a body on a SIM in each
// condition. 0 is 200.
func TestTheDecisionTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as, sim, body string
		status, code  int
		want          string // of a 200
	}{
		// A customer, a SIM that nobody has suspended.
		{engineer, "stock", `{"status":"active"}`, 200, 0, `{"status":"active","customerSuspend":"no"}`},
		{engineer, "gone", `{"status":"active"}`, 200, 0, `{"status":"active"}`},
		{engineer, "leaving", `{"status":"active"}`, 200, 0, `{"status":"active"}`},
		{engineer, "live", `{"status":"available"}`, 200, 0, `{"status":"available"}`},
		{engineer, "provisioning", `{"status":"available"}`, 200, 0, `{"status":"available"}`},
		{engineer, "waiting", `{"status":"available"}`, 200, 0, `{"status":"available"}`},
		{engineer, "review", `{"status":"active"}`, 200, 0, `{"status":"active"}`},
		{engineer, "live", `{"status":"active"}`, 400, 6047, ""},
		{engineer, "provisioning", `{"status":"active"}`, 400, 6047, ""},
		{engineer, "waiting", `{"status":"active"}`, 400, 6047, ""},
		{engineer, "stock", `{"status":"available"}`, 400, 6047, ""},
		{engineer, "leaving", `{"status":"available"}`, 400, 6047, ""},
		{engineer, "review", `{"status":"available"}`, 400, 6047, ""},
		{engineer, "closed", `{"status":"active"}`, 400, 6007, ""},
		{engineer, "live", `{"packageId":6686}`, 200, 0, `{"portfolioPackage":{"packageId":6686,"portfolioId":"<A>"}}`},
		{engineer, "live", `{"packageId":"6686"}`, 200, 0, `{"portfolioPackage":{"packageId":6686}}`},
		{engineer, "live", `{"portfolioId":"<C>"}`, 200, 0, `{"portfolioPackage":{"packageId":6685,"portfolioId":"<C>"}}`},
		{engineer, "stock", `{"packageId":6686,"portfolioId":"<C>","status":"active"}`, 200, 0,
			`{"status":"active","portfolioPackage":{"packageId":6686,"portfolioId":"<C>"}}`},
		{engineer, "live", `{"packageId":6685}`, 400, 6017, ""},
		{engineer, "live", `{"packageId":null}`, 400, 16004, ""},
		{engineer, "live", `{"packageId":999999}`, 404, 6002, ""},
		{engineer, "live", `{"packageId":6689}`, 404, 6002, ""}, // in B alone
		{engineer, "live", `{"portfolioId":"<C>","packageId":6691}`, 400, 16005, ""},
		{engineer, "live", `{"packageId":6690}`, 400, 16006, ""},
		{engineer, "live", `{"packageId":6688}`, 400, 16007, ""},
		{engineer, "live", `{"portfolioId":"<B>"}`, 403, 6026, ""},
		{engineer, "live", `{"portfolioId":"dddddddddddddddddddddddddddddddd"}`, 403, 6026, ""},
		{engineer, "live", `{"iccMnoId":351}`, 403, 6001, ""},
		{engineer, "live", `{"eId":null}`, 403, 6001, ""},
		{engineer, "live", `{"customerSuspend":"yes"}`, 200, 0, `{"status":"active","customerSuspend":"yes","adminSuspend":"no"}`},
		{engineer, "stock", `{"customerSuspend":"yes"}`, 200, 0, `{"status":"available","customerSuspend":"yes"}`},
		{engineer, "live", `{"customerSuspend":"no"}`, 400, 6047, ""},
		{engineer, "live", `{"adminSuspend":"yes"}`, 403, 6001, ""},
		{engineer, "live", `{"systemSuspend":"no"}`, 403, 6001, ""},
		{engineer, "live", `{"customerSuspend":"no","packageId":6686}`, 200, 0, `{"customerSuspend":"no","portfolioPackage":{"packageId":6686}}`},
		{engineer, "stock", `{"customerSuspend":"yes","status":"active"}`, 400, 6014, ""},
		{engineer, "live", `{"customerSuspend":"yes","status":"available"}`, 200, 0, `{"status":"available"}`},
		{engineer, "live", `{}`, 400, 6017, ""},
		{engineer, "live", `{"customerSuspend":"no","status":"active"}`, 400, 6017, ""},

		// A customer, a suspended SIM.
		{engineer, "suspended", `{"status":"available"}`, 400, 16000, ""},
		{engineer, "suspended", `{"packageId":6686}`, 400, 16000, ""},
		{engineer, "admin", `{"portfolioId":"<C>"}`, 400, 16000, ""},
		{engineer, "admin", `{"iccMnoId":351}`, 403, 6001, ""},
		{engineer, "suspended", `{"customerSuspend":"yes"}`, 400, 6047, ""},
		{engineer, "admin", `{"customerSuspend":"yes"}`, 400, 16000, ""},
		{engineer, "suspended", `{"customerSuspend":"no"}`, 200, 0, `{"status":"active","customerSuspend":"no"}`},
		{engineer, "both", `{"customerSuspend":"no"}`, 200, 0, `{"customerSuspend":"no","adminSuspend":"yes"}`},
		{engineer, "admin", `{"customerSuspend":"no"}`, 400, 16000, ""},
		{engineer, "system", `{"customerSuspend":"no"}`, 400, 16000, ""},
		{engineer, "suspended", `{"adminSuspend":"no"}`, 403, 6001, ""},
		{engineer, "suspended", `{"customerSuspend":"no","status":"available"}`, 400, 16000, ""},
		{engineer, "suspended", `{"customerSuspend":"yes","status":"active"}`, 400, 6014, ""},
		{engineer, "suspended", `{}`, 400, 6017, ""},

		// The operator.
		{operator, "suspended", `{"status":"available"}`, 400, 16000, ""},
		{operator, "admin", `{"packageId":6686}`, 400, 16000, ""},
		{operator, "admin", `{"iccMnoId":351}`, 400, 16000, ""},
		{operator, "stock", `{"iccMnoId":"351","iccSpecId":1,"iccTypeId":2,"eId":"89049032000000000000000000000025"}`, 200, 0,
			`{"iccMnoId":351,"iccSpecId":1,"iccTypeId":2,"eId":"89049032000000000000000000000025"}`},
		{operator, "stock2", `{"eId":null}`, 200, 0, `{"eId":null}`},
		{operator, "stock", `{"iccMnoId":350}`, 400, 6017, ""},
		{operator, "live", `{"adminSuspend":"yes"}`, 200, 0, `{"adminSuspend":"yes","status":"active"}`},
		{operator, "suspended", `{"adminSuspend":"yes"}`, 200, 0, `{"adminSuspend":"yes","customerSuspend":"yes"}`},
		{operator, "admin", `{"adminSuspend":"yes"}`, 400, 6047, ""},
		{operator, "admin", `{"adminSuspend":"no"}`, 200, 0, `{"adminSuspend":"no"}`},
		{operator, "live", `{"adminSuspend":"no"}`, 400, 6047, ""},
		{operator, "live", `{"systemSuspend":"yes"}`, 400, 6048, ""},
		{operator, "system", `{"systemSuspend":"no"}`, 200, 0, `{"systemSuspend":"no"}`},
		{operator, "admin", `{"customerSuspend":"yes"}`, 200, 0, `{"adminSuspend":"yes","customerSuspend":"yes"}`},
		{operator, "suspended", `{"customerSuspend":"no"}`, 200, 0, `{"customerSuspend":"no"}`},
		{operator, "admin", `{"customerSuspend":"no"}`, 400, 6047, ""},
		{operator, "both", `{"customerSuspend":"no","adminSuspend":"no"}`, 400, 16000, ""},
		{operator, "live", `{"adminSuspend":"yes","status":"available"}`, 200, 0, `{"adminSuspend":"yes","status":"available"}`},
		{operator, "suspended", `{}`, 400, 6017, ""},

		// Who may what.
		{viewer, "live", `{"status":"available"}`, 403, 6001, ""},
		{viewer, "live", `nonsense`, 403, 6001, ""},
		{viewer, "missing", `{}`, 403, 6001, ""},
	} {
		t.Run(c.as+" "+c.sim+" "+c.body, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := must(w.Fleet.SIMs(t.Context(), w.op, all))
			a := w.call(c.as, http.MethodPatch, "/sim/<"+c.sim+">", c.body)
			if c.status == 200 {
				a.has(t, c.want)
				w.call(c.as, http.MethodGet, "/sim/<"+c.sim+">", "").has(t, c.want)
				return
			}
			a.fails(t, c.status, c.code)
			if after := must(w.Fleet.SIMs(t.Context(), w.op, all)); !same(before, after) {
				t.Error("a refused request changed something")
			}
		})
	}
}

var all = sim.Query{Limit: 1000}

func same(a, b sim.Page) bool {
	for i := range a.SIMs {
		if a.SIMs[i] != b.SIMs[i] {
			return false
		}
	}
	return len(a.SIMs) == len(b.SIMs)
}

// The checks come in their order: each request has two faults.
func TestTheOrderOfChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("", http.MethodPatch, "/sim/<live>", `{`).fails(t, 401, 0)
	w.call(engineer, http.MethodPatch, "/nowhere", `{`).fails(t, 404, 6002)
	w.call(viewer, http.MethodPatch, "/sim/<missing>", `{}`).fails(t, 403, 6001)
	w.call(engineer, http.MethodPatch, "/sim/<missing>", `{`).fails(t, 404, 6002)
	w.call(engineer, http.MethodPatch, "/sim/<live>", `{"status":5,"colour":1}`).fails(t, 400, 6006)
	w.call(engineer, http.MethodPatch, "/sim/<admin>", `{"status":"active","colour":1}`).fails(t, 400, 6014)
	w.call(engineer, http.MethodPatch, "/sim/<admin>", `{"iccMnoId":1,"status":"active"}`).fails(t, 403, 6001)
	w.call(engineer, http.MethodPatch, "/sim/<admin>", `{"packageId":null}`).fails(t, 400, 16000)
	w.call(engineer, http.MethodPatch, "/sim/<closed>", `{"status":"active","packageId":999999}`).fails(t, 404, 6002)
}

func TestTheBodyOfAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, want := range map[string]string{
		``:                           `["the body is missing"]`,
		`{"status":`:                 `["the body is not JSON"]`,
		`{"status":"active"} x`:      `["the body is not JSON"]`,
		`[]`:                         `["the body must be an object"]`,
		`null`:                       `["the body may not be null"]`,
		`{"status":"on"}`:            `["status must be one of active, available"]`,
		`{"status":null}`:            `["status must be one of active, available"]`,
		`{"portfolioId":null}`:       `["portfolioId may not be null"]`,
		`{"status":1}`:               `["status must be one of active, available"]`,
		`{"customerSuspend":true}`:   `["customerSuspend must be one of yes, no"]`,
		`{"portfolioId":"x"}`:        `["portfolioId has the wrong form"]`,
		`{"packageId":1.5}`:          `["packageId is not a number, or the same in quotes"]`,
		`{"packageId":-1}`:           `["packageId is not a number, or the same in quotes"]`,
		`{"packageId":true}`:         `["packageId is not a number, or the same in quotes"]`,
		`{"packageId":"1e3"}`:        `["packageId is not a number, or the same in quotes"]`,
		`{"status":1,"eId":"short"}`: `["eId has the wrong form","status must be one of active, available"]`,
	} {
		a := w.call(engineer, http.MethodPatch, "/sim/<live>", body)
		a.fails(t, 400, 6006)
		var e struct {
			AdditionalDetails struct{ ValidationErrors []string }
		}
		a.read(t, &e)
		if got := encode(e.AdditionalDetails.ValidationErrors); got != want {
			t.Errorf("%s: %s, not %s", body, got, want)
		}
	}
	for _, body := range []string{`{"Status":"active"}`, `{"iccId":"<live>"}`, `{"attributes":[]}`, `{"dataSuspend":"yes"}`, `{"status":"active","STATUS":"available"}`} {
		w.call(engineer, http.MethodPatch, "/sim/<stock>", body).fails(t, 400, 6014)
	}
	a := w.call(engineer, http.MethodPatch, "/sim/<live>", `{"zebra":1,"apple":2}`)
	a.fails(t, 400, 6014)
	if want := `{"errorCode":6014,"errorTag":"invalid_request_error","message":"apple is not a field of this request","additionalDetails":{"validationErrors":["apple is unknown","zebra is unknown"]}}` + "\n"; a.body != want {
		t.Errorf("%s, not %s", a.body, want)
	}
}

func TestTheRulesOfTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"disableNewActivation":"yes"}`).has(t, `{"disableNewActivation":"yes"}`)
	w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).fails(t, 400, 6007)
	w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"disableNewActivation":"no","overdue":12.5}`).has(t, `{"overdue":12.5}`)
	w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).fails(t, 400, 6007)
	w.call(operator, http.MethodPatch, "/portfolio/<A>", `{"overdue":0}`).has(t, `{"overdue":0}`)
	w.call(operator, http.MethodPatch, "/portfolio/<C>", `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
	w.call(engineer, http.MethodPatch, "/sim/<live>", `{"portfolioId":"<C>"}`).fails(t, 400, 16003)
	w.call(engineer, http.MethodPatch, "/sim/<child>", `{"packageId":6686}`).fails(t, 400, 16003)
	w.unpack("bare")
	w.call(engineer, http.MethodPatch, "/sim/<bare>", `{"packageId":6686}`).fails(t, 400, 16001)
	w.call(engineer, http.MethodPatch, "/sim/<bare>", `{"portfolioId":"<C>"}`).fails(t, 400, 16001)
	w.call(operator, http.MethodPatch, "/sim/<bare>", `{"packageId":6686}`).has(t, `{"portfolioPackage":{"packageId":6686}}`)
}

// What the API reports is the target; the network follows, and can refuse.
func TestTheNetworkFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).has(t, `{"status":"active","activatedDate":null}`)
	if s := w.sim("stock"); !s.Pending() || s.Wanted.State != sim.Provisioning {
		t.Errorf("the SIM is %s", s.Wanted)
	}
	w.settle()
	w.call(engineer, http.MethodGet, "/sim/<stock>", "").has(t, `{"status":"active","activatedDate":"2026-03-04T12:00:00Z",
		"portfolioPackage":{"contractStartDate":"2026-03-04T12:00:00Z","contractEndDate":"2027-03-04T12:00:00Z"}}`)
	w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`)
	w.settle()
	if s := w.sim("stock"); s.Status() != sim.StatusSuspended {
		t.Errorf("the SIM is %s", s.Status())
	}
	w.call(engineer, http.MethodGet, "/sim/<stock>", "").has(t, `{"status":"active","customerSuspend":"yes"}`)
	w.call(engineer, http.MethodGet, "/sim/<stock>?startDate=2026-03-04", "").has(t, `{"history":[
		{"event":"sim.settled"},{"event":"sim.commanded","action":"suspendCustomer","reason":"suspended by the customer"},
		{"event":"sim.settled"},{"event":"sim.commanded","action":"activate"}]}`)
	w.call(engineer, http.MethodGet, "/sim/<stock>?startDate=2026-03-05&stopDate=2026-03-06", "").has(t, `{"history":[]}`)
	w.call(engineer, http.MethodGet, "/sim/<live>?stopDate=2026-03-01", "").has(t, `{"history":[]}`)
}

// Two PATCHes of one SIM at once: one wins, the other is told; never both.
func TestTwoChangesAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for range 10 {
			answers := make([]answer, 8)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() { answers[i] = w.call(engineer, http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`) })
			}
			wg.Wait()
			won := 0
			for _, a := range answers {
				if a.status == http.StatusOK {
					won++
				} else {
					a.fails(t, 400, 6047)
				}
			}
			if won != 1 {
				t.Fatalf("%d of 8 suspended the SIM", won)
			}
			w.call(engineer, http.MethodPatch, "/sim/<live>", `{"customerSuspend":"no"}`).has(t, `{"customerSuspend":"no"}`)
		}
		// A move and a suspension: the move comes first, or is refused.
		var moved answer
		var wg sync.WaitGroup
		wg.Go(func() { moved = w.call(engineer, http.MethodPatch, "/sim/<live2>", `{"packageId":6686}`) })
		wg.Go(func() {
			w.call(engineer, http.MethodPatch, "/sim/<live2>", `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`)
		})
		wg.Wait()
		if s := w.sim("live2"); s.Package != 6686 {
			moved.fails(t, 400, 16000)
		} else {
			moved.has(t, `{"portfolioPackage":{"packageId":6686}}`)
		}
	})
}
