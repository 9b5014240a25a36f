package sim

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Query selects, orders and pages SIMs. The zero Query is the first page of
// everything in the sphere, by ICCID. Filters narrow together; the values of
// one filter widen.
type Query struct {
	ICCIDs    []ident.ICCID
	EID       ident.EID
	EIDs      []ident.EID
	Number    string
	IMSI      ident.IMSI
	MSISDN    ident.MSISDN
	IMEI      ident.IMEI
	Portfolio ident.PortfolioID // this one alone, not its descendants
	Package   *int64
	Group     *string
	Network   string
	MNO       *int64
	Spec      *int64
	Part      *int64
	RSP       *int64
	Statuses  []Status

	// Suspending is what Statuses takes a provisioned SIM for while the network
	// has still to hear of its suspension; StatusProvisioned when zero.
	Suspending Status

	Held, NotHeld     Kinds     // suspensions that must, and must not, be wanted
	Barred, NotBarred Services  // services that must, and must not, be barred
	ActivatedAt       time.Time // in this second
	TerminatedAt      time.Time // in this second
	Tags              []Tag     // codes, by their blind tags

	Match *Match

	Sort       Field // ByICCID when zero
	Descending bool

	Limit  int
	After  *Cursor // start behind this SIM; excludes Offset
	Offset int     // or skip so many

	Count bool // count all that match, whatever the page
}

// Shows is what Statuses takes a SIM for, by its status and the suspensions that
// are wanted.
func (q *Query) Shows(s Status, wanted Kinds) Status {
	if q.Suspending != 0 && s == StatusProvisioned && wanted != 0 {
		return q.Suspending
	}
	return s
}

// Tag finds a SIM by a code without storing the code: a keyed hash of it.
type Tag struct {
	Code string // "pin1", "puk1", "pin2" or "puk2"
	Hash []byte
}

// Match is a substring search over some fields, any of which may match.
// Letters match in either case.
type Match struct {
	Text   string
	How    How
	Fields []Field
}

// How says where in a field the text must stand.
type How uint8

// The ways to match.
const (
	Contains How = iota
	Starts
	Ends
	Whole
)

// Field names what SIMs can be sorted by and searched in.
type Field uint8

// The fields.
const (
	ByICCID Field = iota
	ByName
	ByIMEI
	ByIMSI
	ByIP
	ByMSISDN
	fields
)

// AllFields lists every field.
func AllFields() []Field {
	out := make([]Field, 0, fields)
	for f := ByICCID; f < fields; f++ {
		out = append(out, f)
	}
	return out
}

// Cursor stands behind one SIM in the order of a query.
type Cursor struct {
	Value string // of the sort field; names in any case
	ICCID ident.ICCID
}

// Page is one page of a query.
type Page struct {
	SIMs  []SIM
	Total int64   // all that match; only when the query asked for Count
	Next  *Cursor // behind the last SIM; nil when there are no more
}

// Value returns the SIM's value of f. Sorting takes names in lower case.
func (s *SIM) Value(f Field) string {
	switch f {
	case ByICCID:
		return string(s.ICCID)
	case ByName:
		return s.Name
	case ByIMEI:
		return string(s.IMEI)
	case ByIMSI:
		return string(s.IMSI)
	case ByIP:
		if s.IP.IsValid() {
			return s.IP.String()
		}
		return ""
	case ByMSISDN:
		return string(s.MSISDN)
	case fields:
	}
	return ""
}

// Claim is one SIM that a worker has taken to the network: what it should
// have, and how often that was tried. The lease names the worker's hold on it.
type Claim struct {
	Profile  Profile
	Sealed   []byte // its keys, sealed; empty for none
	Attempts int
	Lease    int64
}

// Answer is what became of a claim. A nil Err means that the network agreed.
type Answer struct {
	Claim   Claim
	Err     error
	Refused bool      // Err is final
	RetryAt time.Time // when Err is not
}

// Tally is how many SIMs of a portfolio stand where.
type Tally struct {
	Portfolio ident.PortfolioID
	Package   int64
	Status    Status
	Held      Kinds
	Count     int64
}

// NewSIM is a SIM that enters the stock, with what is kept beside it.
type NewSIM struct {
	SIM    *SIM
	Sealed []byte // keys and codes, sealed; empty for none
	Tags   []Tag
}

// Change is a SIM before and after a decision.
type Change struct{ Before, After *SIM }

// QueueDepth is how much waits for a network.
type QueueDepth struct {
	Network string
	Waiting int64
	Failing int64     // tried before, without success
	Oldest  time.Time // the earliest time that anything is due
}
