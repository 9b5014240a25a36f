package radius_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// Values as they may be written.
var (
	words = ready(rapid.StringMatching(`[a-zA-Z0-9é→]{1,80}`))
	blobs = ready(rapid.SliceOfN(rapid.Byte(), 1, 247))
	v4    = ready(rapid.Map(rapid.SliceOfN(rapid.Byte(), 4, 4), func(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }))
	v6    = ready(rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }))
	plmns = ready(rapid.Map(rapid.StringMatching(`[0-9]{5,6}`), func(s string) radius.PLMN { return radius.PLMN(s) }))

	seconds = ready(rapid.Map(rapid.Uint32(), func(s uint32) time.Time { return time.Unix(int64(s), 0).UTC() }))
	eras    = ready(rapid.Map(rapid.Uint32(), func(s uint32) time.Time { return time.Unix(int64(s)-61_505_152, 0).UTC() }))

	prefixes = ready(rapid.Custom(func(t *rapid.T) netip.Prefix {
		return netip.PrefixFrom(v6.Draw(t, "address"), rapid.IntRange(0, 128).Draw(t, "bits")).Masked()
	}))
	zones = ready(rapid.Custom(func(t *rapid.T) radius.TimeZone {
		return radius.TimeZone{
			Offset: time.Duration(rapid.IntRange(-79, 79).Draw(t, "quarters")) * 15 * time.Minute,
			Summer: time.Duration(rapid.IntRange(0, 2).Draw(t, "summer")) * time.Hour,
		}
	}))
	usages = ready(rapid.Custom(func(t *rapid.T) radius.SecondaryUsage {
		return radius.SecondaryUsage{
			Technology: rapid.Uint8Range(0, 15).Draw(t, "technology"), WholePDU: rapid.Bool().Draw(t, "whole"), Bearer: rapid.Uint8Range(0, 15).Draw(t, "bearer"),
			Start: eras.Draw(t, "start"), End: eras.Draw(t, "end"), Downlink: rapid.Uint64().Draw(t, "down"), Uplink: rapid.Uint64().Draw(t, "up"),
		}
	}))
	locations = ready(rapid.Custom(func(t *rapid.T) radius.Location {
		l := rapid.SampledFrom(writable).Draw(t, "form")
		if l.AreaID > 0 {
			l.Area, l.AreaID = plmns.Draw(t, "area"), rapid.Uint32Range(0, l.AreaID).Draw(t, "area id")
		}
		if l.CellID > 0 {
			l.CellID = rapid.Uint64Range(0, l.CellID).Draw(t, "cell id")
			if l.Cell = l.Area; l.Type > 1 {
				l.Cell = plmns.Draw(t, "cell")
			}
		}
		l.Routing = rapid.Uint8Range(0, l.Routing).Draw(t, "routing")
		return l
	}))
)

// ready makes a generator fit for parallel tests: it names itself when it is
// first used, without a lock.
func ready[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	_ = g.String()
	return g
}

// writable are the locations that can be written from their fields, with the
// largest number of each.
var writable = []radius.Location{
	{Type: radius.LocationCGI, AreaID: 0xFFFF, CellID: 0xFFFF},
	{Type: radius.LocationSAI, AreaID: 0xFFFF, CellID: 0xFFFF},
	{Type: radius.LocationRAI, AreaID: 0xFFFF, Routing: 0xFF},
	{Type: radius.LocationLAI, AreaID: 0xFFFF},
	{Type: radius.LocationTAI, AreaID: 0xFFFF},
	{Type: radius.LocationECGI, CellID: 0xFFFFFFF},
	{Type: radius.LocationTAIECGI, AreaID: 0xFFFF, CellID: 0xFFFFFFF},
	{Type: radius.LocationENodeB, CellID: 0xFFFFF},
	{Type: radius.LocationTAIENodeB, AreaID: 0xFFFF, CellID: 0xFFFFF},
	{Type: radius.LocationExtENodeB, CellID: 0x1FFFFF},
	{Type: radius.LocationTAIExtENodeB, AreaID: 0xFFFF, CellID: 0x1FFFFF},
	{Type: radius.LocationNCGI, CellID: 0xFFFFFFFFF},
	{Type: radius.Location5GSTAI, AreaID: 0xFFFFFF},
	{Type: radius.Location5GSTAINCGI, AreaID: 0xFFFFFF, CellID: 0xFFFFFFFFF},
}

