package store

import (
	"context"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// cover says which filters the ranges of a base answer by themselves.
type cover uint8

const (
	nothing     cover = iota
	portfolios        // the sphere and the portfolio
	cellFilters       // those, and everything that the cells are made of
)

// filters are the conditions that remain; but names a column whose filter is
// answered too.
func (l *listing) filters(covered cover, but string) []cond {
	var out []cond
	if covered < portfolios {
		where, args := l.scope("(s.portfolio_no + 0)") // by no index, as in simSelect
		out = append(out, cond{where: where, args: args})
	}
	if covered < cellFilters {
		out = append(out, l.cellConditions()...)
	}
	for _, f := range l.columns() {
		if f.column != but {
			out = append(out, cond{where: f.alias + "." + f.column + " = ?", args: []any{f.value}, state: f.alias == "t"})
		}
	}
	for _, t := range l.common {
		out = append(out, hasTag(t))
	}
	if l.q.Match != nil && (l.span == nil || l.span.column != but) {
		out = append(out, test(l.engine, l.q.Match))
	}
	return out
}

// scope is the condition that a portfolio number lies in the sphere and is the
// one that was asked for.
func (l *listing) scope(column string) (string, []any) {
	where, args := sphere(column, l.in)
	if l.q.Portfolio != "" {
		where += " AND " + column + " IN (SELECT no FROM portfolio WHERE id = ?)"
		args = append(args, string(l.q.Portfolio))
	}
	return where, args
}

// columnFilter is a filter on one column of sim (s) or sim_state (t).
type columnFilter struct {
	alias, column string
	value         any
	indexed       string // the index that is worth walking; "" for none
}

// columns lists the filters on single columns, the one whose index is likely
// to be the narrowest first.
func (l *listing) columns() []columnFilter {
	q := &l.q
	var out []columnFilter
	number := func(column string, v *int64) {
		if v != nil {
			out = append(out, columnFilter{"s", column, *v, unless(*v == 0, "sim_"+column)})
		}
	}
	if !q.ActivatedAt.IsZero() {
		out = append(out, columnFilter{"t", "activated_at / 1000000", q.ActivatedAt.Unix(), "sim_state_activated"})
	}
	if !q.TerminatedAt.IsZero() {
		out = append(out, columnFilter{"t", "terminated_at / 1000000", q.TerminatedAt.Unix(), "sim_state_terminated"})
	}
	if q.Group != nil {
		out = append(out, columnFilter{"s", "group_name", *q.Group, unless(*q.Group == "", "sim_group")})
	}
	number("rsp", q.RSP)
	number("spec", q.Spec)
	number("part", q.Part)
	number("mno", q.MNO)
	if q.Network != "" {
		out = append(out, columnFilter{"t", "network", q.Network, ""})
	}
	return out
}

// unless returns the index of a column, but none for SIMs that have nothing there.
func unless(nothing bool, index string) string {
	if nothing {
		return ""
	}
	return index
}

// side returns the filter whose index is worth walking; nil when none is.
func (l *listing) side() *columnFilter {
	for _, f := range l.columns() {
		if f.indexed != "" {
			return &f
		}
	}
	return nil
}

// points are the conditions that name a handful of SIMs; nil without any.
func (l *listing) points(ctx context.Context) ([]cond, error) {
	out := l.named()
	for _, t := range l.q.Tags {
		ids, all, err := l.tagged(ctx, t, l.lists.few)
		if err != nil {
			return nil, err
		}
		if !all {
			l.common = append(l.common, t)
			continue
		}
		where, arg := l.engine.list("s.id", ids)
		out = append(out, cond{where: where, args: []any{arg}})
	}
	return out, nil
}

func (l *listing) named() []cond {
	q := &l.q
	var out []cond
	if q.ICCIDs != nil {
		where, arg := l.engine.list("s.iccid", texts(q.ICCIDs))
		out = append(out, cond{where: where, args: []any{arg}})
	}
	if q.EIDs != nil {
		where, arg := l.engine.list("s.eid", texts(q.EIDs))
		out = append(out, cond{where: where + " AND s.eid <> ''", args: []any{arg}})
	}
	for _, c := range []struct{ column, value string }{
		{"eid", string(q.EID)}, {"msisdn", string(q.MSISDN)}, {"imei", string(q.IMEI)},
	} {
		if c.value != "" {
			out = append(out, cond{where: "s." + c.column + " = ? AND s." + c.column + " <> ''", args: []any{c.value}})
		}
	}
	if q.IMSI != "" {
		out = append(out, cond{where: "s.id IN (SELECT sim_id FROM sim_state WHERE imsi = ? AND imsi <> '')", args: []any{string(q.IMSI)}})
	}
	if q.Number != "" {
		out = append(out, cond{where: "(s.number = ? AND s.number <> '' OR s.number = '' AND s.iccid = ?)", args: []any{q.Number, q.Number}})
	}
	return out
}

// cell is what the counters tell apart.
type cell struct{ portfolio, pkg, status, flags int64 }

// readCells lists the cells that the filters leave, and their sum. A list of
// everything needs neither, unless it is to be counted.
func (l *listing) readCells(ctx context.Context) error {
	if l.in.All() && l.q.Portfolio == "" && l.side() == nil && l.span == nil && !l.filtersCells() && l.q.Sort == sim.ByICCID && !l.q.Count && l.q.Offset == 0 {
		l.all, l.total, l.sized = unlimited, unlimited, true
		return nil
	}
	where, args := l.scope("portfolio_no")
	l.sized = true
	return l.each(ctx, func(rows rowScanner) error {
		var c cell
		var n int64
		if err := rows.Scan(&c.portfolio, &c.pkg, &c.status, &c.flags, &n); err != nil {
			return err
		}
		if l.all += n; l.wants(c) {
			l.cells, l.total = append(l.cells, c), l.total+n
		}
		return nil
	}, "SELECT portfolio_no, package_id, status, flags, SUM(n) FROM sim_tally WHERE "+where+
		" GROUP BY portfolio_no, package_id, status, flags HAVING SUM(n) > 0", args...)
}

// filtersCells reports whether a filter names what the cells are made of.
func (l *listing) filtersCells() bool {
	q := &l.q
	return q.Package != nil || len(q.Statuses) > 0 || q.Held|q.NotHeld != 0 || q.Barred|q.NotBarred != 0
}

// asksStates reports whether a filter looks at sim_state.
func (l *listing) asksStates() bool {
	return l.filtersCells() || slices.ContainsFunc(l.columns(), func(f columnFilter) bool { return f.alias == "t" })
}

func (l *listing) wants(c cell) bool {
	held, barred := unflag(c.flags)
	q := &l.q
	return (q.Package == nil || *q.Package == c.pkg) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, q.Shows(sim.Status(c.status), held))) &&
		held&q.Held == q.Held && held&q.NotHeld == 0 && barred&q.Barred == q.Barred && barred&q.NotBarred == 0
}

