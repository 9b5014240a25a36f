package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	portfolio ident.PortfolioID = "10000000000000000000000000000000"
	first     ident.ICCID       = "8944538599000000017"
	second    ident.ICCID       = "8944538599000000025"
)

var operator = fleet.Request{Caller: tenant.Operator("test"), Via: "cli"}

func open(t *testing.T, dir string) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), app.Config{Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// furnish makes an account with a package on a network, and two SIMs.
func furnish(t *testing.T, a *app.App, network string) {
	t.Helper()
	ctx := t.Context()
	if _, err := a.Fleet.CreatePortfolio(ctx, operator, fleet.NewPortfolio{ID: portfolio, Name: "Test"}); err != nil {
		t.Fatal(err)
	}
	p, err := a.Fleet.CreatePackage(ctx, operator, plan.Package{Name: "Test", Network: network}, []ident.PortfolioID{portfolio})
	if err != nil {
		t.Fatal(err)
	}
	rows := app.OpenBatch(strings.NewReader("iccid,imsi\n8944538599000000017,234150000000017\n8944538599000000025,234150000000025\n,\n"), batch.Options{})
	sum, err := a.Fleet.Import(ctx, operator, fleet.Import{Portfolio: portfolio, Package: p.ID}, rows)
	if err != nil || sum.Imported != 2 {
		t.Fatalf("imported %+v, %v", sum, err)
	}
}

func command(t *testing.T, a *app.App, v sim.Verb, iccids ...ident.ICCID) {
	t.Helper()
	done, err := a.Fleet.Apply(t.Context(), operator, iccids, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Verb: v}, nil }, nil)
	if err != nil || done.Refused {
		t.Fatalf("%s: %+v, %v", v, done, err)
	}
}

// served is a running server.
type served struct {
	url  string
	stop func() error
}

func serve(t *testing.T, a *app.App, o app.Serving) served {
	t.Helper()
	o.HTTP = "127.0.0.1:0"
	ready, ended := make(chan string, 1), make(chan error, 1)
	o.Ready = func(url string) { ready <- url }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- a.Serve(ctx, o) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	select {
	case url := <-ready:
		return served{url, stop}
	case err := <-ended:
		t.Fatalf("the server did not start: %v", err)
	}
	return served{}
}