// roundTrip writes values between others, and reads the same ones back.
func roundTrip[T any](t *testing.T, name string, a radius.Attr[T], values *rapid.Generator[T]) {
	t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
		want := rapid.SliceOfN(values, 1, 3).Draw(t, "values")
		p := radius.New(radius.AccountingRequest)
		for _, v := range want {
			radius.Vendor(9).Text(1).Add(p, "another")
			a.Add(p, v)
		}
		raw, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err = radius.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var got []T
		for v := range a.All(p) {
			got = append(got, v)
		}
		first, ok := a.Get(p)
		options := cmp.Options{cmpopts.IgnoreFields(radius.Location{}, "Raw"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}
		if diff := cmp.Diff(want, got, options) + cmp.Diff(want[0], first, options); diff != "" || !ok {
			t.Fatal(ok, diff)
		}
		a.Set(p, want[len(want)-1])
		again, ok := a.Get(p)
		if diff := cmp.Diff(want[len(want)-1], again, options); diff != "" || !ok || p.Err() != nil {
			t.Fatal(ok, diff, p.Err())
		}
	}))
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	roundTrip(t, "text", radius.UserName, words)
	roundTrip(t, "text of a vendor", radius.IMSI, words)
	roundTrip(t, "octets", radius.Class, blobs)
	roundTrip(t, "octets of a vendor", radius.CAMELChargingInfo, blobs)
	roundTrip(t, "integer", radius.SessionTimeout, rapid.Uint32())
	roundTrip(t, "byte", radius.TeardownIndicator, rapid.Byte())
	roundTrip(t, "IPv4", radius.FramedIPAddress, v4)
	roundTrip(t, "IPv6", radius.GGSNIPv6Address, v6)
	roundTrip(t, "IPv6 list", radius.IPv6DNSServers, rapid.SliceOfN(v6, 1, 15))
	roundTrip(t, "prefix", radius.DelegatedIPv6Prefix, prefixes)
	roundTrip(t, "time", radius.EventTimestamp, seconds)
	roundTrip(t, "NTP time", radius.UserLocationInfoTime, eras)
	roundTrip(t, "network", radius.SGSNMCCMNC, plmns)
	roundTrip(t, "time zone", radius.MSTimeZone, zones)
	roundTrip(t, "secondary usage", radius.SecondaryRATUsage, usages)
	roundTrip(t, "location", radius.UserLocationInfo, locations)
}

func TestCountersOf64Bits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, out := rapid.Uint64().Draw(t, "in"), rapid.Uint64().Draw(t, "out")
		p := radius.New(radius.AccountingRequest)
		radius.AddOctets(p, in, out)
		gotIn, ok1 := radius.InputOctets(p)
		gotOut, ok2 := radius.OutputOctets(p)
		if gotIn != in || gotOut != out || !ok1 || !ok2 {
			t.Fatalf("%d %d", gotIn, gotOut)
		}
	})
}

func TestAHiddenPasswordIsRevealed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := blobs.Draw(t, "secret")
		password := strings.TrimRight(string(rapid.SliceOfN(rapid.Byte(), 0, 128).Draw(t, "password")), "\x00")
		p := radius.New(radius.AccessRequest)
		p.SetUserPassword(password, secret)
		hidden, _ := radius.UserPassword.Bytes(p)
		got, ok := p.RevealUserPassword(secret)
		if p.Err() != nil || !ok || got != password || len(hidden)%16 != 0 || len(hidden) > 128 || len(password) > 3 && bytes.Contains(hidden, []byte(password)) {
			t.Fatalf("%q, %v, %v; hidden in %x", got, ok, p.Err(), hidden)
		}
	})
}

// Whatever a request holds, it verifies as it was signed, its reply does, and
// neither does after any octet of it was changed.
func TestNoOctetCanBeChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]radius.Code{
			radius.AccessRequest, radius.AccountingRequest, radius.CoARequest, radius.DisconnectRequest, radius.StatusServer,
		}).Draw(t, "code")
		secret := blobs.Draw(t, "secret")
		request := radius.New(code)
		request.Identifier = rapid.Byte().Draw(t, "identifier")
		filled(t, request)
		wire, err := request.AppendRequest(nil, secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(wire, secret); err != nil {
			t.Fatal(err)
		}
		reply := radius.New(replyOf[code])
		filled(t, reply)
		got := parsed(t, wire)
		answer, err := reply.AppendReply(nil, got, secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed(t, answer).VerifyReply(request, secret, true); err != nil {
			t.Fatal(err)
		}
		at, flip := rapid.IntRange(0, len(wire)-1).Draw(t, "at"), rapid.ByteRange(1, 255).Draw(t, "flip")
		wire[at] ^= flip
		if verify(wire, secret) == nil {
			t.Fatalf("octet %d of the request does not count", at)
		}
		at = rapid.IntRange(0, len(answer)-1).Draw(t, "at of reply")
		answer[at] ^= flip
		if p, err := radius.Parse(answer); err == nil && p.VerifyReply(request, secret, true) == nil {
			t.Fatalf("octet %d of the reply does not count", at)
		}
	})
}

var replyOf = map[radius.Code]radius.Code{
	radius.AccessRequest: radius.AccessAccept, radius.AccountingRequest: radius.AccountingResponse, radius.CoARequest: radius.CoAACK,
	radius.DisconnectRequest: radius.DisconnectNAK, radius.StatusServer: radius.AccessAccept,
}

func filled(t *rapid.T, p *radius.Packet) {
	for range rapid.IntRange(0, 3).Draw(t, "attributes") {
		radius.UserName.Add(p, words.Draw(t, "user"))
		radius.ProxyState.Add(p, blobs.Draw(t, "state"))
		radius.IMSI.Add(p, words.Draw(t, "imsi"))
	}
	if rapid.Bool().Draw(t, "signed") {
		radius.MessageAuthenticator.Add(p, [16]byte{1})
	}
}

func parsed(t *rapid.T, b []byte) *radius.Packet {
	p, err := radius.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verify(wire, secret []byte) error {
	p, err := radius.Parse(wire)
	if err != nil {
		return err
	}
	return p.VerifyRequest(secret, true)
}
