package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// open stores a session of a SIM with room up to a ceiling.
func (w *world) open(iccid ident.ICCID, id string, change ...func(*usage.Session)) *usage.Session {
	w.t.Helper()
	s, _ := usage.New(w.sim(iccid).ID, usage.Report{Key: usage.Key{NAS: "gw", ID: id}, Step: usage.Start, At: noon})
	s.Ceiling = 1_000_000
	for _, c := range change {
		c(&s)
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSessions(ctx, []*usage.Session{&s}) })
	return &s
}

// advances says whether the next report of a session is taken unseen.
func (w *world) advances(s *usage.Session) bool {
	w.t.Helper()
	r := s.Last
	r.Step, r.At, r.Seconds, r.In = usage.Interim, noon.Add(time.Minute), 60, 10
	var taken []bool
	undone := errors.New("undone")
	if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) (err error) {
		taken, err = tx.Advance(ctx, []*usage.Report{&r})
		return errors.Join(err, undone)
	}); !errors.Is(err, undone) {
		w.t.Fatal(err)
	}
	return taken[0]
}

// testCeilings: whatever the rules may see otherwise of a SIM has them look at the
// next report of its open sessions, and of no others.
func testCeilings(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a1, w.sims(2))
	edit := func(change func(*sim.SIM)) func() { return func() { w.edit(ids[0], change) } }
	for _, c := range []struct {
		name  string
		do    func()
		ruled bool
	}{
		{"its name", edit(func(s *sim.SIM) { s.Name = "another" }), false},
		{"its limit", edit(func(s *sim.SIM) { s.DataLimit = 5 }), true},
		{"its package", edit(func(s *sim.SIM) { s.Package = w.packages[1].ID }), true},
		{"its IMEI lock", edit(func(s *sim.SIM) { s.IMEILock = "490154203237518" }), true},
		{"a suspension", func() { w.command(ids[0], sim.Command{Verb: sim.SuspendCustomer, At: noon}) }, true},
		{"its state", edit(func(s *sim.SIM) { s.Wanted.State, s.Settled.State = sim.Provisioned, sim.Provisioned }), true},
		{"its account's rule", func() {
			w.write(func(ctx context.Context, tx *store.Tx) error { return tx.Unrule(ctx, w.a1.ID) })
		}, true},
		{"another account's rule", func() {
			w.write(func(ctx context.Context, tx *store.Tx) error { return tx.Unrule(ctx, w.b.ID) })
		}, false},
	} {
		one, other := w.open(ids[0], c.name), w.open(ids[1], "beside "+c.name)
		c.do()
		must(t, w.db.Rerule(t.Context()))
		if w.advances(one) == c.ruled || !w.advances(other) {
			t.Errorf("after %s: goes on unseen %t, another's %t", c.name, w.advances(one), w.advances(other))
		}
		must(t, w.db.Rerule(t.Context())) // nothing is noted for ever
		fresh := w.open(ids[0], "after "+c.name)
		must(t, w.db.Rerule(t.Context()))
		if !w.advances(fresh) {
			t.Errorf("a session that began after %s is looked at", c.name)
		}
	}
}

// testCeilingsHeld: a change of a SIM waits for nobody who is counting for it, and what
// it asks for is done once they are through.
func testCeilingsHeld(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	if w.db.EngineName() != "postgres" {
		t.Skip("one writer at a time")
	}
	iccid := w.insert(w.a1, w.sims(1))[0]
	held, free := w.open(iccid, "held"), w.open(iccid, "free")
	r := held.Last
	r.Step, r.At, r.Seconds = usage.Interim, noon.Add(time.Second), 1
	w.write(func(ctx context.Context, tx *store.Tx) error { // counts for one of them, and is not through
		if _, err := tx.Advance(ctx, []*usage.Report{&r}); err != nil {
			return err
		}
		w.edit(iccid, func(s *sim.SIM) { s.DataLimit = 5 })
		return w.db.Rerule(ctx)
	})
	if !w.advances(held) || w.advances(free) {
		t.Errorf("the one that was held goes on unseen %t, the other %t", w.advances(held), w.advances(free))
	}
	must(t, w.db.Rerule(t.Context()))
	if w.advances(held) {
		t.Error("the one that was held is never looked at")
	}
}

// testDropSessions: of sessions that are over those go that ended before a time, with
// the proofs of their cuts, however many are open still before them.
func testDropSessions(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	iccid := w.insert(w.a1, w.sims(1))[0]
	ended := func(begun, over time.Time) func(*usage.Session) {
		return func(s *usage.Session) { s.StartedAt, s.Phase, s.StoppedAt = begun, usage.Closed, over }
	}
	old, before := noon.AddDate(-1, 0, 0), noon.AddDate(0, -6, 0)
	var want []int64
	for i := range 3 {
		want = append(want, w.open(iccid, fmt.Sprint("long ", i), func(s *usage.Session) { s.StartedAt = old }).ID)
	}
	want = append(want, w.open(iccid, "ended since", ended(old, noon)).ID)
	for i := range 4 {
		w.open(iccid, fmt.Sprint("old ", i), ended(old, old.Add(time.Hour)))
	}
	want = append(want, w.open(iccid, "new", ended(noon, noon.Add(time.Hour))).ID, w.open(iccid, "newer").ID)
	for round := range 2 {
		steps := 0
		for last, more := int64(0), true; more; steps++ {
			w.write(func(ctx context.Context, tx *store.Tx) (err error) {
				last, err = tx.DropSessions(ctx, before, last, 2)
				more = last > 0
				return err
			})
		}
		left, total, err := w.db.Sessions(t.Context(), []int64{w.sim(iccid).ID}, old.Add(-time.Hour), noon.Add(2*time.Hour), 0, 100)
		must(t, err)
		var got []int64
		for _, s := range left {
			got = append(got, s.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || total != int64(len(want)) {
			t.Errorf("round %d: %d are left %v, want %v", round, total, got, want)
		}
		if most := []int{5, 4}[round]; steps > most {
			t.Errorf("round %d: %d steps", round, steps)
		}
	}
}
