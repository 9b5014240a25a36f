package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

var operator = fleet.Request{Caller: tenant.Operator("bench"), Via: "bench"}

func openFleet(ctx context.Context, o store.Options) (*fleet.Service, *store.DB, error) {
	db, err := store.Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	v, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		return nil, nil, err
	}
	return fleet.New(fleettest.Store{DB: db}, fleet.Options{Vault: fleettest.Keeper{Vault: v}}), db, nil
}

// child tells the test binary to be the server under load: in a process of its
// own, as FreeRADIUS is.
const child = "SIMURGH_BENCH_SERVER"

// served is what the server tells on its output: where it listens, and at the
// end how many answers it did not record.
type served struct {
	Auth, Acct netip.AddrPort
	Unrecorded int
}

func TestMain(m *testing.M) {
	settings := os.Getenv(child)
	if settings == "" {
		os.Exit(m.Run())
	}
	var o store.Options
	err := json.Unmarshal([]byte(settings), &o)
	if err == nil {
		err = serve(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs until its input ends.
func serve(o store.Options) error {
	debug.SetGCPercent(400) // as simurgh serve has it, with its floor
	floor := make([]byte, 6<<20)
	defer runtime.KeepAlive(floor)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if path := os.Getenv("SIMURGH_BENCH_PROFILE"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	f, db, err := openFleet(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var seen watcher
	s, err := aaa.New(aaa.Options{Fleet: f, Auth: "127.0.0.1:0", Acct: "127.0.0.1:0", Observer: &seen})
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	say := json.NewEncoder(os.Stdout)
	var at served
	at.Auth, _ = s.Addr(aaa.PortAuth)
	at.Acct, _ = s.Addr(aaa.PortAcct)
	if err := say.Encode(at); err != nil {
		return err
	}
	if err := s.Run(ctx); err != nil {
		return err
	}
	at.Unrecorded = int(seen.unrecorded.Load())
	return say.Encode(at)
}

// startSimurgh runs a server over a database that the subscribers are in. What
// it returns stops the server, and says how many answers were not recorded.
func startSimurgh(tb testing.TB, o store.Options) (target, func() int) {
	tb.Helper()
	f, db, err := openFleet(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	seed(tb, f, db)
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	settings, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+string(settings))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cmd.Process.Kill() })
	heard := json.NewDecoder(bufio.NewReader(out))
	var at served
	if err := heard.Decode(&at); err != nil {
		tb.Fatal(err)
	}
	return target{auth: at.Auth, acct: at.Acct, behind: true}, func() int {
		_ = in.Close()
		if err := errors.Join(heard.Decode(&at), cmd.Wait()); err != nil {
			tb.Fatal(err)
		}
		return at.Unrecorded
	}
}

// watcher counts what the comparison must not hide.
type watcher struct{ unrecorded atomic.Int64 }

func (*watcher) Access(string, time.Duration)              {}
func (*watcher) Accounting(string, string)                 {}
func (*watcher) Kept(int, time.Duration, error)            {}
func (*watcher) Folded(fleet.Folded, time.Duration, error) {}
func (*watcher) Dropped(string, string)                    {}
func (*watcher) Cut(string, time.Duration)                 {}
func (w *watcher) Unrecorded(n int)                        { w.unrecorded.Add(int64(n)) }

// seed makes the subscribers: SIMs in service, of one customer.
func seed(tb testing.TB, f *fleet.Service, db *store.DB) {
	tb.Helper()
	ctx := tb.Context()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(f.AddNetwork(ctx, operator, plan.Network{Name: "lab", Driver: "simulated"}, nil))
	p, err := f.CreatePortfolio(ctx, operator, fleet.NewPortfolio{Name: "Operator", Currency: "EUR"})
	must(err)
	pkg, err := f.CreatePackage(ctx, operator, plan.Package{Name: "IoT", Network: "lab"}, []ident.PortfolioID{p.ID})
	must(err)
	must(f.AddNAS(ctx, operator, usage.NAS{Name: "bench", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: []byte(secret)}))
	const page = 5000
	for from := 0; from < subscribers; from += page {
		news := make([]sim.NewSIM, page)
		for i := range news {
			news[i] = subscriber(from+i, pkg.ID)
		}
		must(db.WriteBulk(ctx, func(tx *store.Tx) error { return tx.Insert(ctx, p.ID, news) }))
	}
}

// subscriber is a SIM that has been in service for a while.
func subscriber(n int, pkg int64) sim.NewSIM {
	s := sim.SIM{ICCID: ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", n))), IMSI: ident.IMSI(imsi(n)),
		MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", n)), Package: pkg, Network: "lab", DataLimit: 1 << 20, Version: 1}
	s.CreatedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.ActivatedAt, s.ModifiedAt, s.Since = s.CreatedAt, s.CreatedAt, s.CreatedAt
	s.Wanted = sim.Condition{State: sim.Provisioned, Phase: sim.Live}
	s.Settled, s.EverActive, s.EverLive = s.Wanted, true, true
	return sim.NewSIM{SIM: &s}
}
