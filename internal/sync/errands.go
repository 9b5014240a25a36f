package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	gosync "sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Errands is what a Runner needs of the use cases.
type Errands interface {
	ClaimErrands(ctx context.Context, network string, n int, lease time.Duration) ([]sim.Errand, error)
	AnswerErrand(ctx context.Context, a sim.ErrandAnswer) error
}

// Runner does what is to be done once with the SIMs of a network, several at a
// time. Of one SIM it does one thing after the other, and a thing that a crash
// cut short is done again under the same id.
type Runner struct {
	Network  string
	Driver   network.Driver
	Fleet    Errands
	Rope     <-chan struct{} // rings when there may be something to do; may be nil
	Settings Settings
	Log      *slog.Logger
	Now      func() time.Time
}

// atOnce is how many errands a Runner has under way.
const atOnce = 8

// Run works until ctx ends; it then finishes what it has begun.
func (r *Runner) Run(ctx context.Context) error {
	r.fill()
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		n, err := r.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.Log.Warn("doing errands failed; trying again", "network", r.Network, "error", err)
		case n > 0:
			continue // those that waited for them
		}
		idle.Reset(r.Settings.Idle + rand.N(r.Settings.Idle/4+1))
		select {
		case <-ctx.Done():
			return nil
		case <-r.Rope:
		case <-idle.C:
		}
	}
}

func (r *Runner) fill() {
	r.Settings = r.Settings.defaults()
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
}

// Step does what is due, and returns how much that was.
func (r *Runner) Step(ctx context.Context) (int, error) {
	r.fill()
	claimed, err := r.Fleet.ClaimErrands(ctx, r.Network, atOnce, r.Settings.Lease)
	if err != nil {
		return 0, err
	}
	doing, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Settings.Lease/2)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })()
	failed := make([]error, len(claimed))
	var all gosync.WaitGroup
	for i := range claimed {
		all.Go(func() { failed[i] = r.one(doing, &claimed[i]) })
	}
	all.Wait()
	return len(claimed), errors.Join(failed...)
}

func (r *Runner) one(ctx context.Context, e *sim.Errand) error {
	a := sim.ErrandAnswer{Errand: *e}
	a.Reference, a.Err = r.do(ctx, e)
	if no := network.Refused(a.Err); no != nil {
		a.Refused, a.Err = true, errors.New(no.Why)
	} else if a.Err != nil {
		w := Worker{Settings: r.Settings}
		a.RetryAt = r.Now().Add(w.pause(e.Attempts))
	}
	record, done := context.WithTimeout(context.WithoutCancel(ctx), r.Settings.Lease/2)
	defer done()
	return r.Fleet.AnswerErrand(record, a)
}

// do calls the driver. One that panics fails the errand and nothing else.
func (r *Runner) do(ctx context.Context, e *sim.Errand) (reference string, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("the network driver panicked", "network", r.Network, "panic", fmt.Sprint(p))
			err = errors.New("the network driver failed")
		}
	}()
	if d, ok := r.Driver.(network.Messenger); ok && e.Kind == sim.SendMessage {
		return d.Send(ctx, e.Profile, e.ID, e.Subject)
	}
	if e.Kind == sim.ResetOnNetwork {
		return "", r.reset(ctx, e)
	}
	if d, ok := r.Driver.(network.Loader); ok && e.Kind.OfProfile() {
		return "", d.Load(ctx, e.Profile, e.ID, e.Kind, e.Subject)
	}
	return "", &network.Refusal{Why: "the network cannot do this: " + string(e.Kind)}
}

// reset has the network forget where the SIM is, if it can. Its sessions are cut
// and its profile is told anew in any case.
func (r *Runner) reset(ctx context.Context, e *sim.Errand) error {
	d, ok := r.Driver.(network.Controller)
	if can := r.Driver.Abilities(); !ok || !can.Can(sim.CancelLocation) {
		return nil
	}
	err := d.Control(ctx, e.Profile, sim.CancelLocation, nil)
	if err != nil && fault.KindOf(err) == fault.Precondition {
		return nil // it is nowhere
	}
	return err
}
