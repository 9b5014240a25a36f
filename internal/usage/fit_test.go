package usage_test

import (
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// TestFits holds reports against a session that has a Charging-Id or none, was last
// heard of in its tenth minute, and goes on or has ended.
func TestFits(t *testing.T) {
	t.Parallel()
	const mine, begun = "234150000000001", 600
	session := func(charging int64, end bool) *usage.Session {
		first, last := report(usage.Start, 0, 0, 0), report(usage.Interim, begun, 1000, 2000)
		first.Key.Charging, first.IMSI = charging, mine
		s, _ := usage.New(1, first)
		if end {
			last.Step = usage.Stop
		}
		last.IMSI = mine
		s.Take(last)
		return &s
	}
	goesOn := report(usage.Interim, 900, 1500, 2500)
	change := func(r usage.Report, f func(*usage.Report)) usage.Report {
		f(&r)
		return r
	}
	for _, c := range []struct {
		name     string
		charging int64 // of the session
		reports  int64 // of the report
		ended    bool
		report   usage.Report
		want     usage.Fit
	}{
		{"it goes on", 0, 0, false, goesOn, usage.FitsMaybe},
		{"it repeats itself", 0, 0, true, report(usage.Interim, 300, 500, 700), usage.FitsWhile},
		{"it has the Charging-Id", 7, 7, false, goesOn, usage.FitsSurely},
		{"it has another", 7, 8, false, goesOn, usage.FitsNot},
		{"it leaves the Charging-Id out", 7, 0, false, goesOn, usage.FitsMaybe},
		{"it knows the Charging-Id by now", 0, 7, false, goesOn, usage.FitsMaybe},
		{"a Start leaves nothing out", 7, 0, false, report(usage.Start, 900, 0, 0), usage.FitsNot},
		{"it is of another subscriber", 7, 0, false, change(goesOn, func(r *usage.Report) { r.IMSI = "234150000000002" }), usage.FitsNot},
		{"it is of this one", 7, 0, false, change(goesOn, func(r *usage.Report) { r.IMSI = mine }), usage.FitsMaybe},
		{"it began at another time", 7, 0, false, change(goesOn, func(r *usage.Report) { r.Seconds = 700 }), usage.FitsNot},
		{"its counters have begun anew", 7, 0, false, change(goesOn, func(r *usage.Report) { r.In = 10 }), usage.FitsMaybe},
		{"it counts less, and does not say when it began", 7, 0, false, change(goesOn, func(r *usage.Report) { r.In, r.Seconds = 10, 0 }), usage.FitsNot},
		{"it comes after the end, and is of that session", 7, 0, true, goesOn, usage.FitsMaybe},
		{"it comes after the end, of one that began later", 7, 0, true, change(goesOn, func(r *usage.Report) { r.Seconds = 100 }), usage.FitsNot},
		{"a Start that was overtaken", 7, 0, false, report(usage.Start, 0, 0, 0), usage.FitsMaybe},
		{"it began after the end", 0, 0, true, report(usage.Interim, 900, 100, 200), usage.FitsMaybe},
		{"it began well after the end", 0, 0, true, change(report(usage.Interim, 900, 100, 200), func(r *usage.Report) { r.Seconds = 60 }), usage.FitsNot},
		{"it does not say when it began", 0, 0, true, change(report(usage.Interim, 900, 100, 200), func(r *usage.Report) { r.Seconds = 0 }), usage.FitsMaybe},
		{"it comes once more, well after the end", 0, 0, true, change(report(usage.Stop, 900, 1000, 2000), func(r *usage.Report) { r.Seconds = begun }), usage.FitsMaybe},
		{"it is older than the session", 0, 0, false, report(usage.Stop, -60, 5000, 5000), usage.FitsNot},
		{"the clock was set back", 0, 0, false, change(goesOn, func(r *usage.Report) { r.At = noon.Add(-time.Hour) }), usage.FitsSetBack},
	} {
		r := c.report
		r.Key.Charging = c.reports
		if got := session(c.charging, c.ended).Fits(&r); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
