package aaa_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// obeys acknowledges every order.
func obeys(_ int, p *radius.Packet) *radius.Packet {
	if p.Code == radius.CoARequest {
		return radius.New(radius.CoAACK)
	}
	return radius.New(radius.DisconnectACK)
}

func coaNAK(cause radius.Cause) *radius.Packet {
	p := radius.New(radius.CoANAK)
	radius.ErrorCause.Add(p, cause)
	return p
}

func coaGateway(g *gateway) []usage.NAS {
	list := g.nas()
	list[0].CoA = true
	return list
}

// An open session that comes near its data limit goes on and is reported every
// minute; a higher limit takes that back, and one that is used up ends it.
func TestASessionNearItsLimitIsReportedMoreOften(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		g := newGateway(t, obeys)
		s.gateways = coaGateway(g)
		w := newWorld(t, s)
		w.sim(0, func(s *sim.SIM) { s.DataLimit = 10 })
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusStart, 0))
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, 7*usage.Megabyte))
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, 9*usage.Megabyte))
		until(t, "the gateway is told", func() bool { return len(g.requests()) == 1 })
		until(t, "the proof is kept", func() bool { return w.proof(0) == "ack" })
		w.limit(100, 0)
		until(t, "the gateway is told", func() bool { return len(g.requests()) == 2 })
		until(t, "the proof is kept", func() bool { return w.proof(0) == "ack" })
		w.limit(5, 0)
		until(t, "the session is cut", func() bool { return w.seen.count("cut ack") == 1 })
		until(t, "the proof is kept", func() bool { return w.proof(0) == "ack" })
		if w.seen.count("cut coa ack") != 2 {
			t.Errorf("%d orders that end nothing", w.seen.count("cut coa ack"))
		}
		if got, want := w.proofs(0), []string{"suspendSystem: data limit of 5 MB reached: ack", "report every 300 s: ack", "report every 60 s: ack"}; !slices.Equal(got, want) {
			t.Errorf("the proofs are %q, want %q", got, want)
		}
		for i, want := range []struct {
			code  radius.Code
			every uint32
			all   uint8
		}{{radius.CoARequest, 60, 0}, {radius.CoARequest, 300, 0}, {radius.DisconnectRequest, 0, 1}} {
			p := g.requests()[i]
			id, _ := radius.AcctSessionID.Get(p)
			every, _ := radius.AcctInterimInterval.Get(p)
			all, _ := radius.TeardownIndicator.Get(p)
			if p.Code != want.code || id != "a0" || every != want.every || all != want.all {
				t.Errorf("order %d is %s of %q, every %d s, teardown %d; want %+v", i, p.Code, id, every, all, want)
			}
		}
	})
}

// What a gateway says to an order that ends nothing: it is never a reason to end
// the session.
func TestOutcomesOfACoA(t *testing.T) {
	t.Parallel()
	always := func(cause radius.Cause) func(int, *radius.Packet) *radius.Packet {
		return func(int, *radius.Packet) *radius.Packet { return coaNAK(cause) }
	}
	for name, c := range map[string]struct {
		reply func(n int, p *radius.Packet) *radius.Packet
		want  string
		sends int
	}{
		"401": {always(radius.CauseUnsupportedAttribute), "refused: Unsupported Attribute", 1},
		"402": {always(radius.CauseMissingAttribute), "refused: Missing Attribute", 1},
		"404": {always(radius.CauseInvalidRequest), "refused: Invalid Request", 1},
		"405": {always(radius.CauseUnsupportedService), "refused: Unsupported Service", 1},
		"501": {always(radius.CauseProhibited), "refused: Administratively Prohibited", 1},
		"503": {always(radius.CauseSessionNotFound), "gone", 1},
		"506": {always(radius.CauseResources), "", 1}, // it is asked again later
		"a lost request": {func(n int, p *radius.Packet) *radius.Packet {
			return map[bool]*radius.Packet{true: obeys(n, p)}[n == 3]
		}, "ack", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, c.reply)
			w := newWorld(t, setup{gateways: coaGateway(g), options: func(o *aaa.Options) { o.Retry = radius.Retry{Initial: 50 * time.Millisecond} }})
			w.sim(0, nil)
			w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, 9*usage.Megabyte))
			w.limit(10, 0)
			until(t, "it is answered", func() bool { return len(g.requests()) == c.sends && w.proof(0) == c.want })
			if held, err := w.fleet.SIM(t.Context(), operator, iccid(0)); err != nil || held.Wanted.Suspended != 0 {
				t.Errorf("the SIM is %s, %v", held.Wanted, err)
			}
		})
	}
}

// A gateway gets CoA-Requests only if it was said to take them.
func TestWhoGetsNoCoA(t *testing.T) {
	t.Parallel()
	other := usage.NAS{Name: "other", Prefix: netip.MustParsePrefix("192.0.2.1/32"), CoA: true}
	for want, more := range map[string][]usage.NAS{"none": nil, "not asked": {other}} {
		g := newGateway(t, obeys)
		w := newWorld(t, setup{gateways: append(g.nas(), more...)})
		w.sim(0, nil)
		w.send(aaa.PortAcct, message(0, "a0", radius.StatusInterimUpdate, 9*usage.Megabyte))
		w.limit(10, 0)
		until(t, "it is "+want, func() bool { return w.proof(0) == want })
		w.command(0, sim.SuspendAdmin, "")
		until(t, "it is cut", func() bool { return w.proof(0) == "ack" })
		if n := len(g.requests()); n != 1 {
			t.Errorf("%d orders", n)
		}
	}
}
