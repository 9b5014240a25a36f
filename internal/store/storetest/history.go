package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testOperations follows operations from the request to the proof.
func testOperations(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	one, two, other := w.sim(w.insert(w.a1, w.sims(1))[0]), w.sim(w.insert(w.a2, w.sims(1))[0]), w.sim(w.insert(w.b, w.sims(1))[0])
	ops := []sim.Operation{
		w.operation(one, sim.OpDone, 1), w.operation(one, sim.OpPending, 2), w.operation(one, sim.OpPending, 3), w.operation(two, sim.OpWaiting, 0),
		w.operation(other, sim.OpPending, 1), w.operation(other, sim.OpWaiting, 0),
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddOperations(ctx, ops) })
	for i := 1; i < len(ops); i++ {
		if ops[i].ID <= ops[i-1].ID {
			t.Fatal("ids do not grow")
		}
	}
	everything, below := tenant.Everything(), tenant.Below(w.a.Path)
	w.wantOps(everything, sim.OperationQuery{Limit: 10}, ops[5], ops[4], ops[3], ops[2], ops[1], ops[0])
	w.wantOps(everything, sim.OperationQuery{}, ops[5], ops[4], ops[3], ops[2], ops[1], ops[0])
	w.wantOps(below, sim.OperationQuery{Limit: 3}, ops[3], ops[2], ops[1])
	w.wantOps(below, sim.OperationQuery{Limit: 3, Before: ops[1].ID}, ops[0])
	w.wantOps(below, sim.OperationQuery{ID: ops[2].ID, Limit: 1}, ops[2])
	w.wantOps(below, sim.OperationQuery{ID: ops[4].ID, Limit: 1})
	w.wantOps(below, sim.OperationQuery{ICCID: one.ICCID, Limit: 2}, ops[2], ops[1])
	w.wantOps(below, sim.OperationQuery{ICCID: other.ICCID, Limit: 2})
	open12 := []sim.Progress{sim.OpWaiting, sim.OpPending}
	w.wantOps(everything, sim.OperationQuery{Progress: open12, Limit: 3}, ops[5], ops[4], ops[3])
	w.wantOps(below, sim.OperationQuery{Progress: open12, Limit: 10}, ops[3], ops[2], ops[1])
	w.wantOps(below, sim.OperationQuery{Progress: open12, ICCID: two.ICCID, Limit: 10}, ops[3])
	w.wantOps(below, sim.OperationQuery{Progress: []sim.Progress{sim.OpDone, sim.OpWaiting}, Limit: 10}, ops[3], ops[0])
	w.answered(one, ops)
	w.decided(two, ops[3])
	w.waiting()
}

func (w *world) operation(s sim.SIM, p sim.Progress, generation int64) sim.Operation {
	return sim.Operation{SIM: s.ID, ICCID: s.ICCID, Portfolio: s.Portfolio, Verb: sim.SuspendAdmin, Reason: "why", Actor: "user:x", Via: "cli", Request: "r-1",
		Wanted:      sim.Condition{State: sim.Provisioned, Phase: sim.Live, Suspended: sim.Kinds(0).With(sim.Admin)},
		RequestedAt: noon, Generation: generation, Progress: p}
}

func (w *world) wantOps(in tenant.Sphere, q sim.OperationQuery, want ...sim.Operation) {
	w.t.Helper()
	got, err := w.db.Operations(w.t.Context(), in, q)
	must(w.t, err)
	same(w.t, "operations", want, got)
}

// answered holds that an answer ends the operation that it is for, and the
// older ones as superseded.
func (w *world) answered(s sim.SIM, ops []sim.Operation) {
	w.t.Helper()
	at := noon.Add(time.Hour)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.Answered(ctx, []sim.Ended{{SIM: s.ID, Generation: 3, Progress: sim.OpRefused, Error: "no", Attempts: 4, At: at}})
	})
	done, superseded := ops[2], ops[1]
	done.Progress, done.LastError, done.Attempts, done.DoneAt = sim.OpRefused, "no", 4, at
	superseded.Progress, superseded.LastError, superseded.Attempts, superseded.DoneAt = sim.OpSuperseded, "no", 4, at
	w.wantOps(tenant.Everything(), sim.OperationQuery{ICCID: s.ICCID, Limit: 3}, done, superseded, ops[0])
}

