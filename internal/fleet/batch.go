package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// batch is one Apply inside its transaction: first everything is decided, then,
// unless a SIM refuses, everything is written.
type batch struct {
	*known
	r  *Request
	tx Tx
	at time.Time

	rules  *Rules         // of a caller's edits
	direct bool           // no person is asked: a service goes on under another SIM
	partly bool           // a SIM that refuses keeps no other from being written
	within *tenant.Sphere // of the SIMs, when it is not the caller's

	all   []int64               // ids of the SIMs
	month map[int64]usage.Month // what they used in the month at hand; nil before it is asked for

	result   Applied
	changes  []sim.Change
	ended    []sim.Ended // operations that waited for a person
	ops      []sim.Operation
	opOf     []int // index into Outcomes
	events   []event.Event
	assigned []sim.Assigned
	alerts   []usage.Alert
	adjusts  []adjust
	networks map[string]bool
	cuts     map[string][]int64 // SIMs whose sessions must end, by the reason
}

func (b *batch) run(ctx context.Context, iccids []ident.ICCID, choose Choose) error {
	in := b.r.Caller.Sphere
	if b.within != nil {
		in = *b.within
	}
	found, err := b.tx.Lock(ctx, in, iccids)
	if err != nil {
		return err
	}
	byICCID := make(map[ident.ICCID]*sim.SIM, len(found))
	for i := range found {
		byICCID[found[i].ICCID], b.all = &found[i], append(b.all, found[i].ID)
	}
	b.result.Outcomes = make([]Outcome, len(iccids))
	for i, iccid := range iccids {
		o := &b.result.Outcomes[i]
		o.ICCID = iccid
		before, ok := byICCID[iccid]
		if !ok {
			o.Err = missingSIM(iccid)
		} else if err := b.try(ctx, i, before, choose); err != nil {
			if fault.KindOf(err) == fault.Internal || fault.KindOf(err) == fault.Unavailable {
				return err
			}
			o.Err = err
		}
		b.result.Refused = b.result.Refused || o.Err != nil
	}
	if b.result.Refused && !b.partly {
		for i := range b.result.Outcomes {
			b.result.Outcomes[i].revert(byICCID)
		}
		b.networks, b.cuts, b.adjusts = nil, nil, nil
		return nil
	}
	return b.write(ctx)
}

// try decides one SIM; what was noted of one that refuses is forgotten.
func (b *batch) try(ctx context.Context, i int, before *sim.SIM, choose Choose) error {
	ended, ops, events, assigned := len(b.ended), len(b.ops), len(b.events), len(b.assigned)
	alerts, adjusts := len(b.alerts), len(b.adjusts)
	err := b.decide(ctx, i, before, choose)
	if err != nil {
		b.ended, b.ops, b.opOf = b.ended[:ended], b.ops[:ops], b.opOf[:ops]
		b.events, b.assigned = b.events[:events], b.assigned[:assigned]
		b.alerts, b.adjusts = b.alerts[:alerts], b.adjusts[:adjusts]
		for reason, ids := range b.cuts {
			for len(ids) > 0 && ids[len(ids)-1] == before.ID {
				ids = ids[:len(ids)-1]
			}
			b.cuts[reason] = ids
		}
		b.result.Outcomes[i] = Outcome{ICCID: before.ICCID, SIM: *before}
	}
	return err
}

// revert shows a SIM that another's refusal kept as it was.
func (o *Outcome) revert(before map[ident.ICCID]*sim.SIM) {
	o.Changed, o.Progress = false, 0
	if s := before[o.ICCID]; s != nil {
		o.SIM = *s
	}
}

