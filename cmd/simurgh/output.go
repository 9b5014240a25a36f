package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/simurgh-iot/simurgh/internal/money"
)

// print answers a command: v as the one JSON document, or human's words. An answer
// that does not get out is an error: a secret may be in it, which is shown once.
func (sh *shell) print(v any, human func(w io.Writer)) error {
	if !sh.JSON {
		out := &checked{w: sh.stdout}
		human(out)
		return out.err
	}
	e := json.NewEncoder(sh.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// checked keeps the first error of a writer, and writes nothing after it.
type checked struct {
	w   io.Writer
	err error
}

func (c *checked) Write(p []byte) (n int, err error) {
	if c.err == nil {
		n, c.err = c.w.Write(p)
	}
	return n, c.err
}

// say answers a command with a sentence, or v.
func (sh *shell) say(v any, format string, args ...any) error {
	return sh.print(v, func(w io.Writer) { _, _ = fmt.Fprintf(w, format+"\n", args...) })
}

// table writes aligned columns; flush ends it.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, heads ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	if len(heads) > 0 {
		t.row(heads...)
	}
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t *table) flush() { _ = t.w.Flush() }

// at is a time for JSON: null for none.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// clock is a time for people, to the second, UTC; empty for none.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// price is an amount with its currency.
func price(a money.Amount, c money.Currency) string { return a.Format(2) + " " + string(c) }

// yes is a flag in a table: the word, or nothing.
func yes(b bool, word string) string {
	if b {
		return word
	}
	return ""
}

// items makes a list that JSON writes as [] when there is nothing.
func items[T, V any](in []T, view func(*T) V) []V {
	out := make([]V, len(in))
	for i := range in {
		out[i] = view(&in[i])
	}
	return out
}

// plural counts things: "1 SIM", "2 SIMs".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
