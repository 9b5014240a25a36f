package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sync"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// FirstNetwork is the simulated network that a new platform comes with, so that
// packages can be made and SIMs activated before a real one is at hand.
const FirstNetwork = "simulated"

// QuarantineDays is how long terminated SIMs stay out of stock on networks
// that do not say otherwise.
const QuarantineDays = 30

// self is the request of a part of Simurgh that acts on its own.
func self(name string) fleet.Request {
	return fleet.Request{Caller: tenant.Operator(name), Via: "sync"}
}

// firstNetwork gives a platform without networks the simulated one.
func (a *App) firstNetwork(ctx context.Context) error {
	there, err := a.Fleet.Networks(ctx, self("setup"))
	if err != nil || len(there) > 0 {
		return err
	}
	err = a.Fleet.AddNetwork(ctx, self("setup"), plan.Network{Name: FirstNetwork, Driver: SimulatedDriver, QuarantineDays: QuarantineDays}, nil)
	if err != nil && fault.KindOf(err) == fault.Conflict {
		return nil // another process was first
	}
	return err
}

// Network returns the network of that name; a NotFound fault names the others.
func (a *App) Network(ctx context.Context, name string) (plan.Network, error) {
	there, err := a.Fleet.Networks(ctx, self("setup"))
	if err != nil {
		return plan.Network{}, err
	}
	if i := slices.Index(namesOf(there), name); i >= 0 {
		return there[i], nil
	}
	return plan.Network{}, fault.New(fault.NotFound, "network.not_found", "network %s not found; there are: %s", name, strings.Join(namesOf(there), ", "))
}

// OnlyNetwork returns the name of the network where there is but one. Where
// there are more, an Invalid fault asks which.
func (a *App) OnlyNetwork(ctx context.Context) (string, error) {
	there, err := a.Fleet.Networks(ctx, self("setup"))
	if err != nil || len(there) == 0 {
		return "", err
	}
	if len(there) == 1 {
		return there[0].Name, nil
	}
	return "", fault.InvalidField("network", "is missing; there are: %s", strings.Join(namesOf(there), ", "))
}

func namesOf(networks []plan.Network) []string {
	out := make([]string, len(networks))
	for i, n := range networks {
		out[i] = n.Name
	}
	return out
}

// waiting returns how much waits for a network.
func (a *App) waiting(ctx context.Context, network string) (waiting, failing int64, err error) {
	depths, err := a.Fleet.QueueDepths(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, d := range depths {
		if d.Network == network {
			return d.Waiting, d.Failing, nil
		}
	}
	return 0, 0, nil
}

// lookAgain is how long to wait before looking at a queue that others work on.
const lookAgain = 25 * time.Millisecond

// WorkOff tells a network what waits for it, beside any server that does so
// too, and returns once nothing waits or all that does has failed. It returns
// how many SIMs still wait; ctx bounds how long it tries.
func (a *App) WorkOff(ctx context.Context, name string, driver network.Driver) (int64, error) {
	w := sync.Worker{Network: name, Driver: driver, Fleet: a.Fleet, Log: a.Log}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		n, err := w.Step(ctx)
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		waiting, failing, err := a.waiting(context.WithoutCancel(ctx), name)
		if err != nil || waiting == failing || ctx.Err() != nil {
			return waiting, err
		}
		if n > 0 {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return waiting, nil
		}
	}
}

// Reconciled is what a reconciliation by hand found.
type Reconciled struct {
	sync.Reconciled
	Remaining int64 // SIMs that the network still has otherwise than it agreed
	Drifts    []fleet.Drift
	Unknown   []network.Actual
	Cut       bool // Drifts or Unknown hold the first ones only
}

// maxListed bounds what a reconciliation lists one by one.
const maxListed = 10_000

// Reconcile reads a network back once. With repair, what has drifted is told to
// the network again, for as long as patience lasts, and what remains is counted
// by reading it back anew.
func (a *App) Reconcile(ctx context.Context, r fleet.Request, name string, repair bool, patience time.Duration) (Reconciled, error) {
	var out Reconciled
	n, err := a.Network(ctx, name)
	if err != nil {
		return out, err
	}
	driver, err := a.openDriver(ctx, n)
	if err != nil {
		return out, err
	}
	defer func() { _ = driver.Close() }()
	rec := sync.Reconciler{Network: name, Driver: driver, Fleet: a.Fleet, Request: r, Repair: repair}
	rec.Found = func(d fleet.Drift) { out.Drifts, out.Cut = list(out.Drifts, d, out.Cut) }
	rec.Unknown = func(u network.Actual) { out.Unknown, out.Cut = list(out.Unknown, u, out.Cut) }
	if out.Reconciled, err = rec.Run(ctx); err != nil {
		return out, err
	}
	out.Remaining = int64(out.Drifted)
	if !repair || out.Queued == 0 {
		return out, nil
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting, err := a.WorkOff(patient, name, driver)
	if err != nil {
		return out, err
	}
	rec.Repair, rec.Found, rec.Unknown = false, nil, nil
	again, err := rec.Run(ctx)
	out.Remaining = int64(again.Drifted) + waiting
	return out, err
}

func list[T any](to []T, v T, cut bool) ([]T, bool) {
	if len(to) == maxListed {
		return to, true
	}
	return append(to, v), cut
}
