package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// SeriesReader adds up usage over time, by the internal id of a SIM that the
// caller has found in its sphere.
type SeriesReader interface {
	RatedSums(ctx context.Context, simID int64, kind usage.Kind, from, to time.Time, step time.Duration) ([]usage.Sum, error)
}

// maxSteps bounds a series.
const maxSteps = 1000

// Series adds up what a SIM, which the caller has read, used of one kind in
// each step of a time; steps without any use are there with zeros.
func (s *Service) Series(ctx context.Context, r Request, of *sim.SIM, kind usage.Kind, from, to time.Time, step time.Duration) ([]usage.Sum, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, err
	}
	n := int(to.Sub(from) / step)
	if n < 1 || n > maxSteps {
		return nil, fault.InvalidField("startTime", "leaves %d steps; 1 to %d are allowed", n, maxSteps)
	}
	sums, err := s.store.RatedSums(ctx, of.ID, kind, from, to, step)
	if err != nil {
		return nil, err
	}
	out := make([]usage.Sum, n)
	for i := range out {
		out[i].Start = from.Add(time.Duration(i) * step)
	}
	for _, sum := range sums {
		if i := int(sum.Start.Sub(from) / step); i >= 0 && i < n {
			out[i] = sum
		}
	}
	return out, nil
}

// Now is the time that the use cases go by.
func (s *Service) Now() time.Time { return s.now() }

// Sessions lists single sessions, messages and calls of a SIM, which the caller
// has read, and how many match in all.
func (s *Service) Sessions(ctx context.Context, r Request, of *sim.SIM, q usage.RatedQuery) ([]usage.RatedEvent, int64, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, 0, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Rated(ctx, of.ID, q)
}