// decide works out what becomes of one SIM and notes what is to be written.
func (b *batch) decide(ctx context.Context, i int, before *sim.SIM, choose Choose) error {
	o := &b.result.Outcomes[i]
	o.SIM = *before
	facts, err := b.facts(ctx, before)
	if err != nil {
		return err
	}
	edit, err := choose(facts)
	if err != nil {
		return err
	}
	if err := b.allowed(&edit); err != nil {
		return err
	}
	if err := b.unlocked(&edit, before); err != nil {
		return err
	}
	after := *before
	if changes := edit.Card.refit(&after); len(changes) > 0 {
		b.tell(event.SIMRefitted, before, event.Data{Changes: changes})
	}
	if err := b.assign(ctx, &edit, &after, facts); err != nil {
		return err
	}
	if changes := append(edit.labels(&after), edit.lock(&after, b)...); len(changes) > 0 {
		b.tell(event.SIMLabelled, before, event.Data{Changes: changes, Reason: edit.Reason})
	}
	steps, err := b.limited(ctx, &edit, before, &after)
	if err != nil {
		return err
	}
	for _, v := range append(steps, edit.steps()...) {
		if err := b.command(ctx, i, v.verb, v.reason, &after); err != nil {
			return err
		}
	}
	if o.Changed = after != *before; o.Changed {
		after.ModifiedAt, after.Version = b.at, before.Version+1
		b.changes = append(b.changes, sim.Change{Before: before, After: &after})
	}
	o.SIM = after
	return nil
}

// command gives a verb to the lifecycle.
func (b *batch) command(ctx context.Context, i int, verb sim.Verb, reason string, after *sim.SIM) error {
	c := sim.Command{Verb: verb, Actor: b.r.Caller.Actor(), Reason: reason, At: b.at}
	p, err := b.pkg(ctx, after.Package)
	if err != nil {
		return err
	}
	if p != nil && !b.direct {
		c.ManualActivation, c.ManualReview = p.Activation == plan.Manual, p.Termination == plan.Manual
	}
	d, err := sim.Decide(after.Lifecycle, c)
	if err != nil || !d.Changed {
		return err
	}
	if err := b.mayActivate(ctx, p, after, &d.Next); err != nil {
		return err
	}
	if err := b.mayResume(ctx, verb, after); err != nil {
		return err
	}
	before := *after
	after.Lifecycle = d.Next
	b.note(i, &c, &before, after, d.Effects)
	return nil
}

// note records the operation, the event, the ended tasks and the network.
func (b *batch) note(i int, c *sim.Command, before, after *sim.SIM, did sim.Effect) {
	op := sim.Operation{SIM: after.ID, ICCID: after.ICCID, Portfolio: after.Portfolio, Verb: c.Verb, Wanted: after.Wanted,
		Reason: c.Reason, Actor: c.Actor, Via: b.r.Via, Request: b.r.ID, RequestedAt: b.at}
	rephased := before.Waiting() && after.Waiting() && before.Wanted.Phase != after.Wanted.Phase
	switch {
	case did.Has(sim.Ask) || rephased:
		op.Progress = sim.OpWaiting
	case did.Has(sim.Tell):
		op.Progress, op.Generation = sim.OpPending, after.Generation
		b.hear(after.Network)
		if p := after.Profile(); !p.Present || p.Barred.Has(sim.Data) {
			b.cut(after.ID, why(c))
		}
	default:
		op.Progress, op.DoneAt = sim.OpDone, b.at
	}
	if did.Has(sim.Withdraw) || rephased {
		b.ended = append(b.ended, sim.Ended{SIM: after.ID, Progress: sim.OpWithdrawn, Error: c.Verb.String() + " replaced it", At: b.at})
	}
	b.ops, b.opOf = append(b.ops, op), append(b.opOf, i)
	b.result.Outcomes[i].Progress = op.Progress
	b.tell(event.SIMCommanded, before, event.Data{Verb: c.Verb.String(), From: before.Wanted.String(), To: after.Wanted.String(), Reason: c.Reason})
}

func (b *batch) hear(network string) {
	if b.networks == nil {
		b.networks = map[string]bool{}
	}
	b.networks[network] = true
}

