package fleet

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Controls does things with SIMs on their networks at once. Most networks can
// do few of them, or none.
type Controls interface {
	// Can reports whether a network can do c.
	Can(network string, c sim.Control) bool

	// Control does c with a SIM. Detail is what the caller said of it, as JSON;
	// empty for nothing.
	Control(ctx context.Context, network string, p sim.Profile, c sim.Control, detail json.RawMessage) error
}

// CannotControl is the code of the fault that a SIM's network cannot do what
// is asked. Its kind is Unimplemented.
const CannotControl = "network.cannot_control"

// Control does something with a SIM, which the caller has read, on its network
// at once. What is asked is on record before the network hears of it; the id is
// that record's.
func (s *Service) Control(ctx context.Context, r Request, of *sim.SIM, c sim.Control, detail json.RawMessage) (string, error) {
	need := tenant.Control
	if c == sim.SendOTA {
		need = tenant.NetworkWrite
	}
	if err := r.Caller.Needs(need); err != nil {
		return "", err
	}
	if !of.Wanted.State.OnNetwork() {
		return "", fault.New(fault.Precondition, "sim.not_active", "the SIM is %s; only one on the network can be reached", of.Status())
	}
	if s.controls == nil || !s.controls.Can(of.Network, c) {
		return "", fault.New(fault.Unimplemented, CannotControl, "network %s cannot do this: %s", of.Network, c)
	}
	id := ""
	err := s.store.Write(ctx, func(tx Tx) error {
		e := r.event(event.SIMControlled, of.Portfolio, s.now(), event.Data{Verb: c.String()})
		e.SIM, e.ICCID, e.Seq = of.ID, of.ICCID, of.Version
		events := []event.Event{e}
		err := tx.AddEvents(ctx, events)
		id = strconv.FormatInt(events[0].ID, 10)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, s.controls.Control(ctx, of.Network, of.Profile(), c, detail)
}