// get reads a page on a connection of its own.
func (s served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

func is(t *testing.T, a *app.App, iccid ident.ICCID, want sim.Status) bool {
	t.Helper()
	s, err := a.Fleet.SIM(t.Context(), operator, iccid)
	if err != nil {
		t.Fatal(err)
	}
	return s.Status() == want
}

func TestServe(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	furnish(t, a, app.FirstNetwork)
	s := serve(t, a, app.Serving{})
	for path, want := range map[string]string{"/healthz": `{"alive":true}`, "/readyz": `"ready":true`, "/metrics": `simurgh_sims{status="available"} 2`} {
		if code, body := s.get(t, path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	// What is committed is counted a moment later.
	for _, want := range []string{`simurgh_operations_begun_total{verb="activate",via="cli"} 1`, `simurgh_operations_ended_total{progress="done"} 1`,
		`simurgh_sync_sims_total{network="simulated",outcome="agreed"} 1`, `simurgh_sync_queue_depth{network="simulated"} 0`} {
		until(t, want, func() bool {
			_, metrics := s.get(t, "/metrics")
			return strings.Contains(metrics, want)
		})
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	// One App may serve again.
	if code, _ := serve(t, a, app.Serving{}).get(t, "/readyz"); code != 200 {
		t.Errorf("status %d the second time", code)
	}
}

func TestTwoNodesOnOneFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := open(t, dir), open(t, dir)
	furnish(t, one, app.FirstNetwork)
	s1, s2 := serve(t, one, app.Serving{}), serve(t, two, app.Serving{})
	if err := s1.stop(); err != nil {
		t.Fatal(err)
	}
	command(t, one, sim.ActivateLive, first) // accepted here, told there
	until(t, "the other node has told the network", func() bool { return is(t, two, first, sim.StatusProvisioned) })
	if code, _ := s2.get(t, "/readyz"); code != 200 {
		t.Errorf("status %d", code)
	}
}

// A network that cannot be opened is shown, holds up no other, and is tried
// again; one that is added is picked up.
func TestCrewPicksUpNetworks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := open(t, dir)
	s := serve(t, a, app.Serving{}.Hurried())
	blocked := filepath.Join(dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]string{"path": filepath.Join(blocked, "net.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Fleet.AddNetwork(t.Context(), operator, plan.Network{Name: "late", Driver: app.SimulatedDriver, Config: string(config)}, nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the readiness names the network", func() bool {
		code, body := s.get(t, "/readyz")
		return code == 503 && strings.Contains(body, `"late":"network.folder"`) && strings.Contains(body, `"simulated":"ok"`)
	})
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	until(t, "the network is manned", func() bool { code, _ := s.get(t, "/readyz"); return code == 200 })
	furnish(t, a, "late")
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
}

func TestTerminatedSIMsReturnToStock(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	if err := a.Fleet.AddNetwork(t.Context(), operator, plan.Network{Name: "short", Driver: app.SimulatedDriver}, nil); err != nil {
		t.Fatal(err)
	}
	furnish(t, a, "short")
	serve(t, a, app.Serving{}.Hurried())
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	command(t, a, sim.Terminate, first)
	until(t, "the SIM is back in stock", func() bool { return is(t, a, first, sim.StatusAvailable) })
}

// What a network has lost is found on schedule, and told again.
func TestReconcilesBySchedule(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	furnish(t, a, app.FirstNetwork)
	serve(t, a, app.Serving{ReconcileEvery: 30 * time.Millisecond, Repair: true}.Hurried())
	command(t, a, sim.ActivateLive, first, second)
	until(t, "the SIMs are active", func() bool {
		return is(t, a, first, sim.StatusProvisioned) && is(t, a, second, sim.StatusProvisioned)
	})
	n, err := a.Network(t.Context(), app.FirstNetwork)
	if err != nil {
		t.Fatal(err)
	}
	net, err := a.Simulated(n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = net.Close() }()
	if r := net.Apply(t.Context(), []sim.Profile{{IMSI: "234150000000017"}}); r[0] != nil {
		t.Fatal(r[0])
	}
	until(t, "the network has it again", func() bool {
		has, err := net.Observe(t.Context(), []ident.IMSI{"234150000000017"})
		return err == nil && has[0].Present
	})
}

func TestPortIsTaken(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	s := serve(t, a, app.Serving{})
	err := open(t, sqlitetest.Dir(t)).Serve(t.Context(), app.Serving{HTTP: strings.TrimPrefix(s.url, "http://")})
	if fault.CodeOf(err) != "serve.listen" || !strings.Contains(err.Error(), "--http") {
		t.Errorf("Serve = %v", err)
	}
}

// Any number of processes may open a folder that does not exist yet: there is
// one key and one first network.
func TestFirstOpening(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a, err := app.Open(t.Context(), app.Config{Data: dir})
			if err != nil {
				t.Error(err)
				return
			}
			if n, err := a.Fleet.Networks(t.Context(), operator); err != nil || len(n) != 1 || n[0].Name != app.FirstNetwork {
				t.Errorf("networks %v, %v", n, err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if a := open(t, dir); a.NewKey != filepath.Join(dir, "secret.key") {
		t.Errorf("the key was made in %q", a.NewKey)
	}
	other := filepath.Join(dir, "other.key")
	_, err := app.Open(t.Context(), app.Config{Data: dir, KeyFile: other})
	if fault.CodeOf(err) != "vault.missing" || !strings.Contains(err.Error(), "no key file "+other) {
		t.Errorf("Open with a key file that is not there = %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that fits no database was made: %v", err)
	}
	if _, _, err := vault.Load(other); err != nil {
		t.Fatal(err)
	}
	_, err = app.Open(t.Context(), app.Config{Data: dir, KeyFile: other})
	if fault.CodeOf(err) != "vault.key" || !strings.Contains(err.Error(), "--key-file") {
		t.Errorf("Open = %v", err)
	}
}

// A key that everybody can read is taken, and its owner told.
func TestAKeyThatEverybodyReads(t *testing.T) {
	t.Parallel()
	dir := sqlitetest.Dir(t)
	key := open(t, dir).NewKey
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o440: false, 0o644: true} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		a, err := app.Open(t.Context(), app.Config{Data: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "everybody on this machine can read the key") && strings.Contains(log.String(), key); got != warned {
			t.Errorf("mode %s: warned %v, %q", mode, got, log.String())
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that no gateway reports to makes no journal, whoever looks.
func TestNoJournalWithoutReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, open(t, dir), app.Serving{}.Hurried())
	if code, page := s.get(t, "/metrics"); code != http.StatusOK || !strings.Contains(page, "simurgh_radius_journal_reports 0") {
		t.Errorf("%d %s", code, page)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, store.JournalName+"*")); err != nil || len(found) > 0 {
		t.Errorf("%q is there, %v", found, err)
	}
}
