package e2e

import (
	"syscall"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
)

// postgres is an empty database for one test.
func postgres(t testing.TB) string {
	t.Helper()
	return pgtest.Empty(t)
}

// A PostgreSQL that is killed and comes back costs callers some errors and the
// platform nothing: the server finds it again by itself.
func TestDatabaseRestart(t *testing.T) {
	t.Parallel()
	const sims, each, kills = 2000, 25, 3
	cluster := pgtest.Start(t)
	p := platform{data: t.TempDir(), database: cluster.URL(t)}
	p.furnish(t, sims)
	n := p.serve(t, "--lease", "1s")
	todo := calls(sims, each)
	cut := 0
	for range kills {
		few, first, over := take(todo, sims/each/kills), make(chan struct{}, sims), make(chan struct{})
		go func() {
			defer close(over)
			drive(t, n.url, few, 3, func(call) { first <- struct{}{} })
		}()
		<-first
		if err := cluster.Kill(); err != nil {
			t.Fatal(err)
		}
		<-over
		for cut += len(few); len(few) > 0; {
			todo <- <-few
		}
		if code, body, err := n.get("/readyz"); err != nil || code != 503 {
			t.Errorf("without its database the server is %d %s %v", code, body, err)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "the server is ready again", func() bool { code, _, err := n.get("/readyz"); return err == nil && code == 200 })
	}
	if cut == 0 {
		t.Error("every call was answered before the database was killed: nothing was tested")
	}
	until(t, "all calls are answered", func() bool {
		drive(t, n.url, todo, 3, func(call) {})
		return len(todo) == 0
	})
	a := p.open(t)
	until(t, "every SIM is on the network", func() bool { return waits(t, a) == 0 })
	if err := n.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	proveOnce(t, a, sims)
}
