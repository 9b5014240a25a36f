package fleet

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// CutWriter hands sessions that must end to those who can end them.
type CutWriter interface {
	ClaimCuts(ctx context.Context, node string, n int, now, until time.Time) ([]usage.Cut, error)
	CutDone(ctx context.Context, done []usage.CutAnswer, now time.Time) error
	HurryCuts(ctx context.Context, sessions []int64, now time.Time) (int64, error)
	SaveLinks(ctx context.Context, node string, gateways []string, now, until time.Time) error
}

// ClaimCuts takes up to n sessions that must be cut, oldest first, and leases
// them to a node. Those that were handed to another are left to it for a moment.
// Sessions that have ended by themselves are proved so and left out.
func (s *Service) ClaimCuts(ctx context.Context, node string, n int, lease time.Duration) ([]usage.Cut, error) {
	var cuts []usage.Cut
	err := s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		claimed, err := tx.ClaimCuts(ctx, node, n, now, now.Add(lease))
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

// HurryCuts has the orders tried at once that wait for their next attempt and go to
// an address in a range, as its gateway can be reached again. It returns how many.
func (s *Service) HurryCuts(ctx context.Context, at netip.Prefix) (hurried int64, err error) {
	for after, more := int64(0), true; more; {
		page, err := s.store.WaitingCuts(ctx, after, maxPage, s.now())
		if err != nil {
			return hurried, err
		}
		more = len(page) == maxPage
		for id := range page {
			after = max(after, id)
		}
		maps.DeleteFunc(page, func(_ int64, to netip.Addr) bool { return !at.Contains(to) })
		n, err := s.hurry(ctx, keysOf(page))
		if err != nil {
			return hurried, err
		}
		hurried += n
	}
	return hurried, nil
}

func (s *Service) hurry(ctx context.Context, sessions []int64) (n int64, err error) {
	if len(sessions) == 0 {
		return 0, nil
	}
	err = s.store.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.HurryCuts(ctx, sessions, s.now())
		return err
	})
	if n > 0 && err == nil {
		s.cut()
	}
	return n, err
}

// SaveLinks says which gateways have a connection over TLS to a node, for as
// long as it lasts; it replaces what the node said before.
func (s *Service) SaveLinks(ctx context.Context, node string, gateways []string, lasts time.Duration) error {
	return s.store.Write(ctx, func(tx Tx) error {
		now := s.now()
		return tx.SaveLinks(ctx, node, gateways, now, now.Add(lasts))
	})
}

// GatewayLinks returns a node that has a connection over TLS, by gateway.
func (s *Service) GatewayLinks(ctx context.Context) (map[string]string, error) {
	return s.store.GatewayLinks(ctx, s.now())
}
