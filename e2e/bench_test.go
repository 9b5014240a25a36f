package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The figures that the product promises, measured on the binary. See
// scripts/bench.

// BenchmarkImport takes batches with keys, codes and labels into an empty
// platform, and reports the most memory that the import held.
func BenchmarkImport(b *testing.B) {
	for _, sims := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d", sims), func(b *testing.B) {
			file := bigBatch(b, sims)
			for b.Loop() {
				p := platform{data: b.TempDir()}
				p.furnish(b, 0)
				cmd := p.command("sims", "import", file, "--portfolio", labPortfolio, "--package", labPackage)
				begun := time.Now()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				took := time.Since(begun)
				used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
				b.ReportMetric(took.Seconds(), "s/import")
				b.ReportMetric(float64(sims)/took.Seconds(), "SIM/s")
				b.ReportMetric(float64(used.Maxrss)/1024, "MB-peak")
				b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s/import")
			}
		})
	}
}

// bigBatch writes a batch as a vendor delivers it, in a file that the tests
// that follow find again.
func bigBatch(b *testing.B, sims int) string {
	b.Helper()
	path := filepath.Join(filepath.Dir(binary), fmt.Sprintf("batch-%d.csv", sims))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = fmt.Fprintln(w, "iccid,imsi,msisdn,ki,opc,pin1,puk1,type,name,group")
	for n := range sims {
		_, _ = fmt.Fprintf(w, "%s,%s,4477%08d,%016x%016x,%016x%016x,%04d,%08d,UICC,Meter %d,Group %d\n", iccidOf(n), imsiOf(n), n,
			rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64(), n%10000, n, n, n%50)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkPages asks getSIMs for pages of a million SIMs, a tenth of them
// active, and reports medians. Each search looks for another text, so that none
// is answered from what the last one left behind, except "again".
func BenchmarkPages(b *testing.B) {
	const sims = 1_000_000
	p := platform{data: b.TempDir()}
	p.furnish(b, 0)
	p.run(b, nil, "sims", "import", bigBatch(b, sims), "--portfolio", labPortfolio, "--package", labPackage)
	n := p.serve(b, "--reconcile-every", "0")
	b.Logf("resident with %d SIMs at rest: %d MB", sims, resident(b, n))
	drive(b, n.url, calls(sims/10, 300), 2, func(call) {})
	a := p.open(b)
	until(b, "the tenth is active", func() bool { return waits(b, a) == 0 })
	c, err := signIn(n.url, labPortfolio)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	for _, q := range []struct{ name, body string }{
		{"first", `{"numRecs":50,"sortOrder":"IA"}`},
		{"by-name", `{"numRecs":50,"sortOrder":"FA"}`},
		{"deep", `{"numRecs":50,"sortOrder":"IA","startRec":700000}`},
		{"state", `{"numRecs":50,"sortOrder":"IA","searchCriteria":{"state":"provisioned"}}`},
		{"state-deep", `{"numRecs":50,"sortOrder":"IA","startRec":50000,"searchCriteria":{"state":"provisioned"}}`},
		{"group", `{"numRecs":50,"sortOrder":"IA","searchCriteria":{"group":"Group 7"}}`},
		{"state-and-group", `{"numRecs":50,"sortOrder":"IA","searchCriteria":{"group":"Group 7","state":"provisioned"}}`},
		{"search-name", search("ter 76<n>", "C", "F")},
		{"search-iccid", search("<n>4<n>", "C", "I")},
		{"search-fields", search("<n>32<n>", "C", "FISM")},
		{"search-none", search("<n>x<n>", "C", "FISM")},
		{"search-all", search("<Meter>", "S", "F")},
		{"search-all-again", search("meter", "S", "F")},
	} {
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			used := n.gauge(b, "process_cpu_seconds_total", "")
			for i := 0; b.Loop(); i++ {
				body := strings.NewReplacer("<n>", fmt.Sprintf("%02d", i%100), "<Meter>", anyCase("meter", i)).Replace(q.body)
				begun := time.Now()
				if err := c.call("getSIMs", json.RawMessage(body), nil); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			used = n.gauge(b, "process_cpu_seconds_total", "") - used
			slices.Sort(took)
			b.ReportMetric(used/float64(len(took))*1000, "cpu-ms")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-median")
			b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "ms-p95")
		})
	}
}

// search is a first page of what matches.
func search(text, how, in string) string {
	return fmt.Sprintf(`{"numRecs":50,"sortOrder":"IA","searchCriteria":{"matchString":%q,"matchType":%q,"matchFields":%q}}`, text, how, in)
}

// anyCase writes a text in the n-th mixture of capitals.
func anyCase(text string, n int) string {
	out := []byte(text)
	for i := range out {
		if n>>i&1 == 1 {
			out[i] -= 'a' - 'A'
		}
	}
	return string(out)
}

// resident is what a server holds in memory, in MB.
func resident(b *testing.B, n *node) int {
	b.Helper()
	return int(n.gauge(b, "process_resident_memory_bytes", "") / 1e6)
}

// BenchmarkActivate activates SIMs in calls of 300 from a few clients, until the
// network, which takes no time, has answered for all of them.
func BenchmarkActivate(b *testing.B) {
	const sims = 30_000
	for b.Loop() {
		p := platform{data: b.TempDir()}
		p.furnish(b, 0)
		p.run(b, nil, "sims", "import", bigBatch(b, sims), "--portfolio", labPortfolio, "--package", labPackage)
		n := p.serve(b, "--reconcile-every", "0")
		a := p.open(b)
		todo := calls(sims, 300)
		begun := time.Now()
		drive(b, n.url, todo, 4, func(call) {})
		accepted := time.Since(begun)
		until(b, "every SIM is active", func() bool { return waits(b, a) == 0 })
		took := time.Since(begun)
		b.ReportMetric(float64(sims)/took.Seconds(), "SIM/s")
		b.ReportMetric(float64(sims)/accepted.Seconds(), "SIM/s-accepted")
		if err := n.stop(syscall.SIGTERM); err != nil {
			b.Error(err)
		}
	}
}
