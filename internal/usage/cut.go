package usage

import "time"

// Cut is an open session that must end; or, where Interim is set, one that goes
// on and is to be reported as often.
type Cut struct {
	Session  Session
	Reason   string
	AskedAt  time.Time
	Attempts int
	Lease    int64
	Node     string // that it was handed to; empty for none
	Interim  time.Duration
}

// CutAnswer is what became of a cut.
type CutAnswer struct {
	Cut     Cut
	Outcome CutOutcome // empty to try again at RetryAt
	RetryAt time.Time
	Node    string // of the cut that is to be tried again, the node that is to do it; empty for any
}

// CutRecord is an order to cut a session, and the proof, as the timeline keeps
// them.
type CutRecord struct {
	Key      Key // of the session
	Reason   string
	AskedAt  time.Time
	Attempts int
	Outcome  CutOutcome // empty while it has still to be done
	DoneAt   time.Time
}

// CutOutcome is how it was proved that a session is over, or why nobody can
// end it. The texts are stored.
type CutOutcome string

// The outcomes.
const (
	CutAck     CutOutcome = "ack"     // the NAS ended it
	CutGone    CutOutcome = "gone"    // the NAS did not know it any more (Error-Cause 503)
	CutStopped CutOutcome = "stopped" // its Stop came first
	CutNoWay   CutOutcome = "no way"  // nobody knows where to send the order
	CutGivenUp CutOutcome = "given up"
	CutRefused CutOutcome = "refused"   // the NAS does not do that (a CoA-NAK), and the session goes on as it did
	CutUnasked CutOutcome = "not asked" // the NAS takes no CoA-Requests
)
