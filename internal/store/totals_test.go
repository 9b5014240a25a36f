package store

import (
	"fmt"
	"testing"
	"time"
)

func TestTotalsForget(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	all := newTotals()
	all.now = func() time.Time { return now }
	count := func(list string, n int64, took time.Duration) {
		k := all.present()
		k.n = n
		now = now.Add(took)
		all.keep(list, k)
	}
	want := func(list string, states bool, n int64, known bool) {
		t.Helper()
		if got, ok := all.of(list, states); ok != known || known && got != n {
			t.Errorf("%s: %d, %t; want %d, %t", list, got, ok, n, known)
		}
	}
	count("quick", 1, longCount-1)
	want("quick", false, 0, false)
	count("long", 7, longCount)
	want("long", false, 7, true)
	want("long", true, 7, true)
	all.after(changes{states: true})
	want("long", false, 7, true)
	want("long", true, 0, false) // a state may have changed
	all.after(changes{identities: true})
	want("long", false, 0, false)

	// A commit while the count ran: nobody knows which of the two it saw.
	k := all.present()
	now = now.Add(longCount)
	all.after(changes{identities: true})
	all.keep("overtaken", k)
	want("overtaken", false, 0, false)

	count("old", 3, longCount)
	now = now.Add(totalLife - longCount - 1)
	want("old", false, 3, true)
	now = now.Add(1)
	want("old", false, 0, false)
	for i := range 3 * maxTotals {
		count(fmt.Sprint(i), 1, longCount)
	}
	if n := len(all.known); n > maxTotals {
		t.Errorf("%d totals are kept", n)
	}
	want(fmt.Sprint(3*maxTotals-1), false, 1, true)
}
