package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
)

// behave tells the first network how to behave.
func behave(t *testing.T, a *app.App, s simulated.Settings) {
	t.Helper()
	n, err := a.Network(t.Context(), app.FirstNetwork)
	if err != nil {
		t.Fatal(err)
	}
	net, err := a.Simulated(n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = net.Close() }()
	if err := net.SetSettings(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), what)
}

// openLogged opens a platform, and what it says.
func openLogged(t *testing.T) (*app.App, *lines) {
	t.Helper()
	log := &lines{}
	a, err := app.Open(t.Context(), app.Config{Data: sqlitetest.Dir(t), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, log
}

// A network that goes away is seen and said once; the server stays ready, as
// callers lose nothing by it.
func TestNetworkGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	a, log := openLogged(t)
	s := serve(t, a, app.Serving{}.Hurried())
	shows := func(ready, metric string) func() bool {
		return func() bool {
			code, body := s.get(t, "/readyz")
			_, metrics := s.get(t, "/metrics")
			return code == 200 && strings.Contains(body, ready) && strings.Contains(metrics, metric)
		}
	}
	furnish(t, a, app.FirstNetwork)
	until(t, "the network is seen", shows(`"networks":{"simulated":"ok"}`, `simurgh_network_up{network="simulated"} 1`))
	behave(t, a, simulated.Settings{Outage: simulated.Down})
	until(t, "its absence is seen", shows(`"simulated":"the network does not answer, since `, `simurgh_network_up{network="simulated"} 0`))
	// What was tried so often that its next try is far off is told once it is back.
	command(t, a, sim.ActivateLive, first)
	var next time.Time
	operation := func() sim.Operation {
		ops, err := a.Fleet.Operations(t.Context(), operator, sim.OperationQuery{ICCID: first, Limit: 1})
		if err != nil || len(ops) != 1 {
			t.Fatalf("%d operations, %v", len(ops), err)
		}
		return ops[0]
	}
	until(t, "the SIM waits", func() bool {
		o := operation()
		next = o.NextTry
		return o.Attempts >= 4 && time.Until(next) > 3*time.Second
	})
	behave(t, a, simulated.Settings{})
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	if o := operation(); !o.DoneAt.Before(next) {
		t.Errorf("it was told at %s, when its turn at %s had come", o.DoneAt, next)
	}
	until(t, "its return is seen", shows(`"networks":{"simulated":"ok"}`, `simurgh_network_up{network="simulated"} 1`))
	if away, back := log.count("the network does not answer; its SIMs wait for it"), log.count("the network answers again"); away != 1 || back != 1 {
		t.Errorf("the log says %d times that it is away, and %d times that it is back", away, back)
	}
}

// A look needs no server, and says what is wrong.
func TestLook(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	look := func(n plan.Network) app.Look { return a.Look(t.Context(), n) }
	l := look(plan.Network{Name: "lab", Driver: app.SimulatedDriver})
	if l.Err != nil || l.Report.Software != "a simulation" || !l.Lists || len(l.Abilities.Reads.Names()) != 4 {
		t.Errorf("%+v", l)
	}
	l = look(plan.Network{Name: "core", Driver: "osmohlr", Config: `{"address":"127.0.0.1","ctrl":"127.0.0.1:1","timeout":"1s"}`})
	if fault.KindOf(l.Err) != fault.Unavailable || strings.Contains(app.InWords(l.Err), "127.0.0.1") {
		t.Errorf("%+v: %s", l, app.InWords(l.Err))
	}
	l = look(plan.Network{Name: "core", Driver: "osmohlr", Config: `{"aud2g":"rot13"}`})
	if fault.KindOf(l.Err) != fault.Invalid || !strings.Contains(app.InWords(l.Err), `aud2g is "rot13"`) {
		t.Errorf("%+v: %s", l, app.InWords(l.Err))
	}
}

// control does something with the first SIM.
func control(t *testing.T, a *app.App, c sim.Control) error {
	t.Helper()
	s, err := a.Fleet.SIM(t.Context(), operator, first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Fleet.Control(t.Context(), operator, &s, c, nil)
	return err
}

// timeline lists the newest events of the first SIM.
func timeline(t *testing.T, a *app.App, n int) []event.Event {
	t.Helper()
	events, err := a.Fleet.Events(t.Context(), operator, event.Query{ICCID: first, Limit: n})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// What is asked of a network at once reaches its driver, with a server and
// without; its no is in the timeline.
func TestControls(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	furnish(t, a, app.FirstNetwork)
	if err := control(t, a, sim.Disconnect); fault.CodeOf(err) != "sim.not_active" {
		t.Errorf("of a SIM in stock: %v", err)
	}
	s := serve(t, a, app.Serving{})
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	if err := control(t, a, sim.Disconnect); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := control(t, a, sim.Ping); err != nil {
		t.Error(err)
	}
	if got := timeline(t, a, 2); got[0].Kind != event.SIMControlled || got[0].Data.Verb != "ping" || got[1].Data.Verb != "disconnect" {
		t.Errorf("the timeline is %+v", got)
	}
	behave(t, a, simulated.Settings{RefusedPrefixes: []string{"234"}})
	if err := control(t, a, sim.Ping); fault.CodeOf(err) != "network.refused" {
		t.Errorf("of a network that refuses: %v", err)
	}
	behave(t, a, simulated.Settings{Outage: simulated.Down})
	if err := control(t, a, sim.Ping); fault.CodeOf(err) != fleet.NoAnswer || !strings.Contains(err.Error(), "network simulated did not answer (ping): the network does not answer; whether") {
		t.Errorf("of a network that is away: %v", err)
	}
	got := timeline(t, a, 4)
	if got[0].Kind != event.SIMNotControlled || got[0].Data.Reason != "the network does not answer" ||
		got[2].Data.Reason != "the network refuses: subscriber 234150000000017 is not accepted" {
		t.Errorf("the timeline is %+v", got)
	}
}

// A network that can do nothing at once says why, and nothing is written down.
func TestCannotControl(t *testing.T) {
	t.Parallel()
	a := open(t, sqlitetest.Dir(t))
	ctx := context.WithoutCancel(t.Context())
	if err := a.Fleet.AddNetwork(ctx, operator, plan.Network{Name: "core", Driver: "osmohlr"}, nil); err != nil {
		t.Fatal(err)
	}
	furnish(t, a, "core")
	command(t, a, sim.ActivateLive, first)
	before := len(timeline(t, a, 100))
	err := control(t, a, sim.Disconnect)
	if fault.CodeOf(err) != fleet.CannotControl || !strings.Contains(err.Error(), "network core cannot do this (disconnect): an OsmoHLR ends a session only by taking data away") {
		t.Errorf("of an HLR: %v", err)
	}
	if after := len(timeline(t, a, 100)); after != before {
		t.Errorf("%d events more", after-before)
	}
}

// A network that is set up otherwise, or removed, is taken up by servers that
// run; what it was told so far stays told.
func TestCrewFollowsChanges(t *testing.T) {
	t.Parallel()
	a, log := openLogged(t)
	ctx := t.Context()
	if err := a.Fleet.AddNetwork(ctx, operator, plan.Network{Name: "moves", Driver: app.SimulatedDriver, Config: `{"path":"one.db"}`}, nil); err != nil {
		t.Fatal(err)
	}
	furnish(t, a, "moves")
	s := serve(t, a, app.Serving{}.Hurried())
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })

	const manned = `msg="the network is manned" network=moves`
	if n := log.count(manned); n != 1 {
		t.Fatalf("the network is manned %d times", n)
	}
	config := `{"path":"two.db"}`
	if err := a.Fleet.ChangeNetwork(ctx, operator, "moves", fleet.NetworkChange{Config: &config}); err != nil {
		t.Fatal(err)
	}
	n, err := a.Network(ctx, "moves")
	if err != nil {
		t.Fatal(err)
	}
	net, err := a.Simulated(n) // the one at two.db
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = net.Close() }()
	until(t, "the server works on it there", func() bool { return log.count(manned) == 2 })
	command(t, a, sim.ActivateLive, second)
	until(t, "the second SIM is active", func() bool { return is(t, a, second, sim.StatusProvisioned) })
	until(t, "the server looks at it there", func() bool {
		_, body := s.get(t, "/readyz")
		return strings.Contains(body, `"moves":"ok"`)
	})
	command(t, a, sim.SuspendCustomer, first, second)
	until(t, "both have been told to the network where it is now", func() bool {
		has, err := net.Observe(ctx, []ident.IMSI{"234150000000017", "234150000000025"})
		return err == nil && has[0].Barred == sim.AllServices && has[1].Barred == sim.AllServices
	})

	if err := a.Fleet.AddNetwork(ctx, operator, plan.Network{Name: "goes", Driver: app.SimulatedDriver}, nil); err != nil {
		t.Fatal(err)
	}
	shows := func() bool { _, body := s.get(t, "/readyz"); return strings.Contains(body, `"goes":"ok"`) }
	until(t, "the new network is manned", shows)
	if err := a.Fleet.RemoveNetwork(ctx, operator, "goes"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is manned no more", func() bool {
		_, metrics := s.get(t, "/metrics")
		return !shows() && !strings.Contains(metrics, `network_up{network="goes"}`)
	})
}
