// Package sim holds the SIM and its lifecycle: one table that says what every
// command does in every condition, or why it is refused and what would lift
// that. The dialects, the portal, the documentation and the tests read the
// same table.
//
// It does no I/O and knows no clock: time comes in with the command.
package sim

import (
	"fmt"
	"strings"
)

// State is where a SIM stands in its life.
type State uint8

// The states. Four are stable (Available, Provisioned, Unprovisioned, Closed),
// two wait for a person and two for the network.
const (
	Available        State = iota + 1 // in stock, not on the network
	AwaitingApproval                  // a person must approve the activation
	Provisioning                      // the network is being told to let it in
	Provisioned                       // on the network
	AwaitingReview                    // a person must approve the termination; still on the network
	Deprovisioning                    // the network is being told to remove it
	Unprovisioned                     // terminated, not yet returned to stock
	Closed                            // final
)

var stateNames = [...]string{"", "available", "awaitingApproval", "provisioning", "provisioned",
	"awaitingReview", "deprovisioning", "unprovisioned", "closed"}

// States lists every state in the order of a SIM's life.
func States() []State {
	return []State{Available, AwaitingApproval, Provisioning, Provisioned, AwaitingReview, Deprovisioning, Unprovisioned, Closed}
}

// String returns the stable name of s.
func (s State) String() string { return name(stateNames[:], int(s)) }

// OnNetwork reports whether the network knows, or is about to know, the SIM.
func (s State) OnNetwork() bool { return s >= Provisioning && s <= Deprovisioning }

// Phase tells apart the kinds of being active. A SIM only moves forward
// through them: test, then ready, then live.
type Phase uint8

// The phases. NoPhase belongs to SIMs that are not active.
const (
	NoPhase Phase = iota
	Test          // free, within a small allowance
	Ready         // free until the first real use
	Live          // in service and charged
)

var phaseNames = [...]string{"", "test", "ready", "live"}

// String returns the stable name of p, empty for NoPhase.
func (p Phase) String() string { return name(phaseNames[:], int(p)) }

// Kind says who holds a suspension. Any one suspends the SIM, and nobody lifts
// another's.
type Kind uint8

// The kinds of suspension, in the order of their precedence for display.
const (
	Admin    Kind = iota // only the operator sets and lifts it
	System               // a rule sets it; it lifts at the next billing cycle
	Customer             // the customer sets and lifts it
	kinds
)

var kindNames = [...]string{"admin", "system", "customer"}

// String returns the stable name of k.
func (k Kind) String() string { return name(kindNames[:], int(k)) }

// Kinds is a set of suspensions.
type Kinds uint8

// AllKinds lists every kind.
func AllKinds() []Kind { return []Kind{Admin, System, Customer} }

// Has reports whether k is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// With returns the set with k added.
func (s Kinds) With(k Kind) Kinds { return s | 1<<k }

// Without returns the set with k removed.
func (s Kinds) Without(k Kind) Kinds { return s &^ (1 << k) }

// String lists the kinds in the set, such as "admin+customer".
func (s Kinds) String() string {
	var out []string
	for _, k := range AllKinds() {
		if s.Has(k) {
			out = append(out, k.String())
		}
	}
	return strings.Join(out, "+")
}

// Condition is one cell of the lifecycle: comparable, and small enough to copy.
type Condition struct {
	State     State
	Phase     Phase
	Suspended Kinds
}

// String writes c for logs and tests, such as "provisioned/live suspended by admin".
func (c Condition) String() string {
	s := c.State.String()
	if c.Phase != NoPhase {
		s += "/" + c.Phase.String()
	}
	if c.Suspended != 0 {
		s += " suspended by " + c.Suspended.String()
	}
	return s
}

// Agreed returns the stable condition that holds once the network has done
// what c asks for: Provisioning becomes Provisioned, and so on.
func (c Condition) Agreed() Condition {
	switch c.State {
	case Provisioning, AwaitingReview:
		c.State = Provisioned
	case Deprovisioning:
		c.State, c.Phase = Unprovisioned, NoPhase
	case Available, AwaitingApproval, Provisioned, Unprovisioned, Closed:
	}
	return c
}

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%d?", i)
}
