package fleet

import (
	"context"
	"errors"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// SetAsideReader lists the reports that could not be counted.
type SetAsideReader interface {
	SetAsides(ctx context.Context, after int64, n int) ([]usage.SetAside, error)
}

// SetAsideWriter takes them out again.
type SetAsideWriter interface {
	TakeSetAside(ctx context.Context, id int64) (usage.SetAside, bool, error)
	KeepAside(ctx context.Context, id int64, why string) error
}

// StillAside is the code of the fault that what was set aside cannot be counted
// yet. Its kind is Precondition.
const StillAside = "usage.set_aside"

// overAll refuses callers who do not see everything: what was set aside is of
// nobody yet.
func overAll(r *Request) error {
	if err := r.Caller.Needs(tenant.NetworkWrite); err != nil {
		return err
	}
	if !r.Caller.Sphere.All() {
		return fault.New(fault.Forbidden, "usage.operator", "only the operator sees what was set aside")
	}
	return nil
}

// SetAsides lists reports that could not be counted, oldest first: those behind
// an id, at most 1,000 and at most limit of them.
func (s *Service) SetAsides(ctx context.Context, r Request, after int64, limit int) ([]usage.SetAside, error) {
	if err := overAll(&r); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage {
		return nil, fault.InvalidField("limit", "is %d; 1 to %d are allowed", limit, maxPage)
	}
	return s.store.SetAsides(ctx, after, limit)
}

// ReplaySetAside counts what was set aside, and takes it out in the same
// transaction: whoever else does so meanwhile, it is counted once. What still
// cannot be counted stays, with the new reason, and the fault StillAside.
func (s *Service) ReplaySetAside(ctx context.Context, r Request, id int64) (Ingested, error) {
	if err := overAll(&r); err != nil {
		return Ingested{}, err
	}
	var m *metering
	err := s.store.WriteAgain(ctx, func(tx Tx) error {
		aside, err := takeSetAside(ctx, tx, id)
		if err != nil {
			return err
		}
		reports, err := usage.DecodeReports(aside.Body)
		if err != nil {
			return uncounted{err}
		}
		m = newMetering(s, tx)
		if err := m.run(ctx, reports); err != nil {
			return uncounted{err}
		}
		return tx.AddEvents(ctx, []event.Event{s.asideEvent(&r, event.SetAsideReplayed, &aside)})
	})
	if why, ok := errors.AsType[uncounted](err); ok && spoilt(ctx, why.error) {
		err = s.store.Write(ctx, func(tx Tx) error { return tx.KeepAside(ctx, id, why.Error()) })
		if err == nil {
			err = fault.New(fault.Precondition, StillAside, "%d still cannot be counted: %s", id, why.error)
		}
	}
	if err != nil {
		return Ingested{}, err
	}
	s.after(m.rules)
	return m.count, nil
}

// uncounted is why reports could not be counted.
type uncounted struct{ error }

// Unwrap lets the kind of the fault be found.
func (u uncounted) Unwrap() error { return u.error }

// RemoveSetAside forgets what was set aside: it is never counted.
func (s *Service) RemoveSetAside(ctx context.Context, r Request, id int64) error {
	if err := overAll(&r); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		aside, err := takeSetAside(ctx, tx, id)
		if err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{s.asideEvent(&r, event.SetAsideRemoved, &aside)})
	})
}

// asideEvent tells of what somebody did with what was set aside. It is the
// operator's: whose reports they are, or would be, is not known without counting.
func (s *Service) asideEvent(r *Request, kind event.Kind, aside *usage.SetAside) event.Event {
	return r.event(kind, "", s.now(), event.Data{Subject: strconv.FormatInt(aside.ID, 10), Reason: aside.Why})
}

func takeSetAside(ctx context.Context, tx Tx, id int64) (usage.SetAside, error) {
	aside, found, err := tx.TakeSetAside(ctx, id)
	if err == nil && !found {
		err = fault.Missing("setAside", strconv.FormatInt(id, 10))
	}
	return aside, err
}
