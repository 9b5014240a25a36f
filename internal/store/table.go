package store

import (
	"slices"
	"strings"
	"sync"
)

// table describes the rows of one bulk statement: an insert, or a change with
// values that differ from row to row.
type table struct {
	name    string
	columns []column
	onDup   string // ON CONFLICT clause of an insert; empty fails

	// set and where make a change of it: an UPDATE, or a DELETE when set is
	// empty. They name a row's value :column and the table's own columns in
	// full. The default sets all columns but the first, which finds the row.
	set, where string

	text sync.Map
}

// column is a column and its PostgreSQL type, which arrays need.
type column struct{ name, kind string }

// cols parses "name type, name type"; a missing type is bigint.
func cols(list string) []column {
	var out []column
	for part := range strings.SplitSeq(list, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(part), " ")
		if kind == "" {
			kind = "bigint"
		}
		out = append(out, column{name, kind})
	}
	return out
}

func (t *table) names(prefix string) string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = prefix + c.name
	}
	return strings.Join(names, ", ")
}

// cached builds a statement once per table.
func (t *table) cached(key string, build func() string) string {
	if s, ok := t.text.Load(key); ok {
		return s.(string)
	}
	s, _ := t.text.LoadOrStore(key, build())
	return s.(string)
}

// change writes the statement that changes rows. value says how the engine
// names a row's value; from joins the rows, where the engine takes them at once.
func (t *table) change(value func(i int, c column) string, from string) string {
	set, where := t.set, t.where
	if where == "" {
		var parts []string
		for _, c := range t.columns[1:] {
			parts = append(parts, c.name+" = :"+c.name)
		}
		key := t.columns[0].name
		set, where = strings.Join(parts, ", "), t.name+"."+key+" = :"+key
	}
	verb := "UPDATE " + t.name + " SET " + set
	if set == "" {
		verb = "DELETE FROM " + t.name
		from = strings.Replace(from, "FROM", "USING", 1)
	}
	// Longer names first, so that :due_at is not taken for :due.
	order := slices.Clone(t.columns)
	slices.SortFunc(order, func(a, b column) int { return len(b.name) - len(a.name) })
	text := verb + from + " WHERE " + where
	for _, c := range order {
		text = strings.ReplaceAll(text, ":"+c.name, value(slices.Index(t.columns, c), c))
	}
	return text
}
