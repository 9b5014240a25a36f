package radius_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
	"github.com/simurgh-iot/simurgh/internal/wire/radius/radiusload"
)

// BenchmarkParse reads a 3GPP interim update of 21 attributes, and of it what
// accounting needs.
func BenchmarkParse(b *testing.B) {
	raw := octets(b, interim)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := radius.Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse and read 12", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := radius.Parse(raw)
			if err != nil {
				b.Fatal(err)
			}
			readAccounting(p)
		}
	})
	b.Run("layeh parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := layeh.Parse(raw, nasSecret); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func readAccounting(p *radius.Packet) {
	radius.AcctStatusType.Get(p)
	radius.AcctSessionID.Get(p)
	radius.InputOctets(p)
	radius.OutputOctets(p)
	radius.IMSI.Get(p)
	radius.ChargingID.Get(p)
	radius.SGSNMCCMNC.Get(p)
	radius.IMEISV.Get(p)
	radius.RATType.Get(p)
	radius.UserLocationInfo.Get(p)
}

func BenchmarkSign(b *testing.B) {
	raw := octets(b, interim)
	acct := parse(b, raw)
	access := parse(b, raw)
	access.Code = radius.AccessRequest
	for _, p := range []*radius.Packet{acct, access} {
		wire, err := p.AppendRequest(nil, nasSecret)
		if err != nil {
			b.Fatal(err)
		}
		signed := parse(b, wire)
		b.Run(p.Code.String()+" verify", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := signed.VerifyRequest(nasSecret, true); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.Code.String()+" encode and sign", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if wire, err = p.AppendRequest(wire[:0], nasSecret); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBuild makes and encodes an Access-Accept with four attributes.
func BenchmarkBuild(b *testing.B) {
	request := parse(b, octets(b, telnetRequest))
	address := netip.MustParseAddr("10.45.0.7")
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		p := radius.New(radius.AccessAccept)
		radius.FramedIPAddress.Add(p, address)
		radius.SessionTimeout.Add(p, 3600)
		radius.AcctInterimInterval.Add(p, 300)
		radius.Class.Add(p, nasSecret)
		var err error
		if out, err = p.AppendReply(out[:0], request, nasSecret); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServer measures servers with a handler that does nothing, on
// loopback with 64 requests under way, one operation being one exchange.
func BenchmarkServer(b *testing.B) {
	for _, server := range []struct {
		name  string
		start func(tb testing.TB) netip.AddrPort
	}{
		{"ours", func(tb testing.TB) netip.AddrPort {
			s := &radius.Server{Services: radius.Authentication | radius.Accounting, Handler: accept}
			tb.Cleanup(func() {
				if got := s.Stats(); got.Handled != got.Answered || got.Repeated > 0 || got.Received != got.Handled {
					tb.Logf("not each request was handled and answered once: %+v", got)
				}
			})
			return loopback(tb, s)
		}},
		{"layeh", startLayeh},
	} {
		for _, code := range []radius.Code{radius.AccessRequest, radius.AccountingRequest} {
			b.Run(server.name+" "+code.String(), func(b *testing.B) {
				load(b, radius.Peer{Addr: server.start(b), Secret: nasSecret, AllowUnsigned: true}, code)
			})
		}
	}
}

// answer is the reply that each request is to have.
var answer = map[radius.Code]radius.Code{radius.AccessRequest: radius.AccessAccept, radius.AccountingRequest: radius.AccountingResponse}

// load sends b.N requests and reports what came of them.
func load(b *testing.B, to radius.Peer, code radius.Code) {
	load, err := radiusload.Prepare(radiusload.Plan{
		To: to, InFlight: 64, Requests: b.N, Ahead: min(b.N, 200_000), Want: answer[code],
		Build: func(n int) *radius.Packet {
			p := radius.New(code)
			radius.AcctStatusType.Add(p, radius.StatusInterimUpdate)
			radius.AcctSessionID.Add(p, strconv.Itoa(n))
			radius.IMSI.Add(p, "234150000000001")
			radius.CalledStationID.Add(p, "iot.example")
			radius.AddOctets(p, uint64(n), uint64(n))
			return p
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	report := load.Run(b.Context())
	b.StopTimer()
	if report.Lost > 0 {
		b.Logf("%v; %v", report.String(), report.FirstErr)
	}
	b.ReportMetric(report.PerSecond(), "req/s")
	b.ReportMetric(float64(report.Latency.Quantile(0.5))/float64(time.Microsecond), "p50-µs")
	b.ReportMetric(float64(report.Latency.Quantile(0.99))/float64(time.Microsecond), "p99-µs")
	b.ReportMetric(float64(report.Latency.Quantile(1))/float64(time.Millisecond), "longest-ms")
	b.ReportMetric(float64(report.Lost), "lost")
	b.ReportMetric(float64(report.Resent), "resent")
}

// startLayeh serves with layeh.com/radius, an implementation of others.
func startLayeh(tb testing.TB) netip.AddrPort {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		tb.Fatal(err)
	}
	s := &layeh.PacketServer{SecretSource: layeh.StaticSecretSource(nasSecret), Handler: layeh.HandlerFunc(func(w layeh.ResponseWriter, r *layeh.Request) {
		code := layeh.CodeAccessAccept
		if r.Code == layeh.CodeAccountingRequest {
			code = layeh.CodeAccountingResponse
		}
		_ = w.Write(r.Response(code))
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(conn) }()
	tb.Cleanup(func() {
		_ = s.Shutdown(context.Background())
		if err := <-done; !errors.Is(err, layeh.ErrServerShutdown) {
			tb.Error(err)
		}
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// BenchmarkFreeRADIUS measures FreeRADIUS with the same requests.
func BenchmarkFreeRADIUS(b *testing.B) {
	to := startFreeRADIUS(b)
	b.Run("Accounting-Request", func(b *testing.B) { load(b, to.acct, radius.AccountingRequest) })
}

// What others write we read, and they read what we write.
func TestAgreesWithLayeh(t *testing.T) {
	t.Parallel()
	theirs := layeh.New(layeh.CodeAccountingRequest, nasSecret)
	if err := errors.Join(
		rfc2865.UserName_SetString(theirs, "nemo"),
		rfc2866.AcctSessionID_SetString(theirs, "1"),
		rfc2866.AcctStatusType_Set(theirs, rfc2866.AcctStatusType_Value_Stop),
	); err != nil {
		t.Fatal(err)
	}
	raw, err := theirs.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, raw)
	if err := p.VerifyRequest(nasSecret, true); err != nil || value(t, p, radius.UserName) != "nemo" || value(t, p, radius.AcctStatusType) != radius.StatusStop {
		t.Errorf("%v: %x", err, raw)
	}
	answer, err := radius.New(radius.AccountingResponse).AppendReply(nil, p, nasSecret)
	if err != nil || !layeh.IsAuthenticResponse(answer, raw, nasSecret) {
		t.Errorf("%v: %x", err, answer)
	}
	ours := radius.New(radius.AccessRequest)
	ours.SetUserPassword("a password of more than sixteen octets", nasSecret)
	raw, err = ours.AppendRequest(nil, nasSecret)
	if err != nil {
		t.Fatal(err)
	}
	q, err := layeh.Parse(raw, nasSecret)
	if err != nil {
		t.Fatal(err)
	}
	if got := rfc2865.UserPassword_GetString(q); got != "a password of more than sixteen octets" {
		t.Errorf("%q", got)
	}
}
