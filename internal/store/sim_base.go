package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// base is a set of SIMs: ranges of an index, the hits of a search, or, with
// neither, all SIMs; less those that the conditions leave out.
type base struct {
	from  *source
	arms  [][]any // the values of each range
	hits  string  // selects ids
	args  []any   // of hits
	where []cond
	held  bool // the database is held to the index of from, for its order
}

// source is an index: equality on its first columns leaves ranges that are in
// the order of the next one.
type source struct {
	table string // "sim" or "sim_state"
	index string // its name
	equal []column
	only  string // the condition of a partial index, on columns of x
	then  string // the column of the order; behind it stands the ICCID

	spans  bool   // the ranges hold a span of that column
	passed string // the bound of the span that a cursor has passed: ">=" or "<"
	open   string // the bound that is left to the statement around
}

// cond is a condition on sim as s or, when state is set, on sim_state as t.
type cond struct {
	where string
	args  []any
	state bool
}

// key is a SIM's place in the order.
type key struct {
	value string
	iccid ident.ICCID
	id    int64
}

func (k key) cursor() *sim.Cursor { return &sim.Cursor{Value: k.value, ICCID: k.iccid} }

var (
	whole  = &source{table: "sim", index: "sim_iccid", then: "iccid"}
	byCell = &source{table: "sim_state", index: "sim_state_cell", equal: cols("portfolio_no, package_id, status, flags"), then: "iccid"}
)

func byPortfolio(sort string) *source {
	return &source{table: "sim", index: "sim_by_" + sort, equal: cols("portfolio_no"), then: sort}
}

// bySide ranges over the SIMs with a value in a column. The index leaves out
// those without any, which the condition repeats so that it is chosen.
func bySide(f columnFilter) *source {
	s := &source{table: "sim", index: f.indexed, equal: []column{{"portfolio_no", "bigint"}, {f.column, "bigint"}}, only: "x." + f.column + " <> 0", then: "iccid"}
	if _, ok := f.value.(string); ok {
		s.equal[1].kind, s.only = "text", "x."+f.column+" <> ''"
	}
	if f.alias == "t" {
		s.table = "sim_state"
	}
	return s
}

// alias and key are how statements name the source's table and its rows.
func (s *source) alias() (alias, key string) {
	if s != nil && s.table == "sim_state" {
		return "t", "sim_id"
	}
	return "s", "id"
}

// match is the condition that a row of the table, as alias, lies in the range
// of the row of a.
func (s *source) match(alias string) string {
	parts := make([]string, len(s.equal), len(s.equal)+2)
	for i, c := range s.equal {
		parts[i] = fmt.Sprintf("%s.%s = a.c%d", alias, c.name, i)
	}
	if s.spans {
		parts = append(parts, s.bounds(alias, len(parts))...)
	}
	if s.only != "" {
		parts = append(parts, strings.ReplaceAll(s.only, "x.", alias+"."))
	}
	if len(parts) == 0 {
		return "1 = 1"
	}
	return strings.Join(parts, " AND ")
}

// columns are those of the relation that holds the ranges.
func (s *source) columns() []column {
	out := make([]column, len(s.equal))
	for i, c := range s.equal {
		out[i] = column{fmt.Sprintf("c%d", i), c.kind}
	}
	if n := len(out); s.spans {
		out = append(out, column{fmt.Sprintf("c%d", n), "text"}, column{fmt.Sprintf("c%d", n+1), "text"})
	}
	return out
}

// needs reports whether statements on b must join sim, and sim_state, to name
// columns of sim or to test conditions.
func (b *base) needs(column string) (identity, state bool) {
	alias, _ := b.from.alias()
	identity = alias == "s" || column != "iccid" || slices.ContainsFunc(b.where, func(c cond) bool { return !c.state })
	state = alias == "t" || slices.ContainsFunc(b.where, func(c cond) bool { return c.state })
	return identity, state
}

// joins adds the other table where it is needed.
func (b *base) joins(d dialect, column string) string {
	alias, _ := b.from.alias()
	identity, state := b.needs(column)
	switch {
	case alias == "t" && identity:
		return " " + d.nest() + " sim s ON s.id = t.sim_id"
	case alias == "s" && state:
		return " " + d.nest() + " sim_state t ON t.sim_id = s.id"
	}
	return ""
}

// write writes a statement over the whole base, in no order. In the columns and
// in the extra condition {v} is a column of sim, {i} the ICCID and {id} the id.
func (b *base) write(d dialect, columns, column string, extra *cond) (string, []any) {
	alias, id := b.from.alias()
	value := alias + "." + column
	if column != "iccid" {
		value = "s." + column
	}
	var with, from string
	var args []any
	switch {
	case b.hits != "":
		from, args = "("+b.hits+") h "+d.nest()+" sim s ON s.id = h.id", b.args
	case b.from != nil && len(b.from.equal) > 0:
		relation, rows := d.relation(b.from.columns(), b.arms)
		with, args = "WITH "+relation+" ", rows
		table := b.from.table + " " + alias
		if b.held {
			table += d.using(b.from.index)
		}
		from = fmt.Sprintf("a %s %s ON %s", d.nest(), table, b.from.match(alias))
	default:
		from = "sim s"
	}
	where := b.where
	if extra != nil {
		where = append(slices.Clone(where), *extra)
	}
	test, more := conjunction(where)
	text := "SELECT " + columns + " FROM " + from + b.joins(d, column) + " WHERE " + test
	return with + strings.NewReplacer("{v}", value, "{i}", alias+".iccid", "{id}", alias+"."+id).Replace(text), append(args, more...)
}

func conjunction(conds []cond) (string, []any) {
	text, args := "1 = 1", []any(nil)
	for _, c := range conds {
		text, args = text+" AND "+c.where, append(args, c.args...)
	}
	return text, args
}

// sizeUpTo counts the base without its conditions, and stops at n.
func (b *base) sizeUpTo(d dialect, n int64) (string, []any) {
	bare := base{from: b.from, arms: b.arms}
	text, args := bare.write(d, "1", "iccid", nil)
	return "SELECT count(*) FROM (" + text + " LIMIT ?) AS u", append(args, n)
}
