package aaa

import (
	"context"
	"sync"
)

// gatherer hands questions on together: whatever has come while the last batch
// was worked on is the next one. It adds no delay of its own, and the busier it
// is the less each question costs.
type gatherer[Q, A any] struct {
	queue chan *question[Q, A]
	most  int
	do    func(ctx context.Context, batch []*question[Q, A])
	once  sync.Once
}

// question is one asker's, who waits for done.
type question[Q, A any] struct {
	ask    Q
	answer A
	err    error
	done   chan struct{}
}

func newGatherer[Q, A any](waiting, most int, do func(context.Context, []*question[Q, A])) *gatherer[Q, A] {
	return &gatherer[Q, A]{queue: make(chan *question[Q, A], waiting), most: most, do: do}
}

// ask waits for the answer, or until ctx ends; what becomes of the question is
// then not known. Nobody may ask once the gatherer is closed.
func (g *gatherer[Q, A]) ask(ctx context.Context, what Q) (A, error) {
	q := &question[Q, A]{ask: what, done: make(chan struct{})}
	select {
	case g.queue <- q:
	case <-ctx.Done():
		return q.answer, ctx.Err()
	}
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

// run works until the gatherer is closed and the queue is empty.
func (g *gatherer[Q, A]) run(ctx context.Context) {
	batch := make([]*question[Q, A], 0, g.most)
	for q := range g.queue {
		batch = g.fill(append(batch[:0], q))
		g.do(ctx, batch)
		for _, q := range batch {
			close(q.done)
		}
		clear(batch)
	}
}

// fill adds what waits.
func (g *gatherer[Q, A]) fill(batch []*question[Q, A]) []*question[Q, A] {
	for len(batch) < g.most {
		select {
		case q, ok := <-g.queue:
			if !ok {
				return batch
			}
			batch = append(batch, q)
		default:
			return batch
		}
	}
	return batch
}

func (g *gatherer[Q, A]) close() { g.once.Do(func() { close(g.queue) }) }
