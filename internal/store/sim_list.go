package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// SIM returns one SIM, or found false when it is missing or outside the sphere.
func (r reader) SIM(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, found bool, err error) {
	where, args := sphere("s.portfolio_no", in)
	out, err := r.sims(ctx, simSelect+" WHERE s.iccid = ? AND "+where, append([]any{string(iccid)}, args...)...)
	if err != nil || len(out) == 0 {
		return sim.SIM{}, false, err
	}
	return out[0], true, nil
}

// List returns a page of SIMs.
//
// A list is a few index ranges, each in the order asked for, merged by the
// database: one range per portfolio, or per cell of the counters when the
// filters name what the counters count. What no range covers is filtered while
// walking. The total of a list that the counters cover is a sum over them.
func (r reader) List(ctx context.Context, in tenant.Sphere, q sim.Query) (sim.Page, error) {
	l := &listing{reader: r, in: in, q: q, sort: sortColumns[q.Sort]}
	if q.After != nil {
		q.Offset, l.q.Offset = 0, 0
	}
	if err := l.plan(ctx); err != nil {
		return sim.Page{}, err
	}
	if l.few {
		return l.fromFew(ctx)
	}
	keys, err := l.walk(ctx)
	if err != nil {
		return sim.Page{}, err
	}
	page, err := l.load(ctx, keys)
	if err != nil || !q.Count {
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
	sort string // column of s

	arms  []arm  // index ranges to merge
	rest  []cond // what the ranges do not cover
	total int64  // when exact
	exact bool

	sorted []key // all that match, when they are few enough to sort here
	few    bool
}

// arm is one index range: equality on the leading columns of an index whose
// next columns are the order.
type arm struct {
	table string // "sim" or "sim_state"
	where string
	args  []any
}

type cond struct {
	where string
	args  []any
	state bool // it needs sim_state
}

// key is a SIM's place in the order.
type key struct {
	value string
	iccid ident.ICCID
	id    int64
}

var sortColumns = map[sim.Field]string{
	sim.ByICCID: "iccid", sim.ByName: "name", sim.ByIMEI: "imei", sim.ByIMSI: "imsi", sim.ByIP: "ip", sim.ByMSISDN: "msisdn",
}

// fewRows is how many candidates are cheaper to sort than an order to walk.
const fewRows = 5000

// plan chooses the ranges. Filters that name a handful of SIMs come first, then
// the trigram index, then the narrowest ranges.
func (l *listing) plan(ctx context.Context) error {
	cells, total, err := l.cells(ctx)
	if err != nil {
		return err
	}
	l.rest = l.conditions()
	if point := l.point(); point != nil {
		return l.candidates(ctx, point)
	}
	l.total, l.exact = total, len(l.rest) == 0
	switch {
	case total == 0:
		l.few = true
		return nil
	case l.q.Match != nil:
		return l.planMatch(ctx, cells)
	case total <= fewRows && l.q.Sort != sim.ByICCID:
		l.arms = l.cellArms(cells)
		return l.candidates(ctx, nil)
	case l.q.Sort == sim.ByICCID:
		l.arms = l.iccidArms(cells)
	default:
		l.arms = l.portfolioArms(cells)
	}
	return nil
}

// filtersCells reports whether a filter names what the cells are made of.
func (l *listing) filtersCells() bool {
	q := &l.q
	return q.Package != nil || len(q.Statuses) > 0 || q.Held|q.NotHeld != 0 || q.Barred|q.NotBarred != 0
}

// cells lists the counters' cells that the filters leave, and their sum.
func (l *listing) cells(ctx context.Context) ([]cell, int64, error) {
	where, args := sphere("portfolio_no", l.in)
	if l.q.Portfolio != "" {
		where += " AND portfolio_no IN (SELECT no FROM portfolio WHERE id = ?)"
		args = append(args, string(l.q.Portfolio))
	}
	if l.q.Package != nil {
		where += " AND package_id = ?"
		args = append(args, *l.q.Package)
	}
	var out []cell
	var total int64
	err := l.each(ctx, func(rows rowScanner) error {
		var c cell
		var n int64
		if err := rows.Scan(&c.portfolio, &c.pkg, &c.status, &c.flags, &n); err != nil || !l.wants(c) {
			return err
		}
		out, total = append(out, c), total+n
		return nil
	}, "SELECT portfolio_no, package_id, status, flags, SUM(n) FROM sim_tally WHERE "+where+
		" GROUP BY portfolio_no, package_id, status, flags HAVING SUM(n) > 0", args...)
	return out, total, err
}

func (l *listing) wants(c cell) bool {
	held, barred := unflag(c.flags)
	q := &l.q
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, sim.Status(c.status))) &&
		held&q.Held == q.Held && held&q.NotHeld == 0 && barred&q.Barred == q.Barred && barred&q.NotBarred == 0
}

