package app

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
)

// jobStore hands the store to workers.
type jobStore struct{ db *store.DB }

func (s jobStore) Write(ctx context.Context, fn func(job.Tx) error) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// work runs the jobs of each kind until ctx ends.
func (c *crew) work(ctx context.Context) {
	rules := fleet.BulkRules{LabelSuspended: c.o.SIMAPI.LabelSuspended}
	w := &job.Worker{Kind: bulk.Kind, Handler: c.a.Fleet.BulkHandler(rules), Store: jobStore{c.a.DB}, Rope: c.a.told.rope(fleet.BulkRope),
		Settings: job.Settings{Lease: c.o.Lease}, Log: c.a.Log, Now: c.a.Now, Observed: c.a.metrics.job}
	c.all.Go(func() { c.report(ctx, "running jobs", w.Run(ctx)) })
	c.all.Go(func() {
		every(ctx, c.o.pauses.sweep, func() { c.report(ctx, "dropping old jobs and files", c.a.Fleet.DropOld(ctx)) })
	})
}

// job counts a turn of a job: what became of it, and how long it took.
func (m *metrics) job(kind string, became job.State, took time.Duration) {
	outcome := became.String()
	if outcome == "" {
		outcome = "lost"
	}
	m.turns.WithLabelValues(kind, outcome).Inc()
	m.turnTook.WithLabelValues(kind).Observe(took.Seconds())
}
