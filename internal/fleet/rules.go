package fleet

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Rules are the platform's own, which act on what networks report.
type Rules struct {
	TestBytes int64         // a test period ends once it is used up; 20 KB
	TestSMS   int64         // likewise; 2
	TestTime  time.Duration // likewise; 90 days
	ReadyTime time.Duration // after its activation a SIM that waits for its first use goes live without it; 0 for never
	Threshold int           // per cent of a data limit that raises an alert; 80
	NoResume  bool          // a data limit that was reached holds beyond its month
}

func (r Rules) defaults() Rules {
	if r.TestBytes == 0 {
		r.TestBytes = 20 * 1024
	}
	if r.TestSMS == 0 {
		r.TestSMS = 2
	}
	if r.TestTime == 0 {
		r.TestTime = 90 * 24 * time.Hour
	}
	if r.Threshold == 0 {
		r.Threshold = 80
	}
	return r
}

// Why a test period ends, and why a SIM goes live that was never used.
const (
	ReasonTestOver  = "the test allowance is used up"
	ReasonReadyOver = "it has waited long enough for its first use"
)

// ruleRequest is who the rules are in the audit trail.
func ruleRequest() *Request {
	return &Request{Caller: tenant.Operator("rules"), Via: "rules"}
}

// applyRules looks at every SIM that used something.
func (m *metering) applyRules(ctx context.Context) error {
	touched := make([]*touch, 0, len(m.touched))
	for _, t := range m.touched {
		touched = append(touched, t)
	}
	slices.SortFunc(touched, func(a, b *touch) int { return cmp.Compare(a.sim.ID, b.sim.ID) })
	var edits []edit
	for _, t := range touched {
		if t.wrong != "" {
			m.notice(t.sim.ID, usage.IMEILockViolation, "used in device "+string(t.wrong)+", but bound to "+string(t.sim.IMEILock))
			m.rules.cut(t.sim.ID, "IMEI lock")
		}
		if why := t.outOfService(); why != "" && t.open {
			m.rules.cut(t.sim.ID, why)
		}
		if e, applies, err := m.phase(ctx, t); err != nil {
			return err
		} else if applies {
			edits = append(edits, e)
		}
		if e, applies := m.limit(t); applies {
			edits = append(edits, e)
		}
	}
	return m.act(ctx, edits)
}

// outOfService says why a SIM may have no data session; empty when it may. A
// session that was let in just before a suspension begins just after it.
func (t *touch) outOfService() string {
	p := t.sim.Profile()
	switch {
	case !p.Present:
		return "the SIM is " + t.sim.Status().String()
	case p.Barred.Has(sim.Data):
		return "data is suspended or barred"
	}
	return ""
}

// edit is what a rule does to a SIM.
type edit struct {
	Edit
	sim int64
}

// act reads whole the few SIMs that a rule changes or tells of.
func (m *metering) act(ctx context.Context, edits []edit) error {
	ids := map[int64]bool{}
	for _, e := range edits {
		ids[e.sim] = true
	}
	for _, n := range m.notices {
		ids[n.sim] = true
	}
	if len(ids) == 0 {
		return nil
	}
	sims, err := m.tx.LockIDs(ctx, keysOf(ids))
	if err != nil {
		return err
	}
	byID := make(map[int64]*sim.SIM, len(sims))
	for i := range sims {
		byID[sims[i].ID] = &sims[i]
	}
	alerts := make([]usage.Alert, len(m.notices))
	for i, n := range m.notices {
		s := byID[n.sim]
		alerts[i] = usage.Alert{Portfolio: s.Portfolio, SIM: s.ID, ICCID: s.ICCID, At: m.at, Kind: n.kind, Detail: n.detail}
	}
	for i := range edits {
		if err := m.rules.rule(ctx, byID[edits[i].sim], edits[i].Edit); err != nil {
			return err
		}
	}
	return m.tx.AddAlerts(ctx, alerts)
}

// phase moves a SIM on: a test period that is used up becomes ready, and ready
// becomes live with the first use.
func (m *metering) phase(ctx context.Context, t *touch) (e edit, applies bool, err error) {
	if t.sim.Wanted.State != sim.Provisioned || t.more+t.smsAdd == 0 {
		return e, false, nil
	}
	switch t.sim.Wanted.Phase {
	case sim.Test:
		bytes, sms, err := m.tx.UsedSince(ctx, t.sim.ID, t.sim.ActivatedAt)
		if err != nil {
			return e, false, err
		}
		over := bytes+t.more >= m.s.rules.TestBytes || sms+t.smsAdd >= m.s.rules.TestSMS
		return edit{Edit{Verb: sim.ActivateReady, Reason: ReasonTestOver}, t.sim.ID}, over, nil
	case sim.Ready:
		return edit{Edit{Verb: sim.ActivateLive, Reason: "first use"}, t.sim.ID}, true, nil
	case sim.NoPhase, sim.Live:
	}
	return e, false, nil
}

