package aaa_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// gateway takes Disconnect-Requests. The wire package that it is made of is
// held against FreeRADIUS and radclient by its own tests.
type gateway struct {
	port  int
	mu    sync.Mutex
	heard []*radius.Packet
	reply func(n int, p *radius.Packet) *radius.Packet // to the n-th request; nil is silence
}

func newGateway(t testing.TB, reply func(n int, p *radius.Packet) *radius.Packet) *gateway {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{port: conn.LocalAddr().(*net.UDPAddr).Port, reply: reply}
	s := &radius.Server{Services: radius.DynamicAuthorization, Handler: g.handle,
		Clients: func(netip.Addr) (radius.Client, bool) { return radius.Client{Secret: []byte(secret)}, true }}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gateway) handle(_ context.Context, r *radius.Request) *radius.Packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, r.Packet.Clone())
	return g.reply(len(g.heard), r.Packet)
}

func (g *gateway) requests() []*radius.Packet {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard
}

func (g *gateway) nas() []usage.NAS {
	return []usage.NAS{{Name: "pgw1", Prefix: netip.MustParsePrefix("127.0.0.1/32"), CoAPort: g.port}}
}

func ack(int, *radius.Packet) *radius.Packet { return radius.New(radius.DisconnectACK) }

func nak(cause radius.Cause) *radius.Packet {
	p := radius.New(radius.DisconnectNAK)
	radius.ErrorCause.Add(p, cause)
	return p
}

// A suspension reaches the gateway well within a second, names the session as
// the gateway does, and the acknowledgement is kept as the proof.
func TestASuspensionCutsTheSession(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, ack)
		s.gateways = g.nas()
		w := newWorld(t, s)
		w.sim(0, nil)
		start := message(0, "a1", radius.StatusStart, 0)
		radius.FramedIPAddress.Add(start, netip.MustParseAddr("10.45.0.3"))
		w.send(aaa.PortAcct, start)
		begun := time.Now()
		w.command(0, sim.SuspendAdmin, "unpaid")
		until(t, "the session is cut", func() bool { return w.seen.count("cut ack") == 1 })
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		p := g.requests()[0]
		id, _ := radius.AcctSessionID.Get(p)
		nas, _ := radius.NASIdentifier.Get(p)
		who, _ := radius.IMSI.Get(p)
		ip, _ := radius.FramedIPAddress.Get(p)
		all, _ := radius.TeardownIndicator.Get(p)
		if id != "a1" || nas != "ggsn" || who != string(imsi(0)) || ip.String() != "10.45.0.3" || all != 1 {
			t.Errorf("the gateway heard of session %q on %q, IMSI %q, address %v, teardown %d", id, nas, who, ip, all)
		}
		until(t, "the proof is kept", func() bool { return w.proof(0) == "ack" })
		if n := len(g.requests()); n != 1 {
			t.Errorf("the gateway was told %d times", n)
		}
	})
}

// proof is how it was proved that the newest session of a SIM is over.
func (w *world) proof(n int) string {
	w.t.Helper()
	cuts, err := w.fleet.Cuts(w.t.Context(), operator, iccid(n), 10)
	w.must(err)
	if len(cuts) == 0 {
		return "none"
	}
	return string(cuts[0].Outcome)
}

// proofs are those of all orders to a SIM's sessions, the newest first.
func (w *world) proofs(n int) []string {
	w.t.Helper()
	cuts, err := w.fleet.Cuts(w.t.Context(), operator, iccid(n), 10)
	w.must(err)
	out := make([]string, len(cuts))
	for i, c := range cuts {
		out[i] = c.Reason + ": " + string(c.Outcome)
	}
	return out
}

