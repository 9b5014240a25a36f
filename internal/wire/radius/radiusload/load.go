// Package radiusload measures a server under load: it keeps a number of
// requests under way and tells how many were answered, how fast, and how many
// were lost.
//
// It knows no protocol. What a request is and how it is exchanged comes with
// the plan, so that any server that speaks RADIUS is measured alike.
package radiusload

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Plan is one measurement.
type Plan[Q any] struct {
	InFlight int // requests under way at once
	Requests int // requests in all; with 0 it goes on until the context ends

	// Build makes request number n, counted from 0. Its time is not measured.
	Build func(n int) Q

	// Exchange sends a request and waits for its reply; an error is a loss.
	Exchange func(ctx context.Context, request Q) error
}

// Report is what a measurement found.
type Report struct {
	Answered uint64
	Lost     uint64
	Elapsed  time.Duration
	Latency  Histogram // of the answered
	FirstErr error     // of one of the lost
}

// Run carries out a plan. Requests that the end of ctx cuts off are neither
// answered nor lost.
func Run[Q any](ctx context.Context, plan Plan[Q]) Report {
	var next atomic.Int64
	var wg sync.WaitGroup
	parts := make([]Report, max(1, plan.InFlight))
	started := time.Now()
	for i := range parts {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if plan.Requests > 0 && n >= plan.Requests {
					return
				}
				one(ctx, plan, n, &parts[i])
			}
		})
	}
	wg.Wait()
	all := Report{Elapsed: time.Since(started)}
	for i := range parts {
		all.add(&parts[i])
	}
	return all
}

func one[Q any](ctx context.Context, plan Plan[Q], n int, r *Report) {
	request := plan.Build(n)
	sent := time.Now()
	err := plan.Exchange(ctx, request)
	switch {
	case err == nil:
		r.Answered++
		r.Latency.Add(time.Since(sent))
	case ctx.Err() == nil:
		r.Lost++
		if r.FirstErr == nil {
			r.FirstErr = err
		}
	}
}

func (r *Report) add(part *Report) {
	r.Answered += part.Answered
	r.Lost += part.Lost
	r.Latency.Merge(&part.Latency)
	if r.FirstErr == nil {
		r.FirstErr = part.FirstErr
	}
}

// PerSecond returns the rate of answers over the whole run. In a run of a fixed
// number of requests, a single one that has to be sent again near the end makes
// the run as long as its wait, and the rate says more of that wait than of the
// server: look at Quantile(1) before two rates are compared.
func (r *Report) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}

// String is one line for a person.
func (r *Report) String() string {
	return fmt.Sprintf("%d answered in %v, %.0f/s, p50 %v, p99 %v, longest %v, %d lost",
		r.Answered, r.Elapsed.Round(time.Millisecond), r.PerSecond(),
		r.Latency.Quantile(0.5), r.Latency.Quantile(0.99), r.Latency.Quantile(1), r.Lost)
}
