package sim

import "errors"

// Status is the condition that people are shown, and that lists filter by: the
// state, with a suspension that is in force told apart. The dialects map it to
// their own words.
type Status uint8

// The statuses. The numbers are stored.
const (
	StatusAvailable Status = iota + 1
	StatusAwaitingApproval
	StatusProvisioning
	StatusProvisioned
	StatusSuspended // provisioned, suspended, and the network has agreed to it
	StatusAwaitingReview
	StatusDeprovisioning
	StatusUnprovisioned
	StatusClosed
)

var statusNames = [...]string{"", "available", "awaitingApproval", "provisioning", "provisioned", "suspended",
	"awaitingReview", "deprovisioning", "unprovisioned", "closed"}

// Statuses lists every status in the order of a SIM's life.
func Statuses() []Status {
	out := make([]Status, 0, len(statusNames)-1)
	for s := StatusAvailable; s <= StatusClosed; s++ {
		out = append(out, s)
	}
	return out
}

// String returns the stable name of s.
func (s Status) String() string { return name(statusNames[:], int(s)) }

// ParseStatus is the inverse of String.
func ParseStatus(s string) (Status, bool) {
	for _, st := range Statuses() {
		if st.String() == s {
			return st, true
		}
	}
	return 0, false
}

// Status returns what l is shown as. A suspension shows once the network has
// agreed to it; one that is being lifted no longer shows.
func (l *Lifecycle) Status() Status {
	switch l.Wanted.State {
	case Available:
		return StatusAvailable
	case AwaitingApproval:
		return StatusAwaitingApproval
	case Provisioning:
		return StatusProvisioning
	case Provisioned:
		if l.Wanted.Suspended != 0 && l.Settled.Suspended != 0 {
			return StatusSuspended
		}
		return StatusProvisioned
	case AwaitingReview:
		return StatusAwaitingReview
	case Deprovisioning:
		return StatusDeprovisioning
	case Unprovisioned:
		return StatusUnprovisioned
	case Closed:
	}
	return StatusClosed
}

// Option is one command that could be given now. Refusal is nil when it would
// be carried out; NoOp is set when it would change nothing.
type Option struct {
	Verb    Verb
	NoOp    bool
	Refusal *Refusal
}

// Options says what each verb that a caller can ask for (not the outcomes)
// would do to l now. c carries the package's rules.
func Options(l Lifecycle, c Command) []Option {
	var out []Option
	for v := ActivateTest; v <= Close; v++ {
		c.Verb = v
		d, err := Decide(l, c)
		o := Option{Verb: v, NoOp: err == nil && !d.Changed}
		_ = errors.As(err, &o.Refusal)
		out = append(out, o)
	}
	return out
}
