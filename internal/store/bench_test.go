package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The benchmarks work on a fleet of SIMURGH_BENCH_SIMS SIMs, a million unless
// set. With SIMURGH_BENCH_DIR the databases are kept there and filled once. The
// fleet has 111 portfolios in three levels, 20 packages, and what a fleet has
// after some years: batches that lie side by side, labels that do not.

func benchSIMs(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("SIMURGH_BENCH_SIMS"))
	if err != nil && os.Getenv("SIMURGH_BENCH_SIMS") != "" {
		b.Fatal(err)
	}
	if n == 0 {
		n = 1_000_000
	}
	return n
}

// fleet is a filled database.
type fleet struct {
	*store.DB
	n           int
	portfolios  []tenant.Portfolio
	middle, one tenant.Sphere // eleven portfolios, and a single one
}

// onFleets runs a benchmark on a fleet on each engine.
func onFleets(b *testing.B, bench func(b *testing.B, f *fleet)) {
	n := benchSIMs(b)
	kept := os.Getenv("SIMURGH_BENCH_DIR")
	if kept == "" {
		kept = b.TempDir()
	}
	name := fmt.Sprintf("sims_%d", n)
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			o := store.Options{Dir: filepath.Join(kept, name)}
			if engine == "postgres" {
				o = store.Options{URL: pgtest.Keep(b, filepath.Join(kept, "postgres"), name)}
			}
			db, err := store.Open(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			f := &fleet{DB: db, n: n}
			f.fill(b)
			bench(b, f)
		})
	}
}

// fill fills the database unless that has been done.
func (f *fleet) fill(b *testing.B) {
	ctx := b.Context()
	_, done, err := f.Setting(ctx, "filled")
	if err == nil && !done {
		err = f.Write(ctx, f.plant)
	}
	if err != nil {
		b.Fatal(err)
	}
	if f.portfolios, err = f.Portfolios(ctx, tenant.Everything()); err != nil {
		b.Fatal(err)
	}
	f.middle, f.one = tenant.Below(f.portfolios[1].Path), tenant.Below(f.portfolios[2].Path)
	if done {
		return
	}
	began := time.Now()
	f.insertAll(b, f.portfolios, f.n, grown)
	b.Logf("%s: %d SIMs of a grown fleet in %s", f.EngineName(), f.n, time.Since(began).Round(time.Millisecond))
	if err := f.Write(ctx, func(tx *store.Tx) error {
		if f.EngineName() == "postgres" {
			if err := tx.Exec(ctx, "ANALYZE"); err != nil {
				return err
			}
		}
		_, err := tx.SetOnce(ctx, "filled", nil)
		return err
	}); err != nil {
		b.Fatal(err)
	}
}

// plant adds a root, its ten children, and ten children of each.
func (f *fleet) plant(tx *store.Tx) error {
	add := func(n int, parent *tenant.Portfolio) (tenant.Portfolio, error) {
		p := tenant.Portfolio{ID: ident.PortfolioID(fmt.Sprintf("%032x", n)), Name: fmt.Sprint(n), Currency: "GBP", BillingDay: 1, Status: tenant.Active}
		path := ""
		if parent != nil {
			p.Parent, path = parent.ID, parent.Path
		}
		p.Path = tenant.Path(path, p.ID)
		return p, tx.AddPortfolio(context.Background(), p)
	}
	root, err := add(1, nil)
	for c := 0; c < 10 && err == nil; c++ {
		var child tenant.Portfolio
		child, err = add(10+c, &root)
		for g := 0; g < 10 && err == nil; g++ {
			_, err = add(100+10*c+g, &child)
		}
	}
	return err
}

