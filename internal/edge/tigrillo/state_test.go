package tigrillo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

var (
	noSuspend   = failed("E0143", "SIM cannot be suspended")
	noUnsuspend = failed("E0144", "SIM cannot be unsuspended")
	noTerminate = failed("E0145", "SIM cannot be terminated")
	noSIM       = failed("E0137", "Invalid SIM no. provided")
)

func options(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, fmt.Sprintf(`{"ID":%q,"title":%q}`, pairs[i], pairs[i+1]))
	}
	return strings.TrimSuffix(done, "}") + `,"stateOptions":[` + strings.Join(out, ",") + "]}"
}

func TestGetSIMStateOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inService := options("suspend", "Suspend SIM", "terminate", "Terminate the SIM")
	suspended := options("active", "Reactivate SIM", "terminate", "Terminate the SIM")
	held := options("terminate", "Terminate the SIM")
	for name, want := range map[string]string{
		"live": inService, "child": inService, "suspended": suspended, "suspending": suspended,
		"admin": held, "system": held, "both": held,
		"gone":         options("active", "Reactivate SIM"),
		"stock":        options("reason", "The SIM is in stock and not active (since 2025-03-02 12:00:00); activate it first"),
		"closed":       options("reason", "The SIM was closed (since 2025-03-02 13:00:00); nothing lifts this: closed is final"),
		"waiting":      options("reason", "The activation has been waiting for the operator's approval since 2025-03-02 14:00:00; the SIM can be changed once that is decided"),
		"provisioning": options("reason", "The SIM has been on its way to the network since 2025-03-02 14:00:00; it can be changed once the network has answered"),
		"review":       options("reason", "The termination has been waiting for the operator's review since 2025-03-02 13:00:00; the SIM can be changed once that is decided"),
		"leaving":      options("reason", "The SIM has been on its way off the network since 2025-03-02 14:00:00; it can be changed once the network has answered"),
		"foreign":      noSIM,
		missing:        noSIM,
	} {
		same(t, w.call(engineer, "getSIMStateOptions", `{"ICCID":"<`+name+`>"}`).body, want)
	}
}

// TestOptionsKeepTheirWord: setSIMState does what is offered, and refuses what
// is not, for every SIM.
func TestOptionsKeepTheirWord(t *testing.T) {
	t.Parallel()
	for _, name := range sims[:len(sims)-1] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for id, refused := range map[string]string{"suspend": noSuspend, "active": noUnsuspend, "terminate": noTerminate} {
				w := newWorld(t)
				offered := strings.Contains(w.call(engineer, "getSIMStateOptions", `{"ICCID":"<`+name+`>"}`).body, `"ID":"`+id+`"`)
				before := w.sim(name)
				got := w.call(engineer, "setSIMState", fmt.Sprintf(`{"ICCID":"<%s>","state":%q}`, name, id)).body
				after := w.sim(name)
				if changed := before != after; changed != offered {
					t.Errorf("%s is offered: %v, and changes: %v", id, offered, changed)
				}
				want := done
				if !offered {
					want = refused
				}
				same(t, got, want)
			}
		})
	}
}

