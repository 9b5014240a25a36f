package aaa_test

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// hub is a gateway at the far end of a connection over TLS: it reports, and
// takes orders.
type hub struct {
	t       testing.TB
	conn    *tls.Conn
	replies chan *radius.Packet
	ended   chan struct{}

	mu    sync.Mutex
	heard int
}

const hangUp = radius.Code(255) // instead of an answer

// dialHub connects; order answers the n-th order, nil is silence.
func (w *world) dialHub(at netip.AddrPort, config *tls.Config, order func(n int, p *radius.Packet) *radius.Packet) *hub {
	w.t.Helper()
	conn, err := (&tls.Dialer{Config: config}).DialContext(w.t.Context(), "tcp", at.String())
	w.must(err)
	h := &hub{t: w.t, conn: conn.(*tls.Conn), replies: make(chan *radius.Packet, 1), ended: make(chan struct{})}
	go h.read(order)
	w.t.Cleanup(h.close)
	return h
}

func (h *hub) close() {
	_ = h.conn.Close()
	<-h.ended
}

func (h *hub) read(order func(n int, p *radius.Packet) *radius.Packet) {
	defer close(h.ended)
	for {
		raw := make([]byte, 4)
		if _, err := io.ReadFull(h.conn, raw); err != nil {
			return
		}
		raw = append(raw, make([]byte, int(binary.BigEndian.Uint16(raw[2:]))-4)...)
		if _, err := io.ReadFull(h.conn, raw[4:]); err != nil {
			return
		}
		p, err := radius.Parse(raw)
		if err != nil {
			h.t.Errorf("the server sent %x: %v", raw, err)
			return
		}
		if p.Code != radius.DisconnectRequest && p.Code != radius.CoARequest {
			h.replies <- p
			continue
		}
		if err := p.VerifyRequest([]byte("radsec"), true); err != nil {
			h.t.Errorf("an order is not signed: %v", err)
		}
		if !h.obey(order, p) {
			return
		}
	}
}

// obey answers an order; false to hang up.
func (h *hub) obey(order func(n int, p *radius.Packet) *radius.Packet, p *radius.Packet) bool {
	h.mu.Lock()
	h.heard++
	reply := order(h.heard, p)
	h.mu.Unlock()
	switch {
	case reply == nil:
		return true
	case reply.Code == hangUp:
		_ = h.conn.Close()
		return false
	}
	wire, err := reply.AppendReply(nil, p, []byte("radsec"))
	if err == nil {
		_, err = h.conn.Write(wire)
	}
	return err == nil
}

func (h *hub) orders() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard
}

