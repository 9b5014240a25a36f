package job_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const kind = "toil"

// queue hands the store to workers, as the server does.
type queue struct{ *store.DB }

func (q queue) Write(ctx context.Context, fn func(job.Tx) error) error {
	return q.DB.Write(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// onEngines runs a test on each engine.
func onEngines(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Parallel()
	for name, options := range map[string]func() store.Options{
		"sqlite":   func() store.Options { return store.Options{Dir: sqlitetest.Dir(t)} },
		"postgres": func() store.Options { return store.Options{URL: pgtest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, options())
		})
	}
}

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// child is this test binary as a process of its own; see TestChild.
func child(ctx context.Context, o store.Options) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$", "-test.v=false")
	cmd.Env = append(os.Environ(), "JOB_CHILD=1", "JOB_DIR="+o.Dir, "JOB_URL="+o.URL)
	return cmd
}

func add(t testing.TB, db *store.DB, j job.Job) job.Job {
	t.Helper()
	j.Kind, j.State, j.CreatedAt = kind, job.Waiting, time.Now().Truncate(time.Microsecond)
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.AddJob(t.Context(), &j) }); err != nil {
		t.Fatal(err)
	}
	return j
}

// get reads a job.
func get(t testing.TB, db *store.DB, id int64) (j job.Job) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) (err error) {
		j, _, err = tx.LockJob(t.Context(), tenant.Everything(), id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func do(t testing.TB, db *store.DB, id int64, v job.Verb) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		j, _, err := tx.LockJob(t.Context(), tenant.Everything(), id)
		if err == nil {
			err = j.Do(v, time.Now())
		}
		if err != nil {
			return err
		}
		return tx.SaveJob(t.Context(), &j)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// log is a log that a test can read.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorker(db *store.DB, h job.Handler) (*job.Worker, *log) {
	to := &log{}
	return &job.Worker{Kind: kind, Handler: h, Store: queue{db}, Log: slog.New(slog.NewTextHandler(to, nil)),
		Settings: job.Settings{Parallel: 4, Lease: 600 * time.Millisecond, Idle: 10 * time.Millisecond, Backoff: time.Millisecond, Longest: 4 * time.Millisecond, Attempts: 4}}, to
}

// start runs a worker until stop is called, or the test ends.
func start(t testing.TB, w *job.Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); over.Wait() }
	t.Cleanup(stop)
	return stop
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
