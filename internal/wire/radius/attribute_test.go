package radius_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// packetOf makes an Accounting-Request of raw attributes.
func packetOf(tb testing.TB, attributes ...[]byte) *radius.Packet {
	tb.Helper()
	return parse(tb, wireOf(attributes...))
}

func wireOf(attributes ...[]byte) []byte {
	body := bytes.Join(attributes, nil)
	size := radius.MinPacket + len(body)
	head := append([]byte{byte(radius.AccountingRequest), 7, byte(size >> 8), byte(size)}, make([]byte, 16)...)
	return append(head, body...)
}

// tlv is one attribute.
func tlv(typ byte, value ...byte) []byte { return append([]byte{typ, byte(len(value) + 2)}, value...) }

func str(typ byte, value string) []byte { return tlv(typ, []byte(value)...) }

// vsa is one Vendor-Specific attribute of 3GPP that holds these octets.
func vsa(parts ...[]byte) []byte {
	return tlv(26, append([]byte{0, 0, 0x28, 0xAF}, bytes.Join(parts, nil)...)...)
}

func TestParseIsStrict(t *testing.T) {
	t.Parallel()
	ok := wireOf(tlv(1, 'x'))
	with := func(at int, v byte) []byte {
		b := slices.Clone(ok)
		b[at] = v
		return b
	}
	huge := append(wireOf(), make([]byte, 5000)...)
	huge[2], huge[3] = 0x10, 0x01
	for name, b := range map[string][]byte{
		"nothing": nil, "a header too short": ok[:19], "longer than it is": ok[:len(ok)-1],
		"a length below the header": with(3, 19), "a length beyond": with(3, 24), "more than 4096": huge,
		"an attribute of length 0": with(21, 0), "an attribute of length 1": with(21, 1), "an attribute that overruns": with(21, 4),
		"half an attribute": wireOf([]byte{1}),
	} {
		if p, err := radius.Parse(b); !errors.Is(err, radius.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	padded := parse(t, append(slices.Clone(ok), 1, 2, 3))
	if padded.Len() != len(ok) {
		t.Errorf("padding counts: %d octets", padded.Len())
	}
	full := make([]byte, 0, radius.MaxPacket)
	for range 16 {
		full = append(full, tlv(25, make([]byte, 252)...)...)
	}
	largest := parse(t, wireOf(full[:4064], tlv(25, make([]byte, 10)...)))
	if largest.Len() != radius.MaxPacket {
		t.Errorf("the largest packet has %d octets", largest.Len())
	}
}

func TestSubAttributesMayShareOneVendorSpecific(t *testing.T) {
	t.Parallel()
	p := packetOf(t,
		tlv(26, 0, 0, 0, 9, 1, 3, '9'), // another vendor's number 1
		vsa(tlv(21, 6), str(1, "23415"), tlv(21, 9)),
		vsa(tlv(21, 51)),
	)
	if s := value(t, p, radius.IMSI); s != "23415" {
		t.Errorf("IMSI is %q", s)
	}
	if all := slices.Collect(radius.RATType.All(p)); !slices.Equal(all, []radius.RAT{6, 9, 51}) {
		t.Errorf("RATs are %v", all)
	}
	if v := value(t, p, radius.Vendor(9).Text(1)); v != "9" {
		t.Errorf("the other vendor's is %q", v)
	}
	radius.RATType.Set(p, radius.RATNR)
	if all := slices.Collect(radius.RATType.All(p)); !slices.Equal(all, []radius.RAT{51}) || !radius.IMSI.Has(p) {
		t.Errorf("after Set: %v, IMSI %v", all, radius.IMSI.Has(p))
	}
}

func TestAMalformedSubAttributeHidesOnlyWhatFollowsIt(t *testing.T) {
	t.Parallel()
	p := packetOf(t,
		vsa(tlv(21, 6), []byte{1, 200, '2'}),
		vsa([]byte{2, 1}),
		vsa([]byte{3}),
		tlv(26, 0, 0, 0x28), // too short to name a vendor
		vsa(str(20, "35349006987331")),
	)
	if radius.IMSI.Has(p) || radius.ChargingID.Has(p) {
		t.Error("an attribute that overruns is read")
	}
	if value(t, p, radius.RATType) != radius.RATLTE || value(t, p, radius.IMEISV) != "35349006987331" {
		t.Error("what is well-formed is not read")
	}
	radius.RATType.Remove(p)
	again := parse(t, encode(t, p))
	if radius.RATType.Has(again) || !radius.IMEISV.Has(again) {
		t.Error("Remove damaged the packet")
	}
}

func TestLongValuesAreSplitAndJoined(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("0123456789"), 70)
	p := radius.New(radius.AccountingRequest)
	radius.PacketFilter.AddSplit(p, long)
	radius.Class.AddSplit(p, long)
	p = parse(t, encode(t, p))
	if !bytes.Equal(radius.PacketFilter.Joined(p), long) || !bytes.Equal(radius.Class.Joined(p), long) {
		t.Error("what was split is not what is joined")
	}
	if n := len(slices.Collect(radius.PacketFilter.All(p))); n != 3 {
		t.Errorf("%d vendor-specific attributes, not 3", n)
	}
}

func TestWhatCannotBeWrittenFailsThePacket(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")
	for name, c := range map[string]struct {
		add  func(p *radius.Packet)
		want error
	}{
		"254 octets":                 {func(p *radius.Packet) { radius.UserName.Add(p, strings.Repeat("x", 254)) }, radius.ErrTooLong},
		"248 octets vendor-specific": {func(p *radius.Packet) { radius.IMSI.Add(p, strings.Repeat("1", 248)) }, radius.ErrTooLong},
		"a NUL in text":              {func(p *radius.Packet) { radius.UserName.Add(p, "a\x00b") }, radius.ErrValue},
		"no UTF-8":                   {func(p *radius.Packet) { radius.UserName.Add(p, "\xff") }, radius.ErrValue},
		"IPv4 as IPv6":               {func(p *radius.Packet) { radius.NASIPv6Address.Add(p, v4) }, radius.ErrValue},
		"a zone":                     {func(p *radius.Packet) { radius.NASIPv6Address.Add(p, v6) }, radius.ErrValue},
		"no address":                 {func(p *radius.Packet) { radius.NASIPAddress.Add(p, netip.Addr{}) }, radius.ErrValue},
		"an IPv4 prefix":             {func(p *radius.Packet) { radius.FramedIPv6Prefix.Add(p, netip.PrefixFrom(v4, 8)) }, radius.ErrValue},
		"an IPv4 name server":        {func(p *radius.Packet) { radius.IPv6DNSServers.Add(p, []netip.Addr{v4}) }, radius.ErrValue},
		"before 1970":                {func(p *radius.Packet) { radius.EventTimestamp.Add(p, time.Unix(-1, 0)) }, radius.ErrValue},
		"after 2104":                 {func(p *radius.Packet) { radius.UserLocationInfoTime.Add(p, time.Unix(1<<33, 0)) }, radius.ErrValue},
		"no network":                 {func(p *radius.Packet) { radius.SGSNMCCMNC.Add(p, "2341") }, radius.ErrValue},
		"ten minutes":                {func(p *radius.Packet) { radius.MSTimeZone.Add(p, radius.TimeZone{Offset: 10 * time.Minute}) }, radius.ErrValue},
		"a cell of too many bits": {func(p *radius.Packet) {
			radius.UserLocationInfo.Add(p, radius.Location{Type: 129, Cell: "23415", CellID: 1 << 28})
		}, radius.ErrValue},
		"a location of unknown type":  {func(p *radius.Packet) { radius.UserLocationInfo.Add(p, radius.Location{Type: 200}) }, radius.ErrValue},
		"a password of 129 octets":    {func(p *radius.Packet) { p.SetUserPassword(strings.Repeat("x", 129), rfcSecret) }, radius.ErrValue},
		"more than 4096 octets":       {func(p *radius.Packet) { radius.Class.AddSplit(p, make([]byte, 4090)) }, radius.ErrTooLong},
		"the first error, not a last": {func(p *radius.Packet) { radius.UserName.Add(p, "\xff"); radius.Class.AddSplit(p, make([]byte, 4090)) }, radius.ErrValue},
	} {
		p := radius.New(radius.AccessRequest)
		c.add(p)
		if _, err := p.AppendBinary(nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := p.AppendRequest(nil, rfcSecret); !errors.Is(err, c.want) {
			t.Errorf("%s, signed: %v", name, err)
		}
	}
}

func TestValuesOfWrongLengthLookAbsent(t *testing.T) {
	t.Parallel()
	for _, probe := range probes {
		for size := range 40 {
			probe(packetOf(t, everyType(size)...))
		}
	}
	p := packetOf(t, tlv(1), tlv(8, 1, 2, 3), tlv(27, 1), tlv(97, 0, 64, 1), tlv(97, 0, 129), tlv(97, 0), vsa(tlv(23, 0xA0, 0)), vsa(tlv(23, 0, 3)))
	for name, has := range map[string]bool{
		"empty text": ok(radius.UserName.Get(p)), "short address": ok(radius.FramedIPAddress.Get(p)), "short integer": ok(radius.SessionTimeout.Get(p)),
		"bad prefixes": len(slices.Collect(radius.FramedIPv6Prefix.All(p))) > 0, "bad time zones": len(slices.Collect(radius.MSTimeZone.All(p))) > 0,
	} {
		if has {
			t.Errorf("%s has a value", name)
		}
	}
}

func ok[T any](_ T, is bool) bool { return is }

// everyType is one attribute of each type that fits one packet, standard and
// vendor-specific, with values of this size.
func everyType(size int) [][]byte {
	var all [][]byte
	room := radius.MaxPacket - radius.MinPacket
	for i := range 256 {
		raw := tlv(byte(i), bytes.Repeat([]byte{byte(i)}, size)...)
		for _, a := range [][]byte{raw, vsa(raw)} {
			if room -= len(a); room < 0 {
				return all
			}
			all = append(all, a)
		}
	}
	return all
}

// probes read every attribute that this package lists, in every way.
var probes = slices.Concat(
	probesOf(radius.UserName, radius.FilterID, radius.ReplyMessage, radius.FramedRoute, radius.CalledStationID, radius.CallingStationID,
		radius.NASIdentifier, radius.AcctSessionID, radius.AcctMultiSessionID, radius.NASPortID, radius.FramedPool, radius.FramedIPv6Route,
		radius.FramedIPv6Pool, radius.IMSI, radius.GPRSNegotiatedQoS, radius.NSAPI, radius.SelectionMode, radius.ChargingCharacteristics,
		radius.IMEISV, radius.ExternalIdentifier),
	probesOf(radius.UserPassword, radius.CHAPPassword, radius.State, radius.Class, radius.ProxyState, radius.CHAPChallenge, radius.EAPMessage,
		radius.ChargeableUserIdentity, radius.FramedInterfaceID, radius.CAMELChargingInfo, radius.PacketFilter, radius.TWANIdentifier),
	probesOf(radius.NASPort, radius.ServiceType, radius.FramedProtocol, radius.FramedMTU, radius.SessionTimeout, radius.IdleTimeout,
		radius.TerminationAction, radius.NASPortType, radius.PortLimit, radius.AcctDelayTime, radius.AcctInputOctets, radius.AcctOutputOctets,
		radius.AcctAuthentic, radius.AcctSessionTime, radius.AcctInputPackets, radius.AcctOutputPackets, radius.AcctLinkCount,
		radius.AcctInputGigawords, radius.AcctOutputGigawords, radius.AcctInterimInterval, radius.ChargingID),
	probesOf(radius.NASIPAddress, radius.FramedIPAddress, radius.FramedIPNetmask, radius.NASIPv6Address, radius.FramedIPv6Address,
		radius.DNSServerIPv6Address, radius.CGAddress, radius.SGSNAddress, radius.GGSNAddress, radius.CGIPv6Address, radius.SGSNIPv6Address,
		radius.GGSNIPv6Address),
	probesOf(radius.SessionStopIndicator, radius.TeardownIndicator, radius.NegotiatedDSCP),
	probesOf(radius.FramedIPv6Prefix, radius.DelegatedIPv6Prefix), probesOf(radius.IPv6DNSServers),
	probesOf(radius.EventTimestamp, radius.UserLocationInfoTime), probesOf(radius.MessageAuthenticator),
	probesOf(radius.AcctStatusType), probesOf(radius.AcctTerminateCause), probesOf(radius.ErrorCause),
	probesOf(radius.PDPType), probesOf(radius.RATType), probesOf(radius.AllocateIPType),
	probesOf(radius.IMSIMCCMNC, radius.GGSNMCCMNC, radius.SGSNMCCMNC), probesOf(radius.UserLocationInfo),
	probesOf(radius.MSTimeZone), probesOf(radius.SecondaryRATUsage),
	[]func(*radius.Packet){
		func(p *radius.Packet) { radius.InputOctets(p) }, func(p *radius.Packet) { radius.OutputOctets(p) },
		func(p *radius.Packet) { p.RevealUserPassword(rfcSecret) }, func(p *radius.Packet) { p.VerifyCHAP("x") },
	},
)

func probesOf[T any](list ...radius.Attr[T]) []func(*radius.Packet) {
	var out []func(*radius.Packet)
	for _, a := range list {
		out = append(out, func(p *radius.Packet) {
			first, ok := a.Get(p)
			_ = fmt.Sprint(first, ok, a)
			for v := range a.All(p) {
				_ = fmt.Sprint(v)
			}
			a.Joined(p)
			q := p.Clone()
			a.Remove(q)
			if a.Has(q) {
				panic("Remove left one")
			}
			if ok {
				a.Set(q, first)
				if _, again := a.Get(q); q.Err() == nil && !again {
					panic("what Get gave and Set took is gone")
				}
			}
		})
	}
	return out
}

func encode(tb testing.TB, p *radius.Packet) []byte {
	tb.Helper()
	b, err := p.AppendBinary(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
