package radiusload_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
	"github.com/simurgh-iot/simurgh/internal/wire/radius/radiusload"
)

var secret = []byte("a secret of the load")

// peer is a socket that takes requests and does with them as a test likes.
type peer struct {
	*net.UDPConn
	tb   testing.TB
	from *net.UDPAddr
	done bool // the socket is closed
}

func listen(tb testing.TB) *peer {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &peer{UDPConn: conn, tb: tb}
}

// take returns the next request, which must be well signed, and its number; nil
// when none comes for a while, or the socket is closed.
func (p *peer) take() (*radius.Packet, int) {
	b := make([]byte, radius.MaxPacket)
	_ = p.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	n, from, err := p.ReadFromUDP(b)
	if err != nil {
		p.done = errors.Is(err, net.ErrClosed)
		return nil, 0
	}
	p.from = from
	r, err := radius.Parse(b[:n])
	if err == nil {
		err = r.VerifyRequest(secret, true)
	}
	if err != nil {
		p.tb.Errorf("a request that nobody can have sent: %v", err)
		return nil, 0
	}
	text, _ := radius.UserName.Get(r)
	number, _ := strconv.Atoi(text)
	return r, number
}

func (p *peer) answer(to *radius.Packet, code radius.Code, with []byte) {
	wire, err := radius.New(code).AppendReply(nil, to, with)
	if err == nil {
		_, err = p.WriteToUDP(wire, p.from)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) { // it may be stopped meanwhile
		p.tb.Error(err)
	}
}

// serve answers until it is stopped, as react says.
func (p *peer) serve(react func(r *radius.Packet, number int)) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !p.done {
			if r, number := p.take(); r != nil {
				react(r, number)
			}
		}
	}()
	return func() { _ = p.Close(); <-ended }
}

func (p *peer) plan() radiusload.Plan {
	return radiusload.Plan{To: radius.Peer{Addr: p.LocalAddr().(*net.UDPAddr).AddrPort(), Secret: secret}, InFlight: 4, Want: radius.AccessAccept,
		Retry: radius.Retry{Initial: 50 * time.Millisecond, Longest: 100 * time.Millisecond, Sends: 3, Total: time.Second},
		Build: func(n int) *radius.Packet {
			r := radius.New(radius.AccessRequest)
			radius.UserName.Add(r, strconv.Itoa(n))
			return r
		}}
}

func run(tb testing.TB, p radiusload.Plan) radiusload.Report {
	tb.Helper()
	ready, err := radiusload.Prepare(p)
	if err != nil {
		tb.Fatal(err)
	}
	return ready.Run(tb.Context())
}

func TestRunKeepsRequestsUnderWay(t *testing.T) {
	t.Parallel()
	p := listen(t)
	plan := p.plan()
	plan.InFlight, plan.Requests, plan.Ahead, plan.Retry = 10, 100, 50, radius.DefaultRetry
	done := make(chan radiusload.Report, 1)
	go func() { done <- run(t, plan) }()
	var waiting []*radius.Packet
	for seen := range 100 {
		r, number := p.take()
		if r == nil || number != seen {
			t.Fatalf("request %d instead of %d", number, seen)
		}
		if waiting = append(waiting, r); len(waiting) < 10 {
			continue
		}
		if seen == 9 { // as many as there may be are under way
			if r, _ := p.take(); r != nil {
				t.Error("an eleventh request is under way")
			}
		}
		for i, r := range waiting {
			code := radius.AccessAccept
			if i == 3 {
				code = radius.AccessReject
			}
			p.answer(r, code, secret)
		}
		waiting = nil
	}
	r := <-done
	if r.Answered != 90 || r.Lost != 10 || r.FirstErr == nil || r.Latency.Count() != 90 || r.Resent != 0 || r.PerSecond() <= 0 {
		t.Errorf("%v: %v", r.String(), r.FirstErr)
	}
}

