package store

import (
	"strings"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// trigram is the shortest text that the index can look up.
const trigram = 3

// fold makes texts one in any case of letters: SQLite and PostgreSQL differ
// in what they fold, so neither is left to.
func fold(s string) string { return strings.ToLower(s) }

// findable reports whether a stored text could hold s at all. Names are valid
// UTF-8 of a limited length; PostgreSQL refuses to look for others.
func findable(s string) bool {
	return utf8.ValidString(s) && !strings.Contains(s, "\x00") && utf8.RuneCountInString(fold(s)) <= 2*sim.MaxName
}

// test is a search as a condition on a row.
func test(d dialect, m *sim.Match) cond {
	pattern := escapeLike(fold(m.Text))
	switch m.How {
	case sim.Contains:
		pattern = "%" + pattern + "%"
	case sim.Starts:
		pattern += "%"
	case sim.Ends:
		pattern = "%" + pattern
	case sim.Whole:
	}
	fields := m.Fields
	if len(fields) == 0 {
		fields = sim.AllFields()
	}
	var parts []string
	var args []any
	for _, f := range fields {
		parts, args = append(parts, "s."+sortColumns[f]+" "+d.like()), append(args, pattern)
	}
	return cond{where: "(" + strings.Join(parts, " OR ") + ")", args: args}
}

// escapeLike makes text literal in a LIKE pattern.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// searches reports whether the list is a search that an index can look up.
func (l *listing) searches() bool {
	return l.span != nil || l.q.Match != nil && utf8.RuneCountInString(fold(l.q.Match.Text)) >= trigram
}

// hits is the base of what a search finds.
func (l *listing) hits() base {
	if l.span != nil {
		return l.spanned()
	}
	hits, args := l.engine.hits(fold(l.q.Match.Text))
	return base{hits: hits, args: args, where: l.filters(nothing, "")}
}

// searchRow is what the search index holds of a SIM.
type searchRow struct {
	id                                  int64
	iccid, name, imei, imsi, ip, msisdn string
}

func textOf(s *sim.SIM) searchRow {
	return searchRow{s.ID, string(s.ICCID), fold(s.Name), string(s.IMEI), string(s.IMSI), s.Value(sim.ByIP), string(s.MSISDN)}
}
