package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// wear gives every SIM of a filled platform what a living one has at the
// moment: the last that was heard of it, its counters of this month and the one
// before, and a session that has ended. A SIM that is on the network has one
// that goes on, with bytes that no counter holds yet.
func (f *benched) wear(ctx context.Context, a *app.App, now time.Time) error {
	for at := (*sim.Cursor)(nil); ; {
		page, err := a.DB.List(ctx, tenant.Everything(), sim.Query{After: at, Limit: 10_000})
		if err != nil {
			return err
		}
		w := worn{now: now, heard: map[int64]*usage.Activity{}, months: map[usage.MonthKey]*usage.Month{}}
		for i := range page.SIMs {
			w.add(&page.SIMs[i])
		}
		if err := a.DB.WriteBulk(ctx, func(tx *store.Tx) error { return w.save(ctx, tx) }); err != nil || page.Next == nil {
			return err
		}
		at = page.Next
	}
}

// worn is the usage of a page of SIMs.
type worn struct {
	now      time.Time
	sessions []*usage.Session
	heard    map[int64]*usage.Activity
	months   map[usage.MonthKey]*usage.Month
}

func (w *worn) add(s *sim.SIM) {
	begun := w.now.Add(-time.Duration(s.ID%48*15+30) * time.Minute)
	w.session(s, usage.Closed, begun, begun.Add(20*time.Minute))
	if p := s.Profile(); p.Present && !p.Barred.Has(sim.Data) {
		w.session(s, usage.Open, w.now.Add(-time.Minute), w.now)
	}
	for _, at := range []time.Time{w.now, time.Date(w.now.Year(), w.now.Month(), 0, 12, 0, 0, 0, time.UTC)} {
		in, out := s.ID%1000*1000, s.ID%1000*9000
		w.months[usage.MonthKey{SIM: s.ID, Year: at.Year(), Month: int(at.Month())}] = &usage.Month{Year: at.Year(), Month: int(at.Month()), In: in, Out: out,
			Rounded: (in + out + 1023) / 1024 * 1024, SMS: s.ID % 5, Cost: money.Amount(s.ID % 1000 * 20_000), DataAt: at, SMSAt: at, CostAt: at}
	}
}

// session adds a session, and what is known of the SIM since.
func (w *worn) session(s *sim.SIM, phase usage.Phase, begun, last time.Time) {
	key := usage.Key{NAS: fmt.Sprintf("pgw%d", s.ID%4), ID: fmt.Sprintf("%x-%x", s.ID, begun.Unix()), Charging: s.ID}
	r := usage.Report{Key: key, At: last, Seconds: int64(last.Sub(begun).Seconds()), In: 40_000, Out: 360_000, IMSI: s.IMSI,
		IMEI: ident.IMEI(fmt.Sprintf("35693803%08d", s.ID)), APN: "iot.example", User: "meter", RAT: "EUTRAN", MCC: "248", MNC: "01",
		LAI: "48f210", CI: fmt.Sprintf("%07x", s.ID%5000), IP: netip.AddrFrom4([4]byte{10, byte(s.ID >> 16), byte(s.ID >> 8), byte(s.ID)}),
		Where: netip.MustParseAddrPort("192.0.2.1:3799")}
	x, _ := usage.New(s.ID, r)
	x.Package = s.Package
	if phase == usage.Closed {
		x.Phase, x.StoppedAt, x.Cause = phase, last, 1
		x.Rounded, x.Cost = 400_384, 8000
		x.Count()
	}
	if w.heard[s.ID] == nil {
		w.heard[s.ID] = &usage.Activity{Lat: "59.437", Lon: "24.754", LocatedAt: last, Network: "EE - Example", SMSOut: last, SMSIn: last}
	}
	if phase == usage.Closed { // what a session that goes on tells stands in it alone
		w.heard[s.ID].Hear(&x)
	}
	w.sessions = append(w.sessions, &x)
}

func (w *worn) save(ctx context.Context, tx *store.Tx) error {
	if err := tx.SaveSessions(ctx, w.sessions); err != nil {
		return err
	}
	if err := tx.SaveActivities(ctx, w.heard); err != nil {
		return err
	}
	return tx.AddMonths(ctx, w.months)
}
