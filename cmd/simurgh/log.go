package main

import (
	"io"
	"sync"
	"time"
)

// How log lines are gathered: a line that comes alone is written at once, those
// that come within the pause after it together. When whoever reads the log is
// behind by more than the bound, those who log wait.
const (
	logPause = 5 * time.Millisecond
	logBound = 1 << 20 // bytes
)

// lines writes log lines, many at a time when there are many: a server that
// answers thousands of requests a second would else make a system call for each.
type lines struct {
	to      io.Writer
	mu      sync.Mutex
	changed sync.Cond
	waiting []byte
	busy    bool // someone writes
}

func newLines(to io.Writer) *lines {
	l := &lines{to: to}
	l.changed.L = &l.mu
	return l
}

// Write implements io.Writer. Failures to write are nobody's to handle.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > logBound {
		l.changed.Wait()
	}
	l.waiting = append(l.waiting, p...)
	if !l.busy {
		l.busy = true
		go l.run()
	}
	return len(p), nil
}

// run writes until a pause has brought nothing new.
func (l *lines) run() {
	var batch []byte
	for l.take(&batch) {
		_, _ = l.to.Write(batch)
		time.Sleep(logPause)
	}
}

// take exchanges what waits for what has been written.
func (l *lines) take(batch *[]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	*batch, l.waiting = l.waiting, (*batch)[:0]
	l.busy = len(*batch) > 0
	l.changed.Broadcast()
	return l.busy
}

// flush waits until everything is written.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy {
		l.changed.Wait()
	}
}
