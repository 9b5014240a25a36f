package store

import (
	"slices"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// lists is what every List of a database shares.
type lists struct {
	pager
	totals   *totals
	balances balances
	owners   owners
	few      int64 // candidates that are cheaper to sort than an order to walk
	budget   int   // rows that a walk may look at before sorting is cheaper
	atOnce   int   // rows that one statement may take of ranges, a page of each
	tags     tagBounds
	taken    func(path string) // told which way a list went; nil outside tests
}

// The bounds were measured at a million SIMs: sorting takes one to two
// microseconds a candidate, walking two to three a row. What the search index
// can look up is worth a part of them.
const (
	fewRows    = 10_000
	walkBudget = 20_000
	searchPart = 5
	spanTimes  = 2
	mergedRows = 2000
)

func newLists() *lists {
	return &lists{pager: pager{trails: map[string]*trail{}, now: time.Now}, totals: newTotals(),
		few: fewRows, budget: walkBudget, atOnce: mergedRows, tags: fewTags}
}

func (l *lists) took(path string) {
	if l.taken != nil {
		l.taken(path)
	}
}

// pager remembers where pages of lists ended, so that the next page by offset
// starts there and walks nothing. An entry is good for a short time: a list
// that changes meanwhile shifts as offset paging does anyway.
type pager struct {
	mu     sync.Mutex
	trails map[string]*trail
	now    func() time.Time
}

// trail is the ends of one list's pages, by offset.
type trail struct {
	used time.Time
	ends []pageEnd
}

type pageEnd struct {
	offset int
	at     sim.Cursor
	seen   time.Time
}

// Bounds of what is remembered: at most a few megabytes.
const (
	maxTrails = 200
	maxEnds   = 100
	endLife   = time.Minute
)

// before returns the nearest page end at or before offset, and its offset; nil
// when none is known.
func (p *pager) before(list string, offset int) (*sim.Cursor, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trails[list]
	if t == nil {
		return nil, 0
	}
	t.used = p.now()
	t.ends = slices.DeleteFunc(t.ends, func(e pageEnd) bool { return t.used.Sub(e.seen) > endLife })
	i, found := t.find(offset)
	if !found {
		i--
	}
	if i < 0 {
		return nil, 0
	}
	at := t.ends[i].at
	return &at, t.ends[i].offset
}

// remember notes that the first offset SIMs of a list end at a SIM. Of a long
// list the newest ends are kept.
func (p *pager) remember(list string, offset int, at sim.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trails[list]
	if t == nil {
		p.evict()
		t = &trail{}
		p.trails[list] = t
	}
	t.used = p.now()
	end := pageEnd{offset, at, t.used}
	if i, found := t.find(offset); found {
		t.ends[i] = end
	} else {
		t.ends = slices.Insert(t.ends, i, end)
	}
	if len(t.ends) > maxEnds {
		oldest := 0
		for i, e := range t.ends {
			if e.seen.Before(t.ends[oldest].seen) {
				oldest = i
			}
		}
		t.ends = slices.Delete(t.ends, oldest, oldest+1)
	}
}

func (t *trail) find(offset int) (int, bool) {
	return slices.BinarySearchFunc(t.ends, offset, func(e pageEnd, o int) int { return e.offset - o })
}

// evict makes room by dropping the list that was used least recently.
func (p *pager) evict() {
	if len(p.trails) < maxTrails {
		return
	}
	oldest := ""
	for name, t := range p.trails {
		if oldest == "" || t.used.Before(p.trails[oldest].used) {
			oldest = name
		}
	}
	delete(p.trails, oldest)
}
