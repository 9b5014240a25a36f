package app

import (
	"bytes"
	"context"
	"log/slog"
	gosync "sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sync"
)

// crew keeps every network manned: a worker that tells it what is wanted, a
// reconciler, and the way back to stock. It watches for networks that are added
// while it runs. One network that cannot be opened holds up no other.
type crew struct {
	a *App
	o Serving

	mu    gosync.Mutex
	posts map[string]*post // only man writes it
	all   gosync.WaitGroup // what concerns no network
}

// post is one network as the crew knows it.
type post struct {
	network plan.Network
	driver  network.Driver
	err     error // why it is not manned
	seen    Look  // the crew's mu guards it
	doubt   chan struct{}

	rest context.CancelFunc // ends the work
	work gosync.WaitGroup
}

// pauses are those of the crew's rounds.
type pauses struct {
	watch time.Duration // for new networks, and for those that failed to open
	stock time.Duration // for SIMs whose quarantine is over
	sweep time.Duration // for sessions and answers that have expired
	turn  time.Duration // for the turn to reconcile, at most
	rules time.Duration // for test periods and data limits that are over
	look  time.Duration // at each network, whether it answers
}

var usual = pauses{watch: 2 * time.Second, stock: 30 * time.Second, sweep: 10 * time.Minute, turn: time.Minute, rules: 30 * time.Second, look: 30 * time.Second}

const (
	openTime  = 15 * time.Second // for a network to be opened
	stockPage = 500
)

func newCrew(a *App, o Serving) *crew { return &crew{a: a, o: o, posts: map[string]*post{}} }

// run works until ctx ends. It returns once every batch that has been begun is
// finished and every driver is closed.
func (c *crew) run(ctx context.Context) {
	c.all.Go(func() {
		every(ctx, c.o.pauses.sweep, func() { c.report(ctx, "dropping what has expired", c.a.Fleet.DropExpired(ctx)) })
	})
	c.work(ctx)
	c.usage(ctx)
	every(ctx, c.o.pauses.watch, func() { c.man(ctx) })
	c.all.Wait()
	for name := range c.posts {
		c.relieve(name)
	}
}

// every calls do at once and then after every pause, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) {
	t := time.NewTicker(pause)
	defer t.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

// report logs a failure that the next round may mend; what fails because the
// server stops is none.
func (c *crew) report(ctx context.Context, what string, err error, more ...any) {
	if err != nil && ctx.Err() == nil {
		c.a.Log.Warn(what+" failed; trying again", append(more, slog.Any("error", err))...)
	}
}

// man starts what is missing, and anew what is set up otherwise by now; and it
// ends what is gone. One goroutine at a time calls it.
func (c *crew) man(ctx context.Context) {
	networks, err := c.a.Fleet.Networks(ctx, self("crew"))
	if err != nil {
		c.report(ctx, "listing the networks", err)
		return
	}
	there := map[string]bool{}
	for _, n := range networks {
		there[n.Name] = true
		p := c.posts[n.Name]
		if p != nil && p.driver != nil && sameSetup(&p.network, &n) {
			continue
		}
		if p != nil && p.driver != nil {
			c.a.Log.Info("the network is set up otherwise", "network", n.Name)
		}
		c.relieve(n.Name)
		c.open(ctx, n, p == nil || !sameSetup(&p.network, &n))
	}
	for name := range c.posts {
		if !there[name] {
			c.relieve(name)
			c.a.metrics.forget(name)
			c.a.Log.Info("the network is removed", "network", name)
		}
	}
}

func sameSetup(a, b *plan.Network) bool {
	return a.Config == b.Config && bytes.Equal(a.Sealed, b.Sealed) && a.QuarantineDays == b.QuarantineDays
}

// open mans a network. Why it cannot be is said aloud once.
func (c *crew) open(ctx context.Context, n plan.Network, aloud bool) {
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	driver, err := c.a.openDriver(opening, n)
	if aloud {
		c.report(ctx, "opening the network", err, "network", n.Name)
	}
	p := &post{network: n, driver: driver, err: err, doubt: make(chan struct{}, 1)}
	c.mu.Lock()
	c.posts[n.Name] = p
	c.mu.Unlock()
	if err == nil {
		c.start(ctx, p)
	}
}

