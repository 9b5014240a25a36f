// Package job is the durable queue that work in the background runs on: jobs
// are enqueued in the transaction that asks for them, claimed under a lease,
// taken over when the process that runs them dies, repeated with growing and
// jittered pauses, kept in order by key, and can be paused, resumed and
// cancelled at any moment.
//
// It knows no SIM, no SQL and no HTTP: a [Handler] does the work of a kind, and
// the store keeps the rows.
package job

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// State is where a job stands. Append only: the numbers are stored.
type State uint8

// The states.
const (
	Setup State = iota + 1 // made, and not asked for yet
	Waiting
	Running // held under a lease; when that runs out, anybody may take it over
	Paused
	Done
	Failed // for good
	Cancelled
)

var stateNames = [...]string{"", "setup", "queued", "processing", "paused", "completed", "failed", "cancelled"}

// String returns the stable name of s.
func (s State) String() string { return stateNames[s] }

// ParseState returns the state with that name.
func ParseState(name string) (State, bool) {
	i := slices.Index(stateNames[1:], name)
	return State(i + 1), i >= 0 //nolint:gosec // there are a handful
}

// Over reports whether nothing more happens to a job unless it is asked for.
func (s State) Over() bool { return s == Done || s == Failed || s == Cancelled }

// Job is one piece of work. A kind names who does it. Jobs of one kind that
// share a key run one at a time, in the order in which they were queued; a
// paused one steps out of the line. An empty key has no order.
type Job struct {
	ID        int64
	Kind      string
	Key       string
	Portfolio ident.PortfolioID // whose it is; empty for the operator's own
	State     State
	Place     int64  // in the line; given when the job is queued
	Payload   string // what is to be done, in the words of the kind
	Cursor    string // how far that has come, in the words of the kind

	Done, Failed, Total int64 // progress, for people; Failed are among Done

	Attempts  int       // since it last came any further
	LastError string    // of the last attempt
	DueAt     time.Time // not before; of a running job, the end of its lease
	Lease     int64     // 0 unless it is running
	CreatedAt time.Time
	StartedAt time.Time
	EndedAt   time.Time
}

// Verb is what somebody asks of a job.
type Verb uint8

// The verbs.
const (
	Start  Verb = iota + 1 // queues one that was made
	Pause                  // takes it from whoever runs it
	Resume                 // puts a paused one back in its place
	Cancel                 // ends it where it stands
	Again                  // queues one that is over once more
)

var verbNames = [...]string{"", "start", "pause", "resume", "cancel", "retry"}

// String returns the stable name of v.
func (v Verb) String() string { return verbNames[v] }

// moves is the state machine: from where each verb leads where.
var moves = [...]struct {
	from []State
	to   State
}{
	Start:  {[]State{Setup}, Waiting},
	Pause:  {[]State{Waiting, Running}, Paused},
	Resume: {[]State{Paused}, Waiting},
	Cancel: {[]State{Setup, Waiting, Running, Paused}, Cancelled},
	Again:  {[]State{Done, Failed, Cancelled}, Waiting},
}

// Codes of the faults of Do.
const (
	Already = "job.already" // it stands where the verb leads
	Cannot  = "job.state"   // the verb does not lead on from where it stands
)

// Do carries out a verb. It fails with kind Precondition, and [Already] or
// [Cannot]. Whoever runs the job loses it: what it has not committed by then is
// undone with its transaction.
func (j *Job) Do(v Verb, now time.Time) error {
	m := moves[v]
	if !slices.Contains(m.from, j.State) {
		queued := m.to == Waiting && v != Again && (j.State == Waiting || j.State == Running)
		if j.State == m.to || queued {
			return fault.New(fault.Precondition, Already, "job %d is %s already", j.ID, j.State)
		}
		names := make([]string, len(m.from))
		for i, s := range m.from {
			names[i] = s.String()
		}
		return fault.New(fault.Precondition, Cannot, "cannot %s job %d: it is %s; only one that is %s can be", v, j.ID, j.State, strings.Join(names, " or "))
	}
	if v == Again || v == Start {
		j.Place, j.StartedAt, j.EndedAt = 0, time.Time{}, time.Time{}
	}
	j.State, j.Lease, j.Attempts, j.DueAt = m.to, 0, 0, now
	if m.to == Cancelled {
		j.EndedAt = now
	}
	return nil
}

// Advance notes that the holder of a job came further.
func (j *Job) Advance(cursor string) { j.Cursor, j.Attempts, j.LastError = cursor, 0, "" }

// End ends a job that its holder has done, or given up for the reason why.
func (j *Job) End(why error, now time.Time) {
	j.State, j.Lease, j.EndedAt, j.DueAt, j.LastError = Done, 0, now, now, ""
	if why != nil {
		j.State, j.LastError = Failed, reason(why)
	}
}

// release gives a job back, to be taken up again at the given time.
func (j *Job) release(due time.Time) { j.State, j.Lease, j.DueAt = Waiting, 0, due }

// maxReason bounds what is kept of an error, in bytes.
const maxReason = 1000

// reason is what people may read of an error: what nobody labelled stays in the
// log.
func reason(err error) string {
	text := "internal error; the log has more"
	if _, labelled := errors.AsType[*fault.Error](err); labelled {
		text = err.Error()
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "")
	}
	return text
}

// Depth counts the jobs of one kind that are in one state.
type Depth struct {
	Kind  string
	State State
	Count int64
}
