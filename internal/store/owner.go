package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// owner is what never changes of a portfolio: a number, once given, keeps its id
// and its place in the tree, and no portfolio is ever removed.
type owner struct {
	id   ident.PortfolioID
	path string
}

// owners remembers the portfolios that SIMs were found in, by their numbers. As
// nothing of them changes, what one node remembers is true on every other.
type owners struct {
	mu    sync.RWMutex
	known map[int64]owner
}

// maxOwners bounds them to some twenty megabytes.
const maxOwners = 100_000

func (o *owners) of(no int64) (owner, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	found, ok := o.known[no]
	return found, ok
}

func (o *owners) keep(more map[int64]owner) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known)+len(more) > maxOwners {
		o.known = make(map[int64]owner, len(more))
	}
	for no, p := range more {
		o.known[no] = p
	}
}

// tellOwners puts the portfolio of each SIM in the place of its number. It is
// for readers outside of transactions: the number of a portfolio that is not
// committed may become another's.
func (r reader) tellOwners(ctx context.Context, sims map[ident.ICCID]*sighted) error {
	unknown := map[int64][]*sighted{}
	for _, s := range sims {
		no, err := strconv.ParseInt(string(s.sim.Portfolio), 10, 64)
		if err != nil {
			return err
		}
		if p, ok := r.lists.owners.of(no); ok {
			s.sim.Portfolio, s.path = p.id, p.path
		} else {
			unknown[no] = append(unknown[no], s)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	found, err := r.readOwners(ctx, unknown)
	if err != nil {
		return err
	}
	for no, waiting := range unknown {
		p, ok := found[no]
		if !ok {
			return fmt.Errorf("store: no portfolio has the number %d", no)
		}
		for _, s := range waiting {
			s.sim.Portfolio, s.path = p.id, p.path
		}
	}
	return nil
}

// readOwners reads portfolios by their numbers, and remembers them.
func (r reader) readOwners(ctx context.Context, wanted map[int64][]*sighted) (map[int64]owner, error) {
	nos := make([]int64, 0, len(wanted))
	for no := range wanted {
		nos = append(nos, no)
	}
	found := make(map[int64]owner, len(nos))
	list, arg := r.engine.list("no", nos)
	err := r.each(ctx, func(rows rowScanner) error {
		var no int64
		var p owner
		err := rows.Scan(&no, &p.id, &p.path)
		found[no] = p
		return err
	}, "SELECT no, id, path FROM portfolio WHERE "+list, arg)
	if err == nil {
		r.lists.owners.keep(found)
	}
	return found, err
}
