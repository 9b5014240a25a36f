package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// sendAs is send with a Charging-Id of its own.
func (s *session) sendAs(charging int64, step usage.Step, in, out int64) {
	s.w.t.Helper()
	s.key.Charging = charging
	s.send(step, in, out)
}

// ended holds that a SIM has had n sessions, all of them over.
func (w *world) ended(i ident.ICCID, n int) {
	w.t.Helper()
	list, _, err := w.DataSessions(w.t.Context(), w.op, []ident.ICCID{i}, time.Time{}, w.clock.Now().Add(time.Hour), 0, 10)
	w.must(err)
	for _, s := range list {
		if !s.Ended() {
			w.t.Errorf("session %s goes on", s.Key.ID)
		}
	}
	if len(list) != n {
		w.t.Errorf("%d sessions, want %d", len(list), n)
	}
}

// A session is one, though some of its reports leave its Charging-Id out.
func TestAChargingIDThatIsLeftOut(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		for i, charging := range [][]int64{{7, 0, 0, 0}, {0, 7, 7, 7}, {7, 7, 7, 0}} {
			iccid := w.live(i)
			s := w.session(i, fmt.Sprint("a", i))
			s.sendAs(charging[0], usage.Start, 0, 0)
			s.sendAs(charging[1], usage.Interim, 1000, 500)
			s.sendAs(charging[2], usage.Interim, 2000, 900)
			s.sendAs(charging[3], usage.Stop, 3000, 1000)
			s.sendAs(charging[3], usage.Stop, 3000, 1000)
			w.ended(iccid, 1)
			if got := w.used(iccid); got != 4000 {
				t.Errorf("%v: used %d, want 4000", charging, got)
			}
		}
	})
}

// Of a gateway that uses ids again, what comes late or again is of the session that
// it was written in, be that the first that is heard of it.
func TestAnIDThatIsUsedAgain(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		first := w.session(0, "a1")
		first.send(usage.Start, 0, 0)
		first.send(usage.Interim, 5000, 0)
		w.clock.Pass(time.Minute)
		late := first.report(usage.Stop, 8000, 0)
		w.clock.Pass(time.Minute)
		second := w.session(0, "a1")
		second.send(usage.Start, 0, 0)
		second.send(usage.Interim, 100, 0)
		w.ingest(late)
		if got := w.used(iccid); got != 8100 {
			t.Errorf("used %d, want 8100", got)
		}
		w.ingest(late)
		older := late
		older.Step, older.At, older.Seconds, older.In = usage.Interim, first.begun.Add(-time.Hour), 10, 70
		w.ingest(older)
		w.ingest(older)
		older.At, older.Seconds = older.At.Add(-time.Hour), 0
		if got := w.ingest(older); got.Ignored != 1 {
			t.Errorf("what does not say when its session began: %+v", got)
		}
		second.send(usage.Stop, 200, 0)
		w.ended(iccid, 3)
		if got := w.used(iccid); got != 8270 {
			t.Errorf("used %d, want 8270", got)
		}
	})
}

// A gateway whose clock is set back goes on with its sessions.
func TestAClockThatIsSetBack(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		s := w.session(0, "a1")
		s.send(usage.Start, 0, 0)
		s.send(usage.Interim, 1000, 0)
		w.clock.Pass(time.Minute)
		stop := s.report(usage.Stop, 3000, 0)
		stop.At = stop.At.Add(-5 * time.Minute)
		w.ingest(stop)
		w.ended(iccid, 1)
		if got := w.used(iccid); got != 3000 {
			t.Errorf("used %d, want 3000", got)
		}
	})
}

// A gateway that gives two SIMs one id at once loses nothing of either.
func TestAnIDThatTwoHave(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		a, b := w.live(0), w.live(1)
		mine, other := w.session(0, "a1"), w.session(1, "a1")
		w.clock.Pass(time.Minute)
		mine.begun, other.begun = w.clock.Now(), w.clock.Now()
		early := mine.report(usage.Stop, 100, 0)
		w.clock.Pass(time.Second)
		other.begun = w.clock.Now()
		w.ingest(other.report(usage.Stop, 200, 0), early)
		if x, y := w.used(a), w.used(b); x != 100 || y != 200 {
			t.Errorf("used %d and %d, want 100 and 200", x, y)
		}
	})
}

// What names its session alone goes on where the gateway begins to count anew.
func TestASessionAloneThatIsCountedAnew(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		s := w.session(0, "a1")
		s.send(usage.Start, 0, 0)
		s.byNumber("", usage.Interim, 5000, 0)
		s.byNumber("", usage.Interim, 100, 0)
		s.byNumber("", usage.Stop, 200, 0)
		w.ended(iccid, 1)
		if got := w.used(iccid); got != 5200 {
			t.Errorf("used %d, want 5200", got)
		}
	})
}
