package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// CutWriter hands sessions that must end to those who can end them.
type CutWriter interface {
	ClaimCuts(ctx context.Context, n int, now, until time.Time) ([]usage.Cut, error)
	CutDone(ctx context.Context, done []usage.CutAnswer, now time.Time) error
}

// ClaimCuts takes up to n sessions that must be cut, oldest first, and leases
// them. Sessions that have ended by themselves are proved so and left out.
func (s *Service) ClaimCuts(ctx context.Context, n int, lease time.Duration) ([]usage.Cut, error) {
	var cuts []usage.Cut
	err := s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		claimed, err := tx.ClaimCuts(ctx, n, now, now.Add(lease))
		if err != nil {
			return err
		}
		cuts = nil
		var over []usage.CutAnswer
		for _, c := range claimed {
			if c.Session.Phase == usage.Closed || c.Session.Phase == usage.Lost {
				over = append(over, usage.CutAnswer{Cut: c, Outcome: usage.CutStopped})
				continue
			}
			cuts = append(cuts, c)
		}
		return tx.CutDone(ctx, over, now)
	})
	return cuts, err
}

// Cuts lists the orders to cut sessions of a SIM and what proved that they are
// over, newest session first.
func (s *Service) Cuts(ctx context.Context, r Request, iccid ident.ICCID, n int) ([]usage.CutRecord, error) {
	if err := r.Caller.Needs(tenant.ActivityGet); err != nil {
		return nil, err
	}
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return nil, err
	}
	return s.store.Cuts(ctx, got.ID, limit(n))
}

// CutDone records what became of cuts: the proof, or when to try again.
func (s *Service) CutDone(ctx context.Context, done []usage.CutAnswer) error {
	if len(done) == 0 {
		return nil
	}
	return s.store.Write(ctx, func(tx Tx) error { return tx.CutDone(ctx, done, s.now()) })
}
