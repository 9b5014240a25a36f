package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Claim takes up to n SIMs of a network that have something to tell it, with
// their keys opened, and leases them. A worker that does not answer in time
// loses them to another.
func (s *Service) Claim(ctx context.Context, network string, n int, lease time.Duration) ([]sim.Claim, error) {
	var claims []sim.Claim
	err := s.store.Write(ctx, func(tx Tx) (err error) {
		now := s.now()
		claims, err = tx.Claim(ctx, network, n, now, now.Add(lease))
		return err
	})
	if err != nil {
		return nil, err
	}
	open, damaged := claims[:0], []sim.Answer(nil)
	for _, c := range claims {
		if err := s.unseal(&c); err != nil {
			damaged = append(damaged, sim.Answer{Claim: c, Err: err, RetryAt: s.now().Add(damagedRetry)})
			continue
		}
		open = append(open, c)
	}
	return open, s.Answer(ctx, damaged)
}

// damagedRetry is how often a SIM whose keys cannot be opened is looked at
// again: it stays pending, says why, and holds up no other.
const damagedRetry = 10 * time.Minute

func (s *Service) unseal(c *sim.Claim) error {
	secrets, err := s.vault.OpenSecrets(c.Profile.ICCID, c.Sealed)
	c.Profile.K, c.Profile.OPc, c.Sealed = secrets.K, secrets.OPc, nil
	return err
}

// Answer records what a network answered to claims. Claims whose lease has gone
// to another worker are left to that one.
func (s *Service) Answer(ctx context.Context, answers []sim.Answer) error {
	if len(answers) == 0 {
		return nil
	}
	write := s.store.Write
	if len(answers) >= bulkFrom {
		write = s.store.WriteBulk
	}
	return write(ctx, func(tx Tx) error {
		b := &answering{tx: tx, known: newKnown(tx, tenant.Everything()), at: s.now()}
		return b.run(ctx, answers)
	})
}

// answering is one Answer inside its transaction.
type answering struct {
	*known
	tx      Tx
	at      time.Time
	changes []sim.Change
	ended   []sim.Ended
	events  []event.Event
}

func (b *answering) run(ctx context.Context, answers []sim.Answer) error {
	claims := make([]sim.Claim, len(answers))
	for i, a := range answers {
		claims[i] = a.Claim
	}
	held, err := b.tx.Held(ctx, claims)
	if err != nil {
		return err
	}
	var mine []sim.Answer
	var final []int64
	for _, a := range answers {
		if held[a.Claim.Profile.SIM] {
			mine = append(mine, a)
			if a.Err == nil || a.Refused {
				final = append(final, a.Claim.Profile.SIM)
			}
		}
	}
	if err := b.settle(ctx, mine, final); err != nil {
		return err
	}
	return b.tx.Dequeue(ctx, mine, b.at)
}

func (b *answering) settle(ctx context.Context, answers []sim.Answer, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	sims, err := b.tx.LockIDs(ctx, ids)
	if err != nil {
		return err
	}
	byID := make(map[int64]*sim.SIM, len(sims))
	for i := range sims {
		byID[sims[i].ID] = &sims[i]
	}
	for _, a := range answers {
		before := byID[a.Claim.Profile.SIM]
		if before == nil || (a.Err != nil && !a.Refused) {
			continue
		}
		if err := b.one(ctx, before, &a); err != nil {
			return err
		}
	}
	if err := b.tx.Answered(ctx, b.ended); err != nil {
		return err
	}
	if err := b.tx.AddEvents(ctx, b.events); err != nil {
		return err
	}
	if err := b.tellStates(ctx, b.changes, b.at); err != nil {
		return err
	}
	return b.tx.Save(ctx, b.changes)
}

// networkActor is who acts when a network answers.
const networkActor = "system:network"

func (b *answering) one(ctx context.Context, before *sim.SIM, a *sim.Answer) error {
	p := &a.Claim.Profile
	c := sim.Command{Verb: sim.Agreed, Actor: networkActor, At: b.at, Generation: p.Generation, Shown: p.Wanted}
	end := sim.Ended{SIM: before.ID, Generation: p.Generation, Progress: sim.OpDone, Attempts: a.Claim.Attempts + 1, At: b.at}
	kind := event.SIMSettled
	if a.Refused {
		c.Verb, c.Reason = sim.Refused, fault.Text(a.Err)
		end.Progress, end.Error, kind = sim.OpRefused, fault.Text(a.Err), event.SIMRefused
	}
	b.ended = append(b.ended, end)
	d, err := sim.Decide(before.Lifecycle, c)
	if err != nil || !d.Changed {
		return err
	}
	after := *before
	after.Lifecycle = d.Next
	after.ModifiedAt, after.Version = b.at, before.Version+1
	if err := b.contract(ctx, before, &after); err != nil {
		return err
	}
	b.changes = append(b.changes, sim.Change{Before: before, After: &after})
	b.events = append(b.events, event.Event{At: b.at, Kind: kind, Portfolio: after.Portfolio, SIM: after.ID, ICCID: after.ICCID, Seq: after.Version,
		Actor: networkActor, Via: "sync", Data: event.Data{From: before.Status().String(), To: after.Status().String(), Reason: c.Reason}})
	return nil
}

// contract dates the end of a contract that has just begun.
func (b *answering) contract(ctx context.Context, before, after *sim.SIM) error {
	if after.ContractStart.Equal(before.ContractStart) {
		return nil
	}
	p, err := b.pkg(ctx, after.Package)
	if err != nil || p == nil {
		return err
	}
	after.ContractEnd = p.ContractEnd(after.ContractStart)
	return nil
}

// ReturnDue brings terminated SIMs whose quarantine is over back to stock, a
// few at a time, and returns how many.
func (s *Service) ReturnDue(ctx context.Context, network string, quarantine time.Duration, n int) (int, error) {
	ids, err := s.store.QuarantineOver(ctx, network, s.now().Add(-quarantine), n)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	returned := 0
	err = s.store.Write(ctx, func(tx Tx) error {
		at := s.now()
		sims, err := tx.LockIDs(ctx, ids)
		if err != nil {
			return err
		}
		var changes []sim.Change
		var events []event.Event
		for i := range sims {
			before, after := &sims[i], sims[i]
			d, err := sim.Decide(before.Lifecycle, sim.Command{Verb: sim.Returned, Actor: "system:quarantine", At: at})
			if err != nil || !d.Changed {
				continue // commanded meanwhile
			}
			after.Lifecycle, after.ModifiedAt = d.Next, at
			changes = append(changes, sim.Change{Before: before, After: &after})
			events = append(events, event.Event{At: at, Kind: event.SIMReturned, Portfolio: after.Portfolio, SIM: after.ID, ICCID: after.ICCID,
				Seq: before.Version + 1, Actor: "system:quarantine", Via: "sync", Data: event.Data{From: "unprovisioned", To: "available"}})
		}
		returned = len(changes)
		if err := tx.AddEvents(ctx, events); err != nil {
			return err
		}
		if err := newKnown(tx, tenant.Everything()).tellStates(ctx, changes, at); err != nil {
			return err
		}
		return tx.Save(ctx, changes)
	})
	return returned, err
}
