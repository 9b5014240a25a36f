package aaa

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// recorder keeps answered questions for the timelines of their SIMs. It works
// behind the answers: what does not fit into its queue is counted and forgotten.
type recorder struct {
	fleet    Fleet
	observer Observer
	trouble  trouble
	queue    chan usage.AccessRecord
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
	return &recorder{fleet: o.Fleet, observer: o.Observer, queue: make(chan usage.AccessRecord, o.Records),
		ended: make(chan struct{}), trouble: trouble{log: o.Log, what: "answers to gateways cannot be recorded"}}
}

func (r *recorder) add(rec usage.AccessRecord) {
	select {
	case r.queue <- rec:
	default:
		r.observer.Unrecorded(1)
	}
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
		r.write(ctx, r.collect(append(make([]usage.AccessRecord, 0, recordBatch), first), pause.C))
		pause.Stop()
	}
}

// collect adds what comes until a batch is full or the pause is over.
func (r *recorder) collect(batch []usage.AccessRecord, over <-chan time.Time) []usage.AccessRecord {
	for len(batch) < recordBatch {
		select {
		case rec, ok := <-r.queue:
			if !ok {
				return batch
			}
			batch = append(batch, rec)
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
