package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Handler does the work of one kind. It may be called again for a job that it
// has begun: what it commits and the cursor that says so belong into one
// transaction, which begins with [Hold]. It returns nil when the job is done,
// [Stop] or [Snooze], or any other error to be called again after a pause. When
// ctx ends it returns soon.
type Handler func(ctx context.Context, j Job) error

// Tx is what the queue needs of a transaction.
type Tx interface {
	// ClaimJobs takes up to n jobs of a kind that are due, in order, and leases
	// them until the given time; one whose holder is dead counts as an attempt.
	// Conflict means that another was faster.
	ClaimJobs(ctx context.Context, kind string, n int, now, until time.Time) ([]Job, error)
	// LockJob reads a job of the sphere that nobody else changes meanwhile.
	LockJob(ctx context.Context, in tenant.Sphere, id int64) (Job, bool, error)
	// SaveJob stores what may change of a job; one that waits without a place
	// in the line gets the last one.
	SaveJob(ctx context.Context, j *Job) error
}

// Store opens transactions.
type Store interface {
	Write(ctx context.Context, fn func(Tx) error) error
}

// ErrLost says that a job is no longer its holder's: it was paused or cancelled,
// or its lease ran out and another took it over.
var ErrLost = errors.New("job: it is no longer ours")

// Hold locks a job that its handler works on and reads it anew, as the first
// step of a transaction. It fails with [ErrLost].
func Hold(ctx context.Context, tx Tx, j *Job) error {
	got, found, err := tx.LockJob(ctx, tenant.Everything(), j.ID)
	switch {
	case err != nil:
		return err
	case !found || got.State != Running || got.Lease != j.Lease:
		return ErrLost
	}
	*j = got
	return nil
}

// Stop ends a job for good, as failed, with the reason.
func Stop(why error) error { return &stop{why} }

type stop struct{ why error }

func (s *stop) Error() string { return s.why.Error() }
func (s *stop) Unwrap() error { return s.why }

// Snooze gives a job back, to be taken up again after a pause: behind others
// that are due. It counts as no attempt.
func Snooze(pause time.Duration) error { return &snooze{pause} }

type snooze struct{ pause time.Duration }

func (s *snooze) Error() string { return "taken up again after " + s.pause.String() }

// Settings tune a worker. The zero value takes the defaults.
type Settings struct {
	Parallel int           // jobs at once; 2
	Lease    time.Duration // how long a dead worker keeps a job; 30 s
	Idle     time.Duration // how often to look when nobody rings; 500 ms
	Backoff  time.Duration // before the first repeat; doubles; 1 s
	Longest  time.Duration // between repeats; 5 min
	Attempts int           // without coming any further, until a job fails; 10
}

func (s *Settings) fill() {
	set := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if s.Parallel == 0 {
		s.Parallel = 2
	}
	if s.Attempts == 0 {
		s.Attempts = 10
	}
	set(&s.Lease, 30*time.Second)
	set(&s.Idle, 500*time.Millisecond)
	set(&s.Backoff, time.Second)
	set(&s.Longest, 5*time.Minute)
}

// Worker runs the jobs of one kind. Any number of workers share a queue.
type Worker struct {
	Kind     string
	Handler  Handler
	Store    Store
	Rope     <-chan struct{} // rings when there may be something to do; may be nil
	Settings Settings
	Log      *slog.Logger
	Now      func() time.Time
	Observed func(kind string, became State, took time.Duration) // counts; may be nil

	slots chan struct{}
	freed chan struct{}
	under sync.WaitGroup
}

// Run works until ctx ends. It returns when the handlers that are under way have;
// their jobs are then anybody's.
func (w *Worker) Run(ctx context.Context) error {
	w.fill()
	defer w.under.Wait()
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		free := cap(w.slots) - len(w.slots)
		n, err := w.begin(ctx, free)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.Log.Warn("claiming jobs failed; trying again", "kind", w.Kind, "error", err)
		}
		idle.Reset(w.Settings.Idle + rand.N(w.Settings.Idle/4+1))
		rope := w.Rope
		if n == free { // no hand is free, so that ringing is no use
			rope = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-rope:
		case <-w.freed:
		case <-idle.C:
		}
	}
}

func (w *Worker) fill() {
	w.Settings.fill()
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Observed == nil {
		w.Observed = func(string, State, time.Duration) {}
	}
	if w.slots == nil {
		w.slots, w.freed = make(chan struct{}, w.Settings.Parallel), make(chan struct{}, 1)
	}
}

// begin claims up to n jobs and starts them.
func (w *Worker) begin(ctx context.Context, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	claimed, err := w.claim(ctx, n)
	for _, j := range claimed {
		w.slots <- struct{}{}
		w.under.Go(func() {
			w.one(ctx, j)
			<-w.slots
			select {
			case w.freed <- struct{}{}:
			default:
			}
		})
	}
	return len(claimed), err
}

