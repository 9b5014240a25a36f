package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

func (w *world) limit(r fleet.Request, mb int64, iccids ...ident.ICCID) *fleet.Applied {
	w.t.Helper()
	return got(w.Apply(w.t.Context(), r, iccids, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{DataLimit: &mb}, nil }, nil))(w.t)
}

func (w *world) wantHeld(i ident.ICCID, want sim.Kinds) {
	w.t.Helper()
	if s := w.sim(i); s.Wanted.Suspended != want {
		w.t.Fatalf("held by %q: %+v; want %q", s.Wanted.Suspended, s.Holds, want)
	}
}

const (
	noKind = sim.Kinds(0)
	mega   = usage.Megabyte
)

// What a limit does as it is set, it does with the setting: state, operation,
// alert and cut, in one version of the SIM.
func TestANewLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid, own := w.live(0), w.customer(w.a, "E")
	byRules := noKind.With(sim.System)
	s := w.session(0, "a1")
	s.send(usage.Interim, 9*mega, 0)
	before := w.sim(iccid).Version
	w.limit(own, 10, iccid)
	w.wantHeld(iccid, noKind)
	if kinds := fmt.Sprint(w.alerts()); kinds != "[DATA_USAGE_THRESHOLD]" {
		t.Errorf("nine of ten: alerts %s", kinds)
	}
	done := w.limit(own, 9, iccid)
	w.wantHeld(iccid, byRules)
	held := w.sim(iccid)
	if held.Version != before+2 || held.Holds[sim.System].Actor != own.Caller.Actor() || done.Outcomes[0].Progress != sim.OpPending {
		t.Errorf("version %d after %d, %+v, %s", held.Version, before, held.Holds[sim.System], done.Outcomes[0].Progress)
	}
	if cuts := w.cuts(); len(cuts) != 1 || cuts[0] != "suspendSystem: data limit of 9 MB reached" {
		t.Errorf("cuts %q", cuts)
	}
	w.limit(own, 8, iccid)
	w.wantHeld(iccid, byRules)
	w.limit(own, 9, iccid)
	w.wantHeld(iccid, byRules)
	if kinds := fmt.Sprint(w.alerts()); kinds != "[DATA_USAGE_THRESHOLD DATA_LIMIT_REACHED]" {
		t.Errorf("alerts %s", kinds)
	}
	w.network(nil)
	w.wantStatus(iccid, sim.StatusSuspended)
	w.limit(own, 100, iccid)
	w.wantHeld(iccid, noKind)
	w.network(nil)
	w.wantStatus(iccid, sim.StatusProvisioned)
	w.must(w.db.Check(t.Context()))
}

// A higher limit lifts nothing but what a limit has set.
func TestAHigherLimitLiftsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.customer(w.a, "E")
	over := func(i int) ident.ICCID {
		iccid := w.live(i)
		w.session(i, fmt.Sprint("s", i)).send(usage.Interim, 2*mega, 0)
		w.limit(own, 1, iccid)
		w.wantHeld(iccid, noKind.With(sim.System))
		return iccid
	}
	paused := over(0)
	w.apply(own, sim.SuspendCustomer, paused)
	w.limit(own, 5, paused)
	w.wantHeld(paused, noKind.With(sim.Customer))

	locked, lock := over(1), true
	got(w.Apply(t.Context(), w.op, []ident.ICCID{locked}, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Lock: &lock}, nil }, nil))(t)
	w.limit(own, 5, locked)
	w.wantHeld(locked, noKind.With(sim.System))
	w.limit(w.op, 6, locked)
	w.wantHeld(locked, noKind)

	other := w.live(2)
	w.limit(own, 5, other)
	w.apply(w.op, sim.SuspendSystem, other)
	w.limit(own, 50, other)
	w.wantHeld(other, noKind.With(sim.System))

	closed := over(3)
	w.apply(w.op, sim.Close, closed)
	for _, mb := range []int64{1, 5} {
		if done := w.limit(own, mb, closed); done.Refused {
			t.Errorf("%d MB on a closed SIM: %v", mb, done.Outcomes[0].Err)
		}
	}
}

// A SIM that refuses leaves no trace of what its neighbours' limits would have
// done; a limit may also be refused for being used up.
func TestALimitThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid, missing := w.live(0), ident.ICCID("8944538599009999998")
	w.session(0, "a1").send(usage.Interim, 2*mega, 0)
	if done := w.limit(w.op, 1, iccid, missing); !done.Refused {
		t.Fatal("not refused")
	}
	w.wantHeld(iccid, noKind)
	if cuts, kinds := w.cuts(), w.alerts(); len(cuts)+len(kinds) != 0 {
		t.Errorf("cuts %q, alerts %q", cuts, kinds)
	}
	for mb, want := range map[int64]string{1: fleet.LimitTooLow, -1: "invalid", fleet.MaxDataLimit + 1: "invalid"} {
		done := got(w.Apply(t.Context(), w.op, []ident.ICCID{iccid}, func(fleet.Facts) (fleet.Edit, error) {
			return fleet.Edit{DataLimit: &mb, NotBelowUse: true}, nil
		}, nil))(t)
		if err := done.Outcomes[0].Err; err == nil || fault.CodeOf(err) != want && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%d MB: %v, want %s", mb, err, want)
		}
	}
	if s := w.sim(iccid); s.DataLimit != 0 {
		t.Errorf("the limit is %d", s.DataLimit)
	}
}

// A report that another node is taking as a limit is set counts against it:
// otherwise the limit would act with the next one.
func TestALimitWaitsForReportsUnderWay(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	w := newWorldOn(t, store.Options{URL: url})
	node := got(store.Open(t.Context(), store.Options{URL: url}))(t)
	defer func() { w.must(node.Close()) }()
	iccid, own := w.live(0), w.customer(w.a, "E")
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	s.send(usage.Interim, mega, 0)
	w.clock.Pass(time.Minute)
	next := s.report(usage.Interim, 20*mega, 0)
	set := make(chan struct{})
	w.must(node.Write(t.Context(), func(tx *store.Tx) error {
		taken, err := tx.Advance(t.Context(), []*usage.Report{&next})
		if err == nil && !taken[0] {
			t.Error("the report was not taken as it came")
		}
		go func() {
			defer close(set)
			w.limit(own, 10, iccid)
		}()
		waitUntilLocked(t, url, set)
		return err
	}))
	<-set
	w.wantHeld(iccid, noKind.With(sim.System))
}

// waitUntilLocked returns once a statement waits for a lock that another
// transaction holds, or when done is closed.
func waitUntilLocked(t *testing.T, url string, done <-chan struct{}) {
	conn := got(pgx.Connect(t.Context(), url))(t)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for {
		var waiting bool
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
			AND wait_event_type = 'Lock')`).Scan(&waiting); err != nil || waiting {
			if err != nil {
				t.Error(err)
			}
			return
		}
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
