package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Controls does things with SIMs on their networks at once. Most networks can
// do few of them, or none.
type Controls interface {
	// Can returns nil when the network can do c, else a fault of kind
	// Unimplemented and code CannotControl that says in plain words why not, or
	// one of code NoAnswer.
	Can(ctx context.Context, network string, c sim.Control) error

	// Control does c with a SIM. Detail is what the caller said of it, as JSON;
	// empty for nothing. Its errors are faults that the SIM's owner may read; one
	// of code NoAnswer says why it is not known whether the network did it.
	Control(ctx context.Context, network string, p sim.Profile, c sim.Control, detail json.RawMessage) error
}

// CannotControl is the code of the fault that a SIM's network cannot do what
// is asked. Its kind is Unimplemented.
const CannotControl = "network.cannot_control"

// NoAnswer is the code of the fault that a SIM's network did not answer when it
// was asked to do something. Its kind is Unavailable.
const NoAnswer = "network.no_answer"

// Cannot returns the fault that a network cannot do c.
func Cannot(network string, c sim.Control, why string) error {
	return fault.New(fault.Unimplemented, CannotControl, "network %s cannot do this (%s): %s", network, c, why)
}

// Control does something with a SIM, which the caller has read, on its network
// at once. What is asked is on record before the network hears of it, and so
// is its no; the id is that of the first record. A session that a gateway has
// reported is cut there, whatever the SIM's network can do.
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
	cannot := s.can(ctx, of.Network, c)
	id, cut, err := s.recordControl(ctx, r, of, c, cannot)
	if err != nil {
		return "", err
	}
	if cut > 0 {
		s.cut()
	}
	if cannot == nil {
		err = s.tell(ctx, r, of, c, detail, cut > 0)
	}
	return id, err
}

// tell has the network do it, and writes its no down. Cut says that the SIM's
// gateways were told, too.
func (s *Service) tell(ctx context.Context, r Request, of *sim.SIM, c sim.Control, detail json.RawMessage, cut bool) error {
	err := s.controls.Control(ctx, of.Network, of.Profile(), c, detail)
	if err == nil {
		return nil
	}
	e := r.event(event.SIMNotControlled, of.Portfolio, s.now(), event.Data{Verb: c.String(), Reason: plainly(err)})
	if next := "whether it was done is not known, and it is not tried again by itself: send the request again"; cut {
		err = unanswered(err, of.Network, c, next+"; the session that a gateway reported is ended there all the same")
	} else {
		err = unanswered(err, of.Network, c, next)
	}
	return errors.Join(err, s.store.Write(context.WithoutCancel(ctx), func(tx Tx) error {
		return tx.AddEvents(ctx, []event.Event{about(e, of)})
	}))
}

func (s *Service) can(ctx context.Context, network string, c sim.Control) error {
	if s.controls == nil {
		return Cannot(network, c, "nothing here speaks to it")
	}
	return unanswered(s.controls.Can(ctx, network, c), network, c, "nothing was done, and it is not tried again by itself: send the request again")
}

// unanswered says of an error of code NoAnswer which network it was, and what
// comes next. It returns other errors, and none, as they are.
func unanswered(err error, network string, c sim.Control, next string) error {
	if fault.CodeOf(err) != NoAnswer {
		return err
	}
	return fault.New(fault.Unavailable, NoAnswer, "network %s did not answer (%s): %s; %s", network, c, plainly(err), next).Because(err)
}

// recordControl writes down what is asked, and orders the SIM's open sessions
// to be cut where that is what is asked. When the network cannot do it and
// there is no such session, it writes nothing and returns cannot.
func (s *Service) recordControl(ctx context.Context, r Request, of *sim.SIM, c sim.Control, cannot error) (id string, cut int64, err error) {
	err = s.store.Write(ctx, func(tx Tx) (err error) {
		now := s.now()
		if cut = 0; c == sim.Disconnect {
			if cut, err = tx.Cut(ctx, []int64{of.ID}, c.String(), now); err != nil {
				return err
			}
		}
		if cannot != nil && cut == 0 {
			return cannot
		}
		events := []event.Event{about(r.event(event.SIMControlled, of.Portfolio, now, event.Data{Verb: c.String()}), of)}
		err = tx.AddEvents(ctx, events)
		id = strconv.FormatInt(events[0].ID, 10)
		return err
	})
	return id, cut, err
}

func about(e event.Event, of *sim.SIM) event.Event {
	e.SIM, e.ICCID, e.Seq = of.ID, of.ICCID, of.Version
	return e
}

// plainly is what of an error is shown to a SIM's owner.
func plainly(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "the network failed"
}
