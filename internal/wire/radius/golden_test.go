package radius_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// octets reads hexadecimal digits, whatever is between them.
func octets(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func parse(tb testing.TB, b []byte) *radius.Packet {
	tb.Helper()
	p, err := radius.Parse(b)
	if err != nil {
		tb.Fatalf("Parse(%x): %v", b, err)
	}
	return p
}

// value fails the test when there is none.
func value[T any](tb testing.TB, p *radius.Packet, a radius.Attr[T]) T {
	tb.Helper()
	v, ok := a.Get(p)
	if !ok {
		tb.Errorf("%v is missing", a)
	}
	return v
}

var rfcSecret = []byte("xyzzy5461")

// The examples of RFC 2865 section 7.
const (
	telnetRequest = `
		01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a
		01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f
		78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03`
	telnetAccept = `
		02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2
		06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03`
	chapRequest = `
		01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2
		01 08 66 6c 6f 70 73 79 03 13 16 e9 75 57 c3 16 18 58 95 f2
		93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06
		06 00 00 00 02 07 06 00 00 00 01`
	chapAccept = `
		02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4
		06 06 00 00 00 02 07 06 00 00 00 01 08 06 fffffffe 0a 06
		00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc`
	challengeRequest = `
		01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39
		01 07 6d 6f 70 73 79 02 12 33 65 75 73 77 82 89 b5 70 88 5e
		15 08 48 25 c5 04 06 c0 a8 01 10 05 06 00 00 00 07`
	challenge = `
		0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45
		12 30 43 68 61 6c 6c 65 6e 67 65 20 33 32 37 36 39 34 33 30
		2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74
		20 70 72 6f 6d 70 74 2e 18 0a 33 32 37 36 39 34 33 30`
	challengeResponse = `
		01 03 00 43 b1 22 55 6d 42 8a 13 d0 d6 25 38 07 c4 57 ec f0
		01 07 6d 6f 70 73 79 02 12 69 2c 1f 20 5f c0 81 b9 19 b9 51
		95 f5 61 a5 81 04 06 c0 a8 01 10 05 06 00 00 00 07 18 10 33
		32 37 36 39 34 33 30`
)

func TestExamplesOfRFC2865(t *testing.T) {
	t.Parallel()
	for _, exchange := range []struct {
		name, request, reply string
		password             string
		chap                 bool
	}{
		{"telnet", telnetRequest, telnetAccept, "arctangent", false},
		{"framed", chapRequest, chapAccept, "arctangent", true},
		{"challenge", challengeRequest, challenge, "challenge", false},
	} {
		t.Run(exchange.name, func(t *testing.T) {
			t.Parallel()
			raw := octets(t, exchange.request)
			request, reply := parse(t, raw), parse(t, octets(t, exchange.reply))
			if again, err := request.AppendBinary(nil); err != nil || !bytes.Equal(again, raw) {
				t.Errorf("encoded again: %x, %v", again, err)
			}
			if exchange.chap {
				if !request.VerifyCHAP(exchange.password) || request.VerifyCHAP("other") {
					t.Error("CHAP does not tell the password from another")
				}
			} else if p, ok := request.RevealUserPassword(rfcSecret); !ok || p != exchange.password {
				t.Errorf("User-Password is %q, %v", p, ok)
			}
			if err := reply.VerifyReply(request, rfcSecret, false); err != nil {
				t.Error(err)
			}
			if err := reply.VerifyReply(request, rfcSecret, true); err == nil {
				t.Error("an unsigned reply passes where a signed one is required")
			}
		})
	}
}

func TestBuildsTheTelnetRequestOfRFC2865(t *testing.T) {
	t.Parallel()
	want := octets(t, telnetRequest)
	p := radius.New(radius.AccessRequest)
	copy(p.Authenticator[:], want[4:20])
	radius.UserName.Add(p, "nemo")
	p.SetUserPassword("arctangent", rfcSecret)
	radius.NASIPAddress.Add(p, netip.MustParseAddr("192.168.1.16"))
	radius.NASPort.Add(p, 3)
	if got, err := p.AppendBinary(nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
}

// An Accounting-Request as a P-GW sends it: each vendor-specific attribute is
// laid out by hand after TS 29.061 section 16.4.7.2.
const interim = `
	04 2a 01 3b 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
	01 0e 34 34 37 37 30 30 39 30 30 30 30 31
	04 06 0a 00 00 01
	08 06 0a 2d 00 07
	1e 0d 69 6f 74 2e 65 78 61 6d 70 6c 65
	1f 0e 34 34 37 37 30 30 39 30 30 30 30 31
	28 06 00 00 00 03
	2c 0a 30 30 41 42 43 44 45 46
	2a 06 00 00 01 00
	2b 06 00 00 02 00
	34 06 00 00 00 01
	35 06 00 00 00 02
	37 06 65 53 f1 00
	61 0c 00 40 20 01 0d b8 00 01 00 02
	1a 17 00 00 28 af  01 11 32 33 34 31 35 30 30 30 30 30 30 30 30 30 31
	1a 18 00 00 28 af  02 06 00 00 be ef  03 06 00 00 00 03  07 06 0a 00 00 02
	1a 0d 00 00 28 af  08 07 32 33 34 31 35
	1a 0e 00 00 28 af  12 08 33 31 30 32 36 30
	1a 18 00 00 28 af  14 12 33 35 33 34 39 30 30 36 39 38 37 33 33 31 39 31
	1a 09 00 00 28 af  15 03 06
	1a 15 00 00 28 af  16 0f 82 32 f4 51 12 34 32 f4 51 00 56 78 9a
	1a 0a 00 00 28 af  17 04 80 01
	1a 0c 00 00 28 af  1e 06 e8 fe 6f 80
	1a 22 00 00 28 af  1f 1c 00 05 e8 fe 6f 80 e8 fe 70 00
	                   00 00 00 00 00 00 03 e8 00 00 00 00 00 00 00 64`

func TestInterimUpdateOf3GPP(t *testing.T) {
	t.Parallel()
	p := parse(t, octets(t, interim))
	input, ok1 := radius.InputOctets(p)
	output, ok2 := radius.OutputOctets(p)
	if !ok1 || !ok2 || input != 1<<32+256 || output != 2<<32+512 {
		t.Errorf("counters are %d and %d", input, output)
	}
	got := []any{
		value(t, p, radius.IMSI), value(t, p, radius.ChargingID), value(t, p, radius.PDPType).String(), value(t, p, radius.GGSNAddress).String(),
		value(t, p, radius.IMSIMCCMNC), value(t, p, radius.SGSNMCCMNC).MCC(), value(t, p, radius.SGSNMCCMNC).MNC(),
		value(t, p, radius.IMEISV), value(t, p, radius.RATType).String(), value(t, p, radius.MSTimeZone),
		value(t, p, radius.CalledStationID), value(t, p, radius.AcctStatusType).String(), value(t, p, radius.AcctSessionID),
		value(t, p, radius.EventTimestamp), value(t, p, radius.FramedIPv6Prefix).String(), value(t, p, radius.UserLocationInfoTime),
	}
	at := time.Unix(0x6553F100, 0).UTC()
	want := []any{
		"234150000000001", uint32(0xBEEF), "IPv4v6", "10.0.0.2",
		radius.PLMN("23415"), "310", "260",
		"3534900698733191", "E-UTRAN", radius.TimeZone{Offset: 2 * time.Hour, Summer: time.Hour},
		"iot.example", "Interim-Update", "00ABCDEF",
		at, "2001:db8:1:2::/64", at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	usage := value(t, p, radius.SecondaryRATUsage)
	if diff := cmp.Diff(radius.SecondaryUsage{Bearer: 5, Start: at, End: at.Add(128 * time.Second), Downlink: 1000, Uplink: 100}, usage); diff != "" {
		t.Error(diff)
	}
	l := value(t, p, radius.UserLocationInfo)
	if l.Area != "23415" || l.AreaID != 0x1234 || l.Cell != "23415" || l.CellID != 0x56789A || l.PLMN() != "23415" {
		t.Errorf("location is %+v", l)
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, raw string
		want      radius.Location
	}{
		{"CGI", "00 12 34 56 00 01 00 02", radius.Location{Area: "214653", AreaID: 1, Cell: "214653", CellID: 2}},
		{"SAI", "01 12 f4 56 00 01 00 02", radius.Location{Area: "21465", AreaID: 1, Cell: "21465", CellID: 2}},
		{"RAI", "02 12 f4 56 00 01 07", radius.Location{Area: "21465", AreaID: 1, Routing: 7}},
		{"RAI with filler", "02 12 f4 56 00 01 07 ff", radius.Location{Area: "21465", AreaID: 1, Routing: 7}},
		{"LAI", "20 12 f4 56 00 01", radius.Location{Area: "21465", AreaID: 1}},
		{"TAI", "80 12 f4 56 ff fe", radius.Location{Area: "21465", AreaID: 0xFFFE}},
		{"ECGI with spare bits", "81 12 f4 56 f1 23 45 67", radius.Location{Cell: "21465", CellID: 0x1234567}},
		{"TAI and ECGI in a shared network", "82 12 f4 56 00 01 12 34 56 01 23 45 67",
			radius.Location{Area: "21465", AreaID: 1, Cell: "214653", CellID: 0x1234567}},
		{"eNodeB", "83 12 f4 56 f1 23 45", radius.Location{Cell: "21465", CellID: 0x12345}},
		{"TAI and eNodeB", "84 12 f4 56 00 01 12 f4 56 01 23 45", radius.Location{Area: "21465", AreaID: 1, Cell: "21465", CellID: 0x12345}},
		{"extended eNodeB", "85 12 f4 56 1fffff", radius.Location{Cell: "21465", CellID: 0x1FFFFF}},
		{"TAI and extended eNodeB", "86 12 f4 56 00 01 12 f4 56 83ffff",
			radius.Location{Area: "21465", AreaID: 1, Cell: "21465", CellID: 0x3FFFF}},
		{"NCGI", "87 12 f4 56 f1 23 45 67 89", radius.Location{Cell: "21465", CellID: 0x123456789}},
		{"5GS TAI", "88 12 f4 56 01 02 03", radius.Location{Area: "21465", AreaID: 0x010203}},
		{"5GS TAI and NCGI", "89 12 f4 56 01 02 03 12 f4 56 01 23 45 67 89",
			radius.Location{Area: "21465", AreaID: 0x010203, Cell: "21465", CellID: 0x123456789}},
		{"NG-RAN node", "8a 12 f4 56 00 12 34 56", radius.Location{Cell: "21465"}},
		{"5GS TAI and NG-RAN node", "8b 12 f4 56 01 02 03 12 f4 56 99", radius.Location{Area: "21465", AreaID: 0x010203, Cell: "21465"}},
		{"unknown", "ff 01 02 03", radius.Location{}},
		{"nothing but a type", "82", radius.Location{}},
		{"short area", "82 12 f4 56 00", radius.Location{}},
		{"no cell", "82 12 f4 56 00 01", radius.Location{}},
		{"no digits", "80 fa f4 56 00 01", radius.Location{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			raw := octets(t, c.raw)
			p := radius.New(radius.AccountingRequest)
			radius.UserLocationInfo.Add(p, radius.Location{Raw: string(raw)})
			c.want.Type, c.want.Raw = radius.LocationType(raw[0]), string(raw)
			if diff := cmp.Diff(c.want, value(t, p, radius.UserLocationInfo)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
