package store

import (
	"context"
	"fmt"
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
}

type request struct {
	ctx     context.Context
	fn      func(querier) error
	err     error
	started atomic.Bool
	done    chan struct{}
}

// Limits of a group: small enough that a waiting bulk, or a caller that came
// late, is not kept for long.
const (
	groupSize = 256
	groupTime = 20 * time.Millisecond
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
func (w *writer) do(ctx context.Context, bulk bool, fn func(querier) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	queue := w.small
	if bulk {
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

func closedFault() error {
	return fault.New(fault.Unavailable, "store.closed", "the database is closing")
}

// stop ends the writer after the group under way.
func (w *writer) stop() {
	w.once.Do(func() { close(w.quit) })
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	defer func() { _ = w.c.conn.Close() }()
	defer w.c.forget()
	for {
		select {
		case r := <-w.small:
			w.group(r, w.small)
		case r := <-w.bulk:
			w.group(r, nil)
			w.turn()
		case <-w.quit:
			return
		}
	}
}

// turn serves the small requests that queued behind a bulk one.
func (w *writer) turn() {
	select {
	case r := <-w.small:
		w.group(r, w.small)
	default:
	}
}

// group runs first and what else has queued, and commits.
func (w *writer) group(first *request, more <-chan *request) {
	ctx := context.Background() // a group outlives any one caller
	begun := time.Now()
	members := make([]*request, 0, 16)
	defer func() {
		for _, r := range members {
			close(r.done)
		}
	}()
	if !first.started.CompareAndSwap(false, true) {
		return
	}
	members = append(members, first)
	if _, err := w.c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		first.err = w.fault(err)
		return
	}
	w.member(ctx, first)
	for len(members) < groupSize && time.Since(begun) < groupTime {
		r := next(more)
		if r == nil {
			break
		}
		if r.started.CompareAndSwap(false, true) {
			members = append(members, r)
			w.member(ctx, r)
		}
	}
	if _, err := w.c.exec(ctx, "COMMIT"); err != nil {
		_, _ = w.c.exec(ctx, "ROLLBACK")
		for _, r := range members {
			if r.err == nil {
				r.err = w.fault(err)
			}
		}
	}
}

func next(more <-chan *request) *request {
	select {
	case r := <-more:
		return r
	default:
		return nil
	}
}

// member runs one request in a savepoint, so that its failure undoes only what
// it did.
func (w *writer) member(ctx context.Context, r *request) {
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	if _, r.err = w.c.exec(ctx, "SAVEPOINT member"); r.err != nil {
		return
	}
	r.err = w.call(r)
	end := "RELEASE member"
	if r.err != nil {
		end = "ROLLBACK TO member"
	}
	if _, err := w.c.exec(ctx, end); err != nil && r.err == nil {
		r.err = w.fault(err)
	}
	if r.err != nil {
		_, _ = w.c.exec(ctx, "RELEASE member")
	}
}

// call keeps a panic of one request from taking the writer, and everybody
// else's answers, with it.
func (w *writer) call(r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v", p)
		}
	}()
	return r.fn(w.c)
}
