package store

import (
	"context"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// merges reports whether the order is best read by one statement: when nothing
// is left to test, so that each row is one of the list.
func (l *listing) merges(need int) bool {
	if l.order.from == nil || len(l.order.where) > 0 {
		return false
	}
	return !l.engine.laterals() || len(l.order.from.equal) == 0 || len(l.order.arms) <= l.lists.atOnce/need
}

// merged lets the database merge the ranges of the order.
//
// Each range is in the order that is asked for. SQLite knows that: it keeps the
// rows of a page, and leaves a range at the first one that comes behind them.
// Those that come first are put first, so that few are kept in vain. PostgreSQL
// takes a page of each range and sorts those.
func (l *listing) merged(ctx context.Context, at *sim.Cursor, skip, want int) ([]key, error) {
	l.lists.took("merged")
	order := l.order
	order.from, order.held = l.behindIn(order.from, at), true
	if l.q.Descending {
		order.arms = slices.Clone(order.arms)
		slices.Reverse(order.arms)
	}
	if l.engine.laterals() && len(order.from.equal) > 0 {
		text, args := l.lateral(&order, at, skip+want)
		return l.cut(ctx, skip, want, text, args)
	}
	text, args := order.write(l.engine, "{v} AS v, {i} AS i, {id} AS id", l.sort, l.bound(at))
	return l.cut(ctx, skip, want, text, args)
}

// lateral selects the first rows of each range. The far bound of a span is tested
// on those: PostgreSQL takes a stretch with two bounds for so short, when it knows
// nothing about the table, that it would read all of it, and sort.
func (l *listing) lateral(order *base, at *sim.Cursor, need int) (string, []any) {
	from, test := *order.from, ""
	if from.spans {
		within := source{then: "v", passed: from.passed}
		within.open, from.open = l.ends()
		test = " WHERE " + strings.Join(within.bounds("u", len(from.equal)), " AND ")
	}
	_, id := from.alias()
	with, args := l.engine.relation(from.columns(), order.arms)
	inner := "SELECT x." + l.sort + " AS v, x.iccid AS i, x." + id + " AS id FROM " + from.table + " x WHERE " + from.match("x")
	switch {
	case at == nil:
	case l.sort == "iccid":
		inner, args = inner+" AND x.iccid "+l.behind()+" ?", append(args, string(at.ICCID))
	default:
		inner, args = inner+" AND (x."+l.sort+", x.iccid) "+l.behind()+" (?, ?)", append(args, at.Value, string(at.ICCID))
	}
	inner += " ORDER BY " + l.ordered("x.") + " LIMIT ?"
	return "WITH " + with + " SELECT u.v, u.i, u.id FROM a CROSS JOIN LATERAL (" + inner + ") u" + test, append(args, need)
}
