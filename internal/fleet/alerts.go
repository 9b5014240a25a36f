package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// AlertStore reads and marks alerts.
type AlertStore interface {
	Alerts(ctx context.Context, in tenant.Sphere, q usage.AlertQuery) ([]usage.Alert, int64, error)
}

// Alerts lists the caller's alerts, newest first, and how many there are.
func (s *Service) Alerts(ctx context.Context, r Request, q usage.AlertQuery) ([]usage.Alert, int64, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, 0, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Alerts(ctx, r.Caller.Sphere, q)
}

// ReadAlerts marks alerts of the caller as read. Ids of others are passed over.
func (s *Service) ReadAlerts(ctx context.Context, r Request, ids []int64) (n int64, err error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		n, err = tx.ReadAlerts(ctx, r.Caller.Sphere, ids)
		return err
	})
	return n, err
}
