package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// gather joins reads of single things that are under way at the same time into
// one statement, as the writer joins commits: what a statement costs by itself
// is paid once for all. A read that comes alone is not delayed, and each sees
// what was committed before it came.
type gather[K comparable, V any] struct {
	read func(ctx context.Context, keys []K) (map[K]V, error)

	mu      sync.Mutex
	waiting []*ask[K, V]
	busy    int // statements under way
}

// ask is one read that waits.
type ask[K comparable, V any] struct {
	key   K
	done  chan struct{}
	value V
	found bool
	err   error
}

// gatherMax bounds what one statement reads. As many statements run at once as
// there are cores.
const gatherMax = 64

// get reads one thing; found is false when it is not there.
func (g *gather[K, V]) get(ctx context.Context, key K) (value V, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return value, false, err
	}
	a := &ask[K, V]{key: key, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	mine := g.busy < max(2, runtime.GOMAXPROCS(0))
	if mine {
		g.busy++
	}
	g.mu.Unlock()
	if mine {
		// Whoever can be asking by now shall be asked with.
		runtime.Gosched()
		// What it reads is for others too, who have not gone when this one has.
		if g.step(context.WithoutCancel(ctx)) {
			go g.run(context.WithoutCancel(ctx))
		}
	}
	<-a.done
	return a.value, a.found, a.err
}

// run reads until nobody waits.
func (g *gather[K, V]) run(ctx context.Context) {
	for g.step(ctx) {
	}
}

// step reads what waits, and reports whether more does; else this reader is no
// longer busy.
func (g *gather[K, V]) step(ctx context.Context) (more bool) {
	g.mu.Lock()
	n := min(len(g.waiting), gatherMax)
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.mu.Unlock()
	whole := false
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case len(g.waiting) == 0:
			g.waiting, more = nil, false
			g.busy--
		case !whole: // read has panicked; others go on
			go g.run(ctx)
		}
	}()
	if n > 0 {
		g.serve(ctx, batch)
	}
	whole = true
	return true
}

var errCutOff = errors.New("the read was cut off")

// serve reads a batch and tells each who waits for it.
func (g *gather[K, V]) serve(ctx context.Context, batch []*ask[K, V]) {
	var got map[K]V
	err := errCutOff // when read panics
	defer func() {
		for _, a := range batch {
			a.value, a.found = got[a.key]
			a.err = err
			close(a.done)
		}
	}()
	keys := make([]K, 0, len(batch))
	seen := make(map[K]bool, len(batch))
	for _, a := range batch {
		if !seen[a.key] {
			seen[a.key] = true
			keys = append(keys, a.key)
		}
	}
	got, err = g.read(ctx, keys)
}
