package tigrillo

import (
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What this dialect lets a caller ask of a SIM, in each of its stands. It
// refuses more than the lifecycle does: nothing may be changed while a
// termination is on its way, and only the customer's own suspension is lifted.
// All is judged by what is wanted, so a command can follow another at once.

// suspend takes a SIM that is in service, and not suspended by anybody.
func suspend(f fleet.Facts) (fleet.Edit, error) {
	if w := f.SIM.Wanted; w.State != sim.Provisioned || w.Suspended != 0 {
		return fleet.Edit{}, errSuspend
	}
	return fleet.Edit{Verb: sim.SuspendCustomer, Reason: "suspended by the customer"}, nil
}

// unsuspend takes a SIM that nobody but the customer has suspended.
func unsuspend(f fleet.Facts) (fleet.Edit, error) {
	if w := f.SIM.Wanted; w.State != sim.Provisioned || w.Suspended != sim.Kinds(0).With(sim.Customer) {
		return fleet.Edit{}, errUnsuspend
	}
	return fleet.Edit{Verb: sim.ResumeCustomer}, nil
}

// terminate takes a SIM that is in service, suspended or not.
func terminate(f fleet.Facts) (fleet.Edit, error) {
	if f.SIM.Wanted.State != sim.Provisioned {
		return fleet.Edit{}, errTerminate
	}
	return fleet.Edit{Verb: sim.Terminate}, nil
}

// reactivate is setSIMState's way back: from a suspension, or from the end.
func reactivate(f fleet.Facts) (fleet.Edit, error) {
	if f.SIM.Wanted.State == sim.Unprovisioned {
		return fleet.Edit{Verb: sim.ActivateLive}, nil
	}
	return unsuspend(f)
}

// stateOf is what the contract calls a status.
func stateOf(s sim.Status) string {
	switch s {
	case sim.StatusAvailable:
		return "available"
	case sim.StatusAwaitingApproval, sim.StatusProvisioning:
		return "pendingProvision"
	case sim.StatusProvisioned:
		return "provisioned"
	case sim.StatusSuspended:
		return "suspended"
	case sim.StatusAwaitingReview, sim.StatusDeprovisioning:
		return "pendingDeprovision"
	case sim.StatusUnprovisioned, sim.StatusClosed:
	}
	return "unprovisioned"
}

// statusesOf lists the statuses that the contract calls state; none for a word
// that it does not have.
func statusesOf(state string) []sim.Status {
	var out []sim.Status
	for _, s := range sim.Statuses() {
		if stateOf(s) == state {
			out = append(out, s)
		}
	}
	return out
}

// reasonOf says who suspended or ended the SIM that is shown in a status, as far
// as the contract has a word for it: it has none for the operator.
func reasonOf(s *sim.SIM, shown sim.Status) *string {
	customer, profile := "customer", "profile"
	switch shown {
	case sim.StatusUnprovisioned:
		return &customer
	case sim.StatusSuspended:
		switch held := s.Wanted.Suspended; {
		case held.Has(sim.Admin):
			return nil
		case held.Has(sim.System):
			return &profile
		}
		return &customer
	case sim.StatusAvailable, sim.StatusAwaitingApproval, sim.StatusProvisioning, sim.StatusProvisioned,
		sim.StatusAwaitingReview, sim.StatusDeprovisioning, sim.StatusClosed:
	}
	return nil
}
