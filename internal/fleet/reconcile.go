package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Expected lists up to n SIMs of a network after the given IMSI, in order, that
// the network should have as it last agreed. Those on their way are left out.
func (s *Service) Expected(ctx context.Context, network string, after ident.IMSI, n int) ([]sim.SIM, error) {
	return s.store.Expected(ctx, network, after, n)
}

// StartReconcile takes the turn to reconcile a network, unless another node had
// it within the interval.
func (s *Service) StartReconcile(ctx context.Context, network string, interval time.Duration) (mine bool, err error) {
	err = s.store.Write(ctx, func(tx Tx) (err error) {
		now := s.now()
		mine, err = tx.StartReconcile(ctx, network, now, now.Add(-interval))
		return err
	})
	return mine, err
}

// Drift is a SIM whose network differs from what it agreed to.
type Drift struct {
	SIM     sim.SIM
	Changes []event.Change // From is what the network has, To what it should have
}

// Drifted records drift in the SIMs' timelines and, to repair it, sends the
// SIMs to their network once more. A SIM that was commanded since it was read
// is left alone: it is on its way there.
func (s *Service) Drifted(ctx context.Context, r Request, drifts []Drift, repair bool) (int, error) {
	if len(drifts) == 0 {
		return 0, nil
	}
	ids := make([]int64, len(drifts))
	byID := make(map[int64]*Drift, len(drifts))
	for i := range drifts {
		ids[i], byID[drifts[i].SIM.ID] = drifts[i].SIM.ID, &drifts[i]
	}
	networks, n := map[string]bool{}, 0
	err := s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		sims, err := tx.LockIDs(ctx, ids)
		if err != nil {
			return err
		}
		var again []sim.SIM
		var events []event.Event
		for i := range sims {
			d := byID[sims[i].ID]
			if sims[i].Generation != d.SIM.Generation || sims[i].Pending() {
				continue
			}
			again = append(again, sims[i])
			networks[sims[i].Network] = true
			e := r.event(event.SIMDrifted, sims[i].Portfolio, now, event.Data{Changes: d.Changes})
			e.SIM, e.ICCID, e.Seq = sims[i].ID, sims[i].ICCID, sims[i].Version
			events = append(events, e)
		}
		n = len(again)
		if err := tx.AddEvents(ctx, events); err != nil || !repair {
			return err
		}
		return tx.Requeue(ctx, again, now)
	})
	if err == nil && repair && n > 0 {
		s.told(networks)
	}
	return n, err
}

// QueueDepths says how much waits for each network.
func (s *Service) QueueDepths(ctx context.Context) ([]sim.QueueDepth, error) {
	return s.store.QueueDepths(ctx)
}

// hurryStep is how many SIMs are hurried in one transaction.
const hurryStep = 5000

// Hurry has what a network failed to take tried again now: the network is back,
// and nobody needs to wait for a pause that was meant for one that is away.
func (s *Service) Hurry(ctx context.Context, network string) error {
	for {
		var n int64
		err := s.store.WriteBulk(ctx, func(tx Tx) (err error) {
			n, err = tx.Hurry(ctx, network, s.now(), hurryStep)
			return err
		})
		if n > 0 {
			s.told(map[string]bool{network: true})
		}
		if err != nil || n < hurryStep {
			return err
		}
	}
}
