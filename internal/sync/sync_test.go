package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	stdsync "sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/sync"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// lab is a platform with two simulated networks and a stock of SIMs on each.
type lab struct {
	*app.App
	t        *testing.T
	op       fleet.Request
	networks map[string]*simulated.Network
	sims     map[string][]ident.ICCID
	offset   time.Duration // of the clock
	mu       stdsync.Mutex
}

func (l *lab) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.offset)
}

func (l *lab) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offset += d
}

func newLab(t *testing.T, n int) *lab { return newLabOn(t, "", n) }

// newLabOn is newLab on a PostgreSQL; on SQLite without its address.
func newLabOn(t *testing.T, url string, n int) *lab {
	t.Helper()
	ctx, dir := t.Context(), sqlitetest.Dir(t)
	l := &lab{t: t, op: fleet.Request{Caller: tenant.Operator("test"), Via: "cli"}, networks: map[string]*simulated.Network{}, sims: map[string][]ident.ICCID{}}
	a, err := app.Open(ctx, app.Config{Data: dir, Database: url, Now: l.now})
	l.must(err)
	l.App = a
	t.Cleanup(func() { _ = a.Close() })
	root, err := a.Fleet.CreatePortfolio(ctx, l.op, fleet.NewPortfolio{Name: "Operator"})
	l.must(err)
	for i, name := range []string{"north", "south"} {
		l.must(a.Fleet.AddNetwork(ctx, l.op, plan.Network{Name: name, Driver: "simulated"}, nil))
		net, err := simulated.Open(filepath.Join(dir, name+".db"), simulated.WithClock(l.now))
		l.must(err)
		t.Cleanup(func() { _ = net.Close() })
		l.networks[name] = net
		p, err := a.Fleet.CreatePackage(ctx, l.op, plan.Package{Name: name, Network: name}, []ident.PortfolioID{root.ID})
		l.must(err)
		rows := &rows{from: i * 100_000, n: n}
		_, err = a.Fleet.Import(ctx, l.op, fleet.Import{Portfolio: root.ID, Package: p.ID}, rows)
		l.must(err)
		for k := range n {
			l.sims[name] = append(l.sims[name], iccid(i*100_000+k))
		}
	}
	return l
}

func iccid(i int) ident.ICCID { return ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", i))) }

type rows struct{ from, n, at int }

func (r *rows) Next() (fleet.BatchRow, error) {
	if r.at == r.n {
		return fleet.BatchRow{}, io.EOF
	}
	i := r.from + r.at
	r.at++
	return fleet.BatchRow{Line: i, SIM: sim.SIM{ICCID: iccid(i), Number: string(iccid(i)), IMSI: ident.IMSI(fmt.Sprintf("23415%010d", i)),
		MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", i))}, Secrets: sim.Secrets{K: ident.Key{1}, OPc: ident.Key{2}}}, nil
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) worker(name string) *sync.Worker {
	return &sync.Worker{Network: name, Driver: l.networks[name], Fleet: l.Fleet, Now: l.now}
}

func (l *lab) command(v sim.Verb, iccids ...ident.ICCID) {
	l.t.Helper()
	res, err := l.Fleet.Apply(l.t.Context(), l.op, iccids, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Verb: v}, nil }, nil)
	l.must(err)
	if res.Refused {
		l.t.Fatalf("%s refused: %v", v, res.Outcomes[0].Err)
	}
}

func (l *lab) sim(i ident.ICCID) sim.SIM {
	l.t.Helper()
	s, err := l.Fleet.SIM(l.t.Context(), l.op, i)
	l.must(err)
	return s
}

// step works until the network has nothing more that is due.
func (l *lab) step(w *sync.Worker) (total int) {
	l.t.Helper()
	for {
		n, err := w.Step(l.t.Context())
		l.must(err)
		if n == 0 {
			return total
		}
		total += n
	}
}

func TestWorkerMakesItSo(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1200)
	l.command(sim.ActivateLive, l.sims["north"]...)
	if n := l.step(l.worker("north")); n != 1200 {
		t.Fatalf("told of %d SIMs", n)
	}
	s := l.sim(l.sims["north"][700])
	actual, err := l.networks["north"].Observe(t.Context(), []ident.IMSI{s.IMSI})
	l.must(err)
	wanted := s.Profile()
	if s.Status() != sim.StatusProvisioned || len(actual[0].Drift(&wanted)) != 0 || !actual[0].Present {
		t.Fatalf("%s, drift %v", s.Status(), actual[0].Drift(&wanted))
	}
	if n := l.step(l.worker("north")); n != 0 {
		t.Errorf("told again of %d", n)
	}
}

