package sim

import (
	"time"
)

// Lifecycle is everything the table needs to know of one SIM. Decisions are
// taken on what is wanted; what the network last agreed to is Settled.
type Lifecycle struct {
	Wanted  Condition
	Settled Condition // its State is always a stable one

	// Generation counts the changes that the network must hear of; Observed is
	// the newest one it has answered. They differ while the SIM is pending.
	Generation, Observed int64

	Since time.Time   // when Wanted.State last changed
	By    string      // who changed it
	Holds [kinds]Hold // why each suspension is there; kept until the network has let go of it

	Failure  string    // why the last change did not happen; empty after one that did
	FailedAt time.Time //

	EverActive bool // the network has had it before
	EverLive   bool // it has been live before: no test or ready period again

	ActivatedAt   time.Time // when it last came onto the network
	TerminatedAt  time.Time // when it last left it
	ContractStart time.Time // when it first went live
}

// Hold is why a suspension is in force.
type Hold struct {
	Reason string
	Actor  string
	Since  time.Time
}

// New returns the lifecycle of a SIM that enters the stock.
func New(at time.Time, by string) Lifecycle {
	stock := Condition{State: Available}
	return Lifecycle{Wanted: stock, Settled: stock, Since: at, By: by}
}

// Pending reports whether the network has still to answer.
func (l *Lifecycle) Pending() bool { return l.Generation > l.Observed }

// Waiting reports whether a person has still to decide.
func (l *Lifecycle) Waiting() bool {
	return l.Wanted.State == AwaitingApproval || l.Wanted.State == AwaitingReview
}

// Verb names a command or an outcome.
type Verb uint8

// The verbs: what callers ask for, then what the network and the operator's
// people answer.
const (
	ActivateTest Verb = iota + 1
	ActivateReady
	ActivateLive
	SuspendAdmin
	SuspendSystem
	SuspendCustomer
	ResumeAdmin
	ResumeSystem
	ResumeCustomer
	Terminate
	Close
	Approved // a person approved what waits
	Rejected // a person rejected it
	Agreed   // the network did what was asked
	Refused  // the network refused it for good
	Returned // the time in quarantine is over: back to stock
	verbs
)

var verbNames = [...]string{"", "activateTest", "activateReady", "activate", "suspendAdmin", "suspendSystem",
	"suspendCustomer", "resumeAdmin", "resumeSystem", "resumeCustomer", "terminate", "close",
	"approved", "rejected", "agreed", "refused", "returned"}

// Verbs lists every verb.
func Verbs() []Verb {
	out := make([]Verb, 0, int(verbs)-1)
	for v := ActivateTest; v < verbs; v++ {
		out = append(out, v)
	}
	return out
}

// String returns the stable name of v.
func (v Verb) String() string { return name(verbNames[:], int(v)) }

// Activate returns the verb that activates into phase p.
func Activate(p Phase) Verb { return ActivateTest + Verb(p-Test) }

// Suspend returns the verb that sets the suspension k.
func Suspend(k Kind) Verb { return SuspendAdmin + Verb(k) }

// Resume returns the verb that lifts the suspension k.
func Resume(k Kind) Verb { return ResumeAdmin + Verb(k) }

// phase returns the phase that an activation verb aims at.
func (v Verb) phase() Phase {
	if v >= ActivateTest && v <= ActivateLive {
		return Test + Phase(v-ActivateTest)
	}
	return NoPhase
}

// kind returns the suspension that a suspend or resume verb is about.
func (v Verb) kind() Kind {
	if v >= SuspendAdmin && v <= SuspendCustomer {
		return Kind(v - SuspendAdmin)
	}
	return Kind(v - ResumeAdmin)
}

// Command is one request, or one answer, on one SIM.
type Command struct {
	Verb   Verb
	Actor  string
	Reason string
	At     time.Time

	// ManualActivation and ManualReview are the package's rules: a person must
	// approve the activation, or the termination.
	ManualActivation, ManualReview bool

	// For Agreed and Refused: the generation that the network answered, and
	// for Agreed the wanted condition that it was shown.
	Generation int64
	Shown      Condition
}

// Effect is something that must happen with a change, in the same transaction.
type Effect uint8

// The effects; they combine.
const (
	Tell     Effect = 1 << iota // the network must hear of it
	Ask                         // a task opens for a person
	Withdraw                    // the open task is withdrawn
	Settle                      // the network's answer is recorded
)

