package tigrillo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// bulkAnswer lists the SIMs that stand in the way; without any, all are done.
type bulkAnswer struct {
	plain
	SIMStatuses simStatuses `json:"simStatuses,omitempty"`
}

// simStatuses is an object with a member for each SIM, in the order of the call
// but for those that are no SIM number, which come first.
type simStatuses []simStatus

type simStatus struct {
	sim  string
	said any
}

func (l *simStatuses) say(iccid ident.ICCID, said any) {
	*l = append(*l, simStatus{string(iccid), said})
}

// MarshalJSON implements json.Marshaler.
func (l simStatuses) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, s := range l {
		name, err1 := json.Marshal(s.sim)
		said, err2 := json.Marshal(s.said)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(said)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (h *handler) suspendSIMs(ctx context.Context, x *exchange) (any, error) {
	return h.bulk(ctx, x, suspend, errSuspend)
}

func (h *handler) unsuspendSIMs(ctx context.Context, x *exchange) (any, error) {
	return h.bulk(ctx, x, unsuspend, errUnsuspend)
}

func (h *handler) terminateSIMs(ctx context.Context, x *exchange) (any, error) {
	return h.bulk(ctx, x, terminate, errTerminate)
}

// bulk carries out a call on many SIMs, all or nothing. Refused is the code of
// a SIM that the call cannot be done to.
func (h *handler) bulk(ctx context.Context, x *exchange, choose fleet.Choose, refused *refusal) (any, error) {
	sims, err := x.in.sims()
	if err != nil {
		return nil, err
	}
	return h.together(ctx, x, sims, choose, func(a *fleet.Applied) any {
		list := sims.unknown()
		for _, o := range a.Outcomes {
			switch e := inWords(o.Err, refused); {
			case e == errPermission:
				return e.answer()
			case e != nil && e != errHeldUp:
				list.say(o.ICCID, e.inList())
			}
		}
		return bulkAnswer{ok, list}
	})
}

// unknown starts the list of the SIMs that stand in the way.
func (n *named) unknown() simStatuses {
	var out simStatuses
	for _, s := range n.broken {
		out = append(out, simStatus{s, errSIM.inList()})
	}
	return out
}

// errHeldUp keeps a SIM that could be done as it is: another of the same call
// is no SIM at all. It is not shown.
var errHeldUp = &refusal{"", "another SIM of the call stands in the way"}

// together applies a choice to all SIMs of a call, or to none.
func (h *handler) together(ctx context.Context, x *exchange, sims named, choose fleet.Choose, answer func(*fleet.Applied) any) (any, error) {
	if len(sims.iccids) == 0 {
		return answer(&fleet.Applied{Refused: true}), nil
	}
	return h.apply(ctx, x, sims.iccids, func(f fleet.Facts) (fleet.Edit, error) {
		edit, err := choose(f)
		if err == nil && len(sims.broken) > 0 {
			err = errHeldUp
		}
		return edit, err
	}, answer)
}

// apply carries out a choice. The answer to a call with an idempotency key is
// kept, and given again as it was.
func (h *handler) apply(ctx context.Context, x *exchange, iccids []ident.ICCID, choose fleet.Choose, answer func(*fleet.Applied) any) (any, error) {
	done, err := h.Fleet.Apply(ctx, x.request, iccids, choose, func(a *fleet.Applied) ([]byte, error) {
		return json.Marshal(answer(a))
	})
	switch {
	case err != nil:
		return nil, err
	case done.Replay != nil:
		return json.RawMessage(done.Replay), nil
	}
	return answer(done), nil
}

// inWords translates why one SIM was refused; nil for one that was not. What
// the SIM's own state or package stands in the way of gets the code refused.
func inWords(err error, refused *refusal) *refusal {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e
	}
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Unauthenticated:
		return errPermission
	case fault.NotFound:
		return errSIM
	case fault.Internal, fault.Invalid, fault.Conflict, fault.Precondition, fault.Exhausted, fault.Unavailable, fault.Unimplemented:
	}
	if fault.CodeOf(err) == "portfolio.no_activations" {
		return errPermission
	}
	return refused
}
