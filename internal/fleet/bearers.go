package fleet

import (
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// BearerLife is how long a Service goes by what it has read of a token: so long
// may one last that was revoked by another process. What this process revokes
// is over at once.
const BearerLife = time.Second

// maxBearers bounds how many tokens are remembered.
const maxBearers = 10_000

// bearers remembers who tokens speak for, by their hashes.
type bearers struct {
	mu    sync.RWMutex
	known map[string]knownBearer
	epoch int64 // raised whenever all is forgotten
}

type knownBearer struct {
	tenant.Bearer
	until time.Time
}

// find returns what is known of a token and, for put, when that was.
func (b *bearers) find(hash []byte, now time.Time) (tenant.Bearer, bool, int64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	k, found := b.known[string(hash)]
	if !found || !now.Before(k.until) {
		return tenant.Bearer{}, false, b.epoch
	}
	return k.Bearer, true, b.epoch
}

// put remembers a token that was read in an epoch, unless something has changed
// since.
func (b *bearers) put(hash []byte, of tenant.Bearer, now time.Time, epoch int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch != b.epoch {
		return
	}
	if b.known == nil || len(b.known) >= maxBearers {
		b.known = map[string]knownBearer{}
	}
	until := now.Add(BearerLife)
	if of.Expires.Before(until) {
		until = of.Expires
	}
	b.known[string(hash)] = knownBearer{of, until}
}

// forget is called once what a token speaks for may have changed.
func (b *bearers) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.epoch = nil, b.epoch+1
}

// forgot reports whether forget was called.
func (b *bearers) forgot() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.epoch > 0
}