// relieve ends the work on a network, once the batch under way is finished.
func (c *crew) relieve(name string) {
	p := c.posts[name]
	if p != nil && p.driver != nil {
		p.rest()
		p.work.Wait()
		c.a.controls.man(name, nil)
		if err := p.driver.Close(); err != nil {
			c.a.Log.Warn("closing the network failed", "network", name, "error", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.posts, name)
}

func (c *crew) start(ctx context.Context, p *post) {
	ctx, p.rest = context.WithCancel(ctx)
	n, driver := p.network, p.driver
	c.a.controls.man(n.Name, driver)
	w := &sync.Worker{Network: n.Name, Driver: driver, Fleet: c.a.Fleet, Rope: c.a.told.rope(n.Name), Log: c.a.Log,
		Observed: doubtful{c.a.metrics, p.doubt}, Settings: sync.Settings{Lease: c.o.Lease}}
	p.work.Go(func() { c.report(ctx, "telling the network", w.Run(ctx), "network", n.Name) })
	r := &sync.Runner{Network: n.Name, Driver: driver, Fleet: c.a.Fleet, Rope: c.a.errands.rope(n.Name), Log: c.a.Log, Settings: sync.Settings{Lease: c.o.Lease}}
	p.work.Go(func() { c.report(ctx, "doing errands", r.Run(ctx), "network", n.Name) })
	p.work.Go(func() { every(ctx, c.o.pauses.stock, func() { c.returnDue(ctx, n) }) })
	p.work.Go(func() { c.watch(ctx, p) })
	if c.o.ReconcileEvery > 0 {
		p.work.Go(func() { every(ctx, min(c.o.pauses.turn, c.o.ReconcileEvery), func() { c.reconcile(ctx, n, driver) }) })
	}
	c.a.Log.Info("the network is manned", "network", n.Name, "driver", n.Driver)
}

// returnDue brings back to stock what has waited long enough.
func (c *crew) returnDue(ctx context.Context, n plan.Network) {
	quarantine := time.Duration(n.QuarantineDays) * 24 * time.Hour
	for ctx.Err() == nil {
		returned, err := c.a.Fleet.ReturnDue(ctx, n.Name, quarantine, stockPage)
		c.report(ctx, "returning SIMs to stock", err, "network", n.Name)
		if err != nil || returned < stockPage {
			return
		}
	}
}

// reconcile reads the network back when it is this node's turn.
func (c *crew) reconcile(ctx context.Context, n plan.Network, driver network.Driver) {
	mine, err := c.a.Fleet.StartReconcile(ctx, n.Name, c.o.ReconcileEvery)
	if err != nil || !mine {
		c.report(ctx, "taking the turn to reconcile", err, "network", n.Name)
		return
	}
	r := sync.Reconciler{Network: n.Name, Driver: driver, Fleet: c.a.Fleet, Request: self("reconciler"), Repair: c.o.Repair}
	sum, err := r.Run(ctx)
	m := c.a.metrics
	m.drifted.WithLabelValues(n.Name).Add(float64(sum.Drifted))
	if err != nil {
		c.report(ctx, "reconciling", err, "network", n.Name)
		return
	}
	m.unknown.WithLabelValues(n.Name).Set(float64(sum.Unknown))
	m.readBack.WithLabelValues(n.Name).SetToCurrentTime()
	if sum.Drifted > 0 || sum.Unknown > 0 {
		c.a.Log.Warn("the network differs from what it agreed to", "network", n.Name, "checked", sum.Checked,
			"drifted", sum.Drifted, "repairing", sum.Queued, "unknown", sum.Unknown)
	}
}

// state says of every network whether it is manned, for the readiness check.
func (c *crew) state() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]string, len(c.posts))
	for name, p := range c.posts {
		out[name] = fine
		if p.err != nil {
			out[name] = reason(p.err)
		}
	}
	return out
}

// reason is what an operator reads of a network that cannot be opened. Settings
// are wrong by the operator's own words; the rest stays in the log.
func reason(err error) string {
	if fault.KindOf(err) == fault.Invalid {
		return err.Error()
	}
	return plainly(err)
}
