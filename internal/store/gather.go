package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// gather joins reads of single things that are under way at the same time into
// one statement, as the writer joins commits: what a statement costs by itself
// is paid once for all. A read that comes alone is not delayed, and each sees
// what was committed before it came.
type gather[K comparable, V any] struct {
	read func(ctx context.Context, keys []K) (map[K]V, error) // of keys that may repeat

	mu      sync.Mutex
	waiting []*ask[K, V]
	busy    int       // statements under way
	begun   time.Time // the last of them
	soon    bool      // one more is about to begin, for all who wait
	spare   sync.Pool // of asks that have been answered
}

// ask is one read that waits.
type ask[K comparable, V any] struct {
	key   K
	done  chan struct{} // takes one answer without a reader
	value V
	found bool
	err   error
}

// gatherMax bounds what one statement reads.
const gatherMax = 64

// gatherPatience is many times what a statement takes.
const gatherPatience = 5 * time.Millisecond

// pays reports whether those who wait should be read for at once: one after the
// other, statements read for more and cost less. Only where one takes long others
// run beside it, as many as there are cores.
func (g *gather[K, V]) pays() bool {
	switch {
	case g.soon:
		return false
	case g.busy == 0:
		return true
	}
	return g.busy < max(2, runtime.GOMAXPROCS(0)) && time.Since(g.begun) > gatherPatience
}

// get reads one thing; found is false when it is not there.
func (g *gather[K, V]) get(ctx context.Context, key K) (value V, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return value, false, err
	}
	a := g.ask(key)
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	mine := g.pays()
	if mine {
		g.busy++
		g.soon = true
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
	value, found, err = a.value, a.found, a.err
	*a = ask[K, V]{done: a.done}
	g.spare.Put(a)
	return value, found, err
}

// ask returns one that no one else has.
func (g *gather[K, V]) ask(key K) *ask[K, V] {
	a, ok := g.spare.Get().(*ask[K, V])
	if !ok {
		a = &ask[K, V]{done: make(chan struct{}, 1)}
	}
	a.key = key
	return a
}

// run reads for as long as that pays.
func (g *gather[K, V]) run(ctx context.Context) {
	for g.step(ctx) {
	}
}

// step reads what waits, and reports whether this reader shall go on with more;
// else it is no longer busy.
func (g *gather[K, V]) step(ctx context.Context) (more bool) {
	g.mu.Lock()
	n := min(len(g.waiting), gatherMax)
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.soon, g.begun = false, time.Now()
	g.mu.Unlock()
	whole := false
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.busy--
		if len(g.waiting) == 0 {
			g.waiting = nil
		}
		if more = len(g.waiting) > 0 && g.pays(); !more {
			return
		}
		g.busy++
		g.soon = true
		if !whole { // read has panicked; others go on
			go g.run(ctx)
		}
	}()
	if n > 0 {
		g.serve(ctx, batch)
	}
	whole = true
	return more
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
			a.done <- struct{}{}
		}
	}()
	keys := make([]K, len(batch))
	for i, a := range batch {
		keys[i] = a.key // some more than once
	}
	got, err = g.read(ctx, keys)
}
