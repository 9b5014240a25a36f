package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// choose returns what the rows ask of their SIMs. A row is judged as a request
// on one SIM is: nothing but suspensions changes on a suspended SIM, and what a
// SIM has already is refused.
func (run *bulkRun) choose(t *turn) Choose {
	operator := run.r.Caller.May.Has(tenant.SIMAdminSuspend)
	return func(f Facts) (Edit, error) {
		value, l := t.value(f.SIM.ICCID), &f.SIM.Wanted
		if run.b.Type == bulk.SetSuspended {
			return suspension(value == bulk.Yes, l.Suspended, operator)
		}
		if l.Suspended != 0 {
			return Edit{}, errSuspended()
		}
		switch run.b.Type {
		case bulk.SetStatus:
			return status(value, l.State)
		case bulk.SetPackage:
			id, err := bulk.PackageID(value)
			return Edit{Package: &id}, noPackage(err, f.SIM, operator)
		case bulk.SetPortfolio:
			id, err := ident.ParsePortfolioID(value)
			return Edit{Portfolio: &id}, noPackage(err, f.SIM, operator)
		case bulk.SetSuspended, bulk.SetName, bulk.SetOrderID:
		}
		return Edit{}, fault.New(fault.Internal, "", "a bulk job of type %s", run.b.Type)
	}
}

func errSuspended() error {
	return fault.New(fault.Precondition, BulkSuspended, "the SIM is suspended")
}

func errAlready(what string) error {
	return fault.New(fault.Precondition, BulkAlready, "the SIM is %s already", what)
}

// noPackage refuses to move a SIM that has no package, unless the operator does.
func noPackage(err error, s *sim.SIM, operator bool) error {
	if err == nil && s.Package == 0 && !operator {
		err = fault.New(fault.Precondition, plan.NoPackage, "the SIM has no package")
	}
	return err
}

// status turns a wanted status into a command.
func status(to string, st sim.State) (Edit, error) {
	waits := st == sim.AwaitingApproval
	active := st == sim.Provisioning || st == sim.Provisioned
	switch {
	case to == bulk.Active && !active:
		return Edit{Verb: sim.ActivateLive}, nil
	case to == bulk.Available && (active || waits):
		return Edit{Verb: sim.Terminate}, nil
	}
	return Edit{}, errAlready(to)
}

// suspension turns the customer's flag into a command.
func suspension(yes bool, held sim.Kinds, operator bool) (Edit, error) {
	own := held.Has(sim.Customer)
	switch {
	case yes && own:
		return Edit{}, errAlready("suspended by the customer")
	case yes && held != 0 && !operator, !yes && held != 0 && !own && !operator:
		return Edit{}, errSuspended()
	case yes:
		return Edit{Verb: sim.SuspendCustomer, Reason: "suspended by the customer"}, nil
	case !own:
		return Edit{}, errAlready("free of that suspension")
	}
	return Edit{Verb: sim.ResumeCustomer}, nil
}

// attributeOf is the attribute that jobs of a type set; "" for others.
func attributeOf(t bulk.Type) string {
	switch t {
	case bulk.SetName:
		return sim.LabelName
	case bulk.SetOrderID:
		return bulk.OrderID
	case bulk.SetStatus, bulk.SetPackage, bulk.SetPortfolio, bulk.SetSuspended:
	}
	return ""
}

// labelMany sets one attribute of many SIMs: each as CreateAttributes, or
// SetAttribute where it is there, would. Why a SIM keeps what it has is noted in
// the turn.
func (run *bulkRun) labelMany(ctx context.Context, tx Tx, name string, t *turn) error {
	found, err := tx.Lock(ctx, run.in, t.iccids)
	if err != nil {
		return err
	}
	ids := make([]int64, len(found))
	byICCID := make(map[ident.ICCID]*sim.SIM, len(found))
	for i := range found {
		ids[i], byICCID[found[i].ICCID] = found[i].ID, &found[i]
	}
	stored, err := tx.Attributes(ctx, ids)
	if err != nil {
		return err
	}
	l := &labelling{at: run.s.now(), suspended: run.rules.LabelSuspended}
	for _, iccid := range t.iccids {
		before := byICCID[iccid]
		if before == nil {
			t.errs[t.of[iccid]] = missingSIM(iccid)
		} else if err := l.one(&run.r, before, stored[before.ID], name, t.value(iccid)); err != nil {
			t.errs[t.of[iccid]] = err
		}
	}
	if err := tx.SaveAttributes(ctx, l.rows, l.at); err != nil {
		return err
	}
	if err := tx.AddEvents(ctx, l.events); err != nil {
		return err
	}
	return tx.Save(ctx, l.changes)
}

// labelling is what is to be written of many SIMs.
type labelling struct {
	at        time.Time
	suspended bool // suspended SIMs are labelled, too
	rows      []sim.Attribute
	events    []event.Event
	changes   []sim.Change
}

func (l *labelling) one(r *Request, before *sim.SIM, stored []sim.Attribute, name, value string) error {
	if before.Wanted.Suspended != 0 && !l.suspended {
		return errSuspended()
	}
	h := &simHome{before: before, after: new(*before)}
	b := &attributing{home: h, active: before.Attributes(stored, false)}
	a, there := b.byName(name)
	need := tenant.AttributeUpdate
	if !there {
		need = tenant.AttributeCreate
		a = sim.Attribute{SIM: before.ID, Name: name}
	}
	if err := r.Caller.Needs(need); err != nil {
		return err
	}
	if !there && len(b.active) >= sim.MaxAttributes {
		return fault.New(fault.Exhausted, sim.AttributeLimit, "the SIM has %d attributes; at most %d are allowed", len(b.active), sim.MaxAttributes)
	}
	a.Value = value
	b.put(a)
	l.rows, l.events = append(l.rows, b.rows...), append(l.events, h.touch(r, b.changes, l.at))
	l.changes = append(l.changes, sim.Change{Before: before, After: h.after})
	return nil
}
