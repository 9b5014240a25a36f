package store

import (
	"slices"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// pager remembers where pages of filtered lists ended, so that the next page
// by offset starts there and walks nothing. An entry is good for a short time:
// a list that changes meanwhile shifts as offset paging does anyway.
type pager struct {
	mu    sync.Mutex
	lists map[string]*trail
	now   func() time.Time
}

type trail struct {
	used  time.Time
	ends  []pageEnd // by offset
	since time.Time
}

type pageEnd struct {
	offset int
	at     sim.Cursor
}

// Bounds of what is remembered.
const (
	maxTrails = 1000
	maxEnds   = 2000
	trailLife = time.Minute
)

func newPager() *pager { return &pager{lists: map[string]*trail{}, now: time.Now} }

// before returns the nearest page end at or before offset, and its offset; 0
// when none is known.
func (p *pager) before(list string, offset int) (sim.Cursor, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.lists[list]
	if t == nil || p.now().Sub(t.since) > trailLife {
		delete(p.lists, list)
		return sim.Cursor{}, 0
	}
	t.used = p.now()
	i, found := slices.BinarySearchFunc(t.ends, offset, func(e pageEnd, o int) int { return e.offset - o })
	if !found {
		i--
	}
	if i < 0 {
		return sim.Cursor{}, 0
	}
	return t.ends[i].at, t.ends[i].offset
}

func (p *pager) remember(list string, offset int, at sim.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.lists[list]
	if t == nil {
		p.evict()
		t = &trail{since: p.now()}
		p.lists[list] = t
	}
	t.used = p.now()
	i, found := slices.BinarySearchFunc(t.ends, offset, func(e pageEnd, o int) int { return e.offset - o })
	if !found && len(t.ends) < maxEnds {
		t.ends = slices.Insert(t.ends, i, pageEnd{offset, at})
	}
}

// evict makes room by dropping the list that was used least recently.
func (p *pager) evict() {
	if len(p.lists) < maxTrails {
		return
	}
	oldest := ""
	for name, t := range p.lists {
		if oldest == "" || t.used.Before(p.lists[oldest].used) {
			oldest = name
		}
	}
	delete(p.lists, oldest)
}
