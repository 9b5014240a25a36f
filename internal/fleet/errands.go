package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// ErrandReader reads errands, messages and profiles. Those that take ids are of
// SIMs that the caller has found in its sphere.
type ErrandReader interface {
	Errands(ctx context.Context, ids []int64, open bool, n int) ([]sim.Errand, error)
	Messages(ctx context.Context, ids []int64, from, to time.Time, offset, n int) ([]usage.Message, int64, error)
	Offered(ctx context.Context, p tenant.Portfolio) ([]string, error)
	CardProfiles(ctx context.Context, ids []int64) (map[int64][]sim.CardProfile, error)
}

// ErrandWriter stores them, and hands errands to the workers that do them.
type ErrandWriter interface {
	AddErrands(ctx context.Context, errands []sim.Errand) error
	ClaimErrands(ctx context.Context, network string, n int, now, until time.Time) ([]sim.Errand, error)
	EndErrand(ctx context.Context, a sim.ErrandAnswer, now time.Time) (bool, error)
	AddMessages(ctx context.Context, messages []usage.Message) error
	EndMessage(ctx context.Context, id int64, status usage.MessageStatus, reference string, now time.Time) error
	Offer(ctx context.Context, p ident.PortfolioID, name string, now time.Time) error
	Withdraw(ctx context.Context, p ident.PortfolioID, name string) (bool, error)
	Rate(ctx context.Context, simID int64, e *usage.RatedEvent) error
	HeardMessage(ctx context.Context, simID int64, at time.Time) error
	ChangeCard(ctx context.Context, simID int64, kind sim.ErrandKind, name string, now time.Time) error
}

// Codes of the faults of errands; their kind is Precondition.
const (
	NoMessages = "sms.not_allowed"   // the SIM, or its network, cannot take messages now
	NoEUICC    = "profile.no_euicc"  // the SIM is on no card, or on no network, that takes profiles
	NoProfile  = "profile.not_there" // the profile is not offered, or not on the card
	NotActive  = "sim.not_active"    // the SIM is not on its network
)

// asking is the errands of one call inside their transaction.
type asking struct {
	*known
	s        *Service
	r        *Request
	at       time.Time
	kind     sim.ErrandKind
	drivers  map[string]string // of networks, by their names
	errands  []sim.Errand
	events   []event.Event
	networks map[string]bool
	result   Applied
}

// ask puts an errand on SIMs, all or nothing, and stores what goes with it. A
// check refuses a SIM.
func (s *Service) ask(ctx context.Context, r *Request, iccids []ident.ICCID, kind sim.ErrandKind, subject string,
	check func(context.Context, *asking, *sim.SIM) error, with func(context.Context, Tx, *asking) error) (*Applied, error) {
	if err := r.Caller.Needs(tenant.Control); err != nil {
		return nil, err
	}
	iccids = distinct(iccids)
	write := s.store.Write
	if len(iccids) >= bulkFrom {
		write = s.store.WriteBulk
	}
	var a *asking
	err := write(ctx, func(tx Tx) error {
		a = &asking{known: newKnown(tx, r.Caller.Sphere), s: s, r: r, at: s.now(), kind: kind, networks: map[string]bool{}}
		if err := a.run(ctx, iccids, subject, check); err != nil || a.result.Refused {
			return err
		}
		if err := tx.AddErrands(ctx, a.errands); err != nil {
			return err
		}
		if with != nil {
			if err := with(ctx, tx, a); err != nil {
				return err
			}
		}
		return tx.AddEvents(ctx, a.events)
	})
	if err != nil {
		return nil, err
	}
	if !a.result.Refused {
		s.told(a.networks)
	}
	return &a.result, nil
}

