package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

// Look is what was seen of a network when it was last looked at.
type Look struct {
	Report    network.Report
	Abilities network.Abilities
	Lists     bool          // it finds subscribers that nobody asked for
	Took      time.Duration // to answer
	Err       error         // why it is not known, or does not answer
	Since     time.Time     // that it answers, or does not; zero where it was looked at once
}

// lookTime bounds how long a network may take to say who it is.
const lookTime = 10 * time.Second

func look(ctx context.Context, d network.Driver) Look {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	begun := time.Now()
	report, err := d.Inspect(ctx)
	_, lists := d.(network.Lister)
	return Look{Report: report, Abilities: d.Abilities(), Lists: lists, Took: time.Since(begun), Err: err}
}

// Look asks a network who it is, and how it is set up. The error is of the
// asking; that the network does not answer is in the look.
func (a *App) Look(ctx context.Context, n plan.Network) Look {
	d, err := a.openDriver(ctx, n)
	if err != nil {
		return Look{Err: err}
	}
	defer func() { _ = d.Close() }()
	return look(ctx, d)
}

// watch looks at a manned network now and then until ctx ends: sooner when its
// worker has failed, and more often while it is away.
func (c *crew) watch(ctx context.Context, p *post) {
	for {
		pause, doubt := c.o.pauses.look, p.doubt
		if !c.lookAt(ctx, p) {
			pause, doubt = pause/awayOften, nil
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		case <-doubt:
			t.Stop()
		}
	}
}

// awayOften is how many times as often one looks at a network that is away.
const awayOften = 6

// doubtful counts the batches of a network, and raises doubt about it when one
// fails.
type doubtful struct {
	*metrics
	doubt chan<- struct{}
}

// Batch implements sync.Observer.
func (d doubtful) Batch(network string, agreed, refused, failed int, took time.Duration) {
	d.metrics.Batch(network, agreed, refused, failed, took)
	if failed > 0 {
		select {
		case d.doubt <- struct{}{}:
		default:
		}
	}
}

// lookAt looks at a manned network, and reports whether it answers. It says in
// the log when the network goes away, comes back, or is not set up as it should
// be. What waited for one that is back is told at once.
func (c *crew) lookAt(ctx context.Context, p *post) bool {
	seen := look(ctx, p.driver)
	if ctx.Err() != nil {
		return false // what fails because the server stops tells nothing of the network
	}
	c.mu.Lock()
	before := p.seen
	if seen.Since = before.Since; before.Since.IsZero() || (seen.Err == nil) != (before.Err == nil) {
		seen.Since = time.Now()
	}
	p.seen = seen
	c.mu.Unlock()

	c.a.metrics.looked(p.network.Name, &seen)
	log := c.a.Log.With("network", p.network.Name)
	switch {
	case seen.Err != nil && before.Err == nil:
		log.Warn("the network does not answer; its SIMs wait for it", "error", seen.Err)
	case seen.Err == nil && before.Err != nil:
		log.Info("the network answers again", "after", time.Since(before.Since).Round(time.Second))
		c.report(ctx, "hurrying what waits for the network", c.a.Fleet.Hurry(ctx, p.network.Name), "network", p.network.Name)
	}
	if seen.Err == nil && !slices.Equal(seen.Report.Conditions, before.Report.Conditions) {
		for _, condition := range seen.Report.Conditions {
			log.Warn("the network is not set up as it should be", "condition", condition)
		}
	}
	return seen.Err == nil
}

// networks says of every manned network whether it answers. One that does not
// delays its own SIMs and leaves the server ready.
func (c *crew) networks() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]string, len(c.posts))
	for name, p := range c.posts {
		switch {
		case p.driver == nil:
		case p.seen.Since.IsZero():
			out[name] = "not known yet"
		case p.seen.Err != nil:
			out[name] = InWords(p.seen.Err) + ", since " + p.seen.Since.UTC().Format(time.RFC3339)
		default:
			out[name] = strings.Join(append([]string{fine}, p.seen.Report.Conditions...), "; ")
		}
	}
	return out
}

// InWords says what is wrong with a network without the cause, which may hold
// an address.
func InWords(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return "the network cannot be asked"
	case e.Message == "":
		return (&fault.Error{Fields: e.Fields}).Error() // settings are wrong by the operator's own words
	}
	return e.Message
}