func TestSetSIMState(t *testing.T) {
	t.Parallel()
	owing := func(w *world) {
		must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios["A"], func(p *tenant.Portfolio) error {
			p.Overdue = 12 * money.Unit
			return nil
		}))
	}
	play(t, []scenario{
		{name: "suspend", method: "setSIMState", body: `{"ICCID":"<live>","state":"suspend"}`, want: done},
		{name: "reactivate", method: "setSIMState", body: `{"ICCID":"<gone>","state":"active"}`, want: done, then: map[string]string{"gone": "provisioning"}},
		{name: "reactivate what owes", before: owing, method: "setSIMState", body: `{"ICCID":"<gone>","state":"active"}`, want: noUnsuspend},
		{name: "terminate", method: "setSIMState", body: `{"ICCID":"<live>","state":"terminate"}`, want: done, then: map[string]string{"live": "deprovisioning"}},
		{name: "terminate, reviewed", before: func(w *world) { w.give(sim.ActivateLive, "review") }, method: "setSIMState",
			body: `{"ICCID":"<review>","state":"terminate"}`, want: done, then: map[string]string{"review": "awaitingReview"}},
		{name: "reason is no state", method: "setSIMState", body: `{"ICCID":"<live>","state":"reason"}`, want: failed("E0005", "Invalid parameter - state")},
		{name: "suspended is no state", method: "setSIMState", body: `{"ICCID":"<live>","state":"suspended"}`, want: failed("E0005", "Invalid parameter - state")},
		{name: "no state", method: "setSIMState", body: `{"ICCID":"<live>"}`, want: failed("E0004", "Missing parameter - state")},
		{name: "empty state", method: "setSIMState", body: `{"ICCID":"<live>","state":""}`, want: failed("E0004", "Missing parameter - state")},
		{name: "no SIM", method: "setSIMState", body: `{"state":"suspend"}`, want: failed("E0004", "Missing parameter - ICCID")},
		{name: "unknown", method: "setSIMState", body: `{"ICCID":"<missing>","state":"suspend"}`, want: noSIM},
		{name: "no number", method: "setSIMState", body: `{"ICCID":"89445x","state":"suspend"}`, want: noSIM},
		{name: "logistics", as: logistics, method: "setSIMState", body: `{"ICCID":"<live>","state":"suspend"}`, want: denied, then: map[string]string{"live": "provisioned"}},
	})
}

// TestOneCommandFollowsAnotherAtOnce: what is wanted is judged, not what the
// network has reached.
func TestOneCommandFollowsAnotherAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		same(t, w.call(engineer, "suspendSIMs", `{"sims":["<live>"]}`).body, done)
		same(t, w.call(engineer, "suspendSIMs", `{"sims":["<live>"]}`).body, statuses("live", `"E0143:SIM cannot be suspended"`))
		same(t, w.call(engineer, "unsuspendSIMs", `{"sims":["<live>"]}`).body, done)
		same(t, w.call(engineer, "unsuspendSIMs", `{"sims":["<live>"]}`).body, statuses("live", `"E0144:SIM cannot be unsuspended"`))
	}
	w.settle()
	if s := w.sim("live"); s.Pending() || s.Status() != sim.StatusProvisioned {
		t.Errorf("live is %s", s.Status())
	}
	same(t, w.call(engineer, "suspendSIMs", `{"sims":["<live>"]}`).body, done)
	if s := w.sim("live"); s.Status() != sim.StatusProvisioned {
		t.Errorf("before the network has agreed it shows %s", s.Status())
	}
	w.settle()
	if s := w.sim("live"); s.Status() != sim.StatusSuspended || s.Holds[sim.Customer].Actor != "user:"+engineer {
		t.Errorf("live is %s", s.Status())
	}
}

// stands says for each SIM which of the bulk calls it takes.
var stands = map[string][]string{
	"live": {"suspend", "terminate"}, "live2": {"suspend", "terminate"}, "child": {"suspend", "terminate"},
	"suspended": {"unsuspend", "terminate"}, "suspending": {"unsuspend", "terminate"},
	"admin": {"terminate"}, "system": {"terminate"}, "both": {"terminate"},
}

func TestBulkCalls(t *testing.T) {
	t.Parallel()
	refusals := map[string]string{"suspend": `"E0143:SIM cannot be suspended"`, "unsuspend": `"E0144:SIM cannot be unsuspended"`,
		"terminate": `"E0145:SIM cannot be terminated"`}
	for call, refused := range refusals {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var all, good, bad []string
			for _, name := range sims {
				all = append(all, `"<`+name+`>"`)
				switch {
				case name == "foreign":
					bad = append(bad, name, `"E0137:Invalid SIM no. provided"`)
				case slices.Contains(stands[name], call):
					good = append(good, `"<`+name+`>"`)
				default:
					bad = append(bad, name, refused)
				}
			}
			before := w.snapshot()
			same(t, w.call(engineer, call+"SIMs", `{"sims":[`+strings.Join(all, ",")+`]}`).body, statuses(bad...))
			if w.snapshot() != before {
				t.Error("a call that was refused for some has changed others")
			}
			same(t, w.call(engineer, call+"SIMs", `{"sims":[`+strings.Join(good, ",")+`]}`).body, done)
			for _, name := range sims {
				v := w.sim(name)
				if slices.Contains(stands[name], call) && !v.Pending() {
					t.Errorf("%s has not been told to the network", name)
				}
			}
		})
	}
}

