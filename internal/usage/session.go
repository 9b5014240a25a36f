package usage

import (
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Step is what an accounting message says of its session.
type Step uint8

// The steps (RFC 2866 section 5.1).
const (
	Start Step = iota + 1
	Interim
	Stop
)

// Report is one accounting message of a network about one data session.
// Counters are absolute: since the session began. In is from the device, Out to
// it (RFC 2866 section 5.3).
type Report struct {
	Key     Key
	Step    Step
	At      time.Time // when the network wrote it, not when it arrived
	Seconds int64     // since the session began, as the network counts
	In, Out int64
	Cause   int // of a Stop, RFC 2866 section 5.10; 0 unknown

	IMSI   ident.IMSI
	MSISDN ident.MSISDN
	IMEI   ident.IMEI // as reported; empty when it was not
	APN    string
	User   string
	IP     netip.Addr
	RAT    string
	MCC    string // of the visited network
	MNC    string
	LAI    string         // location or tracking area, hexadecimal
	CI     string         // cell, hexadecimal
	Where  netip.AddrPort // where the session is to be cut: the NAS's CoA port
	Class  []byte
	Source netip.Addr // who sent it
}

// Key names a session. A NAS may use an id again, so a session is one use of
// its key.
type Key struct {
	NAS      string // identifier or address
	ID       string // Acct-Session-Id
	Charging int64  // 3GPP-Charging-Id; 0 when the NAS sends none
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
	ID    int64 // 0 before it is stored
	SIM   int64
	Key   Key
	Phase Phase

	StartedAt time.Time
	LastAt    time.Time // of the newest report
	StoppedAt time.Time // zero unless it has ended
	Seconds   int64

	// The counters of the present run, and what runs before a reset of the
	// NAS's counters brought.
	In, Out         int64
	InBase, OutBase int64
	Cause           int

	Last Report // what the newest report said of device and place
}

// Bytes returns what the session has carried, from the device and to it.
func (s *Session) Bytes() (in, out int64) { return s.InBase + s.In, s.OutBase + s.Out }

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
	s := Session{SIM: sim, Key: r.Key, Phase: Open, StartedAt: r.At.Add(-time.Duration(r.Seconds) * time.Second), LastAt: r.At, Seconds: r.Seconds,
		In: max(r.In, 0), Out: max(r.Out, 0), Last: r}
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
//     session under the same key; this one is lost.
func (s *Session) Take(r Report) Effect {
	ended := s.Phase == Closed || s.Phase == Lost
	switch {
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

// count takes over the counters.
func (s *Session) count(r Report) Effect {
	grew := r.In >= s.In && r.Out >= s.Out
	later := r.Seconds > s.Seconds || (r.Seconds == s.Seconds && r.At.After(s.LastAt))
	switch {
	case grew && (r.In > s.In || r.Out > s.Out || later):
		e := Effect{In: r.In - s.In, Out: r.Out - s.Out}
		s.In, s.Out = r.In, r.Out
		s.news(r, later)
		return e
	case !grew && later:
		s.InBase, s.OutBase = s.InBase+s.In, s.OutBase+s.Out
		s.In, s.Out = max(r.In, 0), max(r.Out, 0)
		s.news(r, true)
		return Effect{In: s.In, Out: s.Out}
	}
	return Effect{Ignored: true}
}

// news keeps what the newest report says.
func (s *Session) news(r Report, later bool) {
	if !later {
		return
	}
	s.Seconds = r.Seconds
	if r.At.After(s.LastAt) {
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

// Lose ends a session whose NAS has restarted, with the time it was last heard
// of. Nothing happens to one that has ended.
func (s *Session) Lose() bool {
	if s.Phase == Closed || s.Phase == Lost {
		return false
	}
	s.end(Lost, s.LastAt, 0)
	return true
}

// Quiet marks an open session stale when nothing was heard since the given
// time.
func (s *Session) Quiet(since time.Time) bool {
	if s.Phase != Open || s.LastAt.After(since) {
		return false
	}
	s.Phase = Stale
	return true
}
