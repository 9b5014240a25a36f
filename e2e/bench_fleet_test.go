package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
)

// benched is a filled platform for benchmarks: four accounts, two packages, and
// SIMs with something to be found by in every field. A tenth of them is active,
// and a hundredth suspended.
type benched struct {
	platform
	sims int
}

// The accounts of a filled platform: the operator's, and three below.
var benchFolios = []ident.PortfolioID{labPortfolio, "11000000000000000000000000000000", "12000000000000000000000000000000", "13000000000000000000000000000000"}

// onFleets runs a benchmark on each engine with platforms of the sizes asked
// for. With SIMURGH_BENCH_DIR they are kept there and filled once.
func onFleets(b *testing.B, sizes []int, bench func(b *testing.B, fleets []*benched)) {
	kept := os.Getenv("SIMURGH_BENCH_DIR")
	if kept == "" {
		kept = b.TempDir()
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			var fleets []*benched
			for _, n := range sizes {
				f := &benched{sims: n, platform: platform{data: filepath.Join(kept, fmt.Sprintf("e2e_%s_%d", engine, n))}}
				if engine == "postgres" {
					f.database = pgtest.Keep(b, filepath.Join(kept, fmt.Sprintf("e2e_cluster_%d", n)), "simurgh")
				}
				f.fill(b)
				fleets = append(fleets, f)
			}
			bench(b, fleets)
		})
	}
}

// fill fills the platform, unless that has been done: the SIMs once, and what
// they use once a month.
func (f *benched) fill(b *testing.B) {
	b.Helper()
	now := time.Now().UTC()
	f.once(b, "filled", f.accounts, f.stock, f.lives)
	f.once(b, now.Format("worn-2006-01"), func(ctx context.Context, a *app.App) error { return f.wear(ctx, a, now) })
}

// once carries out steps, unless a mark in the data folder says that they have
// been.
func (f *benched) once(b *testing.B, mark string, steps ...func(context.Context, *app.App) error) {
	b.Helper()
	done := filepath.Join(f.data, mark)
	if _, err := os.Stat(done); err == nil {
		return
	}
	begun := time.Now()
	a, err := app.Open(context.Background(), app.Config{Data: f.data, Database: f.database})
	if err != nil {
		b.Fatal(err)
	}
	for _, step := range steps {
		if err := step(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Logf("%s: %d SIMs in %s", mark, f.sims, time.Since(begun).Round(time.Second))
}

func (f *benched) accounts(ctx context.Context, a *app.App) error {
	for i, id := range benchFolios {
		n := fleet.NewPortfolio{ID: id, Name: fmt.Sprintf("Account %d", i)}
		if i > 0 {
			n.Parent = labPortfolio
		}
		if _, err := a.Fleet.CreatePortfolio(ctx, asOperator, n); err != nil {
			return err
		}
	}
	for id, name := range map[int64]string{1000: "One", 1001: "Two"} {
		if _, err := a.Fleet.CreatePackage(ctx, asOperator, plan.Package{ID: id, Name: name, Network: app.FirstNetwork}, benchFolios); err != nil {
			return err
		}
	}
	return nil
}

// samePIN are the SIMs that share a PIN, in a large fleet as in a small one, so
// that pages of both hold as many.
const samePIN = 100

// grown makes the SIM with a running number.
func (f *benched) grown(n int) fleet.BatchRow {
	row := fleet.BatchRow{Line: n + 1, SIM: sim.SIM{ICCID: iccidOf(n), IMSI: imsiOf(n), MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", n)),
		Name: fmt.Sprintf("Meter %d", n), Group: fmt.Sprintf("Group %d", n%50), Type: "UICC", MNO: 350 + int64(n%3), Part: 47 + int64(n%5),
		Spec: 3000 + int64(n*20/f.sims), RSP: int64(n % 2 * 9), Number: fmt.Sprintf("LAB%010d", n)}}
	if n%10 == 0 {
		row.SIM.EID = ident.EID(fmt.Sprintf("8904903200%022d", n))
	}
	pins := min(max(f.sims/samePIN, 1), 10_000)
	row.Secrets = sim.Secrets{PIN1: ident.PIN(fmt.Sprintf("%04d", n*7919%pins)), PUK1: ident.PIN(fmt.Sprintf("%08d", n)),
		PIN2: ident.PIN(fmt.Sprintf("%04d", n*7907%pins)), PUK2: ident.PIN(fmt.Sprintf("%08d", n+10_000_000))}
	return row
}

// stretch hands out the SIMs from one number up to another.
type stretch struct {
	f     *benched
	n, to int
}

// Next implements fleet.Source.
func (s *stretch) Next() (fleet.BatchRow, error) {
	if s.n == s.to {
		return fleet.BatchRow{}, io.EOF
	}
	s.n++
	return s.f.grown(s.n - 1), nil
}

// stock gives each account a quarter of the SIMs, on the packages in turn.
func (f *benched) stock(ctx context.Context, a *app.App) error {
	each := f.sims / len(benchFolios)
	for i, id := range benchFolios {
		in := fleet.Import{Portfolio: id, Package: 1000 + int64(i%2)}
		if n, err := a.Fleet.Import(ctx, asOperator, in, &stretch{f, i * each, (i + 1) * each}); err != nil || n.Imported != each {
			return fmt.Errorf("%d of %d SIMs were taken: %w", n.Imported, each, err)
		}
	}
	return nil
}

// lives activates every tenth SIM, suspends some of those and terminates others.
func (f *benched) lives(ctx context.Context, a *app.App) error {
	n, err := a.Network(ctx, app.FirstNetwork)
	if err != nil {
		return err
	}
	net, err := a.Simulated(n)
	if err != nil {
		return err
	}
	defer func() { _ = net.Close() }()
	for _, act := range []struct {
		verb        sim.Verb
		each, first int
	}{{sim.ActivateLive, 10, 3}, {sim.SuspendCustomer, 100, 13}, {sim.SuspendAdmin, 100, 23}, {sim.SuspendSystem, 100, 33}, {sim.Terminate, 100, 43}} {
		if err := f.do(ctx, a, act.verb, act.each, act.first); err != nil {
			return err
		}
		if _, err := a.WorkOff(ctx, app.FirstNetwork, network.Driver(net)); err != nil {
			return err
		}
	}
	return nil
}

// do gives a command to every so-manieth SIM.
func (f *benched) do(ctx context.Context, a *app.App, v sim.Verb, each, first int) error {
	var batch []ident.ICCID
	for n := first; n < f.sims; n += each {
		if batch = append(batch, iccidOf(n)); len(batch) < 5000 && n+each < f.sims {
			continue
		}
		done, err := a.Fleet.Apply(ctx, asOperator, batch, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Verb: v}, nil }, nil)
		if err != nil {
			return err
		}
		if done.Refused {
			return fmt.Errorf("%s was refused: %+v", v, done.Outcomes[0])
		}
		batch = batch[:0]
	}
	return nil
}
