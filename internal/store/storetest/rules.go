package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// testAlertRules keeps rules of portfolios, and what has been told of by them.
func testAlertRules(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a1, w.sims(2))
	one := w.sim(ids[0])
	low := usage.AlertRule{Portfolio: w.a1.ID, Kind: usage.SMSThreshold, Value: 5, CreatedAt: noon}
	high := usage.AlertRule{Portfolio: w.a1.ID, Kind: usage.SMSThreshold, Value: 50, CreatedAt: noon}
	other := usage.AlertRule{Portfolio: w.b.ID, Kind: usage.SMSThreshold, Value: 7, CreatedAt: noon}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		again := low
		again.Seen, again.CreatedAt = 9, noon.Add(time.Hour)
		for _, a := range []usage.AlertRule{high, low, other, again} {
			if err := tx.SaveAlertRule(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	w.wantRules(tenant.Everything(), w.a1, low, high)
	w.wantRules(tenant.Below(w.b.Path), w.a1)
	about, err := w.db.RulesAbout(t.Context(), usage.SMSThreshold)
	must(t, err)
	same(t, "rules about messages", []usage.AlertRule{other, low, high}, about)
	over, err := w.db.RulesOver(t.Context(), one.ID, usage.SMSThreshold)
	must(t, err)
	same(t, "marks over a SIM", []int64{5, 50}, over)

	for _, c := range []struct {
		seen, past int64
		mine       bool
	}{{100, 99, true}, {100, 99, false}, {101, 100, true}} {
		w.write(func(ctx context.Context, tx *store.Tx) error {
			mine, err := tx.SeeAlertRule(ctx, low, c.seen, c.past)
			if mine != c.mine {
				t.Errorf("seen %d past %d: %t", c.seen, c.past, mine)
			}
			return err
		})
	}
	for _, there := range []bool{true, false} {
		w.write(func(ctx context.Context, tx *store.Tx) error {
			found, err := tx.DropAlertRule(ctx, low)
			if found != there {
				t.Errorf("dropped %t, want %t", found, there)
			}
			return err
		})
	}
	w.wantRules(tenant.Everything(), w.a1, high)
}

// testAlertRulesAtOnce has many set the one rule that there may be: each sees
// what the one before has done.
func testAlertRulesAtOnce(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			if err := tryWrite(t, w.db, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.LockPortfolio(ctx, w.a.ID); err != nil {
					return err
				}
				old, err := tx.AlertRules(ctx, tenant.Everything(), w.a.ID)
				if err != nil {
					return err
				}
				for _, a := range old {
					if _, err := tx.DropAlertRule(ctx, a); err != nil {
						return err
					}
				}
				return tx.SaveAlertRule(ctx, usage.AlertRule{Portfolio: w.a.ID, Kind: usage.NoConnection, Value: int64(n + 1), CreatedAt: noon})
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := w.db.AlertRules(t.Context(), tenant.Everything(), w.a.ID); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// testSilences remembers silences of SIMs while they are in service.
func testSilences(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ids := w.insert(w.a1, w.sims(3))
	var sims []int64
	since := map[int64]time.Time{}
	for i, iccid := range ids {
		w.edit(iccid, func(s *sim.SIM) { s.Wanted.State, s.Settled.State = sim.Provisioned, sim.Provisioned })
		sims = append(sims, w.sim(iccid).ID)
		since[sims[i]] = noon.Add(time.Duration(i) * time.Hour)
	}
	since[sims[0]] = time.Time{}
	save := func(m map[int64]time.Time) {
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSilences(ctx, m) })
	}
	save(since)
	save(map[int64]time.Time{sims[1]: noon.Add(9 * time.Hour)})
	since[sims[1]] = noon.Add(9 * time.Hour)
	w.wantSilences(sims, since)
	w.edit(ids[2], func(s *sim.SIM) { s.Wanted.Suspended = s.Wanted.Suspended.With(sim.Customer) })
	end := func(p tenant.Portfolio, all bool) {
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.EndSilences(ctx, p.ID, all) })
	}
	end(w.b, true)
	w.wantSilences(sims, since)
	end(w.a1, false)
	delete(since, sims[2])
	w.wantSilences(sims, since)
	end(w.a1, true)
	w.wantSilences(sims, nil)
}

func (w *world) wantRules(in tenant.Sphere, p tenant.Portfolio, want ...usage.AlertRule) {
	w.t.Helper()
	got, err := w.db.AlertRules(w.t.Context(), in, p.ID)
	must(w.t, err)
	same(w.t, "rules", want, got)
}

func (w *world) wantSilences(ids []int64, want map[int64]time.Time) {
	w.t.Helper()
	got, err := w.db.Silences(w.t.Context(), ids)
	must(w.t, err)
	same(w.t, "silences", want, got)
}
