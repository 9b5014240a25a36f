package sim

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown prints the table for docs/lifecycle.md: first what each verb does in
// each state, then the rows as the code has them.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| state |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, s := range States() {
		fmt.Fprintf(&b, "| **%s** |", s)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", cell(s, c.verb))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| # | in | on | when | then |\n|--:|---|---|---|---|\n")
	for i, r := range table {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", i+1, join(r.in), join(r.on), guardTexts[r.when], r.text())
	}
	return b.String()
}

// columns are the verbs that the table tells apart; those of one group share
// their rows, which a test holds.
var columns = []struct {
	title string
	verb  Verb
}{
	{"activate (test, ready, live)", ActivateLive}, {"suspend (any kind)", SuspendCustomer},
	{"resume (any kind)", ResumeCustomer}, {"terminate", Terminate}, {"close", Close}, {"approved", Approved},
	{"rejected", Rejected}, {"agreed", Agreed}, {"refused", Refused}, {"returned", Returned},
}

// cell lists what a verb can do in a state, in the order in which it is asked.
func cell(s State, v Verb) string {
	var parts []string
	for i := range table {
		r := &table[i]
		if !slices.Contains(r.in, s) || !slices.Contains(r.on, v) {
			continue
		}
		text := r.text()
		if r.when != always {
			text = "*" + guardTexts[r.when] + ":* " + text
		}
		parts = append(parts, text)
		if r.when == always {
			break
		}
	}
	return strings.Join(parts, "<br>")
}

func (r *Rule) text() string {
	if r.refuse != "" {
		return "refused: " + string(r.refuse)
	}
	if r.do == 0 {
		return "no-op"
	}
	var parts []string
	if r.to != 0 {
		parts = append(parts, "→ "+r.to.String())
	}
	for i, t := range actionTexts {
		if r.do.has(1<<i) && t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, ", ")
}

var actionTexts = [...]string{"take its phase", "set it", "lift it", "→ what the network last agreed to",
	"keep the reason", "record the answer", "tell the network", "open a task", "withdraw the task", ""}

func join[T fmt.Stringer](items []T) string {
	if len(items) == len(States()) {
		return "any state"
	}
	names := make([]string, len(items))
	for i, it := range items {
		names[i] = it.String()
	}
	return strings.Join(names, ", ")
}
