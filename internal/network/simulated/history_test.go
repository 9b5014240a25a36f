package simulated_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestHistoryTellsWhatReallyChanged(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_123)
	now := start
	n := open(t, newPath(t), simulated.WithClock(func() time.Time { return now }))
	p := fleet(1)[0]
	steps := []func(){
		func() {},
		func() { p.Barred = sim.AllServices },
		func() { p.Barred, p.MSISDN, p.APN, p.IP = 0, "88299", "m2m", netip.MustParseAddr("2001:db8::17") },
		func() { p.OPc[0]++ },
		func() { p.K, p.OPc, p.Barred = ident.Key{}, ident.Key{}, sim.Data },
		func() { p.Present, p.Barred = false, 0 },
		func() { p.Present = true },
	}
	for _, step := range steps {
		step()
		for range 3 {
			mustApply(t, n, p)
			now = now.Add(time.Second)
		}
		p.Generation++
	}
	got, err := n.History(t.Context(), p.IMSI)
	if err != nil {
		t.Fatal(err)
	}
	at := func(step int) time.Time { return start.Add(time.Duration(3*step) * time.Second) }
	want := []simulated.Change{
		{Number: 1, At: at(0), Generation: 1, What: []string{"added", "keys"}},
		{Number: 2, At: at(1), Generation: 2, Barred: sim.AllServices, What: []string{"barred"}},
		{Number: 3, At: at(2), Generation: 3, What: []string{"msisdn", "apn", "ip", "barred"}},
		{Number: 4, At: at(3), Generation: 4, What: []string{"keys"}},
		{Number: 5, At: at(4), Generation: 5, Barred: sim.Data, What: []string{"barred"}},
		{Number: 6, At: at(5), Generation: 6, What: []string{"removed"}},
		{Number: 7, At: at(6), Generation: 7, What: []string{"added"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(1)[0]
	for g := range int64(3 * simulated.KeptChanges) {
		p.Generation, p.Barred = g+1, sim.Services(g%2)
		mustApply(t, n, p)
	}
	got, err := n.History(t.Context(), p.IMSI)
	if err != nil || len(got) != simulated.KeptChanges {
		t.Fatalf("%d changes are kept, %v; want %d", len(got), err, simulated.KeptChanges)
	}
	if got[0].Number != 1 || got[0].Generation != 1 || strings.Join(got[0].What, "+") != "added+keys" {
		t.Errorf("the first change is lost: %+v", got[0])
	}
	for i, c := range got[1:] {
		if want := 2*simulated.KeptChanges + 2 + i; c.Number != want || c.Generation != int64(want) {
			t.Errorf("change %d is number %d of generation %d, want %d", i+1, c.Number, c.Generation, want)
		}
	}
}

func TestHistoryOfTheUnknown(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(1)[0]
	p.Present = false
	mustApply(t, n, p)
	if got, err := n.History(t.Context(), p.IMSI); err != nil || len(got) != 0 {
		t.Errorf("History = %v, %v", got, err)
	}
}

// TestHistoryDuringAnOutage wants the simulation itself to stay open to view.
func TestHistoryDuringAnOutage(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(1)[0]
	mustApply(t, n, p)
	set(t, n, func(s *simulated.Settings) { s.Outage = simulated.Down })
	if got := what(t, n, p.IMSI); got != "added+keys" {
		t.Errorf("History = %q", got)
	}
}