// conditions are the filters that the cells do not cover.
func (l *listing) conditions() []cond {
	var out []cond
	add := func(state bool, where string, arg any) { out = append(out, cond{where, []any{arg}, state}) }
	q := &l.q
	if q.Group != nil {
		add(false, "s.group_name = ?", *q.Group)
	}
	for column, v := range map[string]*int64{"mno": q.MNO, "spec": q.Spec, "part": q.Part, "rsp": q.RSP} {
		if v != nil {
			add(false, "s."+column+" = ?", *v)
		}
	}
	if q.Network != "" {
		add(true, "t.network = ?", q.Network)
	}
	if !q.ActivatedAt.IsZero() {
		add(true, "t.activated_at = ?", micros(q.ActivatedAt))
	}
	if !q.TerminatedAt.IsZero() {
		add(true, "t.terminated_at = ?", micros(q.TerminatedAt))
	}
	slices.SortFunc(out, func(a, b cond) int { return strings.Compare(a.where, b.where) })
	return out
}

// cellConditions repeat the cells' filters where the ranges do not cover them.
func (l *listing) cellConditions() []cond {
	var out []cond
	add := func(where string, args ...any) { out = append(out, cond{where, args, true}) }
	q := &l.q
	if q.Portfolio != "" {
		out = append(out, cond{"s.portfolio_no IN (SELECT no FROM portfolio WHERE id = ?)", []any{string(q.Portfolio)}, false})
	}
	if q.Package != nil {
		add("t.package_id = ?", *q.Package)
	}
	if len(q.Statuses) > 0 {
		args := make([]any, len(q.Statuses))
		for i, s := range q.Statuses {
			args[i] = int64(s)
		}
		add("t.status IN ("+placeholders(len(args))+")", args...)
	}
	if on, off := packFlags(q.Held, q.Barred), packFlags(q.NotHeld, q.NotBarred); on|off != 0 {
		add("(t.flags & ?) = ?", on|off, on)
	}
	return out
}

// iccidArms are ranges in ICCID order: the narrowest index that a filter names.
func (l *listing) iccidArms(cells []cell) []arm {
	column, value := l.narrow()
	if column == "" {
		if l.filtersCells() || len(l.rest) > 0 && l.rest[0].state {
			return l.cellArms(cells)
		}
		return l.portfolioArms(cells)
	}
	table := "sim"
	if strings.HasSuffix(column, "_at") {
		table = "sim_state"
	}
	l.rest = append(l.rest, l.cellConditions()...)
	l.rest = slices.DeleteFunc(l.rest, func(c cond) bool { return strings.HasSuffix(c.where, "."+column+" = ?") })
	var out []arm
	for _, no := range portfoliosOf(cells) {
		where := "portfolio_no = ? AND " + column + " = ?"
		if isZero(value) {
			return l.portfolioArms(cells)
		}
		out = append(out, arm{table, where + " AND " + column + notNone(value), []any{no, value}})
	}
	return out
}

// narrow names the filter whose index is likely to be the narrowest.
func (l *listing) narrow() (column string, value any) {
	q := &l.q
	switch {
	case !q.ActivatedAt.IsZero():
		return "activated_at", micros(q.ActivatedAt)
	case !q.TerminatedAt.IsZero():
		return "terminated_at", micros(q.TerminatedAt)
	case q.Group != nil && *q.Group != "":
		return "group_name", *q.Group
	case q.RSP != nil && *q.RSP != 0:
		return "rsp", *q.RSP
	case q.Spec != nil && *q.Spec != 0:
		return "spec", *q.Spec
	case q.Part != nil && *q.Part != 0:
		return "part", *q.Part
	case q.MNO != nil && *q.MNO != 0:
		return "mno", *q.MNO
	}
	return "", nil
}