func (a *asking) run(ctx context.Context, iccids []ident.ICCID, subject string, check func(context.Context, *asking, *sim.SIM) error) error {
	if err := a.readNetworks(ctx); err != nil {
		return err
	}
	found, err := a.tx.Lock(ctx, a.in, iccids)
	if err != nil {
		return err
	}
	byICCID := make(map[ident.ICCID]*sim.SIM, len(found))
	for i := range found {
		byICCID[found[i].ICCID] = &found[i]
	}
	for _, iccid := range iccids {
		o := Outcome{ICCID: iccid, Progress: sim.OpPending}
		s := byICCID[iccid]
		if s == nil {
			o.Err = missingSIM(iccid)
		} else {
			o.SIM, o.Err = *s, check(ctx, a, s)
		}
		if k := o.Err; k != nil && (fault.KindOf(k) == fault.Internal || fault.KindOf(k) == fault.Unavailable) {
			return k
		}
		a.result.Outcomes, a.result.Refused = append(a.result.Outcomes, o), a.result.Refused || o.Err != nil
		if o.Err == nil {
			a.put(s, subject)
		}
	}
	return nil
}

func (a *asking) readNetworks(ctx context.Context) error {
	list, err := a.tx.Networks(ctx)
	a.drivers = make(map[string]string, len(list))
	for _, n := range list {
		a.drivers[n.Name] = n.Driver
	}
	return err
}

func (a *asking) put(s *sim.SIM, subject string) {
	a.errands = append(a.errands, sim.Errand{SIM: s.ID, ICCID: s.ICCID, Network: s.Network, Kind: a.kind, Subject: subject, Progress: sim.OpPending,
		Actor: a.r.Caller.Actor(), Request: a.r.ID, RequestedAt: a.at})
	data := event.Data{Verb: string(a.kind)}
	if a.kind.OfProfile() {
		data.Subject = subject
	}
	a.events = append(a.events, event.Event{At: a.at, Kind: event.SIMControlled, Portfolio: s.Portfolio, SIM: s.ID, ICCID: s.ICCID, Seq: s.Version,
		Actor: a.r.Caller.Actor(), Via: a.r.Via, Request: a.r.ID, Data: data})
	a.networks[s.Network] = true
}

// able reports whether the SIM's network does errands of the kind.
func (a *asking) able(s *sim.SIM) bool {
	driver, ok := a.drivers[s.Network]
	return ok && a.s.does(driver, a.kind)
}

// onNetwork reports whether the network has the SIM, or is about to.
func onNetwork(s *sim.SIM) bool {
	st := s.Wanted.State
	return st == sim.Provisioned || st == sim.Provisioning || st == sim.AwaitingReview
}

// ClaimErrands takes up to n errands of a network and leases them.
func (s *Service) ClaimErrands(ctx context.Context, network string, n int, lease time.Duration) (out []sim.Errand, err error) {
	err = s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		out, err = tx.ClaimErrands(ctx, network, n, now, now.Add(lease))
		return err
	})
	return out, err
}

// AnswerErrand records what became of an errand, with everything that follows
// from it. One whose lease has gone to another worker is left to that one.
func (s *Service) AnswerErrand(ctx context.Context, a sim.ErrandAnswer) error {
	var m *metering
	err := s.store.Write(ctx, func(tx Tx) error {
		m = nil
		mine, err := tx.EndErrand(ctx, a, s.now())
		if err != nil || !mine || a.Err != nil && !a.Refused {
			return err
		}
		e := &a.Errand
		switch {
		case e.Kind == sim.SendMessage && a.Err == nil:
			m = newMetering(s, tx)
			err = m.delivered(ctx, e, a.Reference)
		case e.Kind == sim.SendMessage:
			err = tx.EndMessage(ctx, e.ID, usage.MessageFailed, "", s.now())
		case e.Kind.OfProfile() && a.Err == nil:
			err = tx.ChangeCard(ctx, e.SIM, e.Kind, e.Subject, s.now())
		}
		if err != nil {
			return err
		}
		return s.tellErrand(ctx, tx, &a)
	})
	if err == nil && m != nil {
		s.after(m.rules)
	}
	return err
}

