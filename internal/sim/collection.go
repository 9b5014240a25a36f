package sim

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Collection is a list of SIMs of one portfolio and those below: static, named
// one by one, or dynamic, found by a search.
type Collection struct {
	ID        int64
	Portfolio ident.PortfolioID
	Name      string
	Title     string // short, without blanks, unique in the portfolio
	Criteria  string // the search as its dialect wrote it; empty for a static one
	Count     int64  // when it was last changed, or counted anew
	Deleted   bool
	CreatedAt time.Time
}

// Dynamic reports whether a search finds its SIMs.
func (c *Collection) Dynamic() bool { return c.Criteria != "" }

// Codes of the faults about collections.
const (
	CollectionKind    = "collection.kind"    // what is asked suits the other kind of collection
	CollectionEmpty   = "collection.empty"   // no SIM is named
	CollectionOutside = "collection.outside" // SIMs that are not in its portfolio or below
	CollectionTitle   = "collection.title"   // is taken
)

// Limits of collections.
const (
	MaxTitle     = 32      // characters
	MaxCollected = 100_000 // SIMs in a static one
)

// Assigned says since when a SIM has been with its portfolio, and on its
// package.
type Assigned struct {
	SIM                    int64
	PortfolioAt, PackageAt time.Time
}

// Term is a SIM in a phase that ends by itself, and since when it is on the
// network. Lists of them go on behind the last one, at the zero Term from the
// beginning.
type Term struct {
	SIM   int64
	Began time.Time
}

// PartTally is how many SIMs with one part number stand on one package of one
// portfolio.
type PartTally struct {
	Portfolio     ident.PortfolioID
	Package, Part int64
	Count         int64
}

// Control is something to do with a SIM on its network at once. The numbers are
// not stored.
type Control uint8

// The controls.
const (
	Disconnect     Control = iota + 1 // end the live data session
	CancelLocation                    // make the device attach anew
	Ping
	Wget
	SendSMS
	SendOTA
)

var controlNames = [...]string{"", "disconnect", "cancelLocation", "ping", "wget", "sms", "ota"}

// String returns the stable name of c.
func (c Control) String() string { return name(controlNames[:], int(c)) }

// Controls lists every control.
func Controls() []Control {
	out := make([]Control, 0, len(controlNames)-1)
	for c := Disconnect; c <= SendOTA; c++ {
		out = append(out, c)
	}
	return out
}

// ParseControl is the inverse of String.
func ParseControl(s string) (Control, bool) {
	for _, c := range Controls() {
		if c.String() == s {
			return c, true
		}
	}
	return 0, false
}

// NeedsService reports whether c uses a service that a suspension takes away.
func (c Control) NeedsService() bool { return c == Ping || c == Wget || c == SendSMS }
