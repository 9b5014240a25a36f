package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// walk reads the keys of the page, and one more when there is one.
func (l *listing) walk(ctx context.Context) ([]key, error) {
	want := l.q.Limit + 1
	if l.q.Limit <= 0 {
		want = 1 << 30
	}
	if l.q.After != nil {
		return l.merge(ctx, *l.q.After, false, 0, want)
	}
	return l.jump(ctx, want)
}

// jump goes to an offset from the nearest place that is known: a counted
// prefix when nothing is filtered, else where an earlier page ended.
func (l *listing) jump(ctx context.Context, want int) ([]key, error) {
	if l.exact && int64(l.q.Offset) >= l.total {
		return nil, nil
	}
	if len(l.rest) == 0 && l.q.Sort == sim.ByICCID && !l.q.Descending && !l.filtersCells() && l.q.Portfolio == "" {
		from, before, err := l.seek(ctx, l.in, int64(l.q.Offset))
		if err != nil {
			return nil, err
		}
		return l.merge(ctx, sim.Cursor{ICCID: ident.ICCID(from)}, from == "", l.q.Offset-int(before), want, inclusive)
	}
	sig := l.signature()
	at, skipped := l.pages.before(sig, l.q.Offset)
	keys, err := l.merge(ctx, at, skipped == 0, l.q.Offset-skipped, want)
	if err == nil && len(keys) > 0 {
		last := keys[min(len(keys), max(l.q.Limit, 1))-1]
		l.pages.remember(sig, l.q.Offset+min(len(keys), l.q.Limit), sim.Cursor{Value: last.value, ICCID: last.iccid})
	}
	return keys, err
}

// signature names the list, whatever the page of it.
func (l *listing) signature() string {
	q := l.q
	q.Limit, q.Offset, q.After, q.Count = 0, 0, nil, false
	from, to := l.in.Bounds()
	deref := func(p *int64) any {
		if p == nil {
			return nil
		}
		return *p
	}
	group, match := "", sim.Match{}
	if q.Group != nil {
		group = "=" + *q.Group
	}
	if q.Match != nil {
		match = *q.Match
	}
	return fmt.Sprint(from, to, q.Portfolio, deref(q.Package), deref(q.MNO), deref(q.Spec), deref(q.Part), deref(q.RSP), group, q.Network,
		q.Statuses, q.Held, q.NotHeld, q.Barred, q.NotBarred, q.ActivatedAt, q.TerminatedAt, match, q.Sort, q.Descending)
}

type bounds bool

const inclusive bounds = true

// merge reads want keys behind the cursor (from the start when first), after
// skipping so many, from all arms in one order.
func (l *listing) merge(ctx context.Context, at sim.Cursor, first bool, skip, want int, incl ...bounds) ([]key, error) {
	bound, boundArgs := "", []any(nil)
	if !first {
		bound, boundArgs = l.bound(at, len(incl) > 0)
	}
	if len(l.arms) <= maxArms {
		return l.union(ctx, l.arms, bound, boundArgs, skip, want)
	}
	var all []key
	for arms := range slices.Chunk(l.arms, maxArms) {
		keys, err := l.union(ctx, arms, bound, boundArgs, 0, skip+want)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	l.order(all)
	all = all[min(skip, len(all)):]
	return all[:min(want, len(all))], nil
}

// bound is the condition that a row stands behind the cursor; its verbs are
// the sort column and the ICCID.
func (l *listing) bound(at sim.Cursor, include bool) (string, []any) {
	op := ">"
	if l.q.Descending {
		op = "<"
	}
	if include {
		op += "="
	}
	if l.sort == "iccid" {
		return "%[2]s " + op + " ?", []any{string(at.ICCID)}
	}
	return "(%[1]s, %[2]s) " + op + " (?, ?)", []any{at.Value, string(at.ICCID)}
}

func (l *listing) union(ctx context.Context, arms []arm, bound string, boundArgs []any, skip, want int) ([]key, error) {
	if len(arms) == 0 {
		return nil, nil
	}
	var parts []string
	var args []any
	for _, a := range arms {
		text, more := l.armSQL(a, bound, boundArgs)
		parts, args = append(parts, text), append(args, more...)
	}
	direction := ""
	if l.q.Descending {
		direction = " DESC"
	}
	text := strings.Join(parts, " UNION ALL ") + " ORDER BY v" + direction
	if l.sort != "iccid" {
		text += ", i" + direction
	}
	return l.keys(ctx, text+" LIMIT ? OFFSET ?", append(args, want, skip)...)
}

func (r reader) keys(ctx context.Context, text string, args ...any) ([]key, error) {
	var out []key
	err := r.each(ctx, func(rows rowScanner) error {
		var k key
		err := rows.Scan(&k.value, &k.iccid, &k.id)
		out = append(out, k)
		return err
	}, text, args...)
	return out, err
}

func (l *listing) order(keys []key) {
	slices.SortFunc(keys, func(a, b key) int {
		c := cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.iccid, b.iccid))
		if l.q.Descending {
			return -c
		}
		return c
	})
}

// count counts what the counters do not.
func (l *listing) count(ctx context.Context) (int64, error) {
	if l.exact {
		return l.total, nil
	}
	if g, ok, err := l.groupTotal(ctx); ok || err != nil {
		return g, err
	}
	var total int64
	for arms := range slices.Chunk(l.arms, maxArms) {
		var parts []string
		var args []any
		for _, a := range arms {
			text, more := l.armSQL(a, "", nil)
			parts, args = append(parts, text), append(args, more...)
		}
		var n int64
		if _, err := l.one(ctx, []any{&n}, "SELECT count(*) FROM ("+strings.Join(parts, " UNION ALL ")+") AS u", args...); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// groupTotal sums the counters of one group, when nothing else is filtered.
func (l *listing) groupTotal(ctx context.Context) (int64, bool, error) {
	q := &l.q
	if q.Group == nil || *q.Group == "" || l.filtersCells() || q.Match != nil || len(l.conditions()) != 1 {
		return 0, false, nil
	}
	where, args := sphere("portfolio_no", l.in)
	if q.Portfolio != "" {
		where += " AND portfolio_no IN (SELECT no FROM portfolio WHERE id = ?)"
		args = append(args, string(q.Portfolio))
	}
	var n int64
	_, err := l.one(ctx, []any{&n}, "SELECT COALESCE(SUM(n), 0) FROM sim_group_tally WHERE "+where+" AND group_name = ?", append(args, *q.Group)...)
	return n, true, err
}