// snapshot is where every SIM stands.
func (w *world) snapshot() string {
	var b strings.Builder
	for _, name := range sims {
		s := w.sim(name)
		fmt.Fprintf(&b, "%s %s %d %d\n", name, s.Wanted, s.Generation, s.Version)
	}
	return b.String()
}

func TestBulkInput(t *testing.T) {
	t.Parallel()
	many := func(n int) string {
		return `{"sims":[` + strings.TrimSuffix(strings.Repeat(`"<live>",`, n), ",") + `]}`
	}
	unchanged := map[string]string{"live": "provisioned", "live2": "provisioned"}
	for _, m := range []string{"suspendSIMs", "unsuspendSIMs", "terminateSIMs"} {
		play(t, []scenario{
			{name: m + " nothing", method: m, body: ``, want: failed("E0004", "Missing parameter - sims")},
			{name: m + " null", method: m, body: `{"sims":null}`, want: failed("E0004", "Missing parameter - sims")},
			{name: m + " misnamed", method: m, body: `{"SIMs":["<live>"]}`, want: failed("E0004", "Missing parameter - sims")},
			{name: m + " empty", method: m, body: `{"sims":[]}`, want: failed("E0004", "Missing parameter - sims")},
			{name: m + " 10,001", method: m, body: many(10_001), want: failed("E0005", "Invalid parameter - sims"), then: unchanged},
			{name: m + " text", method: m, body: `{"sims":"<live>"}`, want: failed("E0005", "Invalid parameter - sims"), then: unchanged},
			{name: m + " objects", method: m, body: `{"sims":[{"ICCID":"<live>"}]}`, want: failed("E0005", "Invalid parameter - sims"), then: unchanged},
			{name: m + " a number", method: m, body: `{"sims":["<live>",8944538599000000060]}`, want: failed("E0005", "Invalid parameter - sims"), then: unchanged},
			{name: m + " null inside", method: m, body: `{"sims":["<live>",null]}`, want: failed("E0005", "Invalid parameter - sims"), then: unchanged},
			{name: m + " no number", method: m, body: `{"sims":["","x","😀","<missing>","x","<missing>"]}`,
				want: strings.TrimSuffix(done, "}") + `,"simStatuses":{"":"E0137:Invalid SIM no. provided","x":"E0137:Invalid SIM no. provided",
				"😀":"E0137:Invalid SIM no. provided","<missing>":"E0137:Invalid SIM no. provided"}}`},
			{name: m + " nothing but no number", method: m, body: `{"sims":["x"]}`,
				want: strings.TrimSuffix(done, "}") + `,"simStatuses":{"x":"E0137:Invalid SIM no. provided"}}`},
			{name: m + " may not", as: logistics, method: m, body: `{"sims":["<live>","<suspended>"]}`, want: denied, then: unchanged},
		})
	}
	play(t, []scenario{
		{name: "twice in a list is once", method: "suspendSIMs", body: `{"sims":["<live>","<live>"," <live> "]}`, want: done},
		{name: "10,000 times is once", method: "suspendSIMs", body: many(10_000), want: done},
		{name: "a text that is no number holds up the others", method: "suspendSIMs", body: `{"sims":["<live>","x"]}`,
			want: strings.TrimSuffix(done, "}") + `,"simStatuses":{"x":"E0137:Invalid SIM no. provided"}}`, then: unchanged},
	})
}

func TestTenThousandSIMsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf(`"8944000000000%06d"`, i))
	}
	a := w.call(engineer, "suspendSIMs", `{"sims":[`+strings.Join(list, ",")+`]}`)
	if n := strings.Count(a.body, `"E0137:Invalid SIM no. provided"`); n != 10_000 {
		t.Errorf("%d are unknown", n)
	}
}

