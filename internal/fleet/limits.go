package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// MaxDataLimit bounds data limits, in megabytes: what fits the contracts' 32-bit
// integers.
const MaxDataLimit = 1<<31 - 1

// ReasonDataLimit begins the reason of a suspension that a data limit set.
const ReasonDataLimit = "data limit"

// limitReached is the reason of such a suspension, for a limit in megabytes.
func limitReached(limit int64) string {
	return fmt.Sprintf("%s of %d MB reached", ReasonDataLimit, limit)
}

func usedOf(used, limit int64) string { return fmt.Sprintf("%d of %d bytes used", used, limit) }

// mark is from where on, in bytes, the use of a month raises an alert: so many
// per cent of a limit in megabytes, the platform's where an account has no say.
func (r *Rules) mark(limit, percent int64) int64 {
	if percent == 0 {
		percent = int64(r.Threshold)
	}
	return limit * usage.Megabyte / 100 * percent
}

// byLimit reports whether the rules' suspension comes from the data limit.
func byLimit(s *sim.SIM) bool {
	return s.Wanted.Suspended.Has(sim.System) && strings.HasPrefix(s.Holds[sim.System].Reason, ReasonDataLimit)
}

// step is one command of an edit, and why it is given.
type step struct {
	verb   sim.Verb
	reason string
}

// steps lists the commands that the caller asked for.
func (e *Edit) steps() []step {
	verbs := e.verbs()
	out := make([]step, len(verbs))
	for i, v := range verbs {
		out[i] = step{v, e.Reason}
	}
	return out
}

// limited holds an edit against the SIM's data limit, and returns the commands
// that the limit gives: a new one acts at once, either way.
func (b *batch) limited(ctx context.Context, e *Edit, before, s *sim.SIM) ([]step, error) {
	if e.DataLimit == nil && !e.InService {
		return nil, nil
	}
	limit, used := s.DataLimit*usage.Megabyte, int64(0)
	if limit > 0 || before.DataLimit > 0 {
		var err error
		if used, err = b.used(ctx, s.ID); err != nil {
			return nil, err
		}
	}
	over := limit > 0 && used >= limit
	switch {
	case e.DataLimit != nil && (*e.DataLimit < 0 || *e.DataLimit > MaxDataLimit):
		return nil, fault.InvalidField("limit", "is %d MB; 0 to %d are allowed", *e.DataLimit, MaxDataLimit)
	case over && e.NotBelowUse && used > limit:
		return nil, fault.New(fault.Precondition, LimitTooLow, "%d bytes have been used in this month; the new limit is %d MB", used, s.DataLimit)
	case over && e.InService:
		return nil, fault.New(fault.Precondition, LimitReached, "%d bytes have been used in this month; the data limit is %d MB", used, s.DataLimit)
	case over:
		return b.overLimit(s, used), nil
	case e.InService && byLimit(s):
		return []step{{sim.ResumeSystem, e.Reason}}, nil
	}
	if err := b.nearLimit(ctx, before, s, used); err != nil {
		return nil, err
	}
	b.pace(before, s, used)
	if b.frees(before, s) {
		return []step{{sim.ResumeSystem, "the data limit was raised"}}, nil
	}
	return nil, nil
}

// overLimit suspends a SIM that has used up a limit as it is set, as the rules
// do when a report says so.
func (b *batch) overLimit(s *sim.SIM, used int64) []step {
	if s.Wanted.State == sim.Closed || s.Wanted.Suspended.Has(sim.System) {
		return nil
	}
	b.alert(s, usage.DataLimitReached, used)
	return []step{{sim.SuspendSystem, limitReached(s.DataLimit)}}
}

// nearLimit alerts when a new limit puts a SIM beyond the mark that no report
// will cross any more.
func (b *batch) nearLimit(ctx context.Context, before, s *sim.SIM, used int64) error {
	if s.DataLimit == 0 || s.DataLimit == before.DataLimit {
		return nil
	}
	percent, err := b.percent(ctx, s.Portfolio)
	if err != nil {
		return err
	}
	told := before.DataLimit > 0 && used >= b.rules.mark(before.DataLimit, percent)
	if used >= b.rules.mark(s.DataLimit, percent) && !told {
		b.alert(s, usage.DataThreshold, used)
	}
	return nil
}

// frees reports whether a higher limit, or none, ends the suspension that the
// one before set. The operator's lock keeps the SIM where it is.
func (b *batch) frees(before, s *sim.SIM) bool {
	raised := before.DataLimit > 0 && (s.DataLimit == 0 || s.DataLimit > before.DataLimit)
	return raised && byLimit(s) && s.Wanted.State != sim.Closed && (!locked(s) || b.r.Caller.May.Has(tenant.SIMAdminSuspend))
}

// adjust is a SIM whose open sessions are to be reported as often from now on.
type adjust struct {
	sim     int64
	interim time.Duration
}

// interimReason is what the timeline says of such an order.
func interimReason(every time.Duration) string {
	return fmt.Sprintf("report every %.0f s", every.Seconds())
}

// pace has open sessions reported as often as what is left of a new limit asks
// for, if that is another pace than before.
func (b *batch) pace(before, s *sim.SIM, used int64) {
	if every := usage.InterimOf(s.DataLimit, used); s.DataLimit != before.DataLimit && every != usage.InterimOf(before.DataLimit, used) {
		b.adjusts = append(b.adjusts, adjust{s.ID, every})
	}
}

func (b *batch) writeAdjusts(ctx context.Context) error {
	of := map[time.Duration][]int64{}
	for _, a := range b.adjusts {
		of[a.interim] = append(of[a.interim], a.sim)
	}
	for every, ids := range of {
		if _, err := b.tx.Adjust(ctx, ids, interimReason(every), every, b.at); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) alert(s *sim.SIM, kind usage.AlertKind, used int64) {
	b.alerts = append(b.alerts, usage.Alert{Portfolio: s.Portfolio, SIM: s.ID, ICCID: s.ICCID, At: b.at, Kind: kind,
		Detail: usedOf(used, s.DataLimit*usage.Megabyte)})
}

// used is what a SIM of the batch used in the month at hand, in bytes, with all
// that is reported until the batch is written.
func (b *batch) used(ctx context.Context, id int64) (int64, error) {
	if b.month == nil {
		err := b.tx.Reconsider(ctx, b.all)
		if err != nil {
			return 0, err
		}
		if b.month, err = b.tx.Months(ctx, b.all, b.at.Year(), int(b.at.Month())); err != nil {
			return 0, err
		}
	}
	return b.month[id].Bytes, nil
}
