package tenant

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Suspension is one of the reasons why a portfolio, an account or a link of a
// package is suspended. The numbers are stored: append only.
type Suspension uint8

// The suspensions.
const (
	AdminSuspension    Suspension = 1 << iota // the operator's
	SystemSuspension                          // a rule's, which the operator applies
	CustomerSuspension                        // the customer's, or of an account above
)

// AllSuspensions lists every suspension with its name.
var AllSuspensions = []struct {
	Suspension
	Name string
}{{AdminSuspension, "admin"}, {SystemSuspension, "system"}, {CustomerSuspension, "customer"}}

// Suspensions is a set of them.
type Suspensions uint8

// Has reports whether k is in the set.
func (s Suspensions) Has(k Suspension) bool { return s&Suspensions(k) != 0 }

// Set returns the set with k in it, or not.
func (s Suspensions) Set(k Suspension, in bool) Suspensions {
	if in {
		return s | Suspensions(k)
	}
	return s &^ Suspensions(k)
}

// Suspending says which suspensions are set, and which are lifted. The others
// stay.
type Suspending map[Suspension]bool

// Of returns the set as it is afterwards.
func (c Suspending) Of(s Suspensions) Suspensions {
	for k, to := range c {
		s = s.Set(k, to)
	}
	return s
}

// String lists the names in the set, such as "admin+customer".
func (s Suspensions) String() string {
	var out []string
	for _, k := range AllSuspensions {
		if s.Has(k.Suspension) {
			out = append(out, k.Name)
		}
	}
	return strings.Join(out, "+")
}

// Codes of the faults about what is suspended.
const (
	PortfolioSuspended = "portfolio.suspended" // nothing of it gets more service than it has
	AccountSuspended   = "account.suspended"   // it comes in nowhere
)

// Serves returns a Precondition fault while p, or a portfolio above it, is
// suspended: nothing of it gets more service than it has.
func (p *Portfolio) Serves() error {
	switch {
	case p.Suspended != 0:
		return fault.New(fault.Precondition, PortfolioSuspended, "portfolio %s is suspended (%s)", p.ID, p.Suspended)
	case p.Above:
		return fault.New(fault.Precondition, PortfolioSuspended, "a portfolio above %s is suspended", p.ID)
	}
	return nil
}

// Shut returns a Forbidden fault while the account, its portfolio, or one above
// that is suspended: it comes in nowhere.
func (a *Account) Shut() error {
	switch {
	case a.Suspended != 0:
		return fault.New(fault.Forbidden, AccountSuspended, "the account is suspended (%s)", a.Suspended)
	case a.Above:
		return fault.New(fault.Forbidden, AccountSuspended, "the account's portfolio, or one above it, is suspended")
	}
	return nil
}
