package store

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// postgresDialect hands lists over as arrays.
type postgresDialect struct{}

func (postgresDialect) name() string        { return "postgres" }
func (postgresDialect) locks() bool         { return true }
func (postgresDialect) using(string) string { return "" }
func (postgresDialect) laterals() bool      { return true }
func (postgresDialect) like() string        { return "LIKE ?" }
func (postgresDialect) nest() string        { return "JOIN" }

// rebind numbers the question marks. No statement of ours has one in a literal.
func (postgresDialect) rebind(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		text = after
	}
}

func (postgresDialect) list(column string, values any) (string, any) {
	return column + " = ANY(?)", values
}

func (postgresDialect) relation(columns []column, rows [][]any) (string, []any) {
	names, parts := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], parts[i] = c.name, "?::"+c.kind+"[]"
	}
	return fmt.Sprintf("a (%s) AS (SELECT * FROM unnest(%s))", strings.Join(names, ", "), strings.Join(parts, ", ")), arrays(columns, rows)
}

func (postgresDialect) first(_, alias, _ string, _ []string, from string) string {
	return fmt.Sprintf(" CROSS JOIN LATERAL (SELECT x.*%s) %s", from, alias)
}

// searchColumns are what the trigram index holds, as it writes them. Names are
// folded by [fold]; the others hold no upper case.
var searchColumns = []string{"(iccid || '')", "name_folded", "(imei || '')", "(imsi || '')", "ip", "(msisdn || '')"}

// hits uses the trigram index over all columns. The offset keeps the planner
// from looking through the table instead, as it would in the statement around.
func (postgresDialect) hits(text string) (string, []any) {
	pattern := "%" + escapeLike(text) + "%"
	parts, args := make([]string, len(searchColumns)), make([]any, len(searchColumns))
	for i, c := range searchColumns {
		parts[i], args[i] = c+" LIKE ?", pattern
	}
	return "SELECT id FROM sim WHERE " + strings.Join(parts, " OR ") + " OFFSET 0", args
}

// unnest writes rows, bound as one array per column, as a relation.
func unnest(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = fmt.Sprintf("$%d::%s[]", i+1, c.kind)
	}
	return "unnest(" + strings.Join(parts, ", ") + ")"
}

// arrays turns rows into one array per column.
func arrays(columns []column, rows [][]any) []any {
	out := make([]any, len(columns))
	for i, c := range columns {
		switch c.kind {
		case "text":
			out[i] = columnOf[string](rows, i)
		case "bytea":
			out[i] = columnOf[[]byte](rows, i)
		default:
			out[i] = columnOf[int64](rows, i)
		}
	}
	return out
}

func columnOf[T any](rows [][]any, c int) []T {
	want := reflect.TypeFor[T]()
	out := make([]T, len(rows))
	for i, row := range rows {
		if v, ok := row[c].(T); ok {
			out[i] = v
		} else {
			out[i] = reflect.ValueOf(row[c]).Convert(want).Interface().(T)
		}
	}
	return out
}
