package job_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
)

// What a handler returns decides what becomes of its job.
func TestWhatBecomesOfAJob(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		broken := fault.New(fault.Precondition, "x", "it is broken")
		for name, c := range map[string]struct {
			answers []error // the last one again and again
			state   job.State
			calls   int
			reason  string
		}{
			"done":            {[]error{nil}, job.Done, 1, ""},
			"done at last":    {[]error{broken, broken, nil}, job.Done, 3, ""},
			"given up":        {[]error{broken}, job.Failed, 4, "it is broken"},
			"stopped":         {[]error{job.Stop(broken)}, job.Failed, 1, "it is broken"},
			"nothing is told": {[]error{job.Stop(errors.New("password=secret"))}, job.Failed, 1, "internal error; the log has more"},
			"snoozed":         {[]error{job.Snooze(0), job.Snooze(0), job.Snooze(0), job.Snooze(0), job.Snooze(0), nil}, job.Done, 6, ""},
			"not its fault": {[]error{fault.New(fault.Unavailable, "x", "away"), fault.New(fault.Unavailable, "x", "away"), fault.New(fault.Unavailable, "x", "away"),
				fault.New(fault.Unavailable, "x", "away"), fault.New(fault.Unavailable, "x", "away"), nil}, job.Done, 6, ""},
		} {
			j := add(t, db, job.Job{Key: name})
			calls := 0
			w, _ := newWorker(db, func(context.Context, job.Job) error {
				calls++
				return c.answers[min(calls, len(c.answers))-1]
			})
			until(t, name, func() bool {
				if _, err := w.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
				return get(t, db, j.ID).State.Over()
			})
			if got := get(t, db, j.ID); got.State != c.state || calls != c.calls || got.LastError != c.reason || got.Lease != 0 || got.EndedAt.IsZero() {
				t.Errorf("%s: after %d calls %+v", name, calls, got)
			}
		}
	})
}

// A handler that panics costs an attempt, and nobody else anything.
func TestAHandlerPanics(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		bad, good := add(t, db, job.Job{Payload: "bad"}), add(t, db, job.Job{})
		w, log := newWorker(db, func(_ context.Context, j job.Job) error {
			if j.Payload == "bad" {
				panic("a secret")
			}
			return nil
		})
		start(t, w)
		until(t, "both are over", func() bool { return get(t, db, bad.ID).State.Over() && get(t, db, good.ID).State.Over() })
		if got := get(t, db, bad.ID); got.State != job.Failed || strings.Contains(got.LastError, "secret") {
			t.Errorf("the one that panics: %+v", got)
		}
		if !strings.Contains(log.String(), "a secret") || !strings.Contains(log.String(), "worker_test.go") {
			t.Error("the log does not say where it panicked")
		}
	})
}

// A job whose processes die every time is given up.
func TestADeadlyJobIsGivenUp(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		j := add(t, db, job.Job{})
		for range 6 {
			if err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ClaimJobs(t.Context(), kind, 1, time.Now(), time.Now().Add(-time.Second)) // and dies
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		w, _ := newWorker(db, func(context.Context, job.Job) error {
			t.Error("it was tried again")
			return nil
		})
		if _, err := w.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, db, j.ID); got.State != job.Failed || !strings.Contains(got.LastError, "died 6 times") {
			t.Errorf("%+v", got)
		}
	})
}

// Pausing and cancelling take a running job from its handler: what it has not
// committed by then is undone.
func TestAJobIsTakenFromItsHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		for _, v := range []job.Verb{job.Pause, job.Cancel} {
			j := add(t, db, job.Job{})
			begun, lost := make(chan bool), make(chan error, 1)
			w, _ := newWorker(db, func(ctx context.Context, j job.Job) error {
				begun <- true
				<-ctx.Done() // by losing the lease
				lost <- db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
					if err := job.Hold(t.Context(), tx, &j); err != nil {
						return err
					}
					j.Cursor = "too far"
					return tx.SaveJob(t.Context(), &j)
				})
				return nil
			})
			stop := start(t, w)
			<-begun
			do(t, db, j.ID, v)
			if err := <-lost; !errors.Is(err, job.ErrLost) {
				t.Errorf("%s: %v", v, err)
			}
			stop()
			want := map[job.Verb]job.State{job.Pause: job.Paused, job.Cancel: job.Cancelled}[v]
			if got := get(t, db, j.ID); got.State != want || got.Cursor != "" || got.Lease != 0 || got.Attempts != 0 {
				t.Errorf("%s: %+v", v, got)
			}
		}
	})
}

// A handler that takes longer than the lease keeps its job; one worker's end
// frees its jobs at once.
func TestTheLeaseIsRenewedAndGivenBack(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		j := add(t, db, job.Job{})
		var calls atomic.Int32
		handler := func(ctx context.Context, _ job.Job) error {
			calls.Add(1)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(2 * time.Second):
				return nil
			}
		}
		one, _ := newWorker(db, handler)
		two, _ := newWorker(db, handler)
		stop := start(t, one)
		until(t, "it is begun", func() bool { return calls.Load() == 1 })
		stop()
		if got := get(t, db, j.ID); got.State != job.Waiting || got.Attempts != 0 || got.LastError != "" {
			t.Errorf("given back as %+v", got)
		}
		one, _ = newWorker(db, handler)
		start(t, one)
		start(t, two)
		until(t, "it is done", func() bool { return get(t, db, j.ID).State == job.Done })
		if n := calls.Load(); n != 2 {
			t.Errorf("it was begun %d times", n)
		}
	})
}

// The verbs lead where the table says, and nowhere else.
func TestVerbs(t *testing.T) {
	t.Parallel()
	leads := map[job.Verb]map[job.State]job.State{
		job.Start:  {job.Setup: job.Waiting},
		job.Pause:  {job.Waiting: job.Paused, job.Running: job.Paused},
		job.Resume: {job.Paused: job.Waiting},
		job.Cancel: {job.Setup: job.Cancelled, job.Waiting: job.Cancelled, job.Running: job.Cancelled, job.Paused: job.Cancelled},
		job.Again:  {job.Done: job.Waiting, job.Failed: job.Waiting, job.Cancelled: job.Waiting},
	}
	already := map[job.Verb][]job.State{job.Start: {job.Waiting, job.Running}, job.Pause: {job.Paused}, job.Resume: {job.Waiting, job.Running},
		job.Cancel: {job.Cancelled}, job.Again: {job.Waiting}}
	now := time.Now()
	for v := job.Start; v <= job.Again; v++ {
		for s := job.Setup; s <= job.Cancelled; s++ {
			j := job.Job{ID: 5, State: s, Lease: 1, Place: 1, Attempts: 2}
			err := j.Do(v, now)
			to, leads := leads[v][s]
			code := job.Cannot
			for _, a := range already[v] {
				if a == s {
					code = job.Already
				}
			}
			switch {
			case leads && (err != nil || j.State != to || j.Lease != 0 || j.Attempts != 0):
				t.Errorf("%s of one that is %s: %+v, %v", v, s, j, err)
			case !leads && (fault.CodeOf(err) != code || fault.KindOf(err) != fault.Precondition || j.State != s || j.Lease != 1):
				t.Errorf("%s of one that is %s: %v", v, s, err)
			}
			if back, ok := job.ParseState(s.String()); !ok || back != s {
				t.Errorf("%s is read as %s", s, back)
			}
		}
	}
	if _, ok := job.ParseState("asleep"); ok {
		t.Error("asleep is a state")
	}
}
