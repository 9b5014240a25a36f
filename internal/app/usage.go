package app

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Usage says how long usage is kept, and when a session has gone silent.
type Usage struct {
	Months int           // sessions, hours and answers to gateways are kept; 0 for ever
	Stale  time.Duration // a session that nothing is heard of for so long; 2 h
}

const defaultStale = 2 * time.Hour

// usage keeps the rounds of what networks report: test periods and data limits
// that are over, sessions that have gone silent, what is too old, and what a node
// that takes no reports itself finds uncounted.
func (c *crew) usage(ctx context.Context) {
	f, stale := c.a.Fleet, cmp.Or(c.o.Usage.Stale, defaultStale)
	c.all.Go(func() {
		every(ctx, c.o.pauses.rules, func() {
			_, err1 := f.LiftMonthly(ctx)
			_, err2 := f.EndTests(ctx)
			_, err3 := f.EndWaits(ctx)
			_, err4 := f.TellSilences(ctx)
			_, err5 := f.TellBalances(ctx)
			c.report(ctx, "applying the rules of time", errors.Join(err1, err2, err3, err4, err5))
		})
	})
	c.all.Go(func() {
		every(ctx, c.o.pauses.rules, func() {
			_, err := f.FoldAll(ctx)
			c.report(ctx, "counting what was reported", err)
		})
	})
	c.all.Go(func() {
		every(ctx, c.o.pauses.sweep, func() {
			n, err := f.MarkStale(ctx, c.a.now().Add(-stale))
			c.report(ctx, "finding sessions that have gone silent", err)
			if n > 0 {
				c.a.Log.Info("data sessions have gone silent", "sessions", n)
			}
			if c.o.Usage.Months > 0 {
				c.report(ctx, "dropping old usage", f.DropUsage(ctx, c.a.now().AddDate(0, -c.o.Usage.Months, 0)))
			}
		})
	})
}

func (a *App) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}
