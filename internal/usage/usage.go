// Package usage holds what the network reported: the last activity of each
// SIM, its monthly counters, and its rated events. Reading is all that the
// dialects do with it; the network side writes it.
package usage

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/money"
)

// Activity is the last that was heard of a SIM. Zero times and empty texts
// mean never.
type Activity struct {
	Lat, Lon   string // of the serving cell, decimal degrees
	LocatedAt  time.Time
	LAI, CI    string // hexadecimal
	CellAt     time.Time
	MCC, MNC   string
	Network    string // such as "GB - Example"
	RAT        string
	AttachedAt time.Time

	IMEI   string
	IMEIAt time.Time
	IMSI   string
	IMSIAt time.Time

	APN, User, IP string
	SessionStart  time.Time
	SessionStop   time.Time // zero while the session is open
	SessionBytes  int64     // up and down

	SMSOut, SMSIn, SMSReceipt time.Time // as the device sees it
	VoiceOut, VoiceIn         time.Time
	USSDOut, USSDIn           time.Time
}

// Hear brings a up to what a session has reported so far. Sessions are to be
// heard in the order of their LastAt; one that was heard before, or that says
// nothing newer, changes nothing.
func (a *Activity) Hear(s *Session) {
	r := &s.Last
	if !s.LastAt.Before(a.SessionStart) {
		in, out := s.Bytes()
		a.SessionStart, a.SessionStop, a.SessionBytes = s.StartedAt, s.StoppedAt, in+out
		keep(&a.APN, r.APN)
		keep(&a.User, r.User)
		if r.IP.IsValid() {
			a.IP = r.IP.String()
		}
	}
	if s.LastAt.Before(a.AttachedAt) {
		return
	}
	a.AttachedAt = s.LastAt
	keep(&a.RAT, r.RAT)
	keep(&a.MCC, r.MCC)
	keep(&a.MNC, r.MNC)
	if r.LAI != "" || r.CI != "" {
		a.LAI, a.CI, a.CellAt = r.LAI, r.CI, s.LastAt
	}
	if r.IMSI != "" {
		a.IMSI, a.IMSIAt = string(r.IMSI), s.LastAt
	}
	if len(r.IMEI) >= 14 {
		a.IMEI, a.IMEIAt = string(r.IMEI), s.LastAt
	}
}

// LastHeard is when the network was last in touch with the SIM, over anything;
// the zero time for never.
func (a *Activity) LastHeard() time.Time {
	var last time.Time
	for _, t := range [...]time.Time{a.AttachedAt, a.CellAt, a.IMEIAt, a.IMSIAt, a.SessionStart, a.SessionStop, a.SMSOut, a.SMSIn, a.SMSReceipt,
		a.VoiceOut, a.VoiceIn, a.USSDOut, a.USSDIn} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func keep(at *string, news string) {
	if news != "" {
		*at = news
	}
}

// Month is what a SIM used in one calendar month, UTC.
type Month struct {
	Year, Month int
	Bytes       int64 // as the network counted: In and Out
	In, Out     int64 // from the device, and to it
	Rounded     int64 // as the package rounds, session by session
	SMS         int64
	USSD        int64
	Voice       int64 // seconds
	Cost        money.Amount
	DataAt      time.Time // when each was last counted
	SMSAt       time.Time
	USSDAt      time.Time
	VoiceAt     time.Time
	CostAt      time.Time
}

// Kind is what a rated event is about.
type Kind string

// The kinds of rated event.
const (
	Data  Kind = "Data"
	SMS   Kind = "SMS"
	Voice Kind = "Voice"
	Other Kind = "Other"
)

// RatedEvent is one session, message or call with its price.
type RatedEvent struct {
	ID          int64
	Kind        Kind
	Start, Stop time.Time
	Description string
	Quantity    int64 // bytes, messages or seconds
	Price       money.Amount
	MCC, MNC    string
	Package     int64
}

// RatedQuery selects rated events of one SIM. From and To bound the start,
// from inclusive, to exclusive; zero leaves them open.
type RatedQuery struct {
	From, To   time.Time
	Kinds      []Kind
	ByKind     bool // sort by kind first, then start
	Descending bool
	Offset     int
	Limit      int
}

// Flow is what data sessions carried in a step of time, in bytes: In from the
// device, Out to it.
type Flow struct {
	Start   time.Time
	In, Out int64
}

// Attempts is how requests for access were answered in a step of time.
type Attempts struct {
	Start            time.Time
	Accepts, Rejects int64
}

// MonthKey names the counters of a SIM in one month.
type MonthKey struct {
	SIM         int64
	Year, Month int
}

// ItemKey names the counter of what a SIM used of an item of a package in one
// month, rounded.
type ItemKey struct {
	MonthKey
	Item int64
}

// HourKey names the counter of a SIM in one hour.
type HourKey struct {
	SIM  int64
	Hour int64 // since 1970, UTC
}

// Hour is what a SIM carried in one hour.
type Hour struct{ In, Out int64 }

// HourOf returns the number of the hour that t lies in.
func HourOf(t time.Time) int64 { return t.Unix() / 3600 }
