package store

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// match is a search as the engines see it.
type match struct {
	text    string
	columns []string
}

// trigram is the shortest text that the index can look up. Shorter ones match
// so much that walking the order finds a page at once.
const trigram = 3

// narrowSphere is how many SIMs are cheaper to read than the whole platform's
// hits are to filter.
const narrowSphere = 20_000

// planMatch finds the hits. Few are sorted here; for many, the order is walked
// and tested, since a page is then never far.
func (l *listing) planMatch(ctx context.Context, cells []cell) error {
	m := l.q.Match
	test := l.test(m)
	if utf8.RuneCountInString(m.Text) < trigram || l.total <= narrowSphere {
		l.rest = append(l.rest, test)
		return l.walkOrder(cells)
	}
	hits := match{text: m.Text}
	for _, f := range fieldsOf(m) {
		hits.columns = append(hits.columns, sortColumns[f])
	}
	where, args := l.engine.search(hits)
	found := []cond{{where: where, args: args}}
	if m.How != sim.Contains {
		found = append(found, test)
	}
	n, err := l.countHits(ctx, found)
	if err != nil {
		return err
	}
	l.total, l.exact = n, true
	if n <= fewRows {
		return l.candidates(ctx, found)
	}
	l.rest = append(l.rest, test)
	return l.walkOrder(cells)
}

// walkOrder takes the ranges of the sort order and tests every row.
func (l *listing) walkOrder(cells []cell) error {
	if l.q.Sort == sim.ByICCID {
		l.arms = l.iccidArms(cells)
	} else {
		l.arms = l.portfolioArms(cells)
	}
	return nil
}

func fieldsOf(m *sim.Match) []sim.Field {
	if len(m.Fields) == 0 {
		return sim.AllFields()
	}
	return m.Fields
}

// test is the search as a condition on a row.
func (l *listing) test(m *sim.Match) cond {
	pattern := escapeLike(m.Text)
	switch m.How {
	case sim.Contains:
		pattern = "%" + pattern + "%"
	case sim.Starts:
		pattern += "%"
	case sim.Ends:
		pattern = "%" + pattern
	case sim.Whole:
	}
	like := "LIKE ? ESCAPE '\\'"
	if l.engine.name() == "postgres" {
		like = "ILIKE ?"
	}
	var parts []string
	var args []any
	for _, f := range fieldsOf(m) {
		parts, args = append(parts, "s."+sortColumns[f]+" "+like), append(args, pattern)
	}
	return cond{where: "(" + strings.Join(parts, " OR ") + ")", args: args}
}

// escapeLike makes text literal in a LIKE pattern.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// hitsFrom writes a statement over everything that the filters leave.
func (l *listing) hitsFrom(columns string, found []cond) (string, []any) {
	where, args := sphere("s.portfolio_no", l.in)
	state := false
	for _, c := range append(append(append([]cond{}, found...), l.rest...), l.cellConditions()...) {
		where, args, state = where+" AND "+c.where, append(args, c.args...), state || c.state
	}
	joins := ""
	if state {
		joins = " JOIN sim_state t ON t.sim_id = s.id"
	}
	return fmt.Sprintf("SELECT %s FROM sim s%s WHERE %s", columns, joins, where), args
}

func (l *listing) countHits(ctx context.Context, found []cond) (int64, error) {
	text, args := l.hitsFrom("count(*)", found)
	var n int64
	_, err := l.one(ctx, []any{&n}, text, args...)
	return n, err
}

// candidates reads the keys of all hits, to be sorted here. Without conditions
// of its own it reads the arms.
func (l *listing) candidates(ctx context.Context, found []cond) error {
	var keys []key
	var err error
	if found == nil {
		keys, err = l.merge(ctx, sim.Cursor{}, true, 0, 1<<30)
	} else {
		if l.q.Match != nil && l.point() != nil {
			found = append(found, l.test(l.q.Match))
		}
		text, args := l.hitsFrom("s."+l.sort+", s.iccid, s.id", found)
		keys, err = l.keys(ctx, text, args...)
	}
	if err != nil {
		return err
	}
	l.order(keys)
	l.sorted = keys
	l.few = true
	return nil
}

// fromFew pages through the sorted candidates.
func (l *listing) fromFew(ctx context.Context) (sim.Page, error) {
	keys := l.sorted
	total := int64(len(keys))
	if l.q.After != nil {
		keys = l.behind(keys, *l.q.After)
	}
	keys = keys[min(l.q.Offset, len(keys)):]
	if l.q.Limit > 0 {
		keys = keys[:min(l.q.Limit+1, len(keys))]
	}
	page, err := l.load(ctx, keys)
	if l.q.Count {
		page.Total = total
	}
	return page, err
}

func (l *listing) behind(keys []key, at sim.Cursor) []key {
	for i, k := range keys {
		after := k.value > at.Value || k.value == at.Value && k.iccid > at.ICCID
		if l.sort == "iccid" {
			after = k.iccid > at.ICCID
		}
		if l.q.Descending {
			after = !after && (k.iccid != at.ICCID)
		}
		if after {
			return keys[i:]
		}
	}
	return nil
}

// point returns the conditions that name a handful of SIMs, or nil.
func (l *listing) point() []cond {
	q := &l.q
	var out []cond
	if q.ICCIDs != nil {
		where, arg := l.engine.list("s.iccid", texts(q.ICCIDs))
		out = append(out, cond{where: where, args: []any{arg}})
	}
	for _, c := range []struct{ column, value string }{
		{"eid", string(q.EID)}, {"imsi", string(q.IMSI)}, {"msisdn", string(q.MSISDN)}, {"imei", string(q.IMEI)},
	} {
		if c.value != "" {
			out = append(out, cond{where: "s." + c.column + " = ? AND s." + c.column + " <> ''", args: []any{c.value}})
		}
	}
	if q.Number != "" {
		out = append(out, cond{where: "(s.number = ? AND s.number <> '' OR s.number = '' AND s.iccid = ?)", args: []any{q.Number, q.Number}})
	}
	for _, t := range q.Tags {
		out = append(out, cond{where: "s.id IN (SELECT sim_id FROM sim_tag WHERE code = ? AND hash = ?)", args: []any{t.Code, t.Hash}})
	}
	return out
}
