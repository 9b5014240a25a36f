package store

import (
	"sync"
	"sync/atomic"
	"time"
)

// totals remembers what long counts came to. What this process has changed
// since is never overlooked; what another one has, for totalLife at most.
type totals struct {
	mu    sync.Mutex
	known map[string]total
	now   func() time.Time
	long  time.Duration // counts that take less are not remembered

	// Raised behind every commit that changed what SIMs are, and where they
	// stand.
	identities, states atomic.Int64
}

// total is a count, and what it was taken from.
type total struct {
	n                  int64
	seen               time.Time
	identities, states int64
}

// Bounds of what is remembered: at most a megabyte or so, and nothing that is
// counted again sooner than a caller notices.
const (
	maxTotals = 1000
	longCount = 5 * time.Millisecond
	totalLife = 15 * time.Second
)

func newTotals() *totals { return &totals{known: map[string]total{}, now: time.Now, long: longCount} }

// changes says what of SIMs a transaction has written.
type changes struct{ identities, states bool }

// after forgets the totals that a commit may have changed.
func (t *totals) after(c changes) {
	if c.identities {
		t.identities.Add(1)
	}
	if c.states {
		t.states.Add(1)
	}
}

// present is the total of a count that is about to be taken.
func (t *totals) present() total {
	return total{seen: t.now(), identities: t.identities.Load(), states: t.states.Load()}
}

// of returns the total of a list, if it is known. One that no state enters into
// outlives changes of states.
func (t *totals) of(list string, states bool) (int64, bool) {
	now := t.present()
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[list]
	ok = ok && k.identities == now.identities && (k.states == now.states || !states) && now.seen.Sub(k.seen) < totalLife
	return k.n, ok
}

// keep remembers the total of a list, which began to be counted as k was made.
func (t *totals) keep(list string, k total) {
	if t.now().Sub(k.seen) < t.long {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxTotals {
		t.evict()
	}
	t.known[list] = k
}

// evict drops what is over, or else the oldest.
func (t *totals) evict() {
	oldest, now := "", t.now()
	for list, k := range t.known {
		if now.Sub(k.seen) >= totalLife {
			delete(t.known, list)
		} else if oldest == "" || k.seen.Before(t.known[oldest].seen) {
			oldest = list
		}
	}
	if len(t.known) >= maxTotals {
		delete(t.known, oldest)
	}
}
