package storetest

import (
	"context"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testTotals counts the same lists again after every kind of change: a total
// that is remembered may not outlive what it counted.
func testTotals(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	meters := w.sims(30)
	for i := range meters {
		meters[i].SIM.Name = "Meter"
	}
	w.insert(w.a1, meters)
	search := &sim.Match{Text: "METER"}
	wanted := func(what string, total, available, elsewhere int64) {
		t.Helper()
		w.wantTotal(what, tenant.Everything(), sim.Query{Match: search}, total)
		w.wantTotal(what+", by name", tenant.Everything(), sim.Query{Match: search, Sort: sim.ByName}, total)
		w.wantTotal(what+", available", tenant.Everything(), sim.Query{Match: search, Statuses: []sim.Status{sim.StatusAvailable}}, available)
		w.wantTotal(what+", elsewhere", tenant.Below(w.b.Path), sim.Query{Match: search}, elsewhere)
	}
	wanted("at first", 30, 30, 0)
	w.edit(meters[0].SIM.ICCID, func(s *sim.SIM) { s.Name = "Pump" })
	wanted("after a new name", 29, 29, 0)
	w.edit(meters[1].SIM.ICCID, func(s *sim.SIM) {
		s.Wanted.State, s.Settled.State = sim.Unprovisioned, sim.Unprovisioned
	})
	wanted("after a change of state", 29, 28, 0)
	w.edit(meters[2].SIM.ICCID, func(s *sim.SIM) { s.Portfolio = w.b.ID })
	wanted("after a move", 29, 28, 1)
	more := w.sims(1)
	more[0].SIM.Name = "meter"
	w.insert(w.b, more)
	wanted("after one more", 30, 29, 2)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		late := w.sims(1)
		late[0].SIM.Name = "Meter"
		if err := tx.Insert(ctx, w.b.ID, late); err != nil {
			return err
		}
		page, err := tx.List(ctx, tenant.Everything(), sim.Query{Match: search, Count: true, Limit: 1})
		if err == nil && page.Total != 31 {
			t.Errorf("the transaction that added one counts %d SIMs, want 31", page.Total)
		}
		return err
	})
	wanted("after the last", 31, 30, 3)
}

// wantTotal counts a list twice: the second total may be remembered.
func (w *world) wantTotal(what string, in tenant.Sphere, q sim.Query, n int64) {
	w.t.Helper()
	q.Count, q.Limit = true, 5
	for range 2 {
		page, err := w.db.List(w.t.Context(), in, q)
		must(w.t, err)
		if page.Total != n {
			w.t.Errorf("%s: %d SIMs, want %d", what, page.Total, n)
		}
	}
}

// edit changes one SIM.
func (w *world) edit(iccid ident.ICCID, change func(*sim.SIM)) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		locked, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{iccid})
		if err != nil {
			return err
		}
		after := locked[0]
		change(&after)
		return tx.Save(ctx, []sim.Change{{Before: &locked[0], After: &after}})
	})
}
