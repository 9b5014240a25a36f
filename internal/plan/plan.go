// Package plan holds packages: what a SIM costs, for how long it is bound, on
// which network it lives, and which of its changes a person must approve.
package plan

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Review says who decides: a rule at once, or a person.
type Review string

// The two ways.
const (
	Auto   Review = "auto"
	Manual Review = "manual"
)

// ParseReview parses "auto" or "manual" for the named flag or field.
func ParseReview(field, s string) (Review, error) {
	if r := Review(s); r == Auto || r == Manual {
		return r, nil
	}
	return "", fault.InvalidField(field, "%q is neither auto nor manual", s)
}

// Package is a tariff.
type Package struct {
	ID     int64
	Name   string
	Status tenant.Status

	Currency         money.Currency
	Price            money.Amount // per SIM and billing period
	BillingMonths    int          // length of a billing period
	ActivationPrice  money.Amount
	TerminationPrice money.Amount
	ContractMonths   int // 0 for no minimum term

	Activation  Review // auto: at once; manual: a person approves
	Termination Review

	Network   string // where its SIMs live; the name of a network
	MNO       int64  // the operator whose SIMs it fits; 0 fits any
	CreatedAt time.Time
}

// Link offers a package to a portfolio. A suspended link keeps the SIMs that
// run on it and takes no new ones.
type Link struct {
	Package   int64
	Portfolio ident.PortfolioID
	Suspended tenant.Suspensions // the operator's and the customer's
	Status    tenant.Status
}

// ContractEnd returns when a contract of p that starts at start ends, zero for
// a package without a minimum term. It ends on the same day of the month, or
// on the last day of a shorter one.
func (p *Package) ContractEnd(start time.Time) time.Time {
	if p.ContractMonths == 0 || start.IsZero() {
		return time.Time{}
	}
	return AddMonths(start, p.ContractMonths)
}

// AddMonths moves t by n months and stays in the month it reaches: 31 January
// plus one month is 28 or 29 February.
func AddMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// Reasons why a package does not fit a SIM; the codes of [Fits].
const (
	NoPackage     = "plan.none"
	NotLinked     = "plan.not_linked"
	LinkInactive  = "plan.link_inactive"
	OtherOperator = "plan.operator_differs"
	OtherCurrency = "plan.currency_differs"
	NoPortfolio   = "plan.portfolio_deleted"
)

// Fits returns nil when a SIM of operator mno (0 when unknown) in portfolio may
// be put on p, or a Precondition fault with one of the codes above. A nil p is
// no package; a nil link, no link.
func Fits(p *Package, link *Link, portfolio *tenant.Portfolio, mno int64) error {
	no := func(code, format string, args ...any) error {
		return fault.New(fault.Precondition, code, format, args...)
	}
	switch {
	case portfolio.Status == tenant.Deleted:
		return no(NoPortfolio, "portfolio %s is deleted", portfolio.ID)
	case p == nil:
		return no(NoPackage, "the SIM has no package")
	case link == nil || link.Status == tenant.Deleted:
		return no(NotLinked, "package %d is not linked to portfolio %s", p.ID, portfolio.ID)
	case p.Status != tenant.Active || link.Suspended != 0:
		return no(LinkInactive, "package %d takes no new SIMs in portfolio %s", p.ID, portfolio.ID)
	case p.MNO != 0 && mno != 0 && p.MNO != mno:
		return no(OtherOperator, "the SIM is of operator %d, package %d is for operator %d", mno, p.ID, p.MNO)
	}
	return nil
}

// Linkable returns nil when p may be offered to portfolio: both live, and in
// one currency.
func Linkable(p *Package, portfolio *tenant.Portfolio) error {
	if portfolio.Status == tenant.Deleted {
		return fault.New(fault.Precondition, NoPortfolio, "portfolio %s is deleted", portfolio.ID)
	}
	if p.Currency != portfolio.Currency {
		return fault.New(fault.Precondition, OtherCurrency, "package %d is priced in %s, portfolio %s pays in %s",
			p.ID, p.Currency, portfolio.ID, portfolio.Currency)
	}
	return nil
}

// Network is a network as the operator has set it up.
type Network struct {
	Name           string
	Driver         string
	Config         string // JSON, without secrets
	Sealed         []byte // its secrets, sealed
	QuarantineDays int    // how long terminated SIMs wait before they return to stock
	ReconciledAt   time.Time
	CreatedAt      time.Time
}
