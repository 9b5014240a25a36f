package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// slow is a reader of the log that must be let go on after each write.
type slow struct {
	gate   chan struct{}
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.text.Write(p)
}

// TestLogLines holds that every line is written whole and in order, that many
// share a write, and that who logs faster than anybody reads has to wait.
func TestLogLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{gate: make(chan struct{})}
		l := newLines(s)
		var want strings.Builder
		say := func(n int, pad string) {
			line := fmt.Sprintf("line %d %s\n", n, pad)
			want.WriteString(line)
			if n, err := l.Write([]byte(line)); err != nil || n != len(line) {
				t.Error(n, err)
			}
		}
		for n := range 100 {
			say(n, "")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range 3 {
				say(n, strings.Repeat("x", logBound))
			}
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("nobody waited for a log that is not read")
		default:
		}
		close(s.gate)
		<-done
		l.flush()
		if s.text.String() != want.String() {
			t.Error("the log is not what was written to it")
		}
		if s.writes > 5 {
			t.Errorf("%d writes", s.writes)
		}
	})
}
