package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// SIM returns one SIM; a NotFound fault when it is missing or not the caller's.
func (s *Service) SIM(ctx context.Context, r Request, iccid ident.ICCID) (sim.SIM, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return sim.SIM{}, err
	}
	got, found, err := s.store.SIM(ctx, r.Caller.Sphere, iccid)
	if err == nil && !found {
		err = missingSIM(iccid)
	}
	return got, err
}

// SIMs returns a page of the caller's SIMs.
func (s *Service) SIMs(ctx context.Context, r Request, q sim.Query) (sim.Page, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return sim.Page{}, err
	}
	return s.store.List(ctx, r.Caller.Sphere, q)
}

// Tallies counts the caller's SIMs by portfolio, package, status and suspension.
func (s *Service) Tallies(ctx context.Context, r Request) ([]sim.Tally, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	return s.store.Tallies(ctx, r.Caller.Sphere)
}

// Groups lists the names of the groups in use.
func (s *Service) Groups(ctx context.Context, r Request) ([]string, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	return s.store.Groups(ctx, r.Caller.Sphere)
}

// Options says what each command would do to a SIM now, by the rules of its
// package.
func (s *Service) Options(ctx context.Context, r Request, iccid ident.ICCID) (sim.SIM, []sim.Option, error) {
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return got, nil, err
	}
	c := sim.Command{Actor: r.Caller.Actor(), At: s.now()}
	if got.Package != 0 {
		p, err := s.store.Package(ctx, tenant.Everything(), got.Package)
		if err != nil {
			return got, nil, err
		}
		c.ManualActivation, c.ManualReview = p.Activation == plan.Manual, p.Termination == plan.Manual
	}
	return got, sim.Options(got.Lifecycle, c), nil
}

// Events lists what happened, newest first.
func (s *Service) Events(ctx context.Context, r Request, q event.Query) ([]event.Event, error) {
	need := tenant.AuditGet
	if q.ICCID != "" {
		need = tenant.SIMGet
	}
	if err := r.Caller.Needs(need); err != nil {
		return nil, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Events(ctx, r.Caller.Sphere, q)
}

// LastActivity returns what was last heard of a SIM, and what it used in the
// present month and the one before, UTC.
func (s *Service) LastActivity(ctx context.Context, r Request, iccid ident.ICCID) (a usage.Activity, now, last usage.Month, err error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return a, now, last, err
	}
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return a, now, last, err
	}
	if a, err = s.store.Activity(ctx, got.ID); err != nil {
		return a, now, last, err
	}
	today := s.now()
	for month, at := range map[*usage.Month]time.Time{&now: today, &last: today.AddDate(0, 0, -today.Day())} {
		months, err := s.store.Months(ctx, []int64{got.ID}, at.Year(), int(at.Month()))
		if err != nil {
			return a, now, last, err
		}
		*month = months[got.ID]
	}
	return a, now, last, nil
}

// MonthToDate returns what each of these SIMs, which the caller has read, used
// in the present month, and its last data session.
func (s *Service) MonthToDate(ctx context.Context, sims []sim.SIM) (map[int64]usage.Month, map[int64]usage.Activity, error) {
	if len(sims) == 0 {
		return nil, nil, nil
	}
	ids := make([]int64, len(sims))
	for i := range sims {
		ids[i] = sims[i].ID
	}
	now := s.now()
	months, err := s.store.Months(ctx, ids, now.Year(), int(now.Month()))
	if err != nil {
		return nil, nil, err
	}
	activities, err := s.store.Activities(ctx, ids)
	return months, activities, err
}

// Rated lists the rated events of a SIM, and how many match in all.
func (s *Service) Rated(ctx context.Context, r Request, iccid ident.ICCID, q usage.RatedQuery) ([]usage.RatedEvent, int64, error) {
	if err := r.Caller.Needs(tenant.BillingGet); err != nil {
		return nil, 0, err
	}
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return nil, 0, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Rated(ctx, got.ID, q)
}
