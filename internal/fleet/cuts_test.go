package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// What became of an order is kept when another one is given to the same session,
// for as long as the session is.
func TestEveryOrderHasItsProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, iccid := t.Context(), w.live(0)
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	order := func(done usage.CutOutcome) {
		t.Helper()
		is := w.sim(iccid)
		got(w.Control(ctx, w.customer(w.a, "E"), &is, sim.Disconnect, nil))(t)
		w.clock.pass(time.Second)
		cuts := got(w.ClaimCuts(ctx, "n1", 10, time.Hour))(t)
		if len(cuts) != 1 {
			t.Fatalf("%d orders", len(cuts))
		}
		w.must(w.CutDone(ctx, []usage.CutAnswer{{Cut: cuts[0], Outcome: done}}))
	}
	order(usage.CutGivenUp)
	order(usage.CutNoWay)
	order(usage.CutAck)
	proofs := func() (out []usage.CutOutcome) {
		for _, c := range got(w.Cuts(ctx, w.op, iccid, 10))(t) {
			out = append(out, c.Outcome)
		}
		return out
	}
	if got, want := proofs(), []usage.CutOutcome{usage.CutAck, usage.CutNoWay, usage.CutGivenUp}; !slices.Equal(got, want) {
		t.Errorf("the proofs are %q, want %q", got, want)
	}
	s.send(usage.Stop, 10, 0)
	w.clock.pass(400 * 24 * time.Hour)
	w.must(w.DropUsage(ctx, w.clock.now().AddDate(0, -1, 0)))
	_, total, err := w.DataSessions(ctx, w.op, []ident.ICCID{iccid}, w.clock.now().AddDate(-2, 0, 0), w.clock.now(), 0, 10)
	w.must(err)
	if total != 0 || len(proofs()) != 0 {
		t.Errorf("after the retention: %d sessions, proofs %q", total, proofs())
	}
}