func isZero(v any) bool { return v == int64(0) || v == "" }

// notNone repeats the condition of the partial index, so that it is chosen.
func notNone(v any) string {
	if _, ok := v.(string); ok {
		return " <> ''"
	}
	return " <> 0"
}

func portfoliosOf(cells []cell) []int64 {
	var out []int64
	for _, c := range cells {
		if !slices.Contains(out, c.portfolio) {
			out = append(out, c.portfolio)
		}
	}
	return out
}

func (l *listing) portfolioArms(cells []cell) []arm {
	if l.filtersCells() {
		l.rest = append(l.rest, l.cellConditions()...)
	}
	if l.in.All() && l.q.Portfolio == "" && l.q.Sort == sim.ByICCID {
		return []arm{{"sim", "1 = 1", nil}}
	}
	var out []arm
	for _, no := range portfoliosOf(cells) {
		out = append(out, arm{"sim", "portfolio_no = ?", []any{no}})
	}
	return out
}

func (l *listing) cellArms(cells []cell) []arm {
	out := make([]arm, len(cells))
	for i, c := range cells {
		out[i] = arm{"sim_state", "portfolio_no = ? AND package_id = ? AND status = ? AND flags = ?", []any{c.portfolio, c.pkg, c.status, c.flags}}
	}
	return out
}

// maxArms bounds one statement: SQLite takes 500 arms, and the merge costs a
// comparison per arm and row.
const maxArms = 100

// armSQL writes an arm, and the conditions of the rest, as one SELECT.
func (l *listing) armSQL(a arm, bound string, boundArgs []any) (string, []any) {
	alias, id := "s", "s.id"
	joins, needState := "", slices.ContainsFunc(l.rest, func(c cond) bool { return c.state })
	needSIM := slices.ContainsFunc(l.rest, func(c cond) bool { return !c.state }) || l.sort != "iccid"
	switch {
	case a.table == "sim" && needState:
		joins = " JOIN sim_state t ON t.sim_id = s.id"
	case a.table == "sim_state":
		alias, id = "t", "t.sim_id"
		if needSIM {
			joins = " JOIN sim s ON s.id = t.sim_id"
		}
	}
	value := alias + ".iccid"
	if l.sort != "iccid" {
		value = "s." + l.sort
	}
	where, args := prefixed(a.where, alias), slices.Clone(a.args)
	if bound != "" {
		where += " AND " + fmt.Sprintf(bound, value, alias+".iccid")
		args = append(args, boundArgs...)
	}
	for _, c := range l.rest {
		where += " AND " + c.where
		args = append(args, c.args...)
	}
	return fmt.Sprintf("SELECT %s AS v, %s.iccid AS i, %s AS id FROM %s %s%s WHERE %s", value, alias, id, a.table, alias, joins, where), args
}

// prefixed qualifies the columns of an arm.
func prefixed(where, alias string) string {
	parts := strings.Split(where, " AND ")
	for i, p := range parts {
		if p != "1 = 1" {
			parts[i] = alias + "." + p
		}
	}
	return strings.Join(parts, " AND ")
}

func (l *listing) load(ctx context.Context, keys []key) (sim.Page, error) {
	more := l.q.Limit > 0 && len(keys) > l.q.Limit
	if more {
		keys = keys[:l.q.Limit]
	}
	page := sim.Page{SIMs: []sim.SIM{}}
	if len(keys) == 0 {
		return page, nil
	}
	ids := make([]int64, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	sims, err := l.byIDs(ctx, ids)
	if err != nil {
		return page, err
	}
	for _, k := range keys {
		if s, ok := sims[k.id]; ok {
			page.SIMs = append(page.SIMs, s)
		}
	}
	if last := keys[len(keys)-1]; more {
		page.Next = &sim.Cursor{Value: last.value, ICCID: last.iccid}
	}
	return page, nil
}

func (r reader) byIDs(ctx context.Context, ids []int64) (map[int64]sim.SIM, error) {
	list, arg := r.engine.list("s.id", ids)
	found, err := r.sims(ctx, simSelect+" WHERE "+list, arg)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]sim.SIM, len(found))
	for _, s := range found {
		out[s.ID] = s
	}
	return out, nil
}