// limit takes a SIM off the network once its data limit is reached.
func (m *metering) limit(t *touch) (e edit, applies bool) {
	limit := t.sim.DataLimit * usage.Megabyte
	if limit == 0 || t.monthAdd == 0 {
		return e, false
	}
	before := t.sim.Used
	used := before + t.monthAdd
	if mark := m.s.rules.mark(t.sim.DataLimit, t.sim.AlertAt); before < mark && used >= mark && used < limit {
		m.notice(t.sim.ID, usage.DataThreshold, usedOf(used, limit))
	}
	if every := usage.InterimOf(t.sim.DataLimit, used); t.open && used < limit && every != usage.InterimOf(t.sim.DataLimit, before) {
		m.rules.adjusts = append(m.rules.adjusts, adjust{t.sim.ID, every})
	}
	if used < limit || t.sim.Wanted.Suspended.Has(sim.System) {
		return e, false
	}
	m.notice(t.sim.ID, usage.DataLimitReached, usedOf(used, limit))
	return edit{Edit{Verb: sim.SuspendSystem, Reason: limitReached(t.sim.DataLimit)}, t.sim.ID}, true
}

// unlimited is the ceiling of sessions of SIMs without a data limit.
const unlimited = math.MaxInt64

// allow says up to where the sessions of the SIMs that were looked at may go on
// unseen.
func (m *metering) allow() {
	for id, t := range m.touched {
		free := m.free(id, t)
		for _, s := range m.open[id] {
			if s.Ended() || !m.changed[s] {
				continue
			}
			s.Ceiling = -1
			if !t.plain() {
				continue
			}
			s.Ceiling = unlimited
			if t.sim.DataLimit > 0 {
				grant := max(free/2, 0)
				s.Ceiling, free = s.Total()+grant, free-grant
			}
		}
	}
}

// free is what a SIM with a data limit may still use before the first mark of
// it, less what has been granted to sessions that are not at hand: however many
// there are, together they do not pass the mark unseen. A session is given half
// of it, and of what is left when it comes back.
func (m *metering) free(id int64, t *touch) int64 {
	free := min(m.s.rules.mark(t.sim.DataLimit, t.sim.AlertAt), usage.TightAt(t.sim.DataLimit)) - t.sim.Used - t.monthAdd
	for _, s := range m.open[id] {
		if !s.Ended() && !m.changed[s] && s.Ceiling < unlimited {
			free -= max(s.Ceiling-s.Total(), 0)
		}
	}
	return free
}

// plain reports that no rule but the data limit has to do with the SIM's use.
func (t *touch) plain() bool {
	w := t.sim.Wanted
	return t.wrong == "" && (w.State != sim.Provisioned || w.Phase != sim.Test && w.Phase != sim.Ready)
}

// rule decides one edit by a rule, on a SIM that is locked already, and notes
// what is to be written. A SIM that the lifecycle does not let go there stays
// as it is. Several rules may act on one SIM, one after the other.
func (b *batch) rule(ctx context.Context, s *sim.SIM, e Edit) error {
	before, after := *s, *s
	b.result.Outcomes = append(b.result.Outcomes, Outcome{ICCID: s.ICCID})
	err := b.command(ctx, len(b.result.Outcomes)-1, e.Verb, e.Reason, &after)
	var no *sim.Refusal
	if err != nil && !errors.As(err, &no) && fault.KindOf(err) != fault.Precondition {
		return err
	}
	if err != nil || after == before {
		return nil //nolint:nilerr // a refusal leaves the SIM as it is
	}
	after.ModifiedAt, after.Version = b.at, before.Version+1
	*s = after
	for i := range b.changes {
		if b.changes[i].After.ID == s.ID {
			after.Version = b.changes[i].After.Version // one write is one version
			b.changes[i].After = &after
			return nil
		}
	}
	b.changes = append(b.changes, sim.Change{Before: &before, After: &after})
	return nil
}

// LiftMonthly lifts the suspensions that data limits set in earlier months, and
// those of other rules whose billing cycle is over, a page at a time.
func (s *Service) LiftMonthly(ctx context.Context) (int, error) {
	lifted := 0
	for at := (*sim.Cursor)(nil); ; {
		page, err := s.store.List(ctx, tenant.Everything(), sim.Query{Held: sim.Kinds(0).With(sim.System), After: at, Limit: maxPage})
		if err != nil {
			return lifted, err
		}
		n, err := s.lift(ctx, page.SIMs)
		lifted += n
		if err != nil || page.Next == nil {
			return lifted, err
		}
		at = page.Next
	}
}

