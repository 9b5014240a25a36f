package usage

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/money"
)

// Key names a session. A NAS may use an id again, so a session is one use of
// its key.
type Key struct {
	NAS      string // identifier or address
	ID       string // Acct-Session-Id
	Charging int64  // 3GPP-Charging-Id; 0 when the NAS sends none
}

// Use is who uses a key, at some time.
type Use struct {
	Key Key
	At  time.Time
}

// Phase is where a session stands.
type Phase uint8

// The phases. The numbers are stored.
const (
	Open   Phase = iota + 1
	Closed       // the network said so
	Lost         // it must have ended: its NAS restarted, or its id began anew
	Stale        // silent for too long; it may still speak
)

// Session is one data session as it has been reported so far.
type Session struct {
	ID     int64 // 0 before it is stored
	SIM    int64
	Key    Key
	Phase  Phase
	Stored Phase // as it was read; 0 before it is stored

	StartedAt time.Time
	LastAt    time.Time // of the newest report
	StoppedAt time.Time // zero unless it has ended
	Seconds   int64

	// The counters of the present run, and what runs before a reset of the
	// NAS's counters brought.
	In, Out         int64
	InBase, OutBase int64
	Cause           int

	// What of it stands in the counters of the SIM's hours and months. The rest
	// is pending: all of it belongs to one Hour, and a session that has ended has
	// none.
	CountedIn, CountedOut int64
	Hour                  int64

	Last       Report // what the newest reports said of device and place
	Said       int64  // Report.Said of the newest
	StoredSaid int64  // Said as it was read: with the same one Last is as stored

	// Until the session has carried Ceiling bytes no rule needs to look at a report
	// that has nothing else new. It is -1 where they are to look at each.
	Ceiling int64

	// What it costs so far: the package that it began on, its bytes as that
	// package rounds them, and their price.
	Package int64
	Rounded int64
	Cost    money.Amount
}

// Mark is a session as a walk over the open ones sees it.
type Mark struct {
	ID     int64
	SIM    int64
	Phase  Phase
	LastAt time.Time
}

// Bytes returns what the session has carried, from the device and to it.
func (s *Session) Bytes() (in, out int64) { return s.InBase + s.In, s.OutBase + s.Out }

// Total returns what the session has carried in both directions.
func (s *Session) Total() int64 {
	in, out := s.Bytes()
	return in + out
}

// Pending returns the bytes that no counter of the SIM holds yet.
func (s *Session) Pending() (in, out int64) {
	in, out = s.Bytes()
	return in - s.CountedIn, out - s.CountedOut
}

// Count returns what was pending, for the caller to add to the counters of
// s.Hour; nothing is pending then.
func (s *Session) Count() (in, out int64) {
	in, out = s.Pending()
	s.CountedIn, s.CountedOut = s.CountedIn+in, s.CountedOut+out
	return in, out
}

// Effect is what a report did.
type Effect struct {
	In, Out int64 // bytes that are new
	Opened  bool
	Ended   bool
	Again   bool // the key begins a new session: the caller makes one and takes the report there
	Ignored bool // a repetition, or older than what is known
}

// New begins the session that a report is the first of. An Interim or a Stop
// may come first: its counters count.
func New(sim int64, r Report) (Session, Effect) {
	s := Session{SIM: sim, Key: r.Key, Phase: Open, StartedAt: r.began(), LastAt: r.At, Seconds: r.Seconds,
		In: max(r.In, 0), Out: max(r.Out, 0), Hour: HourOf(r.At), Last: r, Said: r.Said()}
	e := Effect{In: s.In, Out: s.Out, Opened: true}
	if r.Step == Stop {
		s.end(Closed, r.At, r.Cause)
		e.Ended = true
	}
	return s, e
}

// Take takes a further report. Whatever the order, however often: each byte is
// counted once, and an ended session does not reopen.
//
//   - A report that is older than what is known, or a repetition, is ignored.
//   - Lower counters with a later time mean that the NAS began to count anew.
//   - A Start that is later than the session's last report begins another
//     session under the same key; this one is lost. One that comes soon after
//     the first, before anything was carried, is a repetition: without an
//     Event-Timestamp nobody can tell when it was written to the second.
func (s *Session) Take(r Report) Effect {
	ended := s.Ended()
	switch {
	case r.Step == Start && s.begins(&r):
		return Effect{Ignored: true}
	case r.Step == Start && r.At.After(s.LastAt):
		if !ended {
			s.end(Lost, s.LastAt, 0)
		}
		return Effect{Again: true, Ended: !ended}
	case r.Step == Start:
		return Effect{Ignored: true}
	}
	e := s.count(r)
	if ended {
		return e
	}
	if r.Step == Stop {
		s.end(Closed, r.At, r.Cause)
		e.Ended, e.Ignored = true, false
	} else if s.Phase == Stale && !e.Ignored {
		s.Phase = Open
	}
	return e
}

// begins reports that a Start is the one that the session began with.
func (s *Session) begins(r *Report) bool {
	return !s.Ended() && s.Total() == 0 && s.Seconds == 0 && r.Total() == 0 && r.At.Sub(s.StartedAt) < sameStart
}

// count takes over the counters. Once they have begun anew, an older report may
// be higher for its own time only.
func (s *Session) count(r Report) Effect {
	in, out := s.Bytes()
	grew := r.In >= s.In && r.Out >= s.Out
	later := r.Seconds > s.Seconds || (r.Seconds == s.Seconds && r.At.After(s.LastAt))
	older := r.Seconds < s.Seconds && s.InBase+s.OutBase > 0
	switch {
	case grew && !older && (r.In > s.In || r.Out > s.Out || later):
	case !grew && later:
		s.anew(&r)
	default:
		return Effect{Ignored: true}
	}
	s.In, s.Out = max(r.In, 0), max(r.Out, 0)
	s.news(r, later)
	in2, out2 := s.Bytes()
	return Effect{In: in2 - in, Out: out2 - out}
}

// anew keeps what lower counters have counted before. Where one alone fell, from
// near the end of 32 bits, it has passed that: of a gateway that does not count
// how often (Acct-Input-Gigawords, RFC 2869 section 5.1).
func (s *Session) anew(r *Report) {
	const bits32 = 1 << 32
	passed := func(before, now int64) bool { return now > 0 && before < bits32 && before-now > bits32/2 }
	switch {
	case passed(s.In, r.In) && r.Out >= s.Out:
		s.InBase += bits32
	case passed(s.Out, r.Out) && r.In >= s.In:
		s.OutBase += bits32
	default:
		s.InBase, s.OutBase = s.Bytes()
	}
}

// news keeps what the newest report says. What it is silent about stays as it
// was: many gateways send less in a Stop than in a Start.
func (s *Session) news(r Report, later bool) {
	if !later {
		return
	}
	s.Seconds = r.Seconds
	if r.At.After(s.LastAt) {
		s.Said = r.Said()
		r.inherit(&s.Last)
		s.LastAt, s.Last = r.At, r
	}
}

func (s *Session) end(p Phase, at time.Time, cause int) {
	s.Phase, s.Cause = p, cause
	s.StoppedAt = at
	if at.Before(s.StartedAt) {
		s.StoppedAt = s.StartedAt
	}
}

// Ended reports whether nothing more is expected of the session.
func (s *Session) Ended() bool { return s.Phase == Closed || s.Phase == Lost }

// Lose ends a session whose NAS has restarted, with the time it was last heard
// of. Nothing happens to one that has ended.
func (s *Session) Lose() bool {
	if s.Ended() {
		return false
	}
	s.end(Lost, s.LastAt, 0)
	return true
}
