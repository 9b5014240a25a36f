package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// SIM returns one SIM, or found false when it is missing or outside the sphere.
func (r reader) SIM(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, found bool, err error) {
	where, args := holding(in)
	out, err := r.sims(ctx, simSelect+" WHERE t.iccid = ? AND "+where, append([]any{string(iccid)}, args...)...)
	if err != nil || len(out) == 0 {
		return sim.SIM{}, false, err
	}
	return out[0], true, nil
}

// List returns a page of SIMs. A limit of 0 or less is none.
//
// A list has a base, which holds all its SIMs: those that a filter names, a few
// ranges of an index (one per portfolio, or per cell of the counters), or the
// hits of a search. A small base is sorted by the database. Of a large one the
// order is walked along the ranges of an index until the page is full; when
// that takes too long, because what is looked for is rare, the base is sorted
// after all. The total of a list that the counters cover is a sum over them.
//
// Letters of a search match in either case, whatever their alphabet.
func (r reader) List(ctx context.Context, in tenant.Sphere, q sim.Query) (sim.Page, error) {
	l := newListing(r, in, q)
	page := sim.Page{SIMs: []sim.SIM{}}
	if err := l.plan(ctx); err != nil || l.empty() {
		return page, err
	}
	keys, err := l.keys(ctx)
	if err != nil {
		return page, err
	}
	if err := l.load(ctx, keys, &page); err != nil || !q.Count {
		return page, err
	}
	page.Total, err = l.count(ctx)
	return page, err
}

// listing is one List under way.
type listing struct {
	reader
	in   tenant.Sphere
	q    sim.Query
	sort string // column of sim
	span *span  // what the search finds; nil when it is no span

	cells []cell // that the filters leave
	all   int64  // SIMs of the portfolios, whatever the filters
	total int64  // of the base, before its conditions
	sized bool   // total is known
	last  bool   // the list ends with the keys that were read: total is that of the list

	common []sim.Tag // that too many SIMs have to be named

	base  base
	order base // ranges in the order asked for; none when the base is small
}

// sortColumns are the columns of sim that hold the fields. Names are in order,
// and searched, whatever the case of their letters.
var sortColumns = map[sim.Field]string{
	sim.ByICCID: "iccid", sim.ByName: "name_folded", sim.ByIMEI: "imei", sim.ByIMSI: "imsi", sim.ByIP: "ip", sim.ByMSISDN: "msisdn",
}

func newListing(r reader, in tenant.Sphere, q sim.Query) *listing {
	q.Offset, q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	if q.After != nil {
		q.Offset = 0
	}
	if q.Match != nil && q.Match.Text == "" && q.Match.How != sim.Whole {
		q.Match = nil // everything contains nothing
	}
	if q.After != nil && q.Sort == sim.ByName {
		q.After = &sim.Cursor{Value: fold(q.After.Value), ICCID: q.After.ICCID}
	}
	return &listing{reader: r, in: in, q: q, sort: sortColumns[q.Sort], span: spanOf(q.Match)}
}

// plan chooses the base, and the order to walk when the base is not small.
func (l *listing) plan(ctx context.Context) error {
	if l.q.Match != nil && !findable(l.q.Match.Text) {
		l.sized = true // and empty
		return nil
	}
	points, err := l.points(ctx)
	if err != nil {
		return err
	}
	if points != nil {
		l.base = base{where: append(points, l.filters(nothing, "")...)}
		return nil
	}
	if err := l.readCells(ctx); err != nil || l.empty() {
		return err
	}
	l.base = l.ranges()
	order := l.inOrder()
	if len(order.where) == 0 || order.from == l.base.from && !l.sized {
		l.order = order // whatever its size
		return nil
	}
	if err := l.measure(ctx); err != nil {
		return err
	}
	if !l.sized || l.total > l.few() {
		l.order = order
	}
	return nil
}

// few is how many SIMs of the base are cheaper to sort than an order to walk.
func (l *listing) few() int64 {
	switch {
	case l.base.from.spans:
		return spanTimes * l.lists.few
	case l.searches():
		return l.lists.few / searchPart // the index is quicker
	}
	return l.lists.few
}

// inOrder chooses the index ranges to walk in the order asked for.
func (l *listing) inOrder() base {
	switch {
	case l.base.from.then == l.sort:
		return l.base
	case l.span != nil && l.span.column == l.sort:
		return l.spanned()
	}
	return base{from: byPortfolio(l.sort), arms: portfoliosOf(l.cells), where: l.filters(portfolios, "")}
}

// ranges chooses the index ranges that hold the list, in the order of ICCIDs.
func (l *listing) ranges() base {
	side, cells := l.side(), l.filtersCells()
	switch {
	case side != nil && (!cells || l.total > l.lists.few):
		l.sized = false
		arms := portfoliosOf(l.cells)
		for i := range arms {
			arms[i] = append(arms[i], side.value)
		}
		return base{from: bySide(*side), arms: arms, where: l.filters(portfolios, side.column)}
	case cells:
		return base{from: byCell, arms: armsOf(l.cells), where: l.filters(cellFilters, "")}
	case l.span != nil:
		l.sized = false
		return l.spanned()
	case l.in.All() && l.q.Portfolio == "":
		return base{from: whole, arms: [][]any{{}}, where: l.filters(cellFilters, "")}
	}
	return base{from: byPortfolio("iccid"), arms: portfoliosOf(l.cells), where: l.filters(cellFilters, "")}
}

// measure finds out how many SIMs the base holds, or that they are not few.
func (l *listing) measure(ctx context.Context) error {
	if l.sized {
		return nil
	}
	if side := l.side(); side != nil && side.column == "group_name" {
		l.sized = true
		where, args := l.scope("portfolio_no")
		_, err := l.one(ctx, []any{&l.total}, "SELECT COALESCE(SUM(n), 0) FROM sim_group_tally WHERE "+where+" AND group_name = ?",
			append(args, *l.q.Group)...)
		return err
	}
	few := max(l.few(), l.lists.few)
	text, args := l.base.sizeUpTo(l.engine, few+1)
	if _, err := l.one(ctx, []any{&l.total}, text, args...); err != nil {
		return err
	}
	l.sized = l.total <= few
	return nil
}

// empty reports that the list is known to hold nothing.
func (l *listing) empty() bool { return l.sized && l.total == 0 }

// exact reports that the total is that of the list.
func (l *listing) exact() bool { return l.sized && len(l.base.where) == 0 }

// load reads the SIMs of a page. The sphere is asked once more: a SIM may have
// left it since its key was read.
func (l *listing) load(ctx context.Context, keys []key, page *sim.Page) error {
	more := l.q.Limit > 0 && len(keys) > l.q.Limit
	if more {
		keys = keys[:l.q.Limit]
	}
	if len(keys) == 0 {
		return nil
	}
	ids := make([]int64, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	sims, err := l.byIDs(ctx, l.in, ids)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if s, ok := sims[k.id]; ok {
			page.SIMs = append(page.SIMs, s)
		}
	}
	if more {
		page.Next = keys[len(keys)-1].cursor()
	}
	return nil
}

func (r reader) byIDs(ctx context.Context, in tenant.Sphere, ids []int64) (map[int64]sim.SIM, error) {
	list, arg := r.engine.list("t.sim_id", ids)
	where, args := holding(in)
	found, err := r.sims(ctx, simSelect+" WHERE "+list+" AND "+where, append([]any{arg}, args...)...)
	out := make(map[int64]sim.SIM, len(found))
	for _, s := range found {
		out[s.ID] = s
	}
	return out, err
}