func (w *Worker) claim(ctx context.Context, n int) (claimed []Job, err error) {
	err = w.Store.Write(ctx, func(tx Tx) (err error) {
		now := w.now()
		claimed, err = tx.ClaimJobs(ctx, w.Kind, n, now, now.Add(w.Settings.Lease))
		return err
	})
	switch {
	case err != nil && fault.KindOf(err) == fault.Conflict:
		return nil, nil // another claimed one of the same key at the same moment
	case err != nil:
		return nil, err
	}
	return claimed, nil
}

func (w *Worker) now() time.Time { return w.Now().UTC().Truncate(time.Microsecond) }

// Step claims one job and runs its handler, for tests and tools. It says
// whether there was one.
func (w *Worker) Step(ctx context.Context) (bool, error) {
	w.fill()
	claimed, err := w.claim(ctx, 1)
	for _, j := range claimed {
		w.one(ctx, j)
	}
	return len(claimed) > 0, err
}

// one runs the handler of a claimed job and records what came of it.
func (w *Worker) one(ctx context.Context, j Job) {
	begun := time.Now()
	err := Stop(fault.New(fault.Unavailable, "job.deadly", "gave up: the processes that ran it died %d times", j.Attempts))
	if j.Attempts <= w.Settings.Attempts {
		err = w.run(ctx, j)
	}
	// What came of it is recorded although the server stops meanwhile.
	record, done := context.WithTimeout(context.WithoutCancel(ctx), w.Settings.Lease)
	defer done()
	became, failed := w.settle(record, j, err, ctx.Err() != nil)
	switch {
	case failed != nil:
		w.Log.Warn("recording what became of a job failed; its lease will run out", "kind", w.Kind, "job", j.ID, "error", failed)
	case became == Failed:
		w.Log.Warn("a job failed", "kind", w.Kind, "job", j.ID, "error", err)
	}
	w.Observed(w.Kind, became, time.Since(begun))
}

// run calls the handler while it renews the lease. Losing the lease ends the
// handler's context.
func (w *Worker) run(ctx context.Context, j Job) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var beat sync.WaitGroup
	defer beat.Wait()
	defer cancel(nil)
	beat.Go(func() { w.renew(ctx, cancel, j) })
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	err = w.Handler(ctx, j)
	if err != nil && errors.Is(context.Cause(ctx), ErrLost) {
		err = ErrLost
	}
	return err
}

func (w *Worker) renew(ctx context.Context, cancel context.CancelCauseFunc, j Job) {
	tick := time.NewTicker(w.Settings.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := w.Store.Write(ctx, func(tx Tx) error {
			if err := Hold(ctx, tx, &j); err != nil {
				return err
			}
			j.DueAt = w.now().Add(w.Settings.Lease)
			return tx.SaveJob(ctx, &j)
		})
		if errors.Is(err, ErrLost) {
			cancel(ErrLost)
			return
		}
	}
}

// settle records what the handler returned, unless the job is no longer ours: a
// handler may have ended it in a transaction of its own, and others may have
// paused it. Of one that another runs now it says 0.
func (w *Worker) settle(ctx context.Context, held Job, err error, stopping bool) (became State, failed error) {
	var j Job
	failed = w.Store.Write(ctx, func(tx Tx) (err2 error) {
		var found bool
		if j, found, err2 = tx.LockJob(ctx, tenant.Everything(), held.ID); err2 != nil || !found {
			return err2
		}
		if j.State != Running || j.Lease != held.Lease {
			return ErrLost
		}
		w.judge(&j, err, stopping)
		return tx.SaveJob(ctx, &j)
	})
	switch {
	case errors.Is(failed, ErrLost) && j.State == Running:
		return 0, nil
	case errors.Is(failed, ErrLost):
		return j.State, nil
	}
	if err != nil && failed == nil && j.State == Waiting && j.Attempts > 0 {
		w.Log.Warn("a job failed and is tried again", "kind", w.Kind, "job", j.ID, "attempt", j.Attempts, "again", j.DueAt, "error", err)
	}
	return j.State, failed
}

// judge decides what becomes of a job. Trouble that is not the job's own, such
// as a database that is away, never makes it fail.
func (w *Worker) judge(j *Job, err error, stopping bool) {
	now := w.now()
	if why, ok := errors.AsType[*stop](err); ok {
		j.End(why.why, now)
		return
	}
	if later, ok := errors.AsType[*snooze](err); ok {
		j.release(now.Add(later.pause))
		return
	}
	switch {
	case err == nil:
		j.End(nil, now)
	case stopping && errors.Is(err, context.Canceled):
		j.release(now)
	case j.Attempts+1 >= w.Settings.Attempts && fault.KindOf(err) != fault.Unavailable:
		j.Attempts++
		j.End(err, now)
	default:
		j.LastError = reason(err)
		j.release(now.Add(w.pause(j.Attempts)))
		j.Attempts = min(j.Attempts+1, w.Settings.Attempts-1) // more than that only deaths count
	}
}

// pause grows with every attempt, and is spread so that what failed together
// does not come back together.
func (w *Worker) pause(attempts int) time.Duration {
	p := w.Settings.Backoff << min(attempts, 16)
	if p <= 0 || p > w.Settings.Longest {
		p = w.Settings.Longest
	}
	return p/2 + rand.N(p/2+1)
}