// insertAll inserts a thousand batches, each in a portfolio.
func (f *fleet) insertAll(b *testing.B, portfolios []tenant.Portfolio, n int, make func(r *rand.Rand, i, batch int) sim.NewSIM) {
	r := rand.New(rand.NewPCG(1, 2))
	ctx, chunk := b.Context(), max(1, n/1000)
	for first := 0; first < n; first += chunk {
		at := r.IntN(len(portfolios))
		batch := slices.Collect(func(yield func(sim.NewSIM) bool) {
			for i := first; i < min(first+chunk, n) && yield(make(r, i, at)); i++ {
				continue
			}
		})
		if err := f.WriteBulk(ctx, func(tx *store.Tx) error { return tx.Insert(ctx, portfolios[at].ID, batch) }); err != nil {
			b.Fatal(err)
		}
	}
}

// fresh is a SIM as a vendor's batch brings it: numbers, keys and codes.
func fresh(r *rand.Rand, i, batch int) sim.NewSIM {
	s := &sim.SIM{ICCID: ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453%012d", i))), IMSI: ident.IMSI(fmt.Sprintf("23415%010d", i)),
		MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", i)), Type: "UICC", Form: "4FF", MNO: 350, Spec: int64(i/100_000 + 1), Part: int64(i/200_000 + 1),
		Package: int64(1000 + (batch*7+r.IntN(3))%20), Network: "lab", Lifecycle: sim.New(start, "cli:operator"), CreatedAt: start, ModifiedAt: start}
	s.Number = string(s.ICCID)
	n := sim.NewSIM{SIM: s, Sealed: make([]byte, 96)}
	for _, code := range []string{"pin1", "puk1", "pin2", "puk2"} {
		n.Tags = append(n.Tags, sim.Tag{Code: code, Hash: fmt.Appendf(nil, "%016x", r.Uint64())})
	}
	return n
}

var towns = []string{"Oslo", "Bergen", "Tromsø", "Bodø"}

// grown is a SIM after some years.
func grown(r *rand.Rand, i, batch int) sim.NewSIM {
	n := fresh(r, i, batch)
	s := n.SIM
	s.Name, s.Group = fmt.Sprintf("Tracker %s %d", towns[r.IntN(len(towns))], r.IntN(1_000_000)), fmt.Sprintf("group %02d", r.IntN(20))
	s.IP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	s.IMEI = ident.IMEI(fmt.Sprintf("35%013d", r.Int64N(1e13)))
	switch x := r.IntN(100); {
	case x < 60:
		s.Wanted = sim.Condition{State: sim.Provisioned, Phase: sim.Live}
		s.ActivatedAt = start.Add(time.Duration(i/1000) * time.Second)
		if x < 2 {
			s.Wanted.Suspended = sim.Kinds(0).With(sim.Customer)
		}
		s.Settled = s.Wanted
	case x < 65:
		s.Wanted.State, s.Settled.State, s.TerminatedAt = sim.Unprovisioned, sim.Unprovisioned, start
	}
	return n
}