func TestRefusedAndOutOfReach(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3)
	ctx, s := t.Context(), l.sims["north"]
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{RefusedIMSIs: []ident.IMSI{l.sim(s[0]).IMSI}}))
	l.command(sim.ActivateLive, s...)
	l.step(l.worker("north"))
	if no := l.sim(s[0]); no.Status() != sim.StatusAvailable || no.Failure == "" {
		t.Errorf("refused: %s %q", no.Status(), no.Failure)
	}
	if yes := l.sim(s[1]); yes.Status() != sim.StatusProvisioned {
		t.Errorf("its neighbour: %s", yes.Status())
	}
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{Outage: simulated.Down}))
	l.command(sim.SuspendCustomer, s[1], s[2])
	w := l.worker("north")
	for attempt := range 5 {
		if n := l.step(w); n != 2 {
			t.Fatalf("attempt %d told %d", attempt, n)
		}
		if again := l.step(w); again != 0 {
			t.Fatalf("attempt %d was repeated at once", attempt)
		}
		l.pass(time.Second << attempt)
	}
	ops, err := l.Fleet.Operations(ctx, l.op, sim.OperationQuery{ICCID: s[1], Limit: 1})
	l.must(err)
	if ops[0].Attempts != 5 || ops[0].LastError == "" || ops[0].Progress != sim.OpPending {
		t.Errorf("operation %+v", ops[0])
	}
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{}))
	l.pass(time.Hour)
	l.step(w)
	if got := l.sim(s[1]); got.Status() != sim.StatusSuspended {
		t.Errorf("after the outage: %s", got.Status())
	}
}

func TestOneNetworkDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	l := newLab(t, 50)
	ctx, cancel := context.WithCancel(t.Context())
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{Outage: simulated.Silent}))
	var wg stdsync.WaitGroup
	for name := range l.networks {
		w := l.worker(name)
		w.Settings.Idle = time.Millisecond
		w.Settings.Lease = 500 * time.Millisecond
		wg.Go(func() { _ = w.Run(ctx) })
	}
	l.command(sim.ActivateLive, l.sims["north"]...)
	l.command(sim.ActivateLive, l.sims["south"]...)
	deadline := time.Now().Add(10 * time.Second)
	last := l.sims["south"][49]
	for s := l.sim(last); s.Status() != sim.StatusProvisioned; s = l.sim(last) {
		if time.Now().After(deadline) {
			t.Fatal("south waits for north")
		}
	}
	if s := l.sim(l.sims["north"][0]); s.Status() != sim.StatusProvisioning || !s.Pending() {
		t.Errorf("north: %s", s.Status())
	}
	cancel()
	wg.Wait()
}

// A slow network, lost answers and failures: two workers share the queue, and
// each SIM ends where it should, changed once.
func TestTwoWorkersOnABadNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t, 400)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{FailureRate: 0.2, LostAnswers: 0.2, Latency: 2 * time.Millisecond}))
	l.command(sim.ActivateLive, l.sims["north"]...)
	var wg stdsync.WaitGroup
	for range 2 {
		w := l.worker("north")
		w.Settings = sync.Settings{Batch: 40, Idle: time.Millisecond, Backoff: time.Millisecond, Longest: 5 * time.Millisecond, Lease: 10 * time.Second}
		wg.Go(func() { _ = w.Run(ctx) })
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, i := range l.sims["north"] {
		for s := l.sim(i); s.Pending(); s = l.sim(i) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is still %s", i, s.Status())
			}
		}
		history, err := l.networks["north"].History(ctx, l.sim(i).IMSI)
		l.must(err)
		if len(history) != 1 {
			t.Fatalf("%s was changed %d times: %+v", i, len(history), history)
		}
	}
	cancel()
	wg.Wait()
}

