package fleet

import (
	"context"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Codes of the faults about locks and limits.
const (
	SIMLocked    = "sim.locked"        // the operator has locked the SIM's state, or suspended it
	LimitReached = "sim.limit_reached" // what the month brought is not below the data limit
	LimitTooLow  = "sim.limit_low"     // a new data limit lies below what the month brought
)

// Order gives an order to SIMs, all or nothing. Checks come in this order: the
// operator's lock (kind Forbidden, SIMLocked), the lifecycle (a *sim.Refusal),
// the data limit (kind Precondition, LimitReached).
func (s *Service) Order(ctx context.Context, r Request, iccids []ident.ICCID, o sim.Order, apart bool) (*Applied, error) {
	return s.Apply(ctx, r, iccids, func(f Facts) (Edit, error) {
		if locked(f.SIM) && !r.Caller.May.Has(tenant.SIMAdminSuspend) {
			return Edit{}, lockedFault(f.SIM)
		}
		p, err := sim.Carry(&f.SIM.Lifecycle, o, apart)
		if err != nil || len(p.Verbs) == 0 {
			return Edit{}, err
		}
		if p.Live {
			if err := held(f.SIM); err != nil {
				return Edit{}, err
			}
		}
		return Edit{Then: p.Verbs, InService: p.Live}, nil
	}, nil)
}

func locked(s *sim.SIM) bool { return !s.Lock.Since.IsZero() }

func lockedFault(s *sim.SIM) error {
	return fault.New(fault.Forbidden, SIMLocked, "the operator has locked the SIM%s", because(s.Lock.Reason))
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// held refuses to bring a SIM into service that another than the customer has
// suspended. A data limit is looked at later: it may not hold any more.
func held(s *sim.SIM) error {
	for _, k := range []sim.Kind{sim.Admin, sim.System} {
		if s.Wanted.Suspended.Has(k) && (k != sim.System || !byLimit(s)) {
			return fault.New(fault.Forbidden, SIMLocked, "the SIM is suspended (%s)%s", k, because(s.Holds[k].Reason))
		}
	}
	return nil
}

// unlocked holds the operator's lock against commands of others.
func (b *batch) unlocked(e *Edit, s *sim.SIM) error {
	if len(e.verbs()) > 0 && locked(s) && !b.r.Caller.May.Has(tenant.SIMAdminSuspend) {
		return lockedFault(s)
	}
	return nil
}

// lock sets or lifts the operator's lock.
func (e *Edit) lock(s *sim.SIM, b *batch) []event.Change {
	if e.Lock == nil || *e.Lock == locked(s) {
		return nil
	}
	s.Lock = sim.Hold{}
	if *e.Lock {
		s.Lock = sim.Hold{Reason: e.Reason, Actor: b.r.Caller.Actor(), Since: b.at}
	}
	return []event.Change{{Field: "locked", From: fmt.Sprint(!*e.Lock), To: fmt.Sprint(*e.Lock)}}
}

// LockNoDevice is the code of the fault that no device is known that a SIM could
// be bound to. Its kind is Precondition.
const LockNoDevice = "sim.no_device"

// LockDevice binds SIMs to a device, or with locked false to none, all or
// nothing. Without an IMEI each is bound to the one that it was last seen in.
func (s *Service) LockDevice(ctx context.Context, r Request, iccids []ident.ICCID, bind bool, imei ident.IMEI) (*Applied, error) {
	seen := map[int64]usage.Activity{}
	if bind && imei == "" {
		page, err := s.SIMs(ctx, r, sim.Query{ICCIDs: iccids, Limit: len(iccids)})
		if err != nil {
			return nil, err
		}
		if seen, err = s.store.Activities(ctx, idsOf(page.SIMs)); err != nil {
			return nil, err
		}
	}
	return s.Apply(ctx, r, iccids, func(f Facts) (Edit, error) {
		to := imei
		if bind && to == "" {
			if to = ident.IMEI(seen[f.SIM.ID].IMEI); to == "" {
				to = f.SIM.IMEI
			}
		}
		switch {
		case f.SIM.Wanted.State == sim.Closed:
			return Edit{}, fault.New(fault.Precondition, LockNoDevice, "the SIM is closed")
		case bind && len(to) < 14:
			return Edit{}, fault.New(fault.Precondition, LockNoDevice, "the SIM was never seen in a device; name one")
		}
		return Edit{IMEILock: &to}, nil
	}, nil)
}

func idsOf(sims []sim.SIM) []int64 {
	out := make([]int64, len(sims))
	for i := range sims {
		out[i] = sims[i].ID
	}
	return out
}
