package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// testAccounts sums what accounts use, while SIMs move between them.
func testAccounts(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a1, w.sims(3))
	other := w.insert(w.b, w.sims(1))[0]
	w.uses(ids[0], 3, 1000, 2, 70)
	w.uses(ids[0], 3, 500, 0, 30)
	w.uses(ids[1], 3, 40, 0, 0)
	w.uses(ids[1], 4, 7, 1, 5)
	w.uses(other, 3, 9, 0, 1)
	w.wantMonth("the account's own", w.a1, 3, 1540, 2, 100)
	w.wantMonth("with those below", w.a, 3, 1540, 2, 100)
	w.wantMonth("of all", w.root, 3, 1549, 2, 101)
	w.wantMonth("of another", w.b, 3, 9, 0, 1)
	w.wantMonth("the month after", w.root, 4, 7, 1, 5)
	w.wantMonth("a month without a record", w.root, 5, 0, 0, 0)

	w.edit(ids[0], func(s *sim.SIM) { s.Portfolio = w.b1.ID })
	w.edit(ids[1], func(s *sim.SIM) { s.Portfolio, s.Package = w.a2.ID, w.packages[1].ID })
	w.wantMonth("after a move, where it was", w.a1, 3, 0, 0, 0)
	w.wantMonth("after a move, where it is", w.b, 3, 1509, 2, 101)
	w.wantMonth("after a move below", w.a, 3, 40, 0, 0)
	w.wantMonth("after a move, the month after", w.a, 4, 7, 1, 5)
	w.uses(ids[0], 3, 1, 0, 1)
	w.wantMonth("use after a move", w.b1, 3, 1501, 2, 101)
	w.check()
	if m, found, err := w.db.AccountMonth(t.Context(), tenant.Everything(), "USD", 2026, 3); err != nil || found || m != (usage.Month{}) {
		t.Errorf("in another currency: %+v, %t, %v", m, found, err)
	}
}

// testAccountsPending adds what sessions that go on have carried.
func testAccountsPending(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a1, w.sims(2))
	w.uses(ids[0], 3, 100, 0, 10)
	one := w.begins(ids[0], noon, 30)
	w.begins(ids[1], noon.AddDate(0, 1, 0), 7)
	for _, way := range []string{"by session", "by SIM"} {
		w.wantMonth(way, w.a, 3, 130, 0, 10)
		w.wantMonth(way+", the month after", w.a, 4, 7, 0, 0)
		w.wantMonth(way+", elsewhere", w.b, 3, 0, 0, 0)
		for _, iccid := range ids { // more are active than the account has from here on
			w.edit(iccid, func(s *sim.SIM) { s.Wanted.State, s.Settled.State = sim.Provisioned, sim.Provisioned })
		}
	}
	w.edit(ids[0], func(s *sim.SIM) { s.Portfolio = w.b.ID })
	w.wantMonth("after a move", w.b, 3, 130, 0, 10)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		one.Stored = one.Phase
		in, out := one.Count()
		if err := tx.SaveSessions(ctx, []*usage.Session{one}); err != nil {
			return err
		}
		return tx.AddMonths(ctx, map[usage.MonthKey]*usage.Month{{SIM: one.SIM, Year: 2026, Month: 3}: {Year: 2026, Month: 3, In: in, Out: out, Cost: 2}})
	})
	w.wantMonth("once it is counted", w.b, 3, 130, 0, 12)
	w.check()
}

// testAccountsAtOnce has SIMs used, and moved to and fro, by many at once:
// nothing is lost, and nothing is counted twice.
func testAccountsAtOnce(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a, w.sims(4))
	const each = 20
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range each {
				if err := tryWrite(t, w.db, w.using(ids[n%2], 3, 10, 1, 3)); err != nil {
					t.Errorf("use: %v", err)
				}
			}
		})
	}
	for n := range 2 {
		all.Go(func() {
			for i := range each {
				to := []ident.PortfolioID{w.b.ID, w.a1.ID, w.a.ID}[(i+n)%3]
				if err := tryWrite(t, w.db, moving(ids, to)); err != nil {
					t.Errorf("move: %v", err)
				}
			}
		})
	}
	all.Wait()
	w.wantMonth("in the end", w.root, 3, 4*each*10, 4*each, 4*each*3)
	w.check()
}

func moving(ids []ident.ICCID, to ident.PortfolioID) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		locked, err := tx.Lock(ctx, tenant.Everything(), ids)
		if err != nil {
			return err
		}
		var changes []sim.Change
		for i := range locked {
			after := locked[i]
			after.Portfolio = to
			changes = append(changes, sim.Change{Before: &locked[i], After: &after})
		}
		return tx.Save(ctx, changes)
	}
}

// using counts use of a SIM in a month of 2026, as use cases do: the SIM is held.
func (w *world) using(iccid ident.ICCID, month int, bytes, sms int64, cost money.Amount) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		s, found, err := tx.SIM(ctx, tenant.Everything(), iccid)
		if err != nil || !found {
			return fmt.Errorf("SIM %s: %w", iccid, err)
		}
		if _, err := tx.MeteredIDs(ctx, []int64{s.ID}, noon); err != nil {
			return err
		}
		return tx.AddMonths(ctx, map[usage.MonthKey]*usage.Month{{SIM: s.ID, Year: 2026, Month: month}: {Year: 2026, Month: month,
			In: bytes, SMS: sms, Cost: cost}})
	}
}

func (w *world) uses(iccid ident.ICCID, month int, bytes, sms int64, cost money.Amount) {
	w.t.Helper()
	w.write(w.using(iccid, month, bytes, sms, cost))
}

// begins opens a session that has carried some bytes.
func (w *world) begins(iccid ident.ICCID, at time.Time, bytes int64) *usage.Session {
	w.t.Helper()
	s, _ := usage.New(w.sim(iccid).ID, usage.Report{Key: usage.Key{NAS: "pgw", ID: string(iccid)}, Step: usage.Start, At: at, In: bytes})
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSessions(ctx, []*usage.Session{&s}) })
	return &s
}

// wantMonth sums a month of 2026 of an account and those below it.
func (w *world) wantMonth(what string, p tenant.Portfolio, month int, bytes, sms int64, cost money.Amount) {
	w.t.Helper()
	in := tenant.Below(p.Path)
	got, found, err := w.db.AccountMonth(w.t.Context(), in, "GBP", 2026, month)
	must(w.t, err)
	if want := (usage.Month{Bytes: bytes, SMS: sms, Cost: cost}); got != want || found != (want != usage.Month{}) {
		w.t.Errorf("%s: %+v, %t, want %+v", what, got, found, want)
	}
	if c, err := w.db.AccountCost(w.t.Context(), in, "GBP", 2026, month); err != nil || c != cost {
		w.t.Errorf("%s: it costs %d, want %d, %v", what, c, cost, err)
	}
}