// report sends a report and waits for its answer.
func (h *hub) report(p *radius.Packet) {
	h.t.Helper()
	wire, err := p.AppendRequest(nil, []byte("radsec"))
	if err == nil {
		_, err = h.conn.Write(wire)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	select {
	case <-h.replies:
	case <-time.After(20 * time.Second):
		h.t.Fatal("the report is not answered")
	}
}

func hangsUp(int, *radius.Packet) *radius.Packet { return radius.New(hangUp) }

func refuses(cause radius.Cause) func(int, *radius.Packet) *radius.Packet {
	return func(int, *radius.Packet) *radius.Packet { return nak(cause) }
}

// linked is a platform whose gateway "hub" speaks TLS, and takes orders at its
// address, too.
type linked struct {
	*world
	a   *authority
	udp *gateway
	at  netip.AddrPort
}

func newLinked(t *testing.T, s setup) *linked {
	t.Helper()
	l := &linked{a: newAuthority(t), udp: newGateway(t, ack)}
	l.a.issue("server")
	if s.gateways == nil {
		s.gateways = []usage.NAS{{Name: "hub", Prefix: netip.MustParsePrefix("127.0.0.1/32"), CoAPort: l.udp.port}}
	}
	s.options = l.secure(nil)
	l.world = newWorld(t, s)
	l.at = l.addr(aaa.PortRadSec)
	return l
}

// secure makes a server of a setup speak TLS alone.
func (l *linked) secure(more func(*aaa.Options)) func(*aaa.Options) {
	return func(o *aaa.Options) {
		var err error
		o.TLS, err = aaa.LoadTLS(l.a.path("server.crt"), l.a.path("server.key"), l.a.path("ca.crt"))
		l.a.must(err)
		o.Auth, o.Acct, o.RadSec, o.Answer = "", "", "127.0.0.1:0", 300*time.Millisecond
		if more != nil {
			more(o)
		}
	}
}

// An order goes over the connection that the gateway has, within a second.
func TestACutGoesOverTheGatewaysLink(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		// From an address that is not the gateway's own: the certificate names it.
		s.gateways = []usage.NAS{{Name: "hub", Prefix: netip.MustParsePrefix("192.0.2.9/32")}}
		w := newLinked(t, s)
		w.sim(0, nil)
		h := w.dialHub(w.at, w.a.issue("hub"), ack)
		h.report(message(0, "a1", radius.StatusStart, 0))
		begun := time.Now()
		w.command(0, sim.SuspendAdmin, "unpaid")
		until(t, "the session is cut", func() bool { return w.seen.count("cut ack") == 1 })
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		until(t, "the proof is kept", func() bool { return w.proof(0) == "ack" })
		h.report(message(0, "a1", radius.StatusStop, 7)) // the link goes on
		if m := w.month(0); m.In != 7 {
			t.Errorf("%d bytes", m.In)
		}
	})
}

// A gateway that has an address of its own nowhere, as behind a translation, is not
// given up because its link is down at that moment: the order waits for the next.
func TestACutWaitsForTheGatewaysLink(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		s.gateways = []usage.NAS{{Name: "hub", Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
		w := newLinked(t, s)
		w.sim(0, nil)
		first := w.dialHub(w.at, w.a.issue("hub"), ack)
		first.report(message(0, "a1", radius.StatusStart, 0))
		known := func() bool {
			links, err := w.fleet.GatewayLinks(t.Context())
			w.must(err)
			return links["hub"] != ""
		}
		until(t, "the link is known", known)
		first.close()
		until(t, "the link is gone", func() bool { return !known() })
		w.command(0, sim.SuspendAdmin, "")
		until(t, "it is to be tried again", func() bool {
			cuts, err := w.fleet.Cuts(t.Context(), operator, iccid(0), 1)
			w.must(err)
			return len(cuts) == 1 && cuts[0].Attempts == 1
		})
		later := usage.CutAnswer{RetryAt: time.Now().Add(time.Hour)} // as after many attempts
		later.Cut.Session.ID = w.sessions(0)[0].ID
		w.must(w.fleet.CutDone(t.Context(), []usage.CutAnswer{later}))
		second := w.dialHub(w.at, w.a.issue("hub"), ack)
		until(t, "the session is cut", func() bool { return w.proof(0) == "ack" })
		if n := second.orders(); n != 1 {
			t.Errorf("the new link took %d orders", n)
		}
	})
}