func TestOutcomesOfACut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply func(n int, p *radius.Packet) *radius.Packet
		want  usage.CutOutcome
		sends int
	}{
		"the gateway does not know it any more": {func(int, *radius.Packet) *radius.Packet { return nak(radius.CauseSessionNotFound) }, usage.CutGone, 1},
		"a lost request is sent again": {func(n int, p *radius.Packet) *radius.Packet {
			if n < 3 {
				return nil
			}
			return ack(n, p)
		}, usage.CutAck, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, c.reply)
			w := newWorld(t, setup{gateways: g.nas(), options: func(o *aaa.Options) { o.Retry = radius.Retry{Initial: 50 * time.Millisecond} }})
			w.sim(0, nil)
			w.send(aaa.PortAcct, message(0, "a1", radius.StatusStart, 0))
			w.command(0, sim.Terminate, "")
			until(t, "it is proved", func() bool { return w.proof(0) == string(c.want) })
			if n := len(g.requests()); n != c.sends {
				t.Errorf("sent %d times, want %d", n, c.sends)
			}
		})
	}
}

// A gateway that cannot end a session now is asked again; a Stop that comes
// meanwhile is proof, too.
func TestACutThatIsRefusedIsTriedAgain(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(int, *radius.Packet) *radius.Packet { return nak(radius.CauseResources) })
	w := newWorld(t, setup{gateways: g.nas()})
	w.sim(0, nil)
	w.send(aaa.PortAcct, message(0, "a1", radius.StatusStart, 0))
	w.command(0, sim.SuspendAdmin, "")
	until(t, "it is refused", func() bool { return w.seen.count("cut "+aaa.Retried) == 1 })
	w.send(aaa.PortAcct, message(0, "a1", radius.StatusStop, 10))
	until(t, "the Stop is the proof", func() bool { return w.proof(0) == string(usage.CutStopped) })
}

// A session whose gateway takes no orders is not asked for in vain.
func TestACutWithoutAWay(t *testing.T) {
	t.Parallel()
	g := newGateway(t, ack)
	w := newWorld(t, setup{gateways: g.nas()})
	w.sim(0, nil)
	w.send(aaa.PortAcct, message(0, "a1", radius.StatusStart, 0))
	w.must(w.fleet.RemoveNAS(t.Context(), operator, "pgw1"))
	w.must(w.fleet.AddNAS(t.Context(), operator, usage.NAS{Name: "other", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Secret: []byte(secret)}))
	until(t, "the list is read again", func() bool {
		_, _ = w.raw(aaa.PortAuth, []byte{1, 1, 0, 20}, soon)
		return w.seen.count("dropped unknown_client") > 0
	})
	w.command(0, sim.SuspendAdmin, "")
	until(t, "it is given up", func() bool { return w.proof(0) == string(usage.CutNoWay) })
	if n := len(g.requests()); n != 0 {
		t.Errorf("%d orders went to a gateway that is not on the list", n)
	}
}

// Crossing the data limit by an interim suspends and cuts within a second; so
// does a device that the SIM is not bound to.
func TestRulesCut(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, ack)
		s.gateways = g.nas()
		w := newWorld(t, s)
		w.sim(0, func(s *sim.SIM) { s.DataLimit = 1 })
		w.sim(1, func(s *sim.SIM) { s.IMEILock = "490154203237518" })
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusStart, 0))
		begun := time.Now()
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, usage.Megabyte))
		until(t, "the limit cuts", func() bool { return w.seen.count("cut ack") == 1 })
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		held, err := w.fleet.SIM(t.Context(), operator, iccid(0))
		w.must(err)
		if !held.Wanted.Suspended.Has(sim.System) || held.Holds[sim.System].Reason != "data limit of 1 MB reached" {
			t.Errorf("the SIM is %s: %+v", held.Wanted, held.Holds)
		}
		stolen := message(1, "a1", radius.StatusInterimUpdate, 5)
		radius.IMEISV.Add(stolen, "3569380356438091")
		w.send(aaa.PortAcct, stolen)
		until(t, "the device cuts", func() bool { return w.seen.count("cut ack") == 2 })
	})
}

// A session that was let in just before a suspension, and begins just after it,
// is cut as well.
func TestASessionThatBeginsAfterTheSuspensionIsCut(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, ack)
		s.gateways = g.nas()
		w := newWorld(t, s)
		w.sim(0, nil)
		w.command(0, sim.SuspendCustomer, "winter")
		w.send(aaa.PortAcct, message(0, "late", radius.StatusStart, 0))
		until(t, "it is cut", func() bool { return w.proof(0) == string(usage.CutAck) })
	})
}
