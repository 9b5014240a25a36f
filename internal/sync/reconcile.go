package sync

import (
	"context"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Reconciling is what the reconciler needs of the use cases.
type Reconciling interface {
	Expected(ctx context.Context, network string, after ident.IMSI, n int) ([]sim.SIM, error)
	Drifted(ctx context.Context, r fleet.Request, drifts []fleet.Drift, repair bool) (int, error)
	SIMs(ctx context.Context, r fleet.Request, q sim.Query) (sim.Page, error)
}

// Reconciler reads a network back and finds what differs from what it agreed
// to.
type Reconciler struct {
	Network string
	Driver  network.Driver
	Fleet   Reconciling
	Request fleet.Request
	Repair  bool

	// Found is told of every SIM that has drifted, and Unknown of every
	// subscriber that no SIM stands for, where the network can list them. Both
	// may be nil.
	Found   func(fleet.Drift)
	Unknown func(network.Actual)
}

// Reconciled counts what a reconciliation saw.
type Reconciled struct {
	Checked int `json:"checked"`
	Drifted int `json:"drifted"`
	Queued  int `json:"queued"`  // sent to the network again
	Unknown int `json:"unknown"` // subscribers that no SIM stands for
}

// reconcilePage is how many subscribers are read back at once.
const reconcilePage = 500

// Run reads the whole network back once. A network that cannot be reached ends
// it with the error and what was seen so far.
func (r *Reconciler) Run(ctx context.Context) (Reconciled, error) {
	var sum Reconciled
	for after := ident.IMSI(""); ; {
		sims, err := r.Fleet.Expected(ctx, r.Network, after, reconcilePage)
		if err != nil {
			return sum, err
		}
		drifts, err := r.compare(ctx, sims)
		if err != nil {
			return sum, fmt.Errorf("reading network %s back: %w", r.Network, err)
		}
		queued, err := r.Fleet.Drifted(ctx, r.Request, drifts, r.Repair)
		if err != nil {
			return sum, err
		}
		sum.Checked, sum.Drifted = sum.Checked+len(sims), sum.Drifted+len(drifts)
		if r.Repair {
			sum.Queued += queued
		}
		if len(sims) < reconcilePage {
			break
		}
		after = sims[len(sims)-1].IMSI
	}
	unknown, err := r.strangers(ctx)
	sum.Unknown = unknown
	return sum, err
}

func (r *Reconciler) compare(ctx context.Context, sims []sim.SIM) ([]fleet.Drift, error) {
	if len(sims) == 0 {
		return nil, nil
	}
	ids := make([]ident.IMSI, len(sims))
	for i := range sims {
		ids[i] = sims[i].IMSI
	}
	actual, err := r.Driver.Observe(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(actual) != len(ids) {
		return nil, fmt.Errorf("it answered for %d of %d subscribers", len(actual), len(ids))
	}
	var out []fleet.Drift
	for i := range sims {
		wanted := sims[i].Profile()
		d := fleet.Drift{SIM: sims[i]}
		for _, f := range actual[i].Drift(&wanted) {
			d.Changes = append(d.Changes, event.Change{Field: f.Field, From: f.Has, To: f.Wants})
		}
		if len(d.Changes) == 0 {
			continue
		}
		if out = append(out, d); r.Found != nil {
			r.Found(d)
		}
	}
	return out, nil
}

// strangers lists the network and looks for subscribers that are nobody's.
// They are shown and never removed: they may be somebody else's on purpose.
func (r *Reconciler) strangers(ctx context.Context) (int, error) {
	lister, ok := r.Driver.(network.Lister)
	if !ok {
		return 0, nil
	}
	n := 0
	for after := ident.IMSI(""); ; {
		page, err := lister.List(ctx, after, reconcilePage)
		if err != nil {
			return n, fmt.Errorf("listing network %s: %w", r.Network, err)
		}
		ours, err := r.ours(ctx, after, page)
		if err != nil {
			return n, err
		}
		for _, a := range page {
			if ours[a.IMSI] {
				continue
			}
			if n++; r.Unknown != nil {
				r.Unknown(a)
			}
		}
		if len(page) < reconcilePage {
			return n, nil
		}
		after = page[len(page)-1].IMSI
	}
}

// ours says which of the subscribers on a page are SIMs of ours, be they on
// their way or settled.
func (r *Reconciler) ours(ctx context.Context, after ident.IMSI, page []network.Actual) (map[ident.IMSI]bool, error) {
	out := map[ident.IMSI]bool{}
	if len(page) == 0 {
		return out, nil
	}
	last := page[len(page)-1].IMSI
	for after < last {
		sims, err := r.Fleet.Expected(ctx, r.Network, after, reconcilePage)
		if err != nil {
			return nil, err
		}
		for i := range sims {
			out[sims[i].IMSI] = true
		}
		if len(sims) < reconcilePage {
			break
		}
		after = sims[len(sims)-1].IMSI
	}
	for _, a := range page {
		if out[a.IMSI] {
			continue
		}
		// Expected leaves out those on their way.
		found, err := r.Fleet.SIMs(ctx, r.Request, sim.Query{IMSI: a.IMSI, Limit: 1})
		if err != nil {
			return nil, err
		}
		out[a.IMSI] = len(found.SIMs) > 0
	}
	return out, nil
}
