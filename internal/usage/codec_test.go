package usage_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// anyReport makes a report of any values that the fields may have.
func anyReport(r *rand.Rand) usage.Report {
	number := func() int64 {
		return []int64{0, 1, -1, 63, 64, -65, r.Int64N(1 << 20), r.Int64(), math.MaxInt64, math.MinInt64}[r.IntN(10)]
	}
	text := func() string {
		b := make([]byte, []int{0, 0, 1, 15, 127, 128, 253, 5000}[r.IntN(8)])
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	addr := func() netip.Addr {
		six := netip.AddrFrom16([16]byte{0x20, 1, byte(r.Uint32()), 15: byte(r.Uint32())})
		return []netip.Addr{{}, netip.AddrFrom4([4]byte{10, byte(r.Uint32()), 0, 1}), six, six.WithZone("eth0"),
			netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1})}[r.IntN(5)]
	}
	out := usage.Report{Key: usage.Key{NAS: text(), ID: text(), Charging: number()}, Step: usage.Step(r.IntN(256)),
		At: time.UnixMicro(r.Int64N(1 << 52)).UTC(), Seconds: number(), In: number(), Out: number(), Cause: int(int32(number())),
		IMSI: ident.IMSI(text()), MSISDN: ident.MSISDN(text()), IMEI: ident.IMEI(text()), APN: text(), User: text(), IP: addr(),
		RAT: text(), MCC: text(), MNC: text(), LAI: text(), CI: text(), Source: addr()}
	if class := text(); class != "" {
		out.Class = []byte(class)
	}
	if where := addr(); where.IsValid() {
		out.Where = netip.AddrPortFrom(where, uint16(r.Uint32()))
	}
	return out
}

// What is written is read back, whatever is in it, and no byte of it may change.
func TestReportsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		reports := make([]usage.Report, r.IntN(9))
		for i := range reports {
			reports[i] = anyReport(r)
		}
		b := usage.EncodeReports(reports)
		got, err := usage.DecodeReports(b)
		if err != nil || !reflect.DeepEqual(got, reports) {
			t.Fatalf("seed %d: %v\n%+v\nwas written, and read\n%+v", seed, err, reports, got)
		}
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		if _, err := usage.DecodeReports(b); fault.CodeOf(err) != "usage.reports" {
			t.Fatalf("seed %d: another bit, and %v", seed, err)
		}
		if _, err := usage.DecodeReports(b[:r.IntN(len(b))]); fault.CodeOf(err) != "usage.reports" {
			t.Fatalf("seed %d: a piece of it, and %v", seed, err)
		}
	}
}

func TestReportsOfAnotherVersionAreRefused(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{nil, {}, {1}, {0, 0, 0, 0, 0}, {2, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}} {
		if got, err := usage.DecodeReports(b); err == nil {
			t.Errorf("%v is read as %v", b, got)
		}
	}
}

// FuzzDecodeReports reads any bytes behind a right checksum: they are refused, or
// they are what their reports are written as. Little memory is taken for them.
func FuzzDecodeReports(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		f.Add(usage.EncodeReports([]usage.Report{anyReport(r), anyReport(r)})[5:])
	}
	f.Add(binary.AppendUvarint(nil, math.MaxUint64))
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append([]byte{1, 0, 0, 0, 0}, body...)
		binary.BigEndian.PutUint32(b[1:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		got, err := usage.DecodeReports(b)
		if err == nil && !bytes.Equal(usage.EncodeReports(got), b) {
			t.Errorf("%x is read as %+v", b, got)
		}
	})
}

func BenchmarkReports(b *testing.B) {
	reports := make([]usage.Report, 64)
	for i := range reports {
		reports[i] = usage.Report{Key: usage.Key{NAS: "pgw1", ID: "a-00001234", Charging: 4711}, Step: usage.Interim, At: time.Unix(1_800_000_000, 0).UTC(), Seconds: 60,
			In: 1000, Out: 50_000, IMSI: "234150000010001", IMEI: "4901542032375101", APN: "internet", User: "234150000010001", RAT: "LTE", MCC: "234", MNC: "15",
			LAI: "1a2b", CI: "33f001", IP: netip.MustParseAddr("10.1.2.3"), Where: netip.MustParseAddrPort("127.0.0.1:3799"), Source: netip.MustParseAddr("127.0.0.1")}
	}
	body := usage.EncodeReports(reports)
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			usage.EncodeReports(reports)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := usage.DecodeReports(body); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(body))/64, "bytes/report")
	})
}

// The reports of a session are always of one share, and sessions come to all
// shares alike.
func TestShare(t *testing.T) {
	t.Parallel()
	const sessions, n = 3000, 3
	var of [n]int
	for i := range sessions {
		r := usage.Report{Key: usage.Key{NAS: "pgw1", ID: fmt.Sprintf("%08x", i)}, IMSI: "234150000000001", Step: usage.Start}
		again := usage.Report{Key: r.Key, MSISDN: "447700900000", Step: usage.Stop}
		if r.Share(n) != again.Share(n) || r.Share(1) != 0 {
			t.Fatalf("%s: %d, then %d", r.Key.ID, r.Share(n), again.Share(n))
		}
		of[r.Share(n)]++
	}
	for share, got := range of {
		if got < sessions/n*8/10 {
			t.Errorf("share %d has %d of %d sessions", share, got, sessions)
		}
	}
}