type stub struct {
	network.Driver
	apply func([]sim.Profile) []network.Result
}

func (s stub) Apply(_ context.Context, p []sim.Profile) []network.Result { return s.apply(p) }

func TestADriverThatMisbehavesLosesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	for name, apply := range map[string]func([]sim.Profile) []network.Result{
		"panics":       func([]sim.Profile) []network.Result { panic("boom") },
		"says too few": func([]sim.Profile) []network.Result { return nil },
		"fails for all": func(p []sim.Profile) []network.Result {
			return slices.Repeat([]network.Result{errors.New("no")}, len(p))
		},
	} {
		l.pass(time.Hour)
		l.command(sim.ActivateLive, l.sims["north"]...)
		w := l.worker("north")
		w.Driver = stub{apply: apply}
		if n := l.step(w); n != 2 {
			t.Fatalf("%s: told of %d", name, n)
		}
		if s := l.sim(l.sims["north"][0]); s.Status() != sim.StatusProvisioning {
			t.Errorf("%s: %s", name, s.Status())
		}
	}
}

func TestReconcileFindsAndRepairs(t *testing.T) {
	t.Parallel()
	l := newLab(t, 700)
	ctx, s := t.Context(), l.sims["north"]
	l.command(sim.ActivateLive, s[:600]...)
	l.step(l.worker("north"))
	l.command(sim.SuspendCustomer, s[5]) // on its way: no drift
	// Behind our back: one removed, one barred, one that nobody asked for, and
	// a stranger.
	profile := func(i ident.ICCID) sim.Profile { s := l.sim(i); return s.Profile() }
	gone, barred, early := profile(s[1]), profile(s[2]), profile(s[650])
	gone.Present, barred.Barred, early.Present = false, sim.AllServices, true
	stranger := sim.Profile{IMSI: "001010000000001", ICCID: "89000000000000000000", Present: true}
	for _, r := range l.networks["north"].Apply(ctx, []sim.Profile{gone, barred, early, stranger}) {
		l.must(r)
	}
	var found []string
	var strangers []ident.IMSI
	reconcile := func(repair bool) sync.Reconciled {
		t.Helper()
		found, strangers = nil, nil
		r := &sync.Reconciler{Network: "north", Driver: l.networks["north"], Fleet: l.Fleet, Request: l.op, Repair: repair,
			Found:   func(d fleet.Drift) { found = append(found, fmt.Sprint(d.SIM.ICCID, d.Changes)) },
			Unknown: func(a network.Actual) { strangers = append(strangers, a.IMSI) }}
		sum, err := r.Run(ctx)
		l.must(err)
		return sum
	}
	if sum := reconcile(false); sum.Drifted != 3 || sum.Queued != 0 || sum.Unknown != 1 || sum.Checked != 699 {
		t.Fatalf("%+v %v", sum, found)
	}
	want := []string{
		fmt.Sprint(s[1], []event.Change{{Field: "present", From: "false", To: "true"}}),
		fmt.Sprint(s[2], []event.Change{{Field: "barred", From: "data+messaging+voice", To: ""}}),
		fmt.Sprint(s[650], []event.Change{{Field: "present", From: "true", To: "false"}}),
	}
	if !slices.Equal(found, want) || !slices.Equal(strangers, []ident.IMSI{"001010000000001"}) {
		t.Errorf("found %v, strangers %v", found, strangers)
	}
	if sum := reconcile(true); sum.Queued != 3 {
		t.Fatalf("repair: %+v", sum)
	}
	l.step(l.worker("north"))
	if sum := reconcile(true); sum.Drifted != 0 || sum.Checked != 700 {
		t.Errorf("after the repair: %+v %v", sum, found)
	}
	if got := l.sim(s[2]); got.Status() != sim.StatusProvisioned || got.Generation != 1 {
		t.Errorf("the repair changed what is wanted: %+v", got.Lifecycle)
	}
	l.must(l.networks["north"].SetSettings(ctx, simulated.Settings{Outage: simulated.Down}))
	if _, err := (&sync.Reconciler{Network: "north", Driver: l.networks["north"], Fleet: l.Fleet, Request: l.op}).Run(ctx); err == nil {
		t.Error("a network out of reach has no drift")
	}
}
