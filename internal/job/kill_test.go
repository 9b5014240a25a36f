package job_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// steps is how many parts a job of this test has.
const steps = 40

// toil does a job in parts, each in a transaction with the cursor that says so:
// an event that numbers the part.
func toil(db *store.DB) job.Handler {
	return func(ctx context.Context, j job.Job) error {
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			over := false
			err := db.Write(ctx, func(tx *store.Tx) error {
				if err := job.Hold(ctx, tx, &j); err != nil {
					return err
				}
				n, _ := strconv.Atoi(j.Cursor) // empty at first
				if err := tx.AddEvents(ctx, []event.Event{{At: j.CreatedAt, Kind: "toil", Request: fmt.Sprint(j.ID), Actor: j.Key, Seq: int64(n + 1)}}); err != nil {
					return err
				}
				j.Advance(strconv.Itoa(n + 1))
				if over = n+1 == steps; over {
					j.End(nil, time.Now())
				}
				return tx.SaveJob(ctx, &j)
			})
			if err != nil || over {
				return err
			}
		}
	}
}

// TestChild is no test: it is a process that works, until it is killed.
func TestChild(t *testing.T) {
	if os.Getenv("JOB_CHILD") == "" {
		t.Skip("a process of other tests")
	}
	db := open(t, store.Options{Dir: os.Getenv("JOB_DIR"), URL: os.Getenv("JOB_URL")})
	w, _ := newWorker(db, toil(db))
	_ = w.Run(t.Context())
}

// Processes that are killed at any moment lose no part of a job, and do none
// twice; jobs of one key do not mix.
func TestKilledWorkersLoseNothingAndRepeatNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		const keys, each = 5, 6
		db := open(t, o)
		for i := range keys * each {
			add(t, db, job.Job{Key: fmt.Sprint("k", i%keys)})
		}
		parts := func() int {
			events, err := db.Events(t.Context(), tenant.Everything(), event.Query{Kinds: []event.Kind{"toil"}})
			if err != nil {
				t.Fatal(err)
			}
			return len(events)
		}
		killed := 0
		for last := 0; last < keys*each*steps; {
			cmds := []interface{ Kill() error }{}
			for range 2 { // two nodes
				cmd := child(t.Context(), o)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				cmds = append(cmds, cmd.Process)
				defer func() { _ = cmd.Wait() }()
			}
			goal := min(last+1+rand.IntN(keys*each*steps/5), keys*each*steps)
			until(t, "the children work", func() bool { last = parts(); return last >= goal })
			if last < keys*each*steps {
				killed++
			}
			for _, p := range cmds {
				_ = p.Kill()
			}
		}
		if killed == 0 {
			t.Error("nobody was killed at work: nothing was tested")
		}
		proveParts(t, db, keys*each)
	})
}

// proveParts holds that every part was done once, in order, and that a job of a
// key began when the one before it was over.
func proveParts(t *testing.T, db *store.DB, jobs int) {
	t.Helper()
	events, err := db.Events(t.Context(), tenant.Everything(), event.Query{Kinds: []event.Kind{"toil"}})
	if err != nil {
		t.Fatal(err)
	}
	done, last := map[string]int64{}, map[string]string{}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		if e.Seq != done[e.Request]+1 {
			t.Fatalf("job %s: part %d came after %d", e.Request, e.Seq, done[e.Request])
		}
		if before := last[e.Actor]; before != e.Request && before != "" && done[before] != steps {
			t.Fatalf("job %s of key %s began while %s stood at %d", e.Request, e.Actor, before, done[before])
		}
		done[e.Request], last[e.Actor] = e.Seq, e.Request
	}
	if len(done) != jobs || len(events) != jobs*steps {
		t.Errorf("%d jobs, %d parts", len(done), len(events))
	}
	if depths, err := db.JobDepths(t.Context()); err != nil || len(depths) > 0 {
		t.Errorf("left over: %v, %v", depths, err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
