package e2e

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// A server that is killed loses no command that it has answered, and repeats
// none: not in its database, and not on the network.
func TestKilledServersLoseNothingAndRepeatNothing(t *testing.T) {
	t.Parallel()
	const kills, sims, each = 10, 1500, 12
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, sims)
		p.run(t, nil, "network", "set", "simulated", "--latency", "3ms")
		a := p.open(t)
		todo, left, waited := calls(sims, each), sims/each, int64(0)
		for range kills {
			n := p.serve(t, "--lease", "1s")
			left -= killAfter(t, n, todo, 1+rand.IntN(8))
			waited += waits(t, a)
		}
		if len(todo) != left {
			t.Fatalf("%d calls are left, %d were not answered", len(todo), left)
		}
		if waited == 0 {
			t.Error("no server was killed while SIMs waited for the network: nothing was tested")
		}
		n := p.serve(t, "--lease", "1s")
		drive(t, n.url, todo, 4, func(call) {})
		until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
		if err := n.stop(syscall.SIGTERM); err != nil {
			t.Errorf("the last server ended with %v", err)
		}
		proveOnce(t, a, sims)
	})
}

// killAfter kills the server at some moment after it has answered so many
// calls, while others are under way, and returns how many it answered in all.
func killAfter(t *testing.T, n *node, todo chan call, answers int) int {
	t.Helper()
	var seen atomic.Int64
	var once sync.Once
	drive(t, n.url, todo, 4, func(call) {
		if seen.Add(1) < int64(answers) {
			return
		}
		once.Do(func() {
			time.AfterFunc(rand.N(15*time.Millisecond), func() { _ = n.cmd.Process.Kill() })
		})
	})
	if err := n.stop(syscall.SIGKILL); err == nil {
		t.Error("the server was not killed")
	}
	return int(seen.Load())
}

// Two servers share the work, and the end of one delays nothing by more than
// the lease.
func TestTwoServersShareTheWork(t *testing.T) {
	t.Parallel()
	const sims, each, lease = 3000, 25, 2 * time.Second
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, sims)
		// Slow enough that the server that is killed holds some.
		p.run(t, nil, "network", "set", "simulated", "--latency", "300ms")
		one, two := p.serve(t, "--lease", lease.String()), p.serve(t, "--lease", lease.String())
		todo := calls(sims, each)
		both := func(todo, other chan call, answered func(call)) {
			var all sync.WaitGroup
			all.Go(func() { drive(t, one.url, todo, 2, answered) })
			all.Go(func() { drive(t, two.url, other, 2, answered) })
			all.Wait()
		}
		until(t, "both servers have worked", func() bool {
			both(take(todo, 1), take(todo, 1), func(call) {})
			return worked(t, one) && worked(t, two)
		})
		var answered atomic.Int64
		var killed time.Time
		few := take(todo, 40)
		both(few, few, func(call) {
			if answered.Add(1) == 10 {
				killed = time.Now()
				_ = one.cmd.Process.Kill()
			}
		})
		if killed.IsZero() {
			t.Fatal("no server was killed: nothing was tested")
		}
		for len(few) > 0 {
			todo <- <-few // what the one did not answer
		}
		last, a := time.Now(), p.open(t)
		until(t, "what was answered is on the network", func() bool { return waits(t, a) == 0 })
		if took := time.Since(last); took > lease+5*time.Second {
			t.Errorf("it took %s after the last answer; the lease is %s", took, lease)
		}
		drive(t, two.url, todo, 4, func(call) {})
		until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
		proveOnce(t, a, sims)
	})
}

// An import that is killed is repeated: what it took is there, once.
func TestKilledImportIsRepeated(t *testing.T) {
	t.Parallel()
	const sims = 20_000
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, 0)
		file := batchFile(t, sims)
		args := []string{"sims", "import", file, "--portfolio", labPortfolio, "--package", labPackage}
		a := p.open(t)
		cmd := p.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "some SIMs are stored", func() bool { return stored(t, a) > 0 })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		before := stored(t, a)
		if before == sims {
			t.Log("the import was over before it was killed")
		}
		var again struct{ Rows, Imported, Unchanged, Rejected int64 }
		p.run(t, &again, args...)
		if again.Rows != sims || again.Unchanged != before || again.Imported != sims-before || again.Rejected != 0 {
			t.Errorf("with %d stored, the second import says %+v", before, again)
		}
		if n := stored(t, a); n != sims {
			t.Errorf("%d SIMs are stored", n)
		}
		if err := a.DB.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An import that is interrupted says how far it came.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	p := platform{data: t.TempDir()}
	p.furnish(t, 0)
	a := p.open(t)
	cmd := p.command("sims", "import", batchFile(t, 200_000), "--portfolio", labPortfolio, "--package", labPackage, "--json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "some SIMs are stored", func() bool { return stored(t, a) > 0 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	var report struct{ Imported int64 }
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%q: %v", out.Bytes(), err)
	}
	if n := stored(t, a); report.Imported != n {
		t.Errorf("it reports %d SIMs, %d are stored", report.Imported, n)
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 || !bytes.Contains(errs.Bytes(), []byte(`"code":"import.interrupted"`)) {
		t.Errorf("exit code %d, %s", code, errs.Bytes())
	}
}

func stored(t *testing.T, a *app.App) int64 {
	t.Helper()
	page, err := a.Fleet.SIMs(t.Context(), asOperator, sim.Query{Count: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

// take moves up to n calls into a queue of their own.
func take(todo chan call, n int) chan call {
	out := make(chan call, n)
	for range n {
		select {
		case c := <-todo:
			out <- c
		default:
		}
	}
	return out
}

// worked reports whether a server has told its network anything.
func worked(t *testing.T, n *node) bool {
	return n.gauge(t, "simurgh_sync_sims_total", `outcome="agreed"`) > 0
}
