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

	defaults bool // its columns have the zero value by default

	// to and where make a change of it: what the columns are set to, and which
	// rows. They name a row's value :column and the table's own columns in full.
	// By default the first column finds the row and all others are set.
	to, where string
	deletes   bool // a change deletes the rows

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

func names(columns []column) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return strings.Join(out, ", ")
}

// set lists the columns, by their index, that some row sets; all of them where
// there are no defaults.
func (t *table) set(rows [][]any) []byte {
	out := make([]byte, 0, len(t.columns))
	for c := range t.columns {
		if !t.defaults || slices.ContainsFunc(rows, func(r []any) bool { return r[c] != int64(0) && r[c] != "" }) {
			out = append(out, byte(c))
		}
	}
	return out
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
// names a row's value; from is the rows as a relation, where the engine takes
// them at once.
func (t *table) change(value func(i int, c column) string, from string) string {
	set, where := t.to, t.where
	if set == "" {
		parts := make([]string, 0, len(t.columns))
		for _, c := range t.columns[1:] {
			parts = append(parts, c.name+" = :"+c.name)
		}
		set = strings.Join(parts, ", ")
	}
	if where == "" {
		where = t.name + "." + t.columns[0].name + " = :" + t.columns[0].name
	}
	verb, join := "UPDATE "+t.name+" SET "+set, " FROM "
	if t.deletes {
		verb, join = "DELETE FROM "+t.name, " USING "
	}
	if from != "" {
		verb += join + from
	}
	// Longer names first, so that :due_at is not taken for :due.
	order := slices.Clone(t.columns)
	slices.SortFunc(order, func(a, b column) int { return len(b.name) - len(a.name) })
	text := verb + " WHERE " + where
	for _, c := range order {
		text = strings.ReplaceAll(text, ":"+c.name, value(slices.Index(t.columns, c), c))
	}
	return text
}

// excluded writes the SET list that replaces all columns but the first.
func excluded(list string) string {
	var parts []string
	for _, c := range cols(list)[1:] {
		parts = append(parts, c.name+" = excluded."+c.name)
	}
	return strings.Join(parts, ", ")
}
