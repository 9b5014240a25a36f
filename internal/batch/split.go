package batch

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// record is one row, split.
type record struct {
	vals  []string // trimmed, one per column; those from n on are of an earlier row
	n     int      // fields of the row, those beyond the columns included
	text  bool     // some field is not empty
	spill bool     // some field beyond the columns is not empty
}

func (f *record) reset() { f.n, f.text, f.spill = 0, false, false }

func (f *record) add(v string) {
	if v = trim(v); v != "" {
		f.text = true
		f.spill = f.spill || f.n >= len(f.vals)
	}
	if f.n < len(f.vals) {
		f.vals[f.n] = v
	}
	f.n++
}

// complete reports whether the row has a field for every column, and nothing
// beyond but trailing separators.
func (f *record) complete() bool { return f.n >= len(f.vals) && !f.spill }

// plain splits s at every sep.
func (f *record) plain(s string, sep byte) {
	f.reset()
	for {
		i := strings.IndexByte(s, sep)
		if i < 0 {
			f.add(s)
			return
		}
		f.add(s[:i])
		s = s[i+1:]
	}
}

// blanks splits s at every run of blanks and tabs.
func (f *record) blanks(s string) {
	f.reset()
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return
		}
		i := strings.IndexAny(s, " \t")
		if i < 0 {
			i = len(s)
		}
		f.add(s[:i])
		s = s[i:]
	}
}

// quoted splits s as RFC 4180 says. It returns what is wrong with the quotes,
// or "".
func (f *record) quoted(s string, sep byte) string {
	f.reset()
	for {
		var v string
		if s != "" && s[0] == '"' {
			n := closingQuote(s)
			if n < 0 {
				return "has a quote that is never closed"
			}
			v, s = strings.ReplaceAll(s[1:n], `""`, `"`), s[n+1:]
			if s != "" && s[0] != sep {
				return "has text between a closing quote and the next separator"
			}
		} else {
			n := strings.IndexByte(s, sep)
			if n < 0 {
				n = len(s)
			}
			v, s = s[:n], s[n:]
			if strings.IndexByte(v, '"') >= 0 {
				return "has a quote inside a field that does not start with one"
			}
		}
		f.add(v)
		if s == "" {
			return ""
		}
		s = s[1:]
	}
}

// closingQuote returns the index of the quote that closes the one that s
// starts with, or -1.
func closingQuote(s string) int {
	for at := 1; ; at += 2 {
		i := strings.IndexByte(s[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		if at+1 == len(s) || s[at+1] != '"' {
			return at
		}
	}
}

// splitCSV consumes the row at the head of the window. A row whose quotes are
// wrong costs its first line only: reading resumes at the next.
func (r *Reader) splitCSV() error {
	end, err := r.in.lineEnd(0)
	if err != nil {
		return err
	}
	if bytes.IndexByte(r.in.peek(end), '"') < 0 {
		r.rec.plain(r.in.takeLine(end), r.sep)
		return nil
	}
	line, wrong := r.in.line, "has a quote that is never closed"
	last, err := r.in.quotedEnd(end)
	switch {
	case err == nil:
		if wrong = r.rec.quoted(string(trimEOL(r.in.peek(last))), r.sep); wrong == "" {
			r.in.take(last)
			return nil
		}
	case errors.Is(err, io.EOF), errors.Is(err, errLong):
	default:
		return err
	}
	r.in.take(end)
	return reject(line, "%s", wrong)
}

// quotedEnd returns where the row ends whose first line ends at end: at the
// first line feed that an even number of quotes precedes. It returns io.EOF or
// errLong when there is none.
func (w *window) quotedEnd(end int) (int, error) {
	for from := 0; ; {
		odd := bytes.Count(w.peek(end)[from:], []byte{'"'})%2 == 1
		if odd == (from > 0) {
			return end, nil
		}
		from = end
		var err error
		if end, err = w.lineEnd(from); err != nil {
			return 0, err
		}
	}
}

// trim drops the blanks around v.
func trim(v string) string {
	if n := len(v); n > 0 && isGraph(v[0]) && isGraph(v[n-1]) {
		return v
	}
	return strings.TrimSpace(v)
}

func isGraph(c byte) bool { return ' ' < c && c < 0x7f }
