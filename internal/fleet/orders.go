package fleet

import (
	"context"
	"fmt"
	"strings"

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

// MaxDataLimit bounds data limits, in megabytes: what fits the contracts' 32-bit
// integers.
const MaxDataLimit = 1<<31 - 1

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

// byLimit reports whether the rules' suspension comes from the data limit.
func byLimit(s *sim.SIM) bool {
	return s.Wanted.Suspended.Has(sim.System) && strings.HasPrefix(s.Holds[sim.System].Reason, ReasonDataLimit)
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

// limited holds an edit against the SIM's data limit, and returns the commands
// that a limit gives which no longer holds.
func (b *batch) limited(ctx context.Context, e *Edit, s *sim.SIM) ([]sim.Verb, error) {
	if e.DataLimit == nil && !e.InService {
		return nil, nil
	}
	if s.DataLimit > 0 {
		used, err := b.used(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		limit := s.DataLimit * usage.Megabyte
		switch {
		case e.DataLimit != nil && used > limit:
			return nil, fault.New(fault.Precondition, LimitTooLow, "%d bytes have been used in this month; the new limit is %d MB", used, s.DataLimit)
		case e.InService && used >= limit:
			return nil, fault.New(fault.Precondition, LimitReached, "%d bytes have been used in this month; the data limit is %d MB", used, s.DataLimit)
		}
	}
	if e.InService && byLimit(s) {
		return []sim.Verb{sim.ResumeSystem}, nil
	}
	return nil, nil
}

// used is what a SIM of the batch used in the month at hand, in bytes.
func (b *batch) used(ctx context.Context, id int64) (int64, error) {
	if b.month == nil {
		var err error
		if b.month, err = b.tx.Months(ctx, b.all, b.at.Year(), int(b.at.Month())); err != nil {
			return 0, err
		}
	}
	return b.month[id].Bytes, nil
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
