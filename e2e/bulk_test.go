package e2e

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/job"
)

func jobOf(t testing.TB, a *app.App, id int64) bulk.Job {
	t.Helper()
	b, err := a.Fleet.Bulk(t.Context(), asOperator, id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// queue queues a file of activations from the command line.
func (p platform) queue(t testing.TB, sims int) int64 {
	t.Helper()
	var made struct{ JobID int64 }
	p.run(t, &made, "bulk", "run", bulkFile(t, sims, bulk.Active), "--type", string(bulk.SetStatus), "--portfolio", labPortfolio)
	return made.JobID
}

// Servers that are killed in the middle of a bulk job lose none of its rows, and
// carry out none twice: in the database, in the results, and on the network.
func TestKilledBulkJobs(t *testing.T) {
	t.Parallel()
	const kills, sims = 6, 12_000
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, sims)
		a, id, midway := p.open(t), int64(0), 0
		for i := range kills {
			one, two := p.serve(t, "--lease", "1s"), p.serve(t, "--lease", "1s")
			if i == 0 { // not before: one of them may be done before the other is up
				id = p.queue(t, sims)
			}
			before := jobOf(t, a, id).Done
			until(t, "the job comes further", func() bool { b := jobOf(t, a, id); return b.Done > before || b.State.Over() })
			time.Sleep(rand.N(60 * time.Millisecond))
			var all sync.WaitGroup
			for _, n := range []*node{one, two} {
				all.Go(func() { _ = n.stop(syscall.SIGKILL) })
			}
			all.Wait()
			if b := jobOf(t, a, id); !b.State.Over() {
				midway++
			}
		}
		if midway == 0 {
			t.Error("no server was killed in the middle of the job: nothing was tested")
		}
		n := p.serve(t, "--lease", "1s")
		until(t, "the job is over", func() bool { return jobOf(t, a, id).State.Over() })
		until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
		if err := n.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if b := jobOf(t, a, id); b.State != job.Done || b.Done != sims || b.Failed != 0 {
			t.Errorf("the job is %+v", b.Job)
		}
		proveResults(t, a, id, sims)
		proveOnce(t, a, sims)
	})
}

// proveResults holds that every row has its result, in order, and was carried
// out.
func proveResults(t *testing.T, a *app.App, id int64, sims int) {
	t.Helper()
	next := 0
	err := a.Fleet.BulkResults(t.Context(), asOperator, id, func(r fleet.RowResult) error {
		if r.Failure != nil || r.ICCID != string(iccidOf(next)) || r.Row != int64(next+1) {
			t.Errorf("row %d is %+v", next, r)
		}
		next++
		return nil
	})
	if err != nil || next != sims {
		t.Errorf("%d results, %v", next, err)
	}
}

// Of two servers that share the jobs, one is killed: the other takes its job over
// once the lease has run out.
func TestTwoServersShareTheJobs(t *testing.T) {
	t.Parallel()
	const sims, lease = 10_000, time.Second
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, sims)
		a := p.open(t)
		one, two := p.serve(t, "--lease", lease.String()), p.serve(t, "--lease", lease.String())
		id := p.queue(t, sims)
		until(t, "the job is under way", func() bool { b := jobOf(t, a, id); return b.Done > 0 })
		if err := one.stop(syscall.SIGKILL); err == nil {
			t.Error("the server was not killed")
		}
		until(t, "the job is over", func() bool { return jobOf(t, a, id).State.Over() })
		until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
		if err := two.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		proveResults(t, a, id, sims)
		proveOnce(t, a, sims)
	})
}

// A server that is stopped gives its job back at once, and the next one goes on.
func TestStoppedServerGivesItsJobBack(t *testing.T) {
	t.Parallel()
	const sims = 10_000
	p := platform{data: t.TempDir()}
	p.furnish(t, sims)
	a, id := p.open(t), p.queue(t, sims)
	n := p.serve(t, "--lease", "1m")
	until(t, "the job is under way", func() bool { return jobOf(t, a, id).Done > 0 })
	if err := n.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if b := jobOf(t, a, id); b.State == job.Running || b.State == job.Waiting && b.Attempts != 0 {
		t.Errorf("the job was left as %+v", b.Job)
	}
	p.serve(t, "--lease", "1m")
	until(t, "the job is over", func() bool { return jobOf(t, a, id).State.Over() })
	proveResults(t, a, id, sims)
}
