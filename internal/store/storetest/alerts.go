package storetest

import (
	"context"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// testAlerts lists and reads alerts, each tenant its own.
func testAlerts(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	mine, theirs := w.sim(w.insert(w.a1, w.sims(1))[0]), w.sim(w.insert(w.b, w.sims(1))[0])
	alert := func(s sim.SIM, kind usage.AlertKind) usage.Alert {
		return usage.Alert{Portfolio: s.Portfolio, SIM: s.ID, ICCID: s.ICCID, At: noon, Kind: kind, Detail: "why"}
	}
	alerts := []usage.Alert{alert(mine, usage.IMEIChanged), alert(theirs, usage.NewCountry), alert(mine, usage.DataThreshold)}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddAlerts(ctx, alerts) })
	a, b := tenant.Below(w.a.Path), tenant.Below(w.b.Path)
	w.wantAlerts(tenant.Everything(), usage.AlertQuery{Limit: 10}, 3, alerts[2], alerts[1], alerts[0])
	w.wantAlerts(a, usage.AlertQuery{Limit: 1}, 2, alerts[2])
	w.wantAlerts(a, usage.AlertQuery{Limit: 1, Offset: 1}, 2, alerts[0])
	w.wantAlerts(a, usage.AlertQuery{ICCIDs: []ident.ICCID{theirs.ICCID}, Limit: 10}, 0)

	all := []int64{alerts[0].ID, alerts[1].ID, alerts[2].ID, 1 << 40}
	if n := w.read(b, all); n != 1 {
		t.Errorf("%d alerts were read of the one that is b's", n)
	}
	w.wantAlerts(a, usage.AlertQuery{Unread: true, Limit: 10}, 2, alerts[2], alerts[0])
	if first, again := w.read(a, all[:1]), w.read(a, all[:1]); first != 1 || again != 0 {
		t.Errorf("one alert was read %d and %d times", first, again)
	}
	w.wantAlerts(a, usage.AlertQuery{Unread: true, Limit: 10}, 1, alerts[2])
}

func (w *world) wantAlerts(in tenant.Sphere, q usage.AlertQuery, total int64, want ...usage.Alert) {
	w.t.Helper()
	got, n, err := w.db.Alerts(w.t.Context(), in, q)
	must(w.t, err)
	if n != total {
		w.t.Errorf("%d alerts, want %d", n, total)
	}
	same(w.t, "alerts", want, got)
}

func (w *world) read(in tenant.Sphere, ids []int64) (n int64) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		n, err = tx.ReadAlerts(ctx, in, ids)
		return err
	})
	return n
}