// tellErrand writes how an errand ended into the SIM's timeline.
func (s *Service) tellErrand(ctx context.Context, tx Tx, a *sim.ErrandAnswer) error {
	sims, err := tx.LockIDs(ctx, []int64{a.Errand.SIM})
	if err != nil || len(sims) == 0 {
		return err
	}
	of := &sims[0]
	e := event.Event{At: s.now(), Kind: event.SIMControlled, Portfolio: of.Portfolio, SIM: of.ID, ICCID: of.ICCID, Seq: of.Version, Actor: networkActor,
		Via: "sync", Request: a.Errand.Request, Data: event.Data{Verb: string(a.Errand.Kind), To: sim.OpDone.String()}}
	if a.Errand.Kind.OfProfile() {
		e.Data.Subject = a.Errand.Subject
	}
	if a.Err != nil {
		e.Data.To, e.Data.Reason = sim.OpRefused.String(), fault.Text(a.Err)
	}
	return tx.AddEvents(ctx, []event.Event{e})
}

// delivered counts a message that has reached its device, prices it, and applies
// the rules, as what networks report of sessions is.
func (m *metering) delivered(ctx context.Context, e *sim.Errand, reference string) error {
	if err := m.tx.EndMessage(ctx, e.ID, usage.MessageDelivered, reference, m.at); err != nil {
		return err
	}
	parts, err := usage.Parts("text", e.Subject)
	if err != nil {
		return errors.Join(errors.New("a stored message"), err)
	}
	found, err := m.tx.MeteredIDs(ctx, []int64{e.SIM}, m.at)
	if err != nil {
		return err
	}
	owner := found[e.SIM]
	if owner == nil {
		return nil
	}
	month := m.month(monthOf(owner.ID, m.at))
	month.SMS, month.SMSAt = int64(parts), m.at
	if err := m.rateMessage(ctx, owner, month, int64(parts)); err != nil {
		return err
	}
	if err := m.countMessages(ctx, owner.ID, month); err != nil {
		return err
	}
	if err := m.tx.HeardMessage(ctx, owner.ID, m.at); err != nil {
		return err
	}
	m.touch(owner).smsAdd += int64(parts)
	if err := m.applyRules(ctx); err != nil {
		return err
	}
	if err := m.tx.AddMonths(ctx, m.monthly); err != nil {
		return err
	}
	return m.rules.write(ctx)
}

// countMessages alerts when the messages of a SIM come to what rules of its
// portfolio name.
func (m *metering) countMessages(ctx context.Context, id int64, month *usage.Month) error {
	marks, err := m.tx.RulesOver(ctx, id, usage.SMSThreshold)
	if err != nil || len(marks) == 0 {
		return err
	}
	stored, err := m.tx.StoredMonths(ctx, []int64{id}, month.Year, month.Month)
	if err != nil {
		return err
	}
	before := stored[id].SMS
	for _, mark := range marks {
		if now := before + month.SMS; before < mark && now >= mark {
			m.notice(id, usage.SMSThreshold, fmt.Sprintf("%d messages sent, of %d", now, mark))
		}
	}
	return nil
}

// rateMessage prices a message, on top of those of the month before it, and puts
// it among the rated events.
func (m *metering) rateMessage(ctx context.Context, owner *usage.Subscriber, month *usage.Month, parts int64) error {
	rate, err := m.price(ctx, owner.Package, plan.SMSItem, "")
	if err != nil {
		return err
	}
	event := usage.RatedEvent{Kind: usage.SMS, Start: m.at, Stop: m.at, Description: "SMS", Quantity: parts, Package: owner.Package}
	if rate.Price != 0 {
		stored, err := m.tx.StoredMonths(ctx, []int64{owner.ID}, month.Year, month.Month)
		if err != nil {
			return err
		}
		if event.Price, err = rate.Cost(stored[owner.ID].SMS, parts); err != nil {
			return err
		}
		month.Cost, month.CostAt = month.Cost+event.Price, m.at
	}
	return m.tx.Rate(ctx, owner.ID, &event)
}
