package pyhss

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// List returns up to limit of the subscribers after the given IMSI, in
// ascending order. PyHSS lists them in no order at all: the first page of a
// walk reads everybody, and the later ones are cut from that.
func (h *HSS) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	rows, err := h.roll.rows(ctx, after == "", h.readRoll)
	if err != nil {
		return nil, err
	}
	at, found := slices.BinarySearchFunc(rows, after, byIMSI)
	if found {
		at++
	}
	page := slices.Clone(rows[at:min(at+max(limit, 0), len(rows))])
	if len(page) < limit {
		h.roll.drop()
	}
	return page, nil
}

func byIMSI(a network.Actual, imsi ident.IMSI) int {
	return strings.Compare(string(a.IMSI), string(imsi))
}

// listPage is how many subscribers are read at once: what PyHSS gives by itself.
const listPage = 200

// readRoll reads everybody, in ascending order. Who comes or goes meanwhile may
// be listed or not, and is never listed twice.
func (h *HSS) readRoll(ctx context.Context) ([]network.Actual, error) {
	all, err := h.points(ctx)
	if err != nil {
		return nil, err
	}
	var rows []network.Actual
	for page, more := 0, true; more; page++ {
		var part []subscriber
		if err := h.api.get(ctx, &part, "subscriber", fmt.Sprintf("list?page=%d&page_size=%d", page, listPage)); err != nil {
			return nil, asFault(err)
		}
		for i := range part {
			s := &part[i]
			rows = append(rows, network.Actual{IMSI: s.IMSI, Present: true, MSISDN: ident.MSISDN(s.MSISDN),
				Barred: s.barred(all, &h.config), Known: knownListed})
		}
		more = len(part) == listPage
	}
	slices.SortFunc(rows, func(a, b network.Actual) int { return byIMSI(a, b.IMSI) })
	return slices.CompactFunc(rows, func(a, b network.Actual) bool { return a.IMSI == b.IMSI }), nil
}

// rollAge is for how long a list serves a walk.
const rollAge = time.Minute

// roll is the list that a walk is cut from. It is let go when the walk is
// over, or has been left.
type roll struct {
	mu    sync.Mutex
	held  []network.Actual
	has   bool
	timer *time.Timer
}

// rows returns the list, read anew where there is none or where anew says so.
func (r *roll) rows(ctx context.Context, anew bool, read func(context.Context) ([]network.Actual, error)) ([]network.Actual, error) {
	r.mu.Lock()
	rows, has := r.held, r.has
	r.mu.Unlock()
	if has && !anew {
		return rows, nil
	}
	rows, err := read(ctx)
	if err != nil {
		return nil, err
	}
	r.drop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held, r.has = rows, true
	r.timer = time.AfterFunc(rollAge, r.drop)
	return rows, nil
}

func (r *roll) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.held, r.has = nil, false
}
