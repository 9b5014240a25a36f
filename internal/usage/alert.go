package usage

import (
	"slices"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
)

// AlertKind says what an alert is about. Clients key on it: append only.
type AlertKind string

// The kinds of alert.
const (
	DataLimitReached  AlertKind = "DATA_LIMIT_REACHED"
	DataThreshold     AlertKind = "DATA_USAGE_THRESHOLD"
	IMEIChanged       AlertKind = "IMEI_CHANGED"
	IMEILockViolation AlertKind = "IMEI_LOCK_VIOLATION"
	StateChanged      AlertKind = "STATE_CHANGED"
	NewCountry        AlertKind = "NEW_COUNTRY"
	SMSThreshold      AlertKind = "SMS_THRESHOLD"
	NoConnection      AlertKind = "NO_CONNECTION"
	BalanceThreshold  AlertKind = "BALANCE_THRESHOLD"
)

// Alert tells the owner of a SIM, or of an account, about something that a rule
// saw.
type Alert struct {
	ID        int64 // grows with time
	Portfolio ident.PortfolioID
	SIM       int64       // 0 where it is about the whole account
	ICCID     ident.ICCID // likewise empty
	At        time.Time
	Kind      AlertKind
	Detail    string
	Read      bool
}

// AlertQuery selects alerts, newest first.
type AlertQuery struct {
	ICCIDs []ident.ICCID // of these SIMs; empty for all
	Group  *string       // of the SIMs of one group
	Unread bool          // only those that nobody has read
	Offset int
	Limit  int
}

// AlertRule is what a portfolio wants an alert about. It is about the SIMs of
// that portfolio and not of those below it; but a balance is what the portfolio
// is shown, and that takes in what is below.
type AlertRule struct {
	Portfolio ident.PortfolioID
	Kind      AlertKind
	Value     int64 // in the unit of the kind; 0 where it takes none
	CreatedAt time.Time

	// Of NoConnection when SIMs were last looked at, in microseconds since 1970;
	// of BalanceThreshold the newest month that was told of, as MonthNo has it.
	Seen int64
}

// RuleForm is what rules of a kind are like.
type RuleForm struct {
	Kind     AlertKind
	Unit     Unit
	Min, Max int64 // of the value
	Several  bool  // a portfolio may have more than one, of different values
}

// Unit is what the value of a rule counts.
type Unit string

// The units.
const (
	NoUnit   Unit = ""
	Percent  Unit = "per cent"
	Messages Unit = "messages"
	Hours    Unit = "hours"
	Currency Unit = "in the account's currency" // of whose unit it counts millionths
)

// MaxAlertRules bounds the rules of one kind that a portfolio may have.
const MaxAlertRules = 10

// ruleForms are the kinds of alert that are raised by rules of portfolios, or as
// these say; all other kinds are raised in any case.
var ruleForms = [...]RuleForm{
	{Kind: StateChanged},
	{Kind: DataThreshold, Unit: Percent, Min: 1, Max: 100},
	{Kind: SMSThreshold, Unit: Messages, Min: 1, Max: 1_000_000_000, Several: true},
	{Kind: NoConnection, Unit: Hours, Min: 1, Max: 24 * 366},
	{Kind: BalanceThreshold, Unit: Currency, Min: 1, Max: 1e15, Several: true},
}

// RuleForms lists the kinds of rules.
func RuleForms() []RuleForm { return ruleForms[:] }

// Form returns the form of the rule; ok is false when rules have no such kind.
func (r *AlertRule) Form() (RuleForm, bool) {
	i := slices.IndexFunc(ruleForms[:], func(f RuleForm) bool { return f.Kind == r.Kind })
	if i < 0 {
		return RuleForm{}, false
	}
	return ruleForms[i], true
}

// ValueText writes the value; empty where the kind takes none. An amount is in
// the portfolio's currency.
func (r *AlertRule) ValueText() string {
	switch f, _ := r.Form(); f.Unit {
	case NoUnit:
		return ""
	case Currency:
		return money.Amount(r.Value).String()
	case Percent, Messages, Hours:
	}
	return strconv.FormatInt(r.Value, 10)
}

// Check holds the rule to the form of its kind.
func (r *AlertRule) Check() error {
	f, ok := r.Form()
	switch {
	case !ok:
		return fault.InvalidField("kind", "is %q, which no rule is about", r.Kind)
	case f.Unit != NoUnit && r.Value == 0:
		return fault.InvalidField("value", "is missing; rules of kind %s need one, in %s", r.Kind, f.Unit)
	case f.Unit == NoUnit && r.Value != 0:
		return fault.InvalidField("value", "is %d; rules of kind %s take none", r.Value, r.Kind)
	case f.Unit == Currency && (r.Value < f.Min || r.Value > f.Max):
		return fault.InvalidField("value", "is no amount above 0 and up to a thousand million")
	case r.Value < f.Min || r.Value > f.Max:
		return fault.InvalidField("value", "is %d; %d to %d %s are allowed", r.Value, f.Min, f.Max, f.Unit)
	}
	return nil
}

// MonthNo numbers months, so that they sort and a year has no gaps.
func MonthNo(at time.Time) int64 { return int64(at.Year())*12 + int64(at.Month()) - 1 }