// timed runs do again and again and reports the median and the slow end.
func timed(b *testing.B, do func() error) {
	b.Helper()
	if err := do(); err != nil { // warm
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkList times pages of a hundred SIMs.
func BenchmarkList(b *testing.B) {
	onFleets(b, func(b *testing.B, f *fleet) {
		all := tenant.Everything()
		pkg, group := int64(1007), "group 07"
		provisioned := []sim.Status{sim.StatusProvisioned}
		rare := fmt.Sprintf("%07d", f.n/7*3)
		for _, c := range []struct {
			name string
			in   tenant.Sphere
			q    sim.Query
		}{
			{"first", all, sim.Query{}},
			{"first/eleven", f.middle, sim.Query{}},
			{"first/one", f.one, sim.Query{}},
			{"first/by-name", all, sim.Query{Sort: sim.ByName}},
			{"first/by-name/eleven", f.middle, sim.Query{Sort: sim.ByName, Descending: true}},
			{"first/counted", all, sim.Query{Count: true}},
			{"status", all, sim.Query{Statuses: provisioned}},
			{"status/eleven", f.middle, sim.Query{Statuses: provisioned, Count: true}},
			{"status/by-name", all, sim.Query{Statuses: provisioned, Sort: sim.ByName}},
			{"status-rare/by-name", all, sim.Query{Statuses: []sim.Status{sim.StatusUnprovisioned}, Sort: sim.ByName}},
			{"package", all, sim.Query{Package: &pkg, Count: true}},
			{"group", all, sim.Query{Group: &group, Count: true}},
			{"group/by-name", all, sim.Query{Group: &group, Sort: sim.ByName}},
			{"suspended", all, sim.Query{Held: sim.Kinds(0).With(sim.Customer), Count: true}},
			{"suspended/by-name", all, sim.Query{Held: sim.Kinds(0).With(sim.Customer), Sort: sim.ByName}},
			{"search/rare", all, sim.Query{Match: &sim.Match{Text: rare}}},
			{"search/rare/counted", all, sim.Query{Match: &sim.Match{Text: rare}, Count: true}},
			{"search/rare/one", f.one, sim.Query{Match: &sim.Match{Text: rare}}},
			{"search/name", all, sim.Query{Match: &sim.Match{Text: "TROMSØ 777"}, Sort: sim.ByName}},
			{"search/prefix", all, sim.Query{Match: &sim.Match{Text: "894453", How: sim.Starts}}},
			{"search/two", all, sim.Query{Match: &sim.Match{Text: "77"}}},
			{"search/two-absent", all, sim.Query{Match: &sim.Match{Text: "qx"}}},
			{"search/three-absent", all, sim.Query{Match: &sim.Match{Text: "qxz"}}},
			{"offset/deep", all, sim.Query{Offset: f.n / 10 * 9}},
			{"offset/deep/descending", all, sim.Query{Offset: f.n / 10 * 9, Descending: true}},
			{"offset/deep/eleven", f.middle, sim.Query{Offset: f.n / 20}},
			{"cursor/deep", all, sim.Query{After: &sim.Cursor{ICCID: ident.ICCID(fmt.Sprintf("894453%012d", f.n/10*9))}}},
			{"cursor/deep/by-name", all, sim.Query{Sort: sim.ByName, After: &sim.Cursor{Value: "Tracker Oslo 9", ICCID: "8"}}},
		} {
			c.q.Limit = 100
			b.Run(c.name, func(b *testing.B) {
				timed(b, func() error {
					_, err := f.List(b.Context(), c.in, c.q)
					return err
				})
			})
		}
	})
}

// BenchmarkSIM times reading one SIM, by everybody's and by one tenant's sphere.
func BenchmarkSIM(b *testing.B) {
	onFleets(b, func(b *testing.B, f *fleet) {
		for name, in := range map[string]tenant.Sphere{"everything": tenant.Everything(), "eleven": f.middle} {
			b.Run(name, func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					iccid := ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453%012d", i*7919%f.n)))
					if _, _, err := f.SIM(b.Context(), in, iccid); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("tallies", func(b *testing.B) {
			timed(b, func() error { _, err := f.Tallies(b.Context(), tenant.Everything()); return err })
		})
	})
}

// BenchmarkImport times inserting a whole batch, on an empty database.
func BenchmarkImport(b *testing.B) {
	n := benchSIMs(b)
	for name, options := range engines {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f := &fleet{DB: open(b, options(b)), n: n}
				if err := f.Write(b.Context(), f.plant); err != nil {
					b.Fatal(err)
				}
				portfolios, err := f.Portfolios(b.Context(), tenant.Everything())
				if err != nil {
					b.Fatal(err)
				}
				f.insertAll(b, portfolios[:1], n, fresh)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "SIM/s")
		})
	}
}

// BenchmarkMemory reports what the process has resident after it has worked on
// a large fleet.
func BenchmarkMemory(b *testing.B) {
	onFleets(b, func(b *testing.B, f *fleet) {
		for _, sort := range sim.AllFields() {
			for range 5 {
				if _, err := f.List(b.Context(), tenant.Everything(), sim.Query{Sort: sort, Limit: 100, Count: true}); err != nil {
					b.Fatal(err)
				}
			}
		}
		for b.Loop() {
			continue
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			b.Skip(err)
		}
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
				b.ReportMetric(float64(kb)/1024, "resident-MB")
			}
		}
	})
}
