package sim

import "slices"

// Rule is one row of the table: in these states, on these verbs, when the
// guard holds, do this or refuse. The first row that fits decides.
type Rule struct {
	in     []State
	on     []Verb
	when   guard
	to     State // 0 stays
	do     action
	refuse reason
}

type action uint16

const (
	takePhase action = 1 << iota // the verb's phase becomes the wanted one
	setHold                      // the verb's suspension is set
	clearHold                    // the verb's suspension is lifted
	revert                       // back to what the network last agreed to
	fail                         // the reason is kept
	settle                       // the network's answer is recorded
	tell                         // the network must hear of it
	ask                          // a task opens
	withdraw                     // the task is withdrawn
	only                         // nothing but the state changes
)

func (a action) has(b action) bool { return a&b != 0 }

func (a action) effects() Effect {
	var e Effect
	for _, p := range []struct {
		action
		Effect
	}{{tell, Tell}, {ask, Ask}, {withdraw, Withdraw}, {settle, Settle}} {
		if a.has(p.action) {
			e |= p.Effect
		}
	}
	return e
}

type guard uint8

const (
	always       guard = iota
	wasLive            // test or ready is asked for, and the SIM has been live
	backward           // the verb's phase lies behind the present one
	samePhase          // the verb's phase is the present one
	byPerson           // the package wants a person to decide
	holds              // the verb's suspension is set
	heldByOthers       // it is not, but another is
	answered           // the network has answered this generation before
	stale              // the network answered an older generation
)

var guardTexts = [...]string{"", "it has been live before", "its phase lies further on", "it has that phase",
	"the package wants a person to decide", "that suspension is set", "only another's suspension is set",
	"this answer is already known", "the answer is to an older change"}

func (g guard) holds(l *Lifecycle, c *Command) bool {
	switch g {
	case always:
		return true
	case wasLive:
		return l.EverLive && c.Verb.phase() != Live
	case backward:
		return c.Verb.phase() < l.Wanted.Phase
	case samePhase:
		return c.Verb.phase() == l.Wanted.Phase
	case byPerson:
		return (c.Verb == Terminate && c.ManualReview) || (c.Verb.phase() != NoPhase && c.ManualActivation)
	case holds:
		return l.Wanted.Suspended.Has(c.Verb.kind())
	case heldByOthers:
		return l.Wanted.Suspended.Without(c.Verb.kind()) != 0
	case answered:
		return c.Generation <= l.Observed
	case stale:
		return c.Generation < l.Generation
	}
	return false
}

type (
	states = []State
	on     = []Verb
)

var (
	anyState   = States()
	activate   = on{ActivateTest, ActivateReady, ActivateLive}
	suspend    = on{SuspendAdmin, SuspendSystem, SuspendCustomer}
	resume     = on{ResumeAdmin, ResumeSystem, ResumeCustomer}
	offNetwork = states{Available, AwaitingApproval, Unprovisioned}
	onNetwork  = states{Provisioning, Provisioned, AwaitingReview, Deprovisioning}
)

// table is the lifecycle. A test holds that every state and verb has a row
// without a guard at its end, and that no row is unreachable.
var table = []Rule{
	{in: states{Available, Unprovisioned}, on: activate, when: wasLive, refuse: reasonWasLive},
	{in: states{Available, Unprovisioned}, on: activate, when: byPerson, to: AwaitingApproval, do: takePhase | ask},
	{in: states{Available, Unprovisioned}, on: activate, to: Provisioning, do: takePhase | tell},
	{in: states{Closed}, on: activate, refuse: reasonClosed},
	{in: anyState, on: activate, when: backward, refuse: reasonBackward},
	{in: states{AwaitingApproval, Provisioning, Provisioned}, on: activate, when: samePhase},
	{in: states{AwaitingApproval}, on: activate, do: takePhase},
	{in: states{Provisioning, Provisioned}, on: activate, do: takePhase | tell},
	{in: states{AwaitingReview}, on: activate, to: Provisioned, do: takePhase | withdraw | tell},
	{in: states{Deprovisioning}, on: activate, to: Provisioning, do: takePhase | tell},

	{in: states{Closed}, on: suspend, refuse: reasonClosed},
	{in: anyState, on: suspend, when: holds},
	{in: offNetwork, on: suspend, do: setHold},
	{in: onNetwork, on: suspend, do: setHold | tell},

	{in: states{Closed}, on: resume, refuse: reasonClosed},
	{in: offNetwork, on: resume, when: holds, do: clearHold},
	{in: onNetwork, on: resume, when: holds, do: clearHold | tell},
	{in: anyState, on: resume, when: heldByOthers, refuse: reasonHeld},
	{in: anyState, on: resume},

	{in: states{Available}, on: on{Terminate}, refuse: reasonNotActive},
	{in: states{AwaitingApproval}, on: on{Terminate}, do: revert | withdraw},
	{in: states{Provisioning}, on: on{Terminate}, to: Deprovisioning, do: tell},
	{in: states{Provisioned}, on: on{Terminate}, when: byPerson, to: AwaitingReview, do: ask},
	{in: states{Provisioned}, on: on{Terminate}, to: Deprovisioning, do: tell},
	{in: states{AwaitingReview, Deprovisioning, Unprovisioned}, on: on{Terminate}},
	{in: states{Closed}, on: on{Terminate}, refuse: reasonClosed},

	{in: states{Available, Unprovisioned}, on: on{Close}, to: Closed, do: only},
	{in: states{AwaitingApproval}, on: on{Close}, to: Closed, do: withdraw},
	{in: states{AwaitingReview}, on: on{Close}, to: Closed, do: withdraw | tell},
	{in: states{Provisioning, Provisioned, Deprovisioning}, on: on{Close}, to: Closed, do: tell},
	{in: states{Closed}, on: on{Close}},

	{in: states{AwaitingApproval}, on: on{Approved}, to: Provisioning, do: tell},
	{in: states{AwaitingReview}, on: on{Approved}, to: Deprovisioning, do: tell},
	{in: states{AwaitingApproval}, on: on{Rejected}, do: revert | fail},
	{in: states{AwaitingReview}, on: on{Rejected}, to: Provisioned, do: fail},
	{in: anyState, on: on{Approved, Rejected}, refuse: reasonNoTask},

	{in: anyState, on: on{Agreed, Refused}, when: answered},
	{in: anyState, on: on{Agreed}, when: stale, do: settle},
	{in: anyState, on: on{Refused}, when: stale, do: fail | settle},
	{in: states{Provisioning}, on: on{Agreed}, to: Provisioned, do: settle},
	{in: states{Deprovisioning}, on: on{Agreed}, to: Unprovisioned, do: settle},
	{in: anyState, on: on{Agreed}, do: settle},
	{in: anyState, on: on{Refused}, do: revert | fail | settle},

	{in: states{Available}, on: on{Returned}},
	{in: states{Unprovisioned}, on: on{Returned}, to: Available, do: only},
	{in: states{Closed}, on: on{Returned}, refuse: reasonClosed},
	{in: anyState, on: on{Returned}, refuse: reasonStillActive},
}

func find(l *Lifecycle, c *Command) *Rule {
	for i := range table {
		r := &table[i]
		if slices.Contains(r.on, c.Verb) && slices.Contains(r.in, l.Wanted.State) && r.when.holds(l, c) {
			return r
		}
	}
	return &Rule{refuse: reasonNoRule}
}
