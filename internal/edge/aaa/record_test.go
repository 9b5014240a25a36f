package aaa

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// ledger is a fleet that only records, and counts what it is not given.
type ledger struct {
	Fleet
	nobody
	away       atomic.Bool
	wrote      atomic.Int64
	batches    atomic.Int64
	unrecorded atomic.Int64
}

func (l *ledger) RecordAccess(_ context.Context, records []usage.AccessRecord) error {
	if l.away.Load() {
		return fault.New(fault.Unavailable, "store.busy", "away")
	}
	l.wrote.Add(int64(len(records)))
	l.batches.Add(1)
	return nil
}

func (l *ledger) Unrecorded(n int) { l.unrecorded.Add(int64(n)) }

// recording runs a recorder for up to 100 records in a bubble.
func recording(t *testing.T, l *ledger) (r *recorder, stop func()) {
	t.Helper()
	o := Options{Fleet: l, Observer: l, Records: 100}
	o.fill()
	r = newRecorder(&o)
	done := make(chan struct{})
	go func() { r.run(t.Context()); close(done) }()
	return r, func() { r.close(); <-done }
}

func TestRecordsAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		r, stop := recording(t, &l)
		for range 3 {
			for range 4 {
				r.add(make([]usage.AccessRecord, 5))
				r.add(nil)
			}
			time.Sleep(2 * recordPause)
		}
		r.add(make([]usage.AccessRecord, 7))
		stop() // writes what waits
		if l.wrote.Load() != 67 || l.batches.Load() != 4 || l.unrecorded.Load() != 0 || r.waiting.Load() != 0 {
			t.Errorf("%d recorded in %d batches, %d lost, %d wait", l.wrote.Load(), l.batches.Load(), l.unrecorded.Load(), r.waiting.Load())
		}
	})
}

// While the database is away as many wait as there is room for, however they
// came; the others are counted.
func TestRecordsWaitWithinBounds(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 7, 50} {
		synctest.Test(t, func(t *testing.T) {
			var l ledger
			l.away.Store(true)
			r, stop := recording(t, &l)
			r.add(make([]usage.AccessRecord, 1))
			time.Sleep(2 * recordPause) // this one is being written
			for range 1000 {
				r.add(make([]usage.AccessRecord, size))
			}
			synctest.Wait()
			all := int64(1000 * size)
			if n := r.waiting.Load(); n > 100 || n <= int64(100-size) || l.unrecorded.Load() != all-n {
				t.Errorf("by %d: %d wait and %d are lost", size, n, l.unrecorded.Load())
			}
			l.away.Store(false)
			time.Sleep(2 * recordAgain)
			stop()
			if l.wrote.Load()+l.unrecorded.Load() != 1+all {
				t.Errorf("by %d: %d recorded and %d lost", size, l.wrote.Load(), l.unrecorded.Load())
			}
		})
	}
}