func (b *batch) tell(kind event.Kind, s *sim.SIM, data event.Data) {
	b.events = append(b.events, event.Event{At: b.at, Kind: kind, Portfolio: s.Portfolio, SIM: s.ID, ICCID: s.ICCID, Seq: s.Version + 1,
		Actor: b.r.Caller.Actor(), Via: b.r.Via, Request: b.r.ID, Data: data})
}

func (b *batch) write(ctx context.Context) error {
	if err := b.tx.Decided(ctx, b.ended); err != nil {
		return err
	}
	if err := b.tx.AddOperations(ctx, b.ops); err != nil {
		return err
	}
	for n, i := range b.opOf {
		b.result.Outcomes[i].Operation = b.ops[n].ID
	}
	if err := b.tx.AddEvents(ctx, b.events); err != nil {
		return err
	}
	if err := b.tx.AddAlerts(ctx, b.alerts); err != nil {
		return err
	}
	if err := b.tx.SaveAssigned(ctx, b.assigned); err != nil {
		return err
	}
	if err := b.tellStates(ctx, b.changes, b.at); err != nil {
		return err
	}
	if err := b.tx.Save(ctx, b.changes); err != nil {
		return err
	}
	for reason, ids := range b.cuts {
		if _, err := b.tx.Cut(ctx, ids, reason, b.at); err != nil {
			return err
		}
	}
	return b.writeAdjusts(ctx)
}

// why says in a few words what a command does to a SIM, and for what reason.
func why(c *sim.Command) string {
	if c.Reason == "" {
		return c.Verb.String()
	}
	return c.Verb.String() + ": " + c.Reason
}

// cut has the open sessions of a SIM ended once everything is written.
func (b *batch) cut(id int64, reason string) {
	if b.cuts == nil {
		b.cuts = map[string][]int64{}
	}
	b.cuts[reason] = append(b.cuts[reason], id)
}

// after wakes, once a batch is durable, those who carry it on.
func (s *Service) after(b *batch) {
	if len(b.networks) > 0 {
		s.told(b.networks)
	}
	if len(b.cuts)+len(b.adjusts) > 0 {
		s.cut()
	}
}

// allowed checks the caller's permissions for everything that the edit does.
func (b *batch) allowed(e *Edit) error {
	c := &b.r.Caller
	for _, v := range e.verbs() {
		if err := c.Needs(needs(v)); err != nil {
			return err
		}
	}
	if e.Card != (Card{}) {
		if err := c.Needs(tenant.SIMImport); err != nil {
			return err
		}
	}
	activates := e.Verb >= sim.ActivateTest && e.Verb <= sim.ActivateLive
	if e.Lock != nil {
		if err := c.Needs(tenant.SIMAdminSuspend); err != nil {
			return err
		}
	}
	if e.DataLimit != nil || e.IMEILock != nil || !activates && (e.Name != nil || e.Group != nil || e.Device != nil || e.IMEI != nil) {
		if err := c.Needs(tenant.SIMUpdate); err != nil {
			return err
		}
	}
	if (!activates && e.Package != nil) || e.Portfolio != nil {
		return c.Needs(tenant.SIMAssign)
	}
	return nil
}

// needs maps verbs to permissions.
func needs(v sim.Verb) tenant.Permission {
	switch v {
	case sim.ActivateTest, sim.ActivateReady, sim.ActivateLive:
		return tenant.SIMActivate
	case sim.SuspendCustomer, sim.ResumeCustomer:
		return tenant.SIMSuspend
	case sim.SuspendAdmin, sim.ResumeAdmin, sim.SuspendSystem, sim.ResumeSystem:
		return tenant.SIMAdminSuspend
	case sim.Terminate:
		return tenant.SIMTerminate
	case sim.Close:
		return tenant.SIMClose
	case sim.Approved, sim.Rejected:
		return tenant.TaskDecide
	case sim.Agreed, sim.Refused, sim.Returned:
	}
	return tenant.NetworkWrite
}
