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
	Traffic(ctx context.Context, simID int64, from, to time.Time, step time.Duration) ([]usage.Flow, error)
	Attempts(ctx context.Context, simID int64, from, to time.Time, step time.Duration) ([]usage.Attempts, error)
}

// Span is a time in steps, which lie on whole ones.
type Span struct {
	From, To time.Time // the latter not included
	Step     time.Duration
}

// maxSteps bounds a series.
const maxSteps = 1000

// Traffic adds up what a SIM, which the caller has read, carried in each step;
// those without any are there with zeros. See the store for what a step counts.
func (s *Service) Traffic(ctx context.Context, r Request, of *sim.SIM, in Span) ([]usage.Flow, error) {
	return series(ctx, &r, of, in, s.store.Traffic, func(f *usage.Flow) *time.Time { return &f.Start })
}

// Attempts counts how requests for access of a SIM, which the caller has read,
// were answered in each step; those without any are there with zeros.
func (s *Service) Attempts(ctx context.Context, r Request, of *sim.SIM, in Span) ([]usage.Attempts, error) {
	return series(ctx, &r, of, in, s.store.Attempts, func(a *usage.Attempts) *time.Time { return &a.Start })
}

// series reads the steps of a span, and puts in those that nothing is in.
func series[T any](ctx context.Context, r *Request, of *sim.SIM, in Span, read func(context.Context, int64, time.Time, time.Time, time.Duration) ([]T, error),
	start func(*T) *time.Time,
) ([]T, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, err
	}
	n := int(in.To.Sub(in.From) / in.Step)
	if n < 1 || n > maxSteps {
		return nil, fault.InvalidField("startTime", "leaves %d steps; 1 to %d are allowed", n, maxSteps)
	}
	there, err := read(ctx, of.ID, in.From, in.To, in.Step)
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		*start(&out[i]) = in.From.Add(time.Duration(i) * in.Step)
	}
	for _, t := range there {
		if i := int(start(&t).Sub(in.From) / in.Step); i >= 0 && i < n {
			out[i] = t
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
