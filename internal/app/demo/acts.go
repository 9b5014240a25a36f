package demo

import (
	"context"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Where each account's cards start.
const (
	firstPump    = 0
	firstTrailer = 500
	firstBike    = 700
)

// refusedCard is the SIM that the network does not accept.
const refusedCard = firstPump + 470

// activations bring cards onto the network. Those of the bikes need a person.
func (f *filling) activations(ctx context.Context) error {
	return f.play(ctx, []act{
		{Pumps, firstPump + 150, firstPump + 400, verb(sim.ActivateLive, "")},
		{Pumps, firstPump + 400, firstPump + 420, verb(sim.ActivateTest, "")},
		{Pumps, firstPump + 420, firstPump + 440, verb(sim.ActivateReady, "")},
		{Pumps, firstPump + 440, firstPump + 460, verb(sim.ActivateLive, "")},
		{Pumps, refusedCard, refusedCard + 1, verb(sim.ActivateLive, "")},
		{ColdChain, firstTrailer, firstTrailer + 140, verb(sim.ActivateLive, "")},
		{Bikes, firstBike, firstBike + 80, verb(sim.ActivateLive, "spring fleet")},
	})
}

// waitingBikes are left for a person to approve.
const waitingBikes = 12

// decisions approve what waits, but for a few, and reject one.
func (f *filling) decisions(ctx context.Context) error {
	tasks, err := f.a.Fleet.Tasks(ctx, f.operator, 0, 1000)
	if err != nil {
		return err
	}
	if len(tasks) <= waitingBikes {
		return fmt.Errorf("%d activations wait for a person", len(tasks))
	}
	for i, t := range tasks[waitingBikes:] {
		approve, why := i > 0, ""
		if !approve {
			why = "the contract for this bike is not signed yet"
		}
		if _, err := f.a.Fleet.DecideTask(ctx, f.operator, t.ID, approve, why); err != nil {
			return err
		}
	}
	return f.told(ctx)
}

// twiceHeld is suspended by the customer and by the operator at once.
const twiceHeld = firstPump + 389

// suspensions are of each kind, and one of two kinds at once.
func (f *filling) suspensions(ctx context.Context) error {
	if err := f.play(ctx, []act{
		{Pumps, firstPump + 380, firstPump + 390, verb(sim.SuspendCustomer, "winter: the pumps rest until March")},
		{"", firstPump + 390, firstPump + 395, verb(sim.SuspendSystem, "the data limit of 10 MB is reached")},
		{"", firstPump + 395, firstPump + 400, verb(sim.SuspendAdmin, "invoice 2207 is overdue")},
		{ColdChain, firstTrailer + 130, firstTrailer + 135, verb(sim.SuspendCustomer, "the trailers are in repair")},
		{"", firstBike + 100, firstBike + 101, verb(sim.SuspendAdmin, "reported stolen from the warehouse")},
	}); err != nil {
		return err
	}
	return f.play(ctx, []act{{"", twiceHeld, twiceHeld + 1, verb(sim.SuspendAdmin, "invoice 2207 is overdue")}})
}

// limits bound what two trailers may use in a month; their devices come there
// while one looks on.
func (f *filling) limits(ctx context.Context) error {
	limit := int64(4)
	return f.play(ctx, []act{{"", firstTrailer + 3, firstTrailer + 5, fleet.Edit{DataLimit: &limit}}})
}

// endings terminate, with and without a person, and close.
func (f *filling) endings(ctx context.Context) error {
	return f.play(ctx, []act{
		{Pumps, firstPump + 440, firstPump + 460, verb(sim.Terminate, "")},
		{Pumps, firstPump + 460, firstPump + 470, verb(sim.Close, "destroyed")},
		{ColdChain, firstTrailer + 135, firstTrailer + 140, verb(sim.Terminate, "the trailers are sold")},
		{Bikes, firstBike, firstBike + 3, verb(sim.Terminate, "scrapped")},
	})
}
