package terminal

import (
	"sync"
	"time"
)

// meter bounds how fast each caller may go: so many calls per second, and ten
// seconds' worth of them at once.
type meter struct {
	mu    sync.Mutex
	rate  float64
	now   func() time.Time
	level map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

const (
	burstSeconds = 10
	maxBuckets   = 10_000
)

func newMeter(rate float64, now func() time.Time) *meter {
	return &meter{rate: rate, now: now, level: map[string]*bucket{}}
}

func (m *meter) admit(caller string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, full := m.now(), m.rate*burstSeconds
	b := m.level[caller]
	if b == nil {
		if len(m.level) >= maxBuckets {
			clear(m.level) // whoever it slows down goes on a little sooner
		}
		b = &bucket{left: full, at: now}
		m.level[caller] = b
	}
	b.left = min(full, b.left+now.Sub(b.at).Seconds()*m.rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