// lift lifts those of these suspensions whose cycle is over. Most are not, and
// are left alone: only the others are locked, and looked at again.
func (s *Service) lift(ctx context.Context, sims []sim.SIM) (int, error) {
	days, now := map[ident.PortfolioID]int{}, s.now()
	var ids []int64
	for i := range sims {
		folio := sims[i].Portfolio
		if _, known := days[folio]; !known {
			p, err := s.store.Portfolio(ctx, tenant.Everything(), folio)
			if err != nil {
				return 0, err
			}
			days[folio] = p.BillingDay
		}
		if s.cycleOver(sims[i].Holds[sim.System], days[folio], now) {
			ids = append(ids, sims[i].ID)
		}
	}
	return s.byRule(ctx, ids, func(b *batch, held *sim.SIM) (Edit, bool, error) {
		folio, err := b.portfolio(ctx, held.Portfolio)
		if err != nil {
			return Edit{}, false, err
		}
		over := s.cycleOver(held.Holds[sim.System], folio.BillingDay, b.at)
		return Edit{Verb: sim.ResumeSystem, Reason: "a new cycle has begun"}, over, nil
	})
}

// cycleOver reports whether a suspension by a rule has run its time: a data
// limit counts by calendar months, everything else by billing cycles.
func (s *Service) cycleOver(h sim.Hold, billingDay int, now time.Time) bool {
	if strings.HasPrefix(h.Reason, ReasonDataLimit) {
		if s.rules.NoResume {
			return false
		}
		billingDay = 1
	}
	begun := time.Date(now.Year(), now.Month(), billingDay, 0, 0, 0, 0, time.UTC)
	if begun.After(now) {
		begun = begun.AddDate(0, -1, 0)
	}
	return h.Since.Before(begun)
}

// EndTests moves SIMs on whose test period has lasted its time.
func (s *Service) EndTests(ctx context.Context) (int, error) {
	return s.endTerms(ctx, s.store.InTest, s.rules.TestTime, func(_ *batch, held *sim.SIM) (Edit, bool, error) {
		in := held.Wanted.State == sim.Provisioned && held.Wanted.Phase == sim.Test
		return Edit{Verb: sim.ActivateReady, Reason: ReasonTestOver}, in, nil
	})
}

// EndWaits makes SIMs live that have waited for their first use for as long as
// the rules let them.
func (s *Service) EndWaits(ctx context.Context) (int, error) {
	if s.rules.ReadyTime == 0 {
		return 0, nil
	}
	return s.endTerms(ctx, s.store.ReadySince, s.rules.ReadyTime, func(_ *batch, held *sim.SIM) (Edit, bool, error) {
		in := held.Wanted.State == sim.Provisioned && held.Wanted.Phase == sim.Ready && held.Wanted.Suspended == 0
		return Edit{Verb: sim.ActivateLive, Reason: ReasonReadyOver}, in, nil
	})
}

type listTerms func(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error)

// endTerms edits the SIMs of a list whose term has lasted its time, a page at a
// time. A SIM that stays as it is hides none behind it.
func (s *Service) endTerms(ctx context.Context, list listTerms, lasts time.Duration, edit judged) (int, error) {
	ended, after, before := 0, sim.Term{}, s.now().Add(-lasts)
	for {
		page, err := list(ctx, after, before, maxPage)
		if err != nil || len(page) == 0 {
			return ended, err
		}
		ids := make([]int64, len(page))
		for i, t := range page {
			ids[i] = t.SIM
		}
		n, err := s.byRule(ctx, ids, edit)
		ended += n
		if err != nil || len(page) < maxPage {
			return ended, err
		}
		after = page[len(page)-1]
	}
}

// judged says what a rule does to a SIM, and whether it applies.
type judged func(*batch, *sim.SIM) (Edit, bool, error)

// byRule edits SIMs by a rule, each if the rule still says so once it is locked.
func (s *Service) byRule(ctx context.Context, ids []int64, edit judged) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var b *batch
	err := s.store.WriteBulk(ctx, func(tx Tx) error {
		b = &batch{r: ruleRequest(), known: newKnown(tx, tenant.Everything()), tx: tx, at: s.now()}
		sims, err := tx.LockIDs(ctx, ids)
		if err != nil {
			return err
		}
		for i := range sims {
			e, applies, err := edit(b, &sims[i])
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
			if err := b.rule(ctx, &sims[i], e); err != nil {
				return err
			}
		}
		return b.write(ctx)
	})
	if err != nil {
		return 0, err
	}
	s.after(b)
	return len(b.changes), nil
}