const allKinds = 1<<sim.Admin | 1<<sim.System | 1<<sim.Customer

// cellConditions are the filters on cells where no range answers them.
func (l *listing) cellConditions() []cond {
	var out []cond
	add := func(where string, args ...any) { out = append(out, cond{where, args, true}) }
	q := &l.q
	if q.Package != nil {
		add("t.package_id = ?", *q.Package)
	}
	if len(q.Statuses) > 0 {
		status, args := "t.status", make([]any, 0, len(q.Statuses))
		if q.Suspending != 0 {
			status = "CASE WHEN t.status = ? AND (t.flags & ?) <> 0 THEN ? ELSE t.status END"
			args = append(args, int64(sim.StatusProvisioned), packFlags(allKinds, 0), int64(q.Suspending))
		}
		for _, s := range q.Statuses {
			args = append(args, int64(s))
		}
		add(status+" IN ("+placeholders(len(q.Statuses))+")", args...)
	}
	if on := packFlags(q.Held, q.Barred); on != 0 {
		add("(t.flags & ?) = ?", on, on)
	}
	if off := packFlags(q.NotHeld, q.NotBarred); off != 0 {
		add("(t.flags & ?) = 0", off)
	}
	return out
}

// portfoliosOf and armsOf are the values of ranges.
func portfoliosOf(cells []cell) [][]any {
	seen := map[int64]bool{}
	var out [][]any
	for _, c := range cells {
		if !seen[c.portfolio] {
			seen[c.portfolio] = true
			out = append(out, []any{c.portfolio})
		}
	}
	return out
}

func armsOf(cells []cell) [][]any {
	out := make([][]any, len(cells))
	for i, c := range cells {
		out[i] = []any{c.portfolio, c.pkg, c.status, c.flags}
	}
	return out
}