// Who takes an order: of two links the one that knows the session, and the
// gateway's address where no link does.
func TestWhoTakesAnOrder(t *testing.T) {
	t.Parallel()
	type links = []func(int, *radius.Packet) *radius.Packet // in the order of their dialling; the newest is asked first
	for name, c := range map[string]struct {
		links links
		heard []int
		udp   int
		proof string
	}{
		"of two links the newest":                    {links{ack, ack}, []int{0, 1}, 0, "ack"},
		"the other one, which knows the session":     {links{ack, refuses(radius.CauseSessionNotFound)}, []int{1, 1}, 0, "ack"},
		"nobody knows it":                            {links{refuses(radius.CauseSessionNotFound), refuses(radius.CauseSessionNotFound)}, []int{1, 1}, 0, "gone"},
		"the other one, as the newest breaks":        {links{ack, hangsUp}, []int{1, 1}, 0, "ack"},
		"the address, as the only one breaks":        {links{hangsUp}, []int{1}, 1, "ack"},
		"the address, as there is no link":           {links{}, nil, 1, "ack"},
		"the address, as the link takes no orders":   {links{refuses(radius.CauseUnsupportedExtension)}, []int{1}, 2, "ack"},
		"the address, as the link says nothing":      {links{func(int, *radius.Packet) *radius.Packet { return nil }}, []int{1}, 2, "ack"},
		"one link that says nothing hides no others": {links{func(int, *radius.Packet) *radius.Packet { return nil }, ack}, []int{0, 1}, 0, "ack"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLinked(t, setup{})
			var hubs []*hub
			w.sim(0, nil)
			w.sim(1, nil)
			first := w.dialHub(w.at, w.a.issue("hub"), hangsUp)
			first.report(message(0, "a0", radius.StatusStart, 0))
			first.report(message(1, "a1", radius.StatusStart, 0))
			first.close()
			for i, order := range c.links {
				hubs = append(hubs, w.dialHub(w.at, w.a.issue("hub"), order))
				hubs[i].report(message(2, "x", radius.StatusStart, 0)) // of nobody; so it is known to be connected
			}
			w.command(0, sim.Terminate, "")
			until(t, "the first is cut", func() bool { return w.proof(0) == c.proof })
			if c.udp == 2 { // another order goes there straight away
				w.command(1, sim.Terminate, "")
				until(t, "the second is cut", func() bool { return w.proof(1) == c.proof })
			}
			for i, h := range hubs {
				if n := h.orders(); n != c.heard[i] {
					t.Errorf("link %d took %d orders, want %d", i, n, c.heard[i])
				}
			}
			if n := len(w.udp.requests()); n != c.udp {
				t.Errorf("%d orders went to the address, want %d", n, c.udp)
			}
		})
	}
}

// The node that decides on a cut leaves it to the one that the gateway is
// connected to; when that one goes, the gateway's address is left.
func TestACutIsLeftToTheNodeWithTheLink(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		w := newLinked(t, s) // the one without: it is rung, and looks first
		w.serve(w.secure(func(o *aaa.Options) { o.Woken = nil }))
		at, stop := w.addr(aaa.PortRadSec), w.stop
		h := w.dialHub(at, w.a.issue("hub"), ack)
		const sims = 8
		for n := range sims {
			w.sim(n, nil)
			h.report(message(n, fmt.Sprint("a", n), radius.StatusStart, 0))
		}
		until(t, "the nodes know of the link", func() bool {
			known, err := w.fleet.GatewayLinks(t.Context())
			w.must(err)
			return known["hub"] != ""
		})
		quickest := time.Minute
		for n := range sims - 1 {
			begun := time.Now()
			w.command(n, sim.SuspendAdmin, "")
			until(t, "it is cut", func() bool { return w.proof(n) == "ack" })
			quickest = min(quickest, time.Since(begun))
		}
		if quickest > time.Second { // the others waited for what else the machine does
			t.Errorf("the quickest took %s", quickest)
		}
		// A node that gets no processor for seconds is taken for gone: its orders go to the address.
		u := len(w.udp.requests())
		if o := h.orders(); o == 0 || o+u != sims-1 {
			t.Errorf("the link took %d orders, the address %d", o, u)
		}
		w.must(stop())
		if known, err := w.fleet.GatewayLinks(t.Context()); err != nil || len(known) != 0 {
			t.Errorf("a node that has stopped has the links %v, %v", known, err)
		}
		w.command(sims-1, sim.SuspendAdmin, "")
		until(t, "it is cut at the address", func() bool { return w.proof(sims-1) == "ack" })
		if n := len(w.udp.requests()); n != u+1 {
			t.Errorf("the address took %d orders, %d before", n, u)
		}
	})
}