// Has reports whether every effect in f is set.
func (e Effect) Has(f Effect) bool { return e&f == f }

// Decision is what a command does. Changed is false for a no-op, and Next then
// equals the lifecycle that was decided on.
type Decision struct {
	Next    Lifecycle
	Effects Effect
	Changed bool
}

// Decide applies c to l by the table. It returns a *[Refusal] when the table
// refuses; l itself is never changed.
func Decide(l Lifecycle, c Command) (Decision, error) {
	rule := find(&l, &c)
	if rule.refuse != "" {
		return Decision{Next: l}, refusal(rule.refuse, &l, &c)
	}
	if rule.do == 0 {
		return Decision{Next: l}, nil
	}
	next := l
	rule.move(&next, &c)
	if next.Wanted.State != l.Wanted.State {
		next.Since, next.By = c.At, c.Actor
	}
	return Decision{Next: next, Effects: rule.do.effects(), Changed: true}, nil
}

// move carries out the rule's actions, in the order that the constants have.
func (r *Rule) move(l *Lifecycle, c *Command) {
	if r.to != 0 {
		l.Wanted.State = r.to
	}
	if r.do.has(takePhase) {
		l.Wanted.Phase = c.Verb.phase()
	}
	if r.do.has(setHold) {
		l.Wanted.Suspended = l.Wanted.Suspended.With(c.Verb.kind())
		l.Holds[c.Verb.kind()] = Hold{Reason: c.Reason, Actor: c.Actor, Since: c.At}
	}
	if r.do.has(clearHold) {
		l.Wanted.Suspended = l.Wanted.Suspended.Without(c.Verb.kind())
	}
	if r.do.has(revert) {
		l.revert()
	}
	if r.do.has(fail) {
		l.Failure, l.FailedAt = c.Reason, c.At
	}
	if r.do.has(settle) {
		l.settle(c)
	}
	if r.do.has(tell) {
		l.Generation++
	}
	l.tidy()
}

// revert goes back to what the network last agreed to. Suspensions that a SIM
// off the network carries need no network, so they stay.
func (l *Lifecycle) revert() {
	switch l.Wanted.State {
	case Closed: // closed is final, whatever the network says
	case AwaitingReview: // the request for review outlives a refused suspension
		l.Wanted.Suspended = l.Settled.Suspended
	case Available, AwaitingApproval, Provisioning, Provisioned, Deprovisioning, Unprovisioned:
		l.Wanted.State, l.Wanted.Phase = l.Settled.State, l.Settled.Phase
		if l.Settled.State == Provisioned {
			l.Wanted.Suspended = l.Settled.Suspended
		}
	}
}

// settle records the network's answer. An answer to an older generation moves
// Observed and Settled, and leaves what is wanted, hence pending.
func (l *Lifecycle) settle(c *Command) {
	l.Observed = max(l.Observed, c.Generation)
	if c.Verb != Agreed {
		return
	}
	before, now := l.Settled, c.Shown.Agreed()
	l.Settled = now
	l.Failure, l.FailedAt = "", time.Time{}
	if now.State == Provisioned {
		l.EverActive = true
		if before.State != Provisioned {
			l.ActivatedAt = c.At
		}
	}
	if now.Phase == Live {
		l.EverLive = true
		if l.ContractStart.IsZero() {
			l.ContractStart = c.At
		}
	}
	if before.State == Provisioned && now.State != Provisioned {
		l.TerminatedAt = c.At
	}
}

// tidy keeps the invariants: no phase off the network, no customer suspension
// beyond termination, Settled in step with what needs no network, and no reason
// kept of a suspension that is gone for good.
func (l *Lifecycle) tidy() {
	if l.Wanted.State == Unprovisioned {
		l.Wanted.Suspended = l.Wanted.Suspended.Without(Customer)
	}
	switch l.Wanted.State {
	case Available, Unprovisioned, Closed:
		l.Wanted.Phase = NoPhase
	case AwaitingApproval, Provisioning, Provisioned, AwaitingReview, Deprovisioning:
	}
	switch {
	case l.Settled.State == Provisioned || l.Wanted.State.OnNetwork():
	case l.Wanted.State == AwaitingApproval:
		l.Settled.Suspended = l.Wanted.Suspended
	default:
		l.Settled = l.Wanted
	}
	for _, k := range AllKinds() {
		if !l.Pending() && !l.Wanted.Suspended.Has(k) && !l.Settled.Suspended.Has(k) {
			l.Holds[k] = Hold{}
		}
	}
}
