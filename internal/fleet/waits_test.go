package fleet_test

import (
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
)

// A SIM that waits for its first use goes live by itself where an operator has
// set a time for it, and only then.
func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.customer(w.a, "E")
	iccids := w.stock(w.a, w.auto, 0, 3)
	waiting, resting, live := iccids[0], iccids[1], iccids[2]
	w.apply(by, sim.ActivateReady, waiting, resting)
	w.apply(by, sim.ActivateLive, live)
	w.network(nil)
	w.apply(by, sim.SuspendCustomer, resting)
	w.network(nil)

	w.clock.Pass(400 * 24 * time.Hour)
	if n := got(w.EndWaits(t.Context()))(t); n != 0 || w.sim(waiting).Wanted.Phase != sim.Ready {
		t.Fatalf("%d waits ended that have no end", n)
	}
	strict := fleet.New(fleettest.Store{DB: w.db}, fleet.Options{Now: w.clock.Now, Rules: fleet.Rules{ReadyTime: 401 * 24 * time.Hour}})
	if n := got(strict.EndWaits(t.Context()))(t); n != 0 {
		t.Fatalf("%d waits ended early", n)
	}
	w.clock.Pass(24 * time.Hour)
	if n := got(strict.EndWaits(t.Context()))(t); n != 1 || w.sim(waiting).Wanted.Phase != sim.Live {
		t.Errorf("%d waits ended: %s", n, w.sim(waiting).Wanted)
	}
	if s := w.sim(resting); s.Wanted.Phase != sim.Ready || s.Wanted.Suspended == 0 {
		t.Errorf("a suspended SIM went %s", s.Wanted)
	}
	ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: waiting, Limit: 1}))(t)
	if ops[0].Actor != "system:rules" || ops[0].Reason != fleet.ReasonReadyOver {
		t.Errorf("operation %+v", ops[0])
	}
	if n := got(strict.EndWaits(t.Context()))(t); n != 0 {
		t.Errorf("%d waits ended twice", n)
	}
}

// However many SIMs stay in test, because a person has still to decide or the
// network to let them go, they hide none behind them.
func TestTestsEndBehindThoseThatStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 1100
	begun := w.clock.Now()
	put := func(from, n int, state sim.State, activated time.Time) {
		fresh := make([]sim.NewSIM, n)
		for i := range fresh {
			s := &sim.SIM{ICCID: iccid(from + i), Package: w.auto.ID, Network: "lab", Version: 1}
			s.Wanted = sim.Condition{State: state, Phase: sim.Test}
			s.Settled = sim.Condition{State: sim.Provisioned, Phase: sim.Test}
			s.ActivatedAt, s.CreatedAt, s.EverActive = activated, activated, true
			fresh[i].SIM = s
		}
		w.must(w.db.WriteBulk(t.Context(), func(tx *store.Tx) error { return tx.Insert(t.Context(), w.a.ID, fresh) }))
	}
	put(0, many, sim.AwaitingReview, begun)
	put(many, 1, sim.Deprovisioning, begun)
	put(many+1, many, sim.Provisioned, begun.Add(time.Second))
	w.clock.Pass(91 * 24 * time.Hour)
	if n := got(w.EndTests(t.Context()))(t); n != many {
		t.Errorf("%d tests ended, want %d", n, many)
	}
	for i, want := range map[int]sim.Condition{0: {State: sim.AwaitingReview, Phase: sim.Test}, many: {State: sim.Deprovisioning, Phase: sim.Test},
		many + 1: {State: sim.Provisioned, Phase: sim.Ready}, 2 * many: {State: sim.Provisioned, Phase: sim.Ready}} {
		if s := w.sim(iccid(i)); s.Wanted != want {
			t.Errorf("SIM %d is %s, want %s", i, s.Wanted, want)
		}
	}
	if n := got(w.EndTests(t.Context()))(t); n != 0 {
		t.Errorf("%d tests ended twice", n)
	}
}
