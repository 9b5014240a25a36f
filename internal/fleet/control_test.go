package fleet_test

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// A session that a gateway has reported is ended there, even where the SIM's
// network can end none. Where there is none either, nothing is written down.
func TestDisconnectReachesGateways(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, iccid := t.Context(), w.live(0)
	disconnect := func(c sim.Control) error {
		s := w.sim(iccid)
		_, err := w.Control(ctx, w.customer(w.a, "E"), &s, c, nil)
		return err
	}
	told := func() int {
		return len(got(w.Events(ctx, w.op, event.Query{ICCID: iccid, Kinds: []event.Kind{event.SIMControlled, event.SIMNotControlled}, Limit: 10}))(t))
	}
	if err := disconnect(sim.Disconnect); fault.CodeOf(err) != fleet.CannotControl || told() != 0 {
		t.Errorf("with no session open: %v, %d events", err, told())
	}
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	if err := disconnect(sim.Ping); fault.CodeOf(err) != fleet.CannotControl || len(w.cuts()) != 0 {
		t.Errorf("a ping: %v, cuts %q", err, w.cuts())
	}
	if err := disconnect(sim.Disconnect); err != nil || told() != 1 {
		t.Errorf("with a session open: %v, %d events", err, told())
	}
	if cuts := w.cuts(); len(cuts) != 1 || cuts[0] != "disconnect" {
		t.Errorf("cuts %q", cuts)
	}
	if got := w.sim(iccid); got.Status() != sim.StatusProvisioned {
		t.Errorf("the SIM is %s", got.Status())
	}
	is := w.sim(iccid)
	if _, err := w.Control(ctx, w.customer(w.a, "L"), &is, sim.Disconnect, nil); err == nil || fault.KindOf(err) != fault.Forbidden {
		t.Errorf("of one who may not: %v", err)
	}
}
