package sim

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Operation is one accepted command on one SIM, from the request to the proof.
// One that waits for a person is what the operator's task list shows.
type Operation struct {
	ID        int64 // grows with time
	SIM       int64
	ICCID     ident.ICCID
	Portfolio ident.PortfolioID
	Verb      Verb
	Wanted    Condition // what the command made the SIM want
	Reason    string    // the caller's
	Actor     string    // who asked
	Via       string    // through which door: "tigrillo", "cli", ...
	Request   string    // the id of the request that it came with

	RequestedAt time.Time
	Generation  int64 // the change that it waits for; 0 when the network need not hear of it

	Progress  Progress
	Attempts  int
	LastError string
	NextTry   time.Time // zero unless pending
	DoneAt    time.Time // zero until it has ended
}

// Progress is how far an operation has come. The numbers are stored.
type Progress uint8

// The steps; all but Waiting and Pending are final.
const (
	OpWaiting    Progress = iota + 1 // for a person
	OpPending                        // for the network
	OpDone                           // and proved, where a network was needed
	OpRefused                        // by the network, for good
	OpRejected                       // by a person
	OpSuperseded                     // a newer command replaced it before the network heard of it
	OpWithdrawn                      // a newer command took it back before a person decided
)

var progressNames = [...]string{"", "waiting", "pending", "done", "refused", "rejected", "superseded", "withdrawn"}

// String returns the stable name of p.
func (p Progress) String() string { return name(progressNames[:], int(p)) }

// ParseProgress is the inverse of String.
func ParseProgress(s string) (Progress, bool) {
	for p := OpWaiting; p <= OpWithdrawn; p++ {
		if p.String() == s {
			return p, true
		}
	}
	return 0, false
}

// Ended says how the operations of a SIM ended.
type Ended struct {
	SIM        int64
	Generation int64 // the one that was answered; for a decision, the one it made
	Progress   Progress
	Error      string
	Attempts   int
	At         time.Time
}

// OperationQuery selects operations, newest first.
type OperationQuery struct {
	ID       int64 // this one
	ICCID    ident.ICCID
	Progress []Progress
	Before   int64 // older than this id; 0 for the newest
	Limit    int
}
