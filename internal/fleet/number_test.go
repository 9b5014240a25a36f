package fleet_test

import (
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// byNumber reports on a session for a gateway that knows SIMs by number alone.
func (s *session) byNumber(number ident.MSISDN, step usage.Step, in, out int64) fleet.Ingested {
	s.w.t.Helper()
	s.w.clock.Pass(time.Minute)
	r := s.report(step, in, out)
	r.IMSI, r.MSISDN = "", number
	return s.w.ingest(r)
}

// used is what a SIM used this month.
func (w *world) used(i ident.ICCID) int64 {
	w.t.Helper()
	_, now, _, err := w.LastActivity(w.t.Context(), w.op, i)
	w.must(err)
	return now.Bytes
}

// A number that has moved to another SIM leaves its sessions behind: what they
// carry to their end is of the SIM that began them, once.
func TestANumberThatMovesLeavesItsSessions(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		old, fresh := w.live(0), w.stock(w.a, w.auto, 1, 1)[0]
		number := w.sim(old).MSISDN
		s := w.session(0, "a1")
		s.byNumber(number, usage.Start, 0, 0)
		s.byNumber(number, usage.Interim, 1000, 500)
		got(w.SwapSIM(t.Context(), w.op, fleet.Swap{Old: old, New: fresh}, func(*sim.SIM) error { return nil }))(t)
		w.network(nil)
		if w.sim(fresh).MSISDN != number {
			t.Fatal("the number has not moved")
		}
		s.byNumber(number, usage.Interim, 2000, 600)
		stop := s.byNumber(number, usage.Stop, 3000, 1000)
		if a, b := w.used(old), w.used(fresh); a != 4000 || b != 0 || stop.Taken != 1 {
			t.Errorf("used %d and %d, want 4000 and 0 (%+v)", a, b, stop)
		}
		s.byNumber(number, usage.Stop, 3000, 1000)
		if a, b := w.used(old), w.used(fresh); a != 4000 || b != 0 {
			t.Errorf("after a repetition: used %d and %d, want 4000 and 0", a, b)
		}
		next := w.session(1, "a2")
		next.byNumber(number, usage.Start, 0, 0)
		next.byNumber(number, usage.Stop, 10, 20)
		if a, b := w.used(old), w.used(fresh); a != 4000 || b != 30 {
			t.Errorf("after a session of the new SIM: used %d and %d, want 4000 and 30", a, b)
		}
	})
}

// What names its session alone, as some gateways do after the Start, is of the
// session's SIM, also when it comes once more after the end.
func TestReportsThatNameTheSessionAlone(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		s := w.session(0, "a1")
		s.send(usage.Start, 0, 0)
		s.byNumber("", usage.Interim, 1000, 500)
		s.byNumber("", usage.Stop, 2000, 1000)
		again := s.byNumber("", usage.Stop, 2000, 1000)
		if got := w.used(iccid); got != 3000 || again.Unknown != 0 {
			t.Errorf("used %d, want 3000 (%+v)", got, again)
		}
		short := w.session(0, "short")
		start, stop := short.report(usage.Start, 0, 0), short.report(usage.Stop, 10, 20)
		stop.IMSI, stop.At, stop.Seconds = "", stop.At.Add(time.Second), 1
		if res := w.ingest(start, stop); res.Taken != 2 || w.used(iccid) != 3030 {
			t.Errorf("a short session: %+v, used %d, want 3030", res, w.used(iccid))
		}
		if res := w.session(0, "a2").byNumber("", usage.Stop, 1, 1); res.Unknown != 1 {
			t.Errorf("of no session that is known: %+v", res)
		}
		if a, _, _, err := w.LastActivity(t.Context(), w.op, iccid); err != nil || a.SessionStop.IsZero() {
			t.Errorf("its session goes on: %+v, %v", a, err)
		}
	})
}

// A gateway that has begun to count its sessions anew, and whose Start was lost,
// means another session by the same key.
func TestAKeyThatIsUsedAgainUnderAnotherNumber(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		one, other := w.live(0), w.live(1)
		s := w.session(0, "a1")
		s.byNumber(w.sim(one).MSISDN, usage.Start, 0, 0)
		s.byNumber(w.sim(one).MSISDN, usage.Interim, 1000, 500)
		w.clock.Pass(time.Hour)
		again := w.session(1, "a1")
		again.byNumber(w.sim(other).MSISDN, usage.Interim, 700, 100)
		again.byNumber(w.sim(other).MSISDN, usage.Stop, 900, 200)
		if a, b := w.used(one), w.used(other); a != 1500 || b != 1100 {
			t.Errorf("used %d and %d, want 1500 and 1100", a, b)
		}
	})
}
