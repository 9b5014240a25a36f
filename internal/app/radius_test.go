package app_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

const nasSecret = "s3cret-s3cret"

// pgw is a gateway on loopback that acknowledges every order to end a session.
type pgw struct {
	t      testing.TB
	port   int
	cut    atomic.Int64
	sender radius.Sender
	at     map[string]netip.AddrPort
}

func newPGW(t testing.TB) *pgw {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	g := &pgw{t: t, port: conn.LocalAddr().(*net.UDPAddr).Port, at: map[string]netip.AddrPort{}}
	s := &radius.Server{Services: radius.DynamicAuthorization, Handler: func(context.Context, *radius.Request) *radius.Packet {
		g.cut.Add(1)
		return radius.New(radius.DisconnectACK)
	}, Clients: func(netip.Addr) (radius.Client, bool) { return radius.Client{Secret: []byte(nasSecret)}, true }}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, conn.Close(), g.sender.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// door has a server listen for the gateway.
func (g *pgw) door() app.RADIUS {
	return app.RADIUS{Auth: "127.0.0.1:0", Acct: "127.0.0.1:0", Ready: func(port string, at netip.AddrPort) { g.at[port] = at }}
}

func (g *pgw) send(port string, p *radius.Packet) radius.Code {
	g.t.Helper()
	radius.IMSI.Add(p, "234150000000017")
	reply, err := g.sender.Exchange(g.t.Context(), radius.Peer{Addr: g.at[port], Secret: []byte(nasSecret)}, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply.Code
}

func (g *pgw) ask() radius.Code { return g.send("auth", radius.New(radius.AccessRequest)) }

func (g *pgw) report(status radius.StatusType, id string, in uint64) {
	g.t.Helper()
	p := radius.New(radius.AccountingRequest)
	radius.AcctStatusType.Add(p, status)
	radius.AcctSessionID.Add(p, id)
	radius.AddOctets(p, in, 0)
	g.send("acct", p)
}

// limited gives a SIM a data limit of one megabyte.
func limited(t *testing.T, a *app.App, iccid ident.ICCID) {
	t.Helper()
	err := a.DB.Write(t.Context(), func(tx *store.Tx) error {
		sims, err := tx.Lock(t.Context(), tenant.Everything(), []ident.ICCID{iccid})
		if err != nil {
			return err
		}
		after := sims[0]
		after.DataLimit = 1
		return tx.Save(t.Context(), []sim.Change{{Before: &sims[0], After: &after}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A session that crosses its data limit by an interim is cut within a second
// and the SIM says why; with the next month it is back, by itself.
func TestADataLimitLastsItsMonth(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	a, err := app.Open(t.Context(), app.Config{Data: sqlitetest.Dir(t), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	furnish(t, a, app.FirstNetwork)
	g := newPGW(t)
	if err := a.Fleet.AddNAS(t.Context(), operator, usage.NAS{Name: "pgw1", Prefix: netip.MustParsePrefix("127.0.0.1/32"), Secret: []byte(nasSecret), CoAPort: g.port}); err != nil {
		t.Fatal(err)
	}
	s := serve(t, a, app.Serving{RADIUS: g.door()}.Hurried())
	command(t, a, sim.ActivateLive, first)
	until(t, "the SIM is active", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	limited(t, a, first)
	if code := g.ask(); code != radius.AccessAccept {
		t.Errorf("an active SIM gets %s", code)
	}
	g.report(radius.StatusStart, "s1", 0)
	g.report(radius.StatusInterimUpdate, "s1", usage.Megabyte/2)
	begun := time.Now()
	g.report(radius.StatusInterimUpdate, "s1", usage.Megabyte+1)
	until(t, "the session is cut", func() bool { return g.cut.Load() == 1 })
	if took := time.Since(begun); took > time.Second {
		t.Errorf("the cut took %s", took)
	}
	g.report(radius.StatusStop, "s1", usage.Megabyte+1)
	until(t, "the SIM is suspended", func() bool { return is(t, a, first, sim.StatusSuspended) })
	held, err := a.Fleet.SIM(t.Context(), operator, first)
	if err != nil || held.Holds[sim.System].Reason != "data limit of 1 MB reached" {
		t.Errorf("it says %+v, %v", held.Holds, err)
	}
	if code := g.ask(); code != radius.AccessReject {
		t.Errorf("over its limit it gets %s", code)
	}
	y, m, _ := time.Now().UTC().Date()
	ahead.Store(int64(time.Until(time.Date(y, m+1, 1, 0, 1, 0, 0, time.UTC))))
	until(t, "the SIM is back", func() bool { return is(t, a, first, sim.StatusProvisioned) })
	if code := g.ask(); code != radius.AccessAccept {
		t.Errorf("in the next month it gets %s", code)
	}
	_, metrics := s.get(t, "/metrics")
	for _, line := range []string{`simurgh_radius_access_total{result="accepted"} 2`, `simurgh_radius_access_total{result="suspended"} 1`,
		`simurgh_radius_cuts_total{outcome="ack"} 1`, `simurgh_radius_accounting_total{result="answered",step="interim"} 2`,
		`simurgh_radius_dropped_total{kind="malformed",port="auth"} 0`, `simurgh_radius_waiting{what="accounting"} 0`} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A server whose ports for gateways are taken does not start.
func TestServeNeedsItsRADIUSPorts(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	a := open(t, sqlitetest.Dir(t))
	err = a.Serve(t.Context(), app.Serving{HTTP: "127.0.0.1:0", RADIUS: app.RADIUS{Auth: taken.LocalAddr().String()}})
	if err == nil || !strings.Contains(err.Error(), "for RADIUS") {
		t.Errorf("%v", err)
	}
}