// decided holds that a decision sends a waiting operation on to the network,
// which then ends it.
func (w *world) decided(s sim.SIM, op sim.Operation) {
	w.t.Helper()
	decide := func(e sim.Ended) {
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.Decided(ctx, []sim.Ended{e}) })
	}
	decide(sim.Ended{SIM: s.ID, Generation: 5, Progress: sim.OpPending, At: noon})
	op.Progress, op.Generation = sim.OpPending, 5
	w.wantOps(tenant.Everything(), sim.OperationQuery{ID: op.ID, Limit: 1}, op)
	decide(sim.Ended{SIM: s.ID, Progress: sim.OpRejected, At: noon}) // nothing waits any more
	w.wantOps(tenant.Everything(), sim.OperationQuery{ID: op.ID, Limit: 1}, op)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.Answered(ctx, []sim.Ended{{SIM: s.ID, Generation: 5, Progress: sim.OpDone, Attempts: 1, At: noon}})
	})
	op.Progress, op.Attempts, op.DoneAt = sim.OpDone, 1, noon
	w.wantOps(tenant.Everything(), sim.OperationQuery{ID: op.ID, Limit: 1}, op)
}

// waiting holds that a pending operation tells of its place in the queue.
func (w *world) waiting() {
	w.t.Helper()
	s := w.sim(w.pending(1)[0])
	op := []sim.Operation{w.operation(s, sim.OpPending, s.Generation)}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddOperations(ctx, op) })
	op[0].NextTry = noon
	w.wantOps(tenant.Everything(), sim.OperationQuery{ID: op[0].ID, Limit: 1}, op[0])
}

// testEvents reads what happened, newest first, by every filter.
func testEvents(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	one, other := w.sim(w.insert(w.a1, w.sims(1))[0]), w.sim(w.insert(w.b, w.sims(1))[0])
	made := func(kind event.Kind, at time.Duration, p tenant.Portfolio, s sim.SIM) event.Event {
		return event.Event{At: noon.Add(at * time.Microsecond), Kind: kind, Portfolio: p.ID, SIM: s.ID, ICCID: s.ICCID, Seq: s.Version, Actor: "user:x", Via: "cli", Request: "r-1",
			Data: event.Data{Verb: "activate", Reason: `"why"`, Changes: []event.Change{{Field: "name", From: "a", To: "ä"}}}}
	}
	e := []event.Event{
		made(event.SIMImported, 0, w.a1, one), made(event.SIMCommanded, 1, w.a1, one), made(event.PortfolioCreated, 2, w.a, sim.SIM{}),
		made(event.SIMCommanded, 3, w.b, other), made(event.NetworkAdded, 4, tenant.Portfolio{}, sim.SIM{}),
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddEvents(ctx, e) })
	want := func(in tenant.Sphere, q event.Query, want ...event.Event) {
		t.Helper()
		got, err := w.db.Events(t.Context(), in, q)
		must(t, err)
		same(t, "events", want, got)
	}
	everything, below := tenant.Everything(), tenant.Below(w.a.Path)
	want(everything, event.Query{Limit: 10}, e[4], e[3], e[2], e[1], e[0])
	want(everything, event.Query{}, e[4], e[3], e[2], e[1], e[0])
	want(everything, event.Query{Limit: 2, Before: e[3].ID}, e[2], e[1])
	want(tenant.Below(w.root.Path), event.Query{Limit: 10}, e[3], e[2], e[1], e[0])
	want(below, event.Query{Limit: 2}, e[2], e[1])
	want(below, event.Query{Limit: 10, Kinds: []event.Kind{event.SIMCommanded, event.NetworkAdded}}, e[1])
	want(everything, event.Query{Limit: 10, Since: e[2].At}, e[4], e[3], e[2])
	want(below, event.Query{Limit: 10, ICCID: one.ICCID}, e[1], e[0])
	want(below, event.Query{Limit: 10, ICCID: one.ICCID, Kinds: []event.Kind{event.SIMImported}, Since: noon}, e[0])
	want(below, event.Query{Limit: 10, ICCID: other.ICCID})
	want(everything, event.Query{Limit: 10, ICCID: ident.ICCID("89445385990000")})
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddEvents(ctx, nil) })
}
