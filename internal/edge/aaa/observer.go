package aaa

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// Names of the ports, for metrics and addresses.
const (
	PortAuth   = "auth"
	PortAcct   = "acct"
	PortRadSec = "radsec"
)

// DropImpersonation is the kind of a packet that names another gateway than the
// one that sent it. The other kinds are radius.Drops.
const DropImpersonation = "impersonation"

// Results of a question, besides those of usage.Refusals.
const (
	Accepted   = "accepted"
	RefusedEAP = "eap"
	Unanswered = "unanswered" // the database did not answer; for accounting, too
)

// Results of an accounting message.
const (
	Answered   = "answered"
	Incomplete = "incomplete" // answered, but it does not say of which session it is, or what no session can have carried
)

// Steps of accounting.
const (
	StepStart   = "start"
	StepInterim = "interim"
	StepStop    = "stop"
	StepOn      = "on"
	StepOff     = "off"
	StepOther   = "other"
)

// Retried is the outcome of a cut that will be tried again.
const Retried = "retry"

// Observer is told what the edge does, for metrics. It must be safe for
// concurrent use and must not block. All texts are of closed lists.
type Observer interface {
	// Access is one answered question, or one that stays without an answer.
	Access(result string, took time.Duration)

	// Accounting is one message.
	Accounting(step, result string)

	// Kept is so many reports that were made durable together; err is why none of
	// them was answered.
	Kept(reports int, took time.Duration, err error)

	// Folded is one call of Fold that had something to count, or failed.
	Folded(done fleet.Folded, took time.Duration, err error)

	// Dropped is one packet that was not looked at; see Drops.
	Dropped(port, kind string)

	// Unrecorded is a number of answers that the timelines of their SIMs lack,
	// because too many waited.
	Unrecorded(n int)

	// Cut is one try to have a session cut: an outcome of usage, or Retried,
	// behind "coa " where the session is to go on; since is when it was asked for.
	Cut(outcome string, since time.Duration)
}

type nobody struct{}

func (nobody) Access(string, time.Duration)              {}
func (nobody) Accounting(string, string)                 {}
func (nobody) Kept(int, time.Duration, error)            {}
func (nobody) Folded(fleet.Folded, time.Duration, error) {}
func (nobody) Dropped(string, string)                    {}
func (nobody) Unrecorded(int)                            {}
func (nobody) Cut(string, time.Duration)                 {}

// Results lists every result of a question.
func Results() []string {
	out := []string{Accepted, RefusedEAP, Unanswered}
	for _, r := range usage.Refusals() {
		out = append(out, string(r))
	}
	return out
}

// Drops lists every kind of packet that is dropped.
func Drops() []string {
	out := []string{DropImpersonation}
	for _, d := range radius.Drops() {
		out = append(out, d.String())
	}
	return out
}

// trouble logs when something begins to fail and when it works again, however
// often it fails in between.
type trouble struct {
	log  *slog.Logger
	what string
	on   atomic.Bool
}

func (t *trouble) met(err error) {
	switch {
	case err != nil && t.on.CompareAndSwap(false, true):
		t.log.Error(t.what, "error", err)
	case err == nil && t.on.Load() && t.on.CompareAndSwap(true, false):
		t.log.Info("over: " + t.what)
	}
}
