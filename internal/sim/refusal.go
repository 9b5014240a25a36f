package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

type reason string

const (
	reasonClosed      reason = "closed"
	reasonNotActive   reason = "not_active"
	reasonWasLive     reason = "was_live"
	reasonBackward    reason = "phase_passed"
	reasonHeld        reason = "held_by_other"
	reasonNoTask      reason = "no_task"
	reasonStillActive reason = "still_active"
	reasonNoRule      reason = "no_rule"
)

// Refusal is a command that the lifecycle does not allow: what was asked, why
// it cannot be, who made it so and when, and what would lift that. It is a
// fault of kind Precondition with the code "sim." + Code.
type Refusal struct {
	Code  string // stable, such as "closed"
	Verb  Verb
	Why   string
	By    string    // may be empty
	Since time.Time // may be zero
	Lifts string

	order Order // instead of Verb, where the table of orders refuses
}

// Error says it in one sentence.
func (r *Refusal) Error() string {
	var b strings.Builder
	asked := r.Verb.String()
	if r.order != 0 {
		asked = r.order.String()
	}
	fmt.Fprintf(&b, "cannot %s: %s", asked, r.Why)
	if r.By != "" {
		fmt.Fprintf(&b, " by %s", r.By)
	}
	if !r.Since.IsZero() {
		fmt.Fprintf(&b, " since %s", r.Since.UTC().Format(time.RFC3339))
	}
	if r.Lifts != "" {
		fmt.Fprintf(&b, "; %s", r.Lifts)
	}
	return b.String()
}

// Unwrap gives the edges the fault.
func (r *Refusal) Unwrap() error {
	return &fault.Error{Kind: fault.Precondition, Code: "sim." + r.Code, Message: r.Error()}
}

func refusal(why reason, l *Lifecycle, c *Command) *Refusal {
	r := &Refusal{Code: string(why), Verb: c.Verb, By: l.By, Since: l.Since}
	switch why {
	case reasonClosed:
		r.Why, r.Lifts = "the SIM was closed", "nothing lifts this: closed is final"
	case reasonNotActive:
		r.Why, r.Lifts = "the SIM is in stock and not active", "activate it first"
	case reasonWasLive:
		r.Why, r.Lifts = "the SIM has been live before", "test and ready come only before the first live period: activate it live"
	case reasonBackward:
		r.Why, r.Lifts = "the SIM is already "+l.Wanted.Phase.String(), "phases only move forward"
	case reasonHeld:
		r.held(l, c.Verb.kind())
	case reasonNoTask:
		r.Why, r.Lifts = "nothing about the SIM waits for a decision", "it has been decided or withdrawn already"
	case reasonStillActive:
		r.Why, r.Lifts = "the SIM is "+l.Status().String(), "terminate it first"
	case reasonNoRule:
		r.Why = "the lifecycle has no rule for it"
	}
	return r
}

var lifts = [kinds]string{
	Admin:    "only the operator lifts it",
	System:   "it lifts at the start of the next billing cycle",
	Customer: "the customer lifts it",
}

// held explains with the strongest suspension that is in force, other than k.
func (r *Refusal) held(l *Lifecycle, k Kind) {
	for _, other := range AllKinds() {
		if other == k || !l.Wanted.Suspended.Has(other) {
			continue
		}
		h := l.Holds[other]
		r.Why = "the suspension is of kind " + other.String()
		if h.Reason != "" {
			r.Why += " (" + h.Reason + ")"
		}
		r.By, r.Since, r.Lifts = h.Actor, h.Since, lifts[other]
		return
	}
}
