package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// writer is the one goroutine that writes to SQLite. It commits whatever has
// queued in one transaction, each request in a savepoint of its own, and
// answers after the commit: so synchronous=FULL costs one sync per group.
//
// Bulk requests have a queue of their own. One runs alone, then the small ones
// have their turn.
type writer struct {
	c     *connection
	fault func(error) error
	small chan *request
	bulk  chan *request
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once

	relaxed bool        // commits are not synced
	syncAt  time.Time   // when one of those that need not be durable was
	synced  atomic.Bool // the last one of them was
}

type request struct {
	ctx     context.Context
	fn      func(querier) error
	again   bool // it need not be durable at once
	err     error
	started atomic.Bool
	done    chan struct{}
}

// Limits of a group: small enough that a waiting bulk, or a caller that came
// late, is not kept for long.
const (
	groupSize = 256
	groupTime = 20 * time.Millisecond
	syncTime  = time.Second
	queueSize = 1024
)

func newWriter(c *connection, label func(error) error) *writer {
	w := &writer{c: c, fault: label, small: make(chan *request, queueSize), bulk: make(chan *request, 16),
		quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// do queues fn and waits for its commit. A caller that gives up while fn waits
// is taken out of the queue; once fn has started, do waits for its end.
func (w *writer) do(ctx context.Context, l lane, fn func(querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, fn: fn, again: l == laneAgain, done: make(chan struct{})}
	queue := w.small
	if l != laneSmall {
		queue = w.bulk
	}
	select {
	case queue <- r:
	case <-w.quit:
		return closedFault()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	case <-w.done:
	}
	if r.started.CompareAndSwap(false, true) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return closedFault()
	}
	<-r.done
	return r.err
}

// stop ends the writer after the group under way.
func (w *writer) stop() {
	w.once.Do(func() { close(w.quit) })
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	defer w.c.close()
	for {
		select {
		case r := <-w.small:
			w.group(r, w.small)
		case r := <-w.bulk:
			w.alone(r)
			if r := next(w.small); r != nil {
				w.group(r, w.small)
			}
		case <-w.quit:
			return
		}
	}
}

// next takes a request that waits; nil for none, and for no queue.
func next(queue <-chan *request) *request {
	select {
	case r := <-queue:
		return r
	default:
		return nil
	}
}

// group runs first and what else has queued in one transaction. Nobody hears
// of success before the commit.
func (w *writer) group(first *request, more <-chan *request) {
	g := &group{w: w}
	defer g.answer()
	g.durable(true)
	begun := time.Now()
	for r := first; r != nil; r = next(more) {
		g.run(r)
		if g.lost != nil || len(g.members) == groupSize || time.Since(begun) > groupTime {
			break
		}
	}
	g.commit()
}

// alone runs one request in a transaction of its own. There is nobody to be
// saved from its failure, and a savepoint costs a copy of every page that a bulk
// changes.
//
// What need not be durable at once is made so every second, and all of it before
// with it.
func (w *writer) alone(r *request) {
	g := &group{w: w}
	defer g.answer()
	late := time.Since(w.syncAt) > syncTime
	g.durable(!r.again || late)
	if r.again {
		if w.synced.Store(late); late {
			w.syncAt = time.Now()
		}
	}
	if g.join(r) {
		r.err = r.fn(w.c)
	}
	if r.err == nil {
		g.commit()
	}
}

// group is one transaction and the requests in it.
type group struct {
	w         *writer
	members   []*request
	open      bool
	committed bool
	lost      error // why the transaction is gone, and everybody's work with it
}

// join makes a request a member, unless its caller has given up. The first one
// begins the transaction.
func (g *group) join(r *request) bool {
	if !r.started.CompareAndSwap(false, true) {
		return false
	}
	g.members = append(g.members, r)
	if !g.open {
		if g.lost == nil {
			g.lost = g.do("BEGIN IMMEDIATE")
		}
		g.open = g.lost == nil
	}
	return g.open
}

// durable says, before the transaction begins, whether its commit is synced.
func (g *group) durable(yes bool) {
	if g.w.relaxed != yes {
		return
	}
	level := "NORMAL"
	if yes {
		level = "FULL"
	}
	if err := g.do("PRAGMA synchronous = " + level); err == nil {
		g.w.relaxed = !yes
	} else if yes {
		g.lost = err
	}
}

// run runs one request in a savepoint, so that its failure undoes only what it
// did.
func (g *group) run(r *request) {
	if !g.open {
		g.lead(r)
		return
	}
	if !g.join(r) {
		return
	}
	if g.lost = g.do("SAVEPOINT member"); g.lost != nil {
		return
	}
	if r.err = r.fn(g.w.c); r.err != nil {
		// Some failures, a full disk among them, roll back the transaction:
		// then there is no savepoint to go back to.
		if err := g.do("ROLLBACK TO member"); err != nil {
			g.lost = fault.New(fault.Unavailable, "store.lost", "the database took the transaction back; try again").Because(errors.Join(r.err, err))
		}
	}
	if g.lost == nil {
		g.lost = g.do("RELEASE member")
	}
}

// lead runs the request that begins the transaction. It needs no savepoint,
// which costs a copy of every page that changes: when it fails, nobody else's
// work is in there, and the next request begins anew.
func (g *group) lead(r *request) {
	if !g.join(r) {
		return
	}
	if r.err = r.fn(g.w.c); r.err != nil {
		g.open = false
		_ = g.do("ROLLBACK") // fails where SQLite has done it
	}
}

func (g *group) do(text string) error {
	_, err := g.w.c.exec(context.Background(), text) // a group outlives any one caller
	return g.w.fault(err)
}

func (g *group) commit() {
	if g.open && g.lost == nil {
		g.lost = g.do("COMMIT")
		g.committed = g.lost == nil
	}
}

// answer lets the callers go. It is deferred: a request that ends the goroutine
// must not look like one that succeeded.
func (g *group) answer() {
	if g.open && !g.committed {
		_ = g.do("ROLLBACK") // fails where SQLite has done it
	}
	for _, r := range g.members {
		if r.err == nil && !g.committed {
			if r.err = g.lost; r.err == nil {
				r.err = closedFault()
			}
		}
		close(r.done)
	}
}
