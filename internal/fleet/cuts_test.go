package fleet_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
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
		w.clock.Pass(time.Second)
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
	w.clock.Pass(400 * 24 * time.Hour)
	w.must(w.DropUsage(ctx, w.clock.Now().AddDate(0, -1, 0)))
	_, total, err := w.DataSessions(ctx, w.op, []ident.ICCID{iccid}, w.clock.Now().AddDate(-2, 0, 0), w.clock.Now(), 0, 10)
	w.must(err)
	if total != 0 || len(proofs()) != 0 {
		t.Errorf("after the retention: %d sessions, proofs %q", total, proofs())
	}
}

// An order that waits for its next attempt is tried at once when there is reason to:
// the session reports again, somebody asks again, or its gateway is back. It stays the
// order that it is, so that its pauses go on growing.
func TestAWaitingOrderIsHurried(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx, iccid := t.Context(), w.live(0)
		s := w.session(0, "a1")
		start := s.report(usage.Start, 0, 0)
		start.Where = netip.MustParseAddrPort("192.0.2.7:0")
		w.ingest(start)
		w.apply(w.op, sim.SuspendAdmin, iccid)
		claim := func(after string) []usage.Cut {
			t.Helper()
			w.clock.Pass(time.Second)
			cuts := got(w.ClaimCuts(ctx, "n1", 10, time.Minute))(t)
			if want := after != ""; (len(cuts) == 1) != want {
				t.Fatalf("%d orders are due, after %q", len(cuts), after)
			}
			return cuts
		}
		first := claim("the suspension")[0]
		attempts := 0
		wait := func(c usage.Cut) {
			t.Helper()
			w.must(w.CutDone(ctx, []usage.CutAnswer{{Cut: c, RetryAt: w.clock.Now().Add(15 * time.Minute)}}))
			attempts++
			claim("")
		}
		for what, hurry := range map[string]func(){
			"a report":    func() { w.ingest(s.report(usage.Interim, int64(attempts), 0)) },
			"a request":   func() { is := w.sim(iccid); got(w.Control(ctx, w.customer(w.a, "E"), &is, sim.Disconnect, nil))(t) },
			"the gateway": func() { got(w.HurryCuts(ctx, netip.MustParsePrefix("192.0.2.0/24")))(t) },
		} {
			wait(first)
			hurry()
			c := claim(what)[0]
			if c.Reason != first.Reason || !c.AskedAt.Equal(first.AskedAt) || c.Attempts != attempts {
				t.Errorf("after %s: %q of %s, attempt %d", what, c.Reason, c.AskedAt, c.Attempts)
			}
			hurry() // one that is being done is left to who does it
			claim("")
			first.Lease = c.Lease
		}
		wait(first)
		if n := got(w.HurryCuts(ctx, netip.MustParsePrefix("198.51.100.0/24")))(t); n != 0 {
			t.Errorf("%d orders of another gateway", n)
		}
		claim("")
	})
}
