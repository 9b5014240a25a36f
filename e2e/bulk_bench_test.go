package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// BenchmarkBulk activates SIMs with one bulk job and reports how long its file
// took to be accepted, and how fast it ran: until every row had its result, and
// until the network, which takes no time, had answered for all of them. With
// alerts, each SIM's change of state makes one.
func BenchmarkBulk(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, alerts := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/alerts=%t", engine, alerts), func(b *testing.B) {
				for b.Loop() {
					p := platform{data: b.TempDir()}
					if engine == "postgres" {
						p.database = postgres(b)
					}
					benchBulk(b, p, alerts)
				}
			})
		}
	}
}

func benchBulk(b *testing.B, p platform, alerts bool) {
	b.Helper()
	const sims = 100_000
	p.furnish(b, 0)
	if alerts {
		p.run(b, nil, "alert-rule", "set", "state-changed", "--portfolio", labPortfolio)
	}
	p.run(b, nil, "sims", "import", bigBatch(b, sims), "--portfolio", labPortfolio, "--package", labPackage)
	n := p.serve(b, "--reconcile-every", "0")
	a := p.open(b)
	file := bulkFile(b, sims, bulk.Active)
	busy := n.gauge(b, "process_cpu_seconds_total", "")
	begun := time.Now()
	var made struct{ JobID int64 }
	p.run(b, &made, "bulk", "run", file, "--type", string(bulk.SetStatus), "--portfolio", labPortfolio)
	accepted := time.Since(begun)
	var over bulk.Job
	untilWithin(b, 5*time.Minute, "the job is over", func() bool {
		var err error
		if over, err = a.Fleet.Bulk(b.Context(), asOperator, made.JobID); err != nil {
			b.Fatal(err)
		}
		return over.State.Over()
	})
	done := time.Since(begun)
	untilWithin(b, 5*time.Minute, "every SIM is active", func() bool { return waits(b, a) == 0 })
	took := time.Since(begun)
	if over.State != job.Done || over.Done != sims || over.Failed != 0 {
		b.Fatalf("the job ended as %+v", over.Job)
	}
	_, told, err := a.Fleet.Alerts(b.Context(), asOperator, usage.AlertQuery{Limit: 1})
	if want := map[bool]int64{true: sims}[alerts]; err != nil || told != want {
		b.Errorf("%d alerts, want %d, %v", told, want, err)
	}
	b.ReportMetric(accepted.Seconds(), "s-accepted")
	b.ReportMetric(float64(sims)/done.Seconds(), "rows/s")
	b.ReportMetric(float64(sims)/took.Seconds(), "SIM/s")
	b.ReportMetric((n.gauge(b, "process_cpu_seconds_total", "")-busy)/sims*1e6, "µs-CPU/SIM")
	b.ReportMetric(float64(resident(b, n)), "MB-resident")
	if err := n.stop(syscall.SIGTERM); err != nil {
		b.Error(err)
	}
}

// bulkFile writes a file of rows.
func bulkFile(t testing.TB, sims int, value string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	_, _ = fmt.Fprintln(w, "iccId,value")
	for n := range sims {
		_, _ = fmt.Fprintf(w, "%s,%s\n", iccidOf(n), value)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// untilWithin is until, for what takes longer.
func untilWithin(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