func TestSetSIMDetail(t *testing.T) {
	t.Parallel()
	labels := func(w *world, name string) string { s := w.sim(name); return s.Name + "/" + s.Group }
	for body, want := range map[string]string{
		`{"ICCID":"<live>"}`: "SIM live/North",
		`{"ICCID":"<live>","friendlyName":null,"group":null}`:                  "SIM live/North",
		`{"ICCID":"<live>","friendlyName":"Pump"}`:                             "Pump/North",
		`{"ICCID":"<live>","friendlyName":"","group":""}`:                      "/",
		`{"ICCID":"<live>","group":"South"}`:                                   "SIM live/South",
		`{"ICCID":"<live>","friendlyName":"😀 Ünï","group":"北"}`:                "😀 Ünï/北",
		`{"ICCID":"<live>","friendlyName":"null"}`:                             "null/North",
		`{"ICCID":"<live>","friendlyName":"<b>&\"'","IMEI":"x"}`:               `<b>&"'/North`,
		`{"ICCID":"<live>","friendlyName":"` + strings.Repeat("ü", 255) + `"}`: strings.Repeat("ü", 255) + "/North",
		`{"ICCID":"<live>","friendlyName":"` + strings.Repeat(`😀`, 255) + `"}`: strings.Repeat("😀", 255) + "/North",
	} {
		w := newWorld(t)
		same(t, w.call(engineer, "setSIMDetail", body).body, done)
		if got := labels(w, "live"); got != want {
			t.Errorf("%s: %s, not %s", body, got, want)
		}
	}
	bad := func(name string) string { return failed("E0005", "Invalid parameter - "+name) }
	play(t, []scenario{
		{name: "comma", method: "setSIMDetail", body: `{"ICCID":"<live>","friendlyName":"a,b"}`, want: bad("friendlyName")},
		{name: "256 characters", method: "setSIMDetail", body: `{"ICCID":"<live>","friendlyName":"` + strings.Repeat("a", 256) + `"}`, want: bad("friendlyName")},
		{name: "control", method: "setSIMDetail", body: `{"ICCID":"<live>","friendlyName":"a\u0000b"}`, want: bad("friendlyName")},
		{name: "group with a comma", method: "setSIMDetail", body: `{"ICCID":"<live>","group":"a,b"}`, want: bad("group")},
		{name: "group of 256", method: "setSIMDetail", body: `{"ICCID":"<live>","group":"` + strings.Repeat("a", 256) + `"}`, want: bad("group")},
		{name: "no SIM", method: "setSIMDetail", body: `{"friendlyName":"a"}`, want: bad("ICCID")},
		{name: "no number", method: "setSIMDetail", body: `{"ICCID":"x","friendlyName":"a"}`, want: bad("ICCID")},
		{name: "unknown", method: "setSIMDetail", body: `{"ICCID":"<missing>","friendlyName":"a"}`, want: noSIM},
		{name: "logistics", as: logistics, method: "setSIMDetail", body: `{"ICCID":"<live>","friendlyName":"a"}`, want: denied},
		{name: "in between", method: "setSIMDetail", body: `{"ICCID":"<leaving>","friendlyName":"a"}`, want: done},
		{name: "closed", method: "setSIMDetail", body: `{"ICCID":"<closed>","friendlyName":"a"}`, want: done},
	})
}

// TestWhatIsDoneIsAudited: the operation and the event name the user, the door
// and the request.
func TestWhatIsDoneIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request(engineer, "suspendSIMs", `{"sims":["<live>"]}`)
	r.Header.Set("X-Request-Id", "abc-123")
	w.send(r)
	ops := must(w.Fleet.Operations(context.Background(), w.op, sim.OperationQuery{ICCID: iccid("live"), Limit: 1}))
	if o := ops[0]; o.Actor != "user:"+engineer || o.Via != "tigrillo" || o.Request != "abc-123" || o.Verb != sim.SuspendCustomer {
		t.Errorf("%+v", o)
	}
}
