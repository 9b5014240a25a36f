package fleet

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Operations lists what was asked of SIMs and what became of it, newest first.
func (s *Service) Operations(ctx context.Context, r Request, q sim.OperationQuery) ([]sim.Operation, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Operations(ctx, r.Caller.Sphere, q)
}

// Tasks lists what waits for a person, newest first: operations in progress
// "waiting".
func (s *Service) Tasks(ctx context.Context, r Request, before int64, n int) ([]sim.Operation, error) {
	return s.Operations(ctx, r, sim.OperationQuery{Progress: []sim.Progress{sim.OpWaiting}, Before: before, Limit: n})
}

// maxPage bounds lists that have no limit of their own in a contract.
const maxPage = 1000

func limit(n int) int {
	if n <= 0 || n > maxPage {
		return maxPage
	}
	return n
}

// DecideTask approves or rejects what waits for a person. The id is that of the
// operation. What was decided or withdrawn already is refused.
func (s *Service) DecideTask(ctx context.Context, r Request, id int64, approve bool, reason string) (sim.Operation, error) {
	if err := r.Caller.Needs(tenant.TaskDecide); err != nil {
		return sim.Operation{}, err
	}
	if !approve && reason == "" {
		return sim.Operation{}, fault.InvalidField("reason", "is empty; the customer is told why")
	}
	var op sim.Operation
	networks := map[string]bool{}
	err := s.store.Write(ctx, func(tx Tx) error {
		ops, err := tx.Operations(ctx, r.Caller.Sphere, sim.OperationQuery{ID: id, Limit: 1})
		if err != nil {
			return err
		}
		if len(ops) == 0 {
			return fault.Missing("task", strconv.FormatInt(id, 10))
		}
		op = ops[0]
		if op.Progress != sim.OpWaiting {
			return fault.New(fault.Precondition, "task.over", "task %d is %s already", id, op.Progress)
		}
		return s.decideTask(ctx, tx, &r, &op, approve, reason, networks)
	})
	if err != nil {
		return sim.Operation{}, err
	}
	if len(networks) > 0 {
		s.told(networks)
		s.cut()
	}
	return op, nil
}

func (s *Service) decideTask(ctx context.Context, tx Tx, r *Request, op *sim.Operation, approve bool, reason string, networks map[string]bool) error {
	sims, err := tx.Lock(ctx, r.Caller.Sphere, []ident.ICCID{op.ICCID})
	if err != nil {
		return err
	}
	if len(sims) == 0 {
		return missingSIM(op.ICCID)
	}
	at, before, after := s.now(), &sims[0], sims[0]
	c := sim.Command{Verb: sim.Approved, Actor: r.Caller.Actor(), Reason: reason, At: at}
	end := sim.Ended{SIM: before.ID, Progress: sim.OpPending, At: at}
	kind := event.SIMCommanded
	if !approve {
		c.Verb, end.Progress, end.Error, kind = sim.Rejected, sim.OpRejected, reason, event.SIMRefused
	}
	d, err := sim.Decide(before.Lifecycle, c)
	if err != nil {
		return err
	}
	known := newKnown(tx, tenant.Everything())
	if before.Wanted.State == sim.AwaitingApproval && approve {
		if err := known.serves(ctx, before.Portfolio); err != nil {
			return err
		}
	}
	after.Lifecycle, after.ModifiedAt = d.Next, at
	if d.Effects.Has(sim.Tell) {
		end.Generation = after.Generation
		networks[after.Network] = true
	}
	op.Progress, op.Generation, op.LastError = end.Progress, end.Generation, end.Error
	if err := tx.Decided(ctx, []sim.Ended{end}); err != nil {
		return err
	}
	if err := tx.AddEvents(ctx, []event.Event{{At: at, Kind: kind, Portfolio: after.Portfolio, SIM: after.ID, ICCID: after.ICCID,
		Seq: before.Version + 1, Actor: r.Caller.Actor(), Via: r.Via, Request: r.ID,
		Data: event.Data{Verb: c.Verb.String(), From: before.Wanted.String(), To: after.Wanted.String(), Reason: reason}}}); err != nil {
		return err
	}
	changes := []sim.Change{{Before: before, After: &after}}
	if err := known.tellStates(ctx, changes, at); err != nil {
		return err
	}
	if err := tx.Save(ctx, changes); err != nil || !approve || after.Profile().Present {
		return err
	}
	_, err = tx.Cut(ctx, []int64{after.ID}, c.Verb.String()+": "+op.Verb.String(), at)
	return err
}
