package store

import (
	"fmt"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// span is what begins with a text: the values of a column of sim from one up to
// another, which is not one of them.
type span struct{ column, from, to string }

// spanOf returns what a search for the beginning of one field finds; nil for any
// other search.
func spanOf(m *sim.Match) *span {
	if m == nil || m.How != sim.Starts || len(m.Fields) != 1 {
		return nil
	}
	text := fold(m.Text)
	to, found := behindAll(text)
	if !found {
		return nil
	}
	return &span{column: sortColumns[m.Fields[0]], from: text, to: to}
}

// behindAll returns the first text behind all that begin with another. Both
// databases compare the bytes of UTF-8, which are in the order of the characters.
func behindAll(text string) (after string, found bool) {
	const surrogates, behindThem = 0xD800, 0xE000 // no characters
	runes := []rune(text)
	for n := len(runes) - 1; n >= 0; n-- {
		next := runes[n] + 1
		if next == surrogates {
			next = behindThem
		}
		if next <= utf8.MaxRune {
			return string(runes[:n]) + string(next), true
		}
	}
	return "", false
}

// spanned is the base that holds what the search finds, in the order of what is
// searched.
func (l *listing) spanned() base {
	l.lists.took("span")
	from := byPortfolio(l.span.column)
	from.spans = true
	arms := portfoliosOf(l.cells)
	for i := range arms {
		arms[i] = append(arms[i], l.span.from, l.span.to)
	}
	return base{from: from, arms: arms, where: l.filters(portfolios, l.span.column)}
}

// ends are the operators of the bounds that come first and last in the order.
func (l *listing) ends() (near, far string) {
	if l.q.Descending {
		return "<", ">="
	}
	return ">=", "<"
}

// behindIn is the source for what stands behind a cursor: the near bound of a
// span, which the cursor has passed, is tested and not looked up, lest a database
// begin there once more.
func (l *listing) behindIn(s *source, at *sim.Cursor) *source {
	if at == nil || !s.spans {
		return s
	}
	out := *s
	out.passed, _ = l.ends()
	return &out
}

// bounds are the conditions that a row of the table, as alias, lies in the span
// of the row of a, whose columns from n on hold it.
func (s *source) bounds(alias string, n int) []string {
	var out []string
	for i, operator := range []string{">=", "<"} {
		column := alias + "." + s.then
		switch operator {
		case s.open:
			continue
		case s.passed:
			column = "(" + column + " || '')" // by no index
		}
		out = append(out, fmt.Sprintf("%s %s a.c%d", column, operator, n+i))
	}
	return out
}
