package store

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// separator parts the values of a packed row. No value that we store has it,
// for control characters are refused; if one did, the row would have too many.
const separator = "\x1f"

// packed turns a statement that selects columns, none of them NULL, into one that
// selects them joined in one text. Many columns cost more to hand over, one by
// one, than to read. The separator is its first parameter.
func packed(statement string) string {
	columns, rest, _ := strings.Cut(strings.TrimPrefix(statement, "SELECT "), "\nFROM ")
	return "SELECT concat_ws(?, " + columns + ")\nFROM " + rest
}

// packedRow is a row of such a statement.
type packedRow struct{ text string }

var errPacked = errors.New("store: a packed row has other columns than are read")

// Scan implements rowScanner for destinations that are texts and integers.
func (p *packedRow) Scan(dest ...any) error {
	rest, last := p.text, len(dest)-1
	for i, d := range dest {
		end := strings.IndexByte(rest, separator[0])
		if (end < 0) != (i == last) {
			return errPacked
		}
		value := rest
		if end >= 0 {
			value, rest = rest[:end], rest[end+1:]
		}
		if err := assign(d, value); err != nil {
			return err
		}
	}
	return nil
}

func assign(dest any, value string) error {
	switch d := dest.(type) {
	case *string:
		*d = value
		return nil
	case *int64:
		n, err := strconv.ParseInt(value, 10, 64)
		*d = n
		return err
	}
	to := reflect.ValueOf(dest).Elem()
	switch {
	case to.Kind() == reflect.String:
		to.SetString(value)
		return nil
	case to.CanInt():
		n, err := strconv.ParseInt(value, 10, 64)
		to.SetInt(n)
		return err
	}
	return errPacked
}

// eachPacked is each for a statement that [packed] has made; the separator is
// put before the arguments.
func (r reader) eachPacked(ctx context.Context, scan func(rowScanner) error, text string, args ...any) error {
	var row packedRow
	return r.each(ctx, func(rows rowScanner) error {
		if err := rows.Scan(&row.text); err != nil {
			return err
		}
		return scan(&row)
	}, text, append([]any{separator}, args...)...)
}
