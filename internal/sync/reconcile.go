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
	ours := &cursor{r: r}
	for after := ident.IMSI(""); ; {
		page, err := lister.List(ctx, after, reconcilePage)
		if err != nil {
			return n, fmt.Errorf("listing network %s: %w", r.Network, err)
		}
		for _, a := range page {
			known, err := ours.has(ctx, a.IMSI)
			if err != nil {
				return n, err
			}
			if known {
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

// cursor walks our SIMs beside the network's list: both are in IMSI order.
type cursor struct {
	r    *Reconciler
	page []sim.SIM
	last ident.IMSI
	end  bool
}

func (c *cursor) has(ctx context.Context, imsi ident.IMSI) (bool, error) {
	for {
		for len(c.page) > 0 && c.page[0].IMSI < imsi {
			c.page = c.page[1:]
		}
		if len(c.page) > 0 || c.end {
			return len(c.page) > 0 && c.page[0].IMSI == imsi, nil
		}
		page, err := c.r.Fleet.Expected(ctx, c.r.Network, c.last, reconcilePage)
		if err != nil {
			return false, err
		}
		c.page, c.end = page, len(page) < reconcilePage
		if len(page) > 0 {
			c.last = page[len(page)-1].IMSI
		}
	}
}
