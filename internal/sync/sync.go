// Package sync makes networks match what is wanted, and tells what they
// answered. It is level-triggered: it looks at where each SIM should be, not at
// what was asked, so that commands coalesce and a crash loses nothing.
package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Fleet is what sync needs of the use cases.
type Fleet interface {
	Claim(ctx context.Context, network string, n int, lease time.Duration) ([]sim.Claim, error)
	Answer(ctx context.Context, answers []sim.Answer) error
}

// Settings tune a worker. The zero value takes the defaults.
type Settings struct {
	Batch   int           // SIMs per call of the driver; 500
	Lease   time.Duration // how long a worker may keep SIMs; 30 s
	Idle    time.Duration // how often to look when nobody rings; 500 ms
	Backoff time.Duration // before the first repeat; doubles; 1 s
	Longest time.Duration // between repeats; 5 min
}

func (s Settings) defaults() Settings {
	set := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if s.Batch == 0 {
		s.Batch = 500
	}
	set(&s.Lease, 30*time.Second)
	set(&s.Idle, 500*time.Millisecond)
	set(&s.Backoff, time.Second)
	set(&s.Longest, 5*time.Minute)
	return s
}

// Worker tells one network. Each network has its own, so that one that hangs
// holds up no other; several workers of one network share its queue.
type Worker struct {
	Network  string
	Driver   network.Driver
	Fleet    Fleet
	Rope     <-chan struct{} // rings when there may be something to tell; may be nil
	Settings Settings
	Log      *slog.Logger
	Observed Observer // counts; may be nil
	Now      func() time.Time
}

// Observer is told of every batch, for metrics.
type Observer interface {
	Batch(network string, agreed, refused, failed int, took time.Duration)
}

// Run works until ctx ends; it then finishes the batch that it has begun.
func (w *Worker) Run(ctx context.Context) error {
	w.fill()
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		n, err := w.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			w.Log.Warn("telling the network failed; trying again", "network", w.Network, "error", err)
		case n == w.Settings.Batch:
			continue // there is more
		}
		idle.Reset(w.Settings.Idle + rand.N(w.Settings.Idle/4+1))
		select {
		case <-ctx.Done():
			return nil
		case <-w.Rope:
		case <-idle.C:
		}
	}
}

func (w *Worker) fill() {
	w.Settings = w.Settings.defaults()
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	if w.Now == nil {
		w.Now = time.Now
	}
}

// Step tells one batch and returns how many SIMs it was. The driver must answer
// well before the lease ends, so that no other worker tells the same SIMs
// something else meanwhile.
func (w *Worker) Step(ctx context.Context) (int, error) {
	w.fill()
	claims, err := w.Fleet.Claim(ctx, w.Network, w.Settings.Batch, w.Settings.Lease)
	if err != nil || len(claims) == 0 {
		return 0, err
	}
	// Neighbours on the network lie together on its disk too.
	slices.SortFunc(claims, func(a, b sim.Claim) int { return cmp.Compare(a.Profile.IMSI, b.Profile.IMSI) })
	begun := time.Now()
	telling, cancel := w.telling(ctx)
	defer cancel()
	answers := w.tell(telling, claims)
	w.count(answers, time.Since(begun))
	record, done := context.WithTimeout(context.WithoutCancel(ctx), w.Settings.Lease)
	defer done()
	return len(claims), w.Fleet.Answer(record, answers)
}

// stopGrace is how long a batch that is under way may still take when the
// server stops. What the network has not answered by then is tried again.
const stopGrace = 3 * time.Second

// telling bounds a call of the driver.
func (w *Worker) telling(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Settings.Lease/2)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })
	return out, func() { stop(); cancel() }
}

func (w *Worker) tell(ctx context.Context, claims []sim.Claim) []sim.Answer {
	profiles := make([]sim.Profile, len(claims))
	for i, c := range claims {
		profiles[i] = c.Profile
	}
	results := w.apply(ctx, profiles)
	answers := make([]sim.Answer, len(claims))
	for i, c := range claims {
		a := sim.Answer{Claim: c, Err: results[i]}
		if no := network.Refused(results[i]); no != nil {
			a.Refused, a.Err = true, errors.New(no.Why)
		} else if a.Err != nil {
			a.RetryAt = w.Now().Add(w.pause(c.Attempts))
		}
		answers[i] = a
	}
	return answers
}

// apply calls the driver. One that panics, or answers for fewer SIMs than it
// was asked about, fails the batch and nothing else.
func (w *Worker) apply(ctx context.Context, profiles []sim.Profile) (results []error) {
	fail := func(err error) []error {
		out := make([]error, len(profiles))
		for i := range out {
			out[i] = err
		}
		return out
	}
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("the network driver panicked", "network", w.Network, "panic", fmt.Sprint(p))
			results = fail(errors.New("the network driver failed"))
		}
	}()
	got := w.Driver.Apply(ctx, profiles)
	if len(got) != len(profiles) {
		return fail(fmt.Errorf("the network driver answered for %d of %d SIMs", len(got), len(profiles)))
	}
	results = make([]error, len(got))
	for i, r := range got {
		results[i] = r
	}
	return results
}

// pause grows with every attempt, and is spread so that a network that comes
// back is not asked for everything at once.
func (w *Worker) pause(attempts int) time.Duration {
	p := w.Settings.Backoff << min(attempts, 16)
	if p <= 0 || p > w.Settings.Longest {
		p = w.Settings.Longest
	}
	return p/2 + rand.N(p/2+1)
}

func (w *Worker) count(answers []sim.Answer, took time.Duration) {
	if w.Observed == nil {
		return
	}
	agreed, refused, failed := 0, 0, 0
	for _, a := range answers {
		switch {
		case a.Err == nil:
			agreed++
		case a.Refused:
			refused++
		default:
			failed++
		}
	}
	w.Observed.Batch(w.Network, agreed, refused, failed, took)
}
