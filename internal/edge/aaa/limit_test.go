package aaa_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// limit sets the data limit of SIMs, in megabytes.
func (w *world) limit(mb int64, sims ...int) *fleet.Applied {
	w.t.Helper()
	iccids := make([]ident.ICCID, len(sims))
	for i, n := range sims {
		iccids[i] = iccid(n)
	}
	done, err := w.fleet.Apply(w.t.Context(), operator, iccids, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{DataLimit: &mb}, nil }, nil)
	w.must(err)
	return done
}

// access asks for a session of a SIM.
func (w *world) access(n int) radius.Code {
	w.t.Helper()
	p := radius.New(radius.AccessRequest)
	radius.IMSI.Add(p, string(imsi(n)))
	return w.send(aaa.PortAuth, p).Code
}

// A limit below what the SIM has used in this month cuts its session within a
// second, without waiting for a report; a higher one lets it in again at once.
func TestANewLimitActsAtOnce(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, ack)
		s.gateways = g.nas()
		w := newWorld(t, s)
		w.sim(0, nil)
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusStart, 0))
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, 3*usage.Megabyte))
		begun := time.Now()
		if done := w.limit(2, 0); done.Refused {
			t.Fatalf("%+v", done.Outcomes)
		}
		until(t, "the session is cut", func() bool { return w.seen.count("cut ack") == 1 })
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		held, err := w.fleet.SIM(t.Context(), operator, iccid(0))
		w.must(err)
		if held.Wanted.Suspended != sim.Kinds(0).With(sim.System) || held.Holds[sim.System].Reason != "data limit of 2 MB reached" || held.DataLimit != 2 {
			t.Errorf("the SIM is %s: %+v", held.Wanted, held.Holds)
		}
		if code := w.access(0); code != radius.AccessReject {
			t.Errorf("beyond its limit: %d", code)
		}
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusStop, 3*usage.Megabyte))
		w.limit(4, 0)
		if code := w.access(0); code != radius.AccessAccept {
			t.Errorf("below its new limit: %d", code)
		}
	})
}

// Of many SIMs those that have used up the new limit are suspended and cut, and
// no others.
func TestANewLimitOfManySIMs(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, ack)
		s.gateways = g.nas()
		w := newWorld(t, s)
		const many = 300
		all := make([]int, many)
		for n := range all {
			all[n] = n
			w.sim(n, nil)
		}
		for n := range 6 {
			w.send(aaa.PortAcct, message(n, fmt.Sprint("s", n), radius.StatusInterimUpdate, uint64(n)*usage.Megabyte))
		}
		w.limit(3, all...)
		until(t, "three sessions are cut", func() bool { return w.proof(3)+w.proof(4)+w.proof(5) == "ackackack" })
		for n := range 6 {
			held, err := w.fleet.SIM(t.Context(), operator, iccid(n))
			w.must(err)
			if over := n >= 3; held.Wanted.Suspended.Has(sim.System) != over || over == (w.proof(n) == "none") {
				t.Errorf("SIM %d with %d MB of 3: %s, cut: %s", n, n, held.Wanted, w.proof(n))
			}
		}
		w.limit(0, all...)
		page, err := w.fleet.SIMs(t.Context(), operator, sim.Query{Held: sim.Kinds(0).With(sim.System), Limit: many})
		w.must(err)
		if len(page.SIMs) != 0 {
			t.Errorf("%d SIMs stay suspended without a limit", len(page.SIMs))
		}
	})
}
