package aaa_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// soon is how long tests wait for an answer that must not come.
const soon = 50 * time.Millisecond

// raw sends octets and returns what comes back within a while.
func (w *world) raw(port string, datagram []byte, wait time.Duration) ([]byte, error) {
	w.t.Helper()
	c, err := net.Dial("udp", w.addr(port).String())
	w.must(err)
	defer func() { _ = c.Close() }()
	_, err = c.Write(datagram)
	w.must(err)
	w.must(c.SetReadDeadline(time.Now().Add(wait)))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	return buf[:n], err
}

func signed(t testing.TB, p *radius.Packet, with string) []byte {
	t.Helper()
	p.Identifier = 77
	out, err := p.AppendRequest(nil, []byte(with))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What does not prove to be a gateway's is dropped in silence, counted by kind,
// and changes nothing.
func TestHostilePackets(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		s.gateways = []usage.NAS{{Name: "pgw1", Prefix: netip.MustParsePrefix("127.0.0.1/32")}, {Name: "pgw2", Prefix: netip.MustParsePrefix("192.0.2.2/32")}}
		w := newWorld(t, s)
		w.sim(0, nil)
		good := signed(t, message(0, "a", radius.StatusStop, 100), secret)
		unsigned := radius.New(radius.AccessRequest)
		radius.IMSI.Add(unsigned, string(imsi(0)))
		plain, err := unsigned.AppendBinary(nil)
		w.must(err)
		other := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(other, radius.StatusAccountingOff)
		radius.NASIdentifier.Add(other, "pgw2")
		capitals := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(capitals, radius.StatusAccountingOff)
		radius.NASIdentifier.Add(capitals, "PGW2")
		address := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(address, radius.StatusAccountingOff)
		radius.NASIPAddress.Add(address, netip.MustParseAddr("192.0.2.2"))
		long := bytes.Clone(good)
		long[2], long[3] = 0xff, 0xff
		short := bytes.Clone(good)
		short[2], short[3] = 0, 19
		attribute := bytes.Clone(good)
		attribute[21] = 1 // shorter than an attribute can be
		changed := bytes.Clone(good)
		changed[len(changed)-1] ^= 1
		for name, c := range map[string]struct {
			port     string
			datagram []byte
			kind     string
		}{
			"truncated":                 {aaa.PortAcct, good[:len(good)-3], "malformed"},
			"a header alone":            {aaa.PortAcct, good[:19], "malformed"},
			"longer than it is":         {aaa.PortAcct, long, "malformed"},
			"shorter than can be":       {aaa.PortAcct, short, "malformed"},
			"a broken attribute":        {aaa.PortAcct, attribute, "malformed"},
			"oversized":                 {aaa.PortAcct, append([]byte{4, 1, 0x13, 0x88}, make([]byte, 4996)...), "malformed"},
			"noise":                     {aaa.PortAuth, bytes.Repeat([]byte{0xa5}, 200), "malformed"},
			"with another secret":       {aaa.PortAcct, signed(t, message(0, "a", radius.StatusStop, 100), "another-secret"), "bad_authenticator"},
			"changed on its way":        {aaa.PortAcct, changed, "bad_authenticator"},
			"access with no signature":  {aaa.PortAuth, plain, "missing_message_authenticator"},
			"accounting on the port of": {aaa.PortAuth, good, "wrong_code"},
			"an order":                  {aaa.PortAcct, signed(t, radius.New(radius.DisconnectRequest), secret), "wrong_code"},
			"a reply":                   {aaa.PortAcct, append([]byte{5}, good[1:]...), "wrong_code"},
			"in another gateway's name": {aaa.PortAcct, signed(t, other, secret), aaa.DropImpersonation},
			"in its name in capitals":   {aaa.PortAcct, signed(t, capitals, secret), aaa.DropImpersonation},
			"at its address":            {aaa.PortAcct, signed(t, address, secret), aaa.DropImpersonation},
		} {
			before := w.seen.count("dropped " + c.kind)
			if answer, err := w.raw(c.port, c.datagram, soon); err == nil {
				t.Errorf("%s: answered with %x", name, answer)
			}
			until(t, name+" is counted as "+c.kind, func() bool { return w.seen.count("dropped "+c.kind) > before })
		}
		if n := len(w.sessions(0)); n != 0 || w.month(0).Bytes != 0 {
			t.Errorf("%d sessions, %d bytes", n, w.month(0).Bytes)
		}
		w.replay(good)
	})
}

// replay holds that a packet that is sent again, from wherever, counts once.
func (w *world) replay(good []byte) {
	w.t.Helper()
	for range 20 {
		if _, err := w.raw(aaa.PortAcct, good, 10*time.Second); err != nil {
			w.t.Errorf("a good packet: %v", err)
		}
	}
	if n := len(w.sessions(0)); n != 1 || w.month(0).In != 100 {
		w.t.Errorf("%d sessions, %d bytes after replays", n, w.month(0).In)
	}
}

// A gateway that cannot sign its questions may be let in unsigned, one by one.
func TestOldGatewaysMayLeaveQuestionsUnsigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{gateways: []usage.NAS{{Name: "old", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Unsigned: true}}})
	w.sim(0, nil)
	if out, err := w.try("auth", `3GPP-IMSI = "`+string(imsi(0))+`"`); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A gateway that is added while the server runs is let in soon after its first
// packet.
func TestANewGatewayIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{gateways: []usage.NAS{{Name: "far", Prefix: netip.MustParsePrefix("192.0.2.0/24")}}})
	w.sim(0, nil)
	p := message(0, "a", radius.StatusStop, 100)
	if _, err := w.raw(aaa.PortAcct, signed(t, p, secret), soon); err == nil {
		t.Fatal("a stranger was answered")
	}
	w.must(w.fleet.AddNAS(t.Context(), operator, usage.NAS{Name: "near", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: []byte(secret)}))
	until(t, "it is let in", func() bool {
		_, err := w.raw(aaa.PortAcct, signed(t, p, secret), soon)
		return err == nil
	})
	if w.seen.count("dropped unknown_client") == 0 {
		t.Error("strangers are not counted")
	}
}
