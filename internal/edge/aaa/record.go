package aaa

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// recorder keeps answered questions for the timelines of their SIMs. It works
// behind the answers: what does not fit into its queue is counted and forgotten.
type recorder struct {
	fleet    Fleet
	observer Observer
	trouble  trouble
	queue    chan []usage.AccessRecord // what was answered together
	most     int                       // records that may wait
	waiting  atomic.Int64
	ended    chan struct{} // closed when the server stops
}

// Limits of the recorder: how long records are collected, and how many are
// written at once, so that what waits for the database meanwhile is not kept.
const (
	recordPause = 200 * time.Millisecond
	recordBatch = 8000
	recordAgain = time.Second // after a failure
)

func newRecorder(o *Options) *recorder {
	return &recorder{fleet: o.Fleet, observer: o.Observer, queue: make(chan []usage.AccessRecord, o.Records), most: o.Records,
		ended: make(chan struct{}), trouble: trouble{log: o.Log, what: "answers to gateways cannot be recorded"}}
}

// add queues records, which are the recorder's from then on. There is a place for
// each even if they come one by one.
func (r *recorder) add(list []usage.AccessRecord) {
	n := int64(len(list))
	if n == 0 {
		return
	}
	if r.waiting.Add(n) > int64(r.most) {
		r.waiting.Add(-n)
		r.observer.Unrecorded(len(list))
		return
	}
	r.queue <- list
}

// close ends the recorder; nothing may be added any more.
func (r *recorder) close() {
	close(r.ended)
	close(r.queue)
}

// run writes until the recorder is closed and the queue is empty.
func (r *recorder) run(ctx context.Context) {
	for first := range r.queue {
		pause := time.NewTimer(recordPause)
		batch := r.collect(first, pause.C)
		pause.Stop()
		r.waiting.Add(int64(-len(batch)))
		r.write(ctx, batch)
	}
}

// collect adds what comes until a batch is full or the pause is over.
func (r *recorder) collect(batch []usage.AccessRecord, over <-chan time.Time) []usage.AccessRecord {
	for len(batch) < recordBatch {
		select {
		case list, ok := <-r.queue:
			if !ok {
				return batch
			}
			batch = append(batch, list...)
		case <-over:
			return batch
		}
	}
	return batch
}

// write tries until it succeeds. A server that stops does not wait for a
// database that is away.
func (r *recorder) write(ctx context.Context, batch []usage.AccessRecord) {
	for {
		err := r.fleet.RecordAccess(ctx, batch)
		r.trouble.met(err)
		if err == nil {
			return
		}
		if lasting(err) {
			r.observer.Unrecorded(len(batch))
			return
		}
		again := time.NewTimer(recordAgain)
		select {
		case <-again.C:
		case <-r.ended:
			again.Stop()
			r.observer.Unrecorded(len(batch))
			return
		}
	}
}

// lasting reports that trying again will not help.
func lasting(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Exhausted, fault.Conflict:
		return false
	case fault.Internal, fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Precondition, fault.Unimplemented:
	}
	return true
}
