package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Readers that come at once share statements, and each gets its own.
func TestGather(t *testing.T) {
	t.Parallel()
	var statements, busy atomic.Int64
	open := make(chan struct{})
	g := &gather[int, string]{read: func(_ context.Context, keys []int) (map[int]string, error) {
		statements.Add(1)
		if busy.Add(1); len(keys) > gatherMax {
			t.Errorf("%d keys at once", len(keys))
		}
		<-open
		out := map[int]string{}
		for _, k := range keys {
			if k%10 != 0 {
				out[k] = string(rune('a' + k%26))
			}
		}
		return out, nil
	}}
	const readers = 1000
	var all sync.WaitGroup
	for k := range readers {
		all.Go(func() {
			got, found, err := g.get(t.Context(), k)
			if err != nil || found != (k%10 != 0) || found && got != string(rune('a'+k%26)) {
				t.Errorf("%d: %q, %v, %v", k, got, found, err)
			}
		})
	}
	close(open)
	all.Wait()
	for { // a reader's end comes after its last answer
		g.mu.Lock()
		busy, waiting := g.busy, len(g.waiting)
		g.mu.Unlock()
		if waiting != 0 {
			t.Fatalf("%d wait", waiting)
		}
		if busy == 0 {
			break
		}
		runtime.Gosched()
	}
	t.Logf("%d readers in %d statements", readers, statements.Load())
}

// A statement is not begun beside others, unless those take long; and never by two
// for the same who wait.
func TestGatherPays(t *testing.T) {
	t.Parallel()
	now, long := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for what, c := range map[string]struct {
		busy       int
		begun      time.Time
		soon, want bool
	}{
		"nothing is under way":   {want: true},
		"someone is about to":    {soon: true},
		"one is under way":       {busy: 1, begun: now},
		"one that is slow":       {busy: 1, begun: long, want: true},
		"all that may are under": {busy: max(2, runtime.GOMAXPROCS(0)), begun: long},
	} {
		g := &gather[int, int]{busy: c.busy, begun: c.begun, soon: c.soon}
		if got := g.pays(); got != c.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

// What fails, fails for all who wait for it, and for nobody after them; a
// reader that breaks leaves nobody waiting.
func TestGatherFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var how atomic.Int64
	g := &gather[int, int]{read: func(_ context.Context, keys []int) (map[int]int, error) {
		switch how.Load() {
		case 0:
			return nil, broken
		case 1:
			panic("broken")
		}
		return map[int]int{keys[0]: 7}, nil
	}}
	if _, _, err := g.get(t.Context(), 1); !errors.Is(err, broken) {
		t.Error(err)
	}
	how.Store(1)
	func() {
		defer func() { _ = recover() }()
		_, _, _ = g.get(t.Context(), 1)
		t.Error("the panic was lost")
	}()
	how.Store(2)
	if got, found, err := g.get(t.Context(), 1); got != 7 || !found || err != nil {
		t.Error(got, found, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := g.get(gone, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPackedRows(t *testing.T) {
	t.Parallel()
	type word string
	type count uint8
	var a string
	var b word
	var c int64
	var d int
	row := packedRow{"x\x1f\x1f-7\x1f9"}
	if err := row.Scan(&a, &b, &c, &d); err != nil || a != "x" || b != "" || c != -7 || d != 9 {
		t.Error(a, b, c, d, err)
	}
	for _, text := range []string{"x", "x\x1f\x1f1\x1f1\x1f1", "x\x1f\x1fy\x1f1", "x\x1f\x1f1\x1f"} {
		row.text = text
		if err := row.Scan(&a, &b, &c, &d); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	row.text = "1"
	if err := row.Scan(new(count)); err == nil {
		t.Error("an unsigned number was read")
	}
}
