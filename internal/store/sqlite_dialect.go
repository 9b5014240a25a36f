package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// sqliteDialect hands lists over as JSON, which SQLite reads as a table.
type sqliteDialect struct{}

func (sqliteDialect) name() string              { return "sqlite" }
func (sqliteDialect) rebind(text string) string { return text }
func (sqliteDialect) locks() bool               { return false }
func (sqliteDialect) using(index string) string { return " INDEXED BY " + index }
func (sqliteDialect) laterals() bool            { return false }
func (sqliteDialect) like() string              { return `LIKE ? ESCAPE '\'` }
func (sqliteDialect) nest() string              { return "CROSS JOIN" }

func (sqliteDialect) list(column string, values any) (string, any) {
	return column + " IN (SELECT value FROM json_each(?))", toJSON(values)
}

// toJSON writes a list. Its values are integers and texts, which always can be.
func toJSON(values any) string {
	js, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("store: a list of %T", values))
	}
	return string(js)
}

// relation is materialised, so that each value is taken out of the JSON once.
func (sqliteDialect) relation(columns []column, rows [][]any) (string, []any) {
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], values[i] = c.name, fmt.Sprintf("json_extract(value, '$[%d]')", i)
	}
	return fmt.Sprintf("a (%s) AS MATERIALIZED (SELECT %s FROM json_each(?))", strings.Join(names, ", "), strings.Join(values, ", ")),
		[]any{toJSON(rows)}
}

// first stands in for a lateral join, which SQLite has not. The keys and the
// condition keep to the index, whose rows lie side by side.
func (sqliteDialect) first(table, alias, on string, keys []string, from string) string {
	mine, theirs := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		mine[i], theirs[i] = alias+"."+k, "x."+k
	}
	return fmt.Sprintf(" CROSS JOIN %s ON %s AND (%s) IN (SELECT %s%s)", table, on, strings.Join(mine, ", "), strings.Join(theirs, ", "), from)
}

// maxTrigrams bounds what one search looks up: hits are looked at again, so a
// part of a long text will do. Its end tells numbers apart best.
const maxTrigrams = 16

// hits asks for the SIMs that have every three characters of the text somewhere.
// Each is quoted, so that nothing in it is an operator.
func (sqliteDialect) hits(text string) (string, []any) {
	runes := []rune(text)
	runes = runes[max(0, len(runes)-maxTrigrams-trigram+1):]
	var terms []string
	for i := range len(runes) - trigram + 1 {
		term := `"` + strings.ReplaceAll(string(runes[i:i+trigram]), `"`, `""`) + `"`
		if !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	return "SELECT rowid AS id FROM sim_search WHERE sim_search MATCH ?", []any{strings.Join(terms, " AND ")}
}
