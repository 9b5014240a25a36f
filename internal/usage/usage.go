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

// Month is what a SIM used in one calendar month, UTC.
type Month struct {
	Year, Month int
	Bytes       int64 // as the network counted
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

// Sum is what one step of a series adds up to.
type Sum struct {
	Start    time.Time
	Events   int64
	Quantity int64
}