// Requests that are lost are sent again, from the same port and with the same
// identifier, which the others do without meanwhile.
func TestRunSendsAgain(t *testing.T) {
	t.Parallel()
	p := listen(t)
	plan := p.plan()
	plan.Requests, plan.Ahead = 2000, 1500
	ports, late := map[int]bool{}, map[int]*radius.Packet{}
	stop := p.serve(func(r *radius.Packet, number int) {
		ports[p.from.Port] = true
		if number%700 == 5 {
			first := late[number]
			if late[number] = r; first == nil {
				return
			}
			if first.Identifier != r.Identifier || first.Authenticator != r.Authenticator {
				t.Errorf("request %d came again as another one", number)
			}
		}
		p.answer(r, radius.AccessAccept, secret)
	})
	r := run(t, plan)
	stop()
	if r.Answered != 2000 || r.Lost != 0 || r.Resent < 3 || len(ports) != 1 {
		t.Errorf("%v; sent again %d; from %d ports; %v", r.String(), r.Resent, len(ports), r.FirstErr)
	}
}

func TestRunCountsWhatStaysUnanswered(t *testing.T) {
	t.Parallel()
	p := listen(t)
	plan := p.plan()
	plan.Requests = 20
	var sends atomic.Int32
	stop := p.serve(func(r *radius.Packet, number int) {
		switch number {
		case 7:
			sends.Add(1)
		case 11:
			p.answer(r, radius.AccessAccept, []byte("another secret"))
		default:
			p.answer(r, radius.AccessAccept, []byte("another secret"))
			p.answer(r, radius.AccessAccept, secret)
			p.answer(r, radius.AccessAccept, secret)
		}
	})
	r := run(t, plan)
	stop()
	if r.Answered != 18 || r.Lost != 2 || !errors.Is(r.FirstErr, radius.ErrNoReply) || sends.Load() != 3 {
		t.Errorf("%v; %d sends; %v", r.String(), sends.Load(), r.FirstErr)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := listen(t)
	stop := p.serve(func(r *radius.Packet, number int) {
		if number != 3 {
			p.answer(r, radius.AccessAccept, secret)
		}
	})
	ready, err := radiusload.Prepare(p.plan())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r := ready.Run(ctx)
	stop()
	if r.Answered == 0 || r.Lost != 0 || r.Elapsed < 100*time.Millisecond || r.Elapsed > 5*time.Second {
		t.Error(r.String())
	}
}

func TestPrepareRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	good := listen(t).plan()
	for name, change := range map[string]func(p *radiusload.Plan){
		"none under way":     func(p *radiusload.Plan) { p.InFlight = 0 },
		"too many under way": func(p *radiusload.Plan) { p.InFlight = radiusload.MaxInFlight + 1 },
		"nothing to send":    func(p *radiusload.Plan) { p.Build = nil },
		"nowhere to send to": func(p *radiusload.Plan) { p.To.Addr = netip.AddrPort{} },
		"what is no request": func(p *radiusload.Plan) {
			p.Ahead, p.Build = 1, func(int) *radius.Packet { return radius.New(radius.AccessAccept) }
		},
	} {
		p := good
		change(&p)
		if _, err := radiusload.Prepare(p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestQuantilesAreAtMostThreePercentHigh(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Min(0), 1, 200).Draw(t, "durations")
		var h, other radiusload.Histogram
		for i, d := range list {
			if i%2 == 0 {
				h.Add(time.Duration(d))
			} else {
				other.Add(time.Duration(d))
			}
		}
		h.Merge(&other)
		slices.Sort(list)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			rank := max(1, int(q*float64(len(list))+0.999999999))
			want := list[rank-1]
			got := int64(h.Quantile(q))
			if q > 0 && (got < want || got-want > want/32) {
				t.Fatalf("quantile %v is %d, not %d", q, got, want)
			}
		}
		if h.Count() != uint64(len(list)) {
			t.Fatal(h.Count())
		}
	})
}
