// Package radiusload measures a RADIUS server under load: it keeps a number of
// requests under way and tells how many were answered, how fast, and how many
// were lost.
//
// It shares a machine with the server that it measures, so it takes little of
// it: one goroutine, which sends and receives in batches where the system can
// (sendmmsg and recvmmsg), and requests that are built and signed beforehand.
// Every reply is verified, as a gateway does.
package radiusload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// MaxInFlight is how many requests can be under way: as many as there are
// identifiers between two ports.
const MaxInFlight = 256

// Plan is one measurement.
type Plan struct {
	To       radius.Peer
	InFlight int // requests under way at once, 1 to MaxInFlight
	Requests int // requests in all; with 0 it goes on until the context ends

	// Build makes request number n, counted from 0. The first Ahead are built and
	// signed before the measurement, the others when they are sent.
	Build func(n int) *radius.Packet
	Ahead int

	Want  radius.Code  // of a reply; a request with another reply is lost
	Retry radius.Retry // when a request is sent again; radius.DefaultRetry when zero
}

// Load is a measurement that is ready. It can run once.
type Load struct {
	Plan
	sock  *sock
	ahead [][]byte // signed, with their number as identifier

	flights   [MaxInFlight]flight // by identifier
	underWay  int
	next      int   // number of the next request
	nextID    uint8 // where to look for a free identifier
	nextCheck time.Time
	failed    error // of the socket, for good
	report    Report
}

// flight is a request under way.
type flight struct {
	wire    []byte        // nil: the identifier is free
	request radius.Packet // what a reply is verified against
	begun   time.Time     // when it was sent first
	due     time.Time     // when it is sent again
	wait    time.Duration // since it was sent last
	sends   int
}

// Report is what a measurement found.
type Report struct {
	Answered uint64
	Lost     uint64
	Resent   uint64 // sends of requests that had been sent before
	Elapsed  time.Duration
	Latency  Histogram // of the answered
	FirstErr error     // of one of the lost
}

// tick is how often the end of the context, and what is to be sent again, are
// looked for.
const tick = 20 * time.Millisecond

// arena is what signed requests share at a time.
const arena = 1 << 20

// Prepare opens a socket and builds what is to be built ahead. It fails when
// the plan cannot be carried out.
func Prepare(p Plan) (*Load, error) {
	switch {
	case p.InFlight < 1 || p.InFlight > MaxInFlight:
		return nil, fmt.Errorf("radiusload: %d requests under way; 1 to %d are possible", p.InFlight, MaxInFlight)
	case p.Build == nil || !p.To.Addr.IsValid():
		return nil, errors.New("radiusload: a plan needs what to send, and where to")
	}
	if p.Retry == (radius.Retry{}) {
		p.Retry = radius.DefaultRetry
	}
	if p.Requests > 0 {
		p.Ahead = min(p.Ahead, p.Requests)
	}
	l := &Load{Plan: p, ahead: make([][]byte, p.Ahead)}
	var room []byte
	for n := range l.ahead {
		if cap(room)-len(room) < radius.MaxPacket {
			room = make([]byte, 0, arena)
		}
		start := len(room)
		var err error
		if room, err = l.sign(room, n, uint8(n)); err != nil {
			return nil, err
		}
		l.ahead[n] = room[start:len(room):len(room)]
	}
	sock, err := dial(p.To.Addr, p.InFlight)
	if err != nil {
		return nil, err
	}
	l.sock = sock
	return l, nil
}

func (l *Load) sign(b []byte, n int, id uint8) ([]byte, error) {
	p := l.Build(n)
	p.Identifier = id
	return p.AppendRequest(b, l.To.Secret)
}

// Run sends, and returns when all requests are answered or lost, or ctx ends.
// Requests that the end of ctx cuts off are neither.
func (l *Load) Run(ctx context.Context) Report {
	defer l.sock.close()
	begun := time.Now()
	for now := begun; ctx.Err() == nil && l.failed == nil; now = time.Now() {
		l.fill(now)
		if l.underWay == 0 {
			break
		}
		l.flush()
		l.receive()
	}
	l.report.Elapsed = time.Since(begun)
	if l.failed != nil {
		l.report.Lost += uint64(l.underWay)
		l.lose(l.failed)
	}
	return l.report
}

// fill queues new requests until enough are under way, and from time to time
// those that wait for too long.
func (l *Load) fill(now time.Time) {
	if now.After(l.nextCheck) {
		l.nextCheck = now.Add(tick)
		l.resend(now)
	}
	for l.underWay < l.InFlight && (l.Requests == 0 || l.next < l.Requests) {
		for l.flights[l.nextID].wire != nil {
			l.nextID++
		}
		l.begin(l.next, l.nextID, now)
		l.next++
		l.nextID++
	}
}

// begin puts request n under way.
func (l *Load) begin(n int, id uint8, now time.Time) {
	f := &l.flights[id]
	if n < len(l.ahead) && l.ahead[n][1] == id {
		f.wire, l.ahead[n] = l.ahead[n], nil
	} else if wire, err := l.sign(nil, n, id); err != nil {
		l.report.Lost++
		l.lose(err)
		return
	} else {
		f.wire = wire
	}
	f.request = radius.Packet{Code: radius.Code(f.wire[0]), Identifier: id, Authenticator: [16]byte(f.wire[4:20])}
	f.begun, f.wait, f.sends = now, l.Retry.Initial, 1
	f.due = now.Add(f.wait)
	l.underWay++
	l.sock.add(f.wire)
}

// resend sends again what is due, the same octets from the same port, and gives
// up what was sent often enough (RFC 5080 section 2.2.1, without the jitter that
// keeps many clients apart).
func (l *Load) resend(now time.Time) {
	for id := range l.flights {
		f := &l.flights[id]
		if f.wire == nil || now.Before(f.due) {
			continue
		}
		if f.sends >= l.Retry.Sends || now.Sub(f.begun) >= l.Retry.Total {
			l.end(f)
			l.report.Lost++
			l.lose(fmt.Errorf("%w to %d sends", radius.ErrNoReply, f.sends))
			continue
		}
		f.wait = min(2*f.wait, l.Retry.Longest)
		f.due = now.Add(f.wait)
		f.sends++
		l.report.Resent++
		l.sock.add(f.wire)
	}
}

func (l *Load) end(f *flight) {
	f.wire = nil
	l.underWay--
}

func (l *Load) lose(err error) {
	if l.report.FirstErr == nil {
		l.report.FirstErr = err
	}
}

// flush sends what is queued. What the system does not take is sent again when
// it is due, as if it had been lost on the way.
func (l *Load) flush() {
	if err := l.sock.flush(); errors.Is(err, net.ErrClosed) {
		l.failed = err
	}
}

// receive waits for replies, but not for long.
func (l *Load) receive() {
	replies, err := l.sock.receive(tick)
	if errors.Is(err, net.ErrClosed) {
		l.failed = err
	}
	now := time.Now()
	for i := range replies {
		l.take(replies[i].Buffers[0][:replies[i].N], now)
	}
}

// take ends the request that a datagram answers. What does not prove to answer
// one is ignored.
func (l *Load) take(datagram []byte, now time.Time) {
	p, err := radius.Parse(datagram)
	if err != nil {
		return
	}
	f := &l.flights[p.Identifier]
	if f.wire == nil || p.VerifyReply(&f.request, l.To.Secret, !l.To.AllowUnsigned) != nil {
		return
	}
	l.end(f)
	if p.Code != l.Want {
		l.report.Lost++
		l.lose(fmt.Errorf("%v instead of %v", p.Code, l.Want))
		return
	}
	l.report.Answered++
	l.report.Latency.Add(now.Sub(f.begun))
}

// PerSecond returns the rate of answers over the whole run. In a run of a fixed
// number of requests, a single one that has to be sent again near the end makes
// the run as long as its wait, and the rate says more of that wait than of the
// server: look at Quantile(1) before two rates are compared.
func (r *Report) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}

// String is one line for a person.
func (r *Report) String() string {
	return fmt.Sprintf("%d answered in %v, %.0f/s, p50 %v, p99 %v, longest %v, %d lost",
		r.Answered, r.Elapsed.Round(time.Millisecond), r.PerSecond(),
		r.Latency.Quantile(0.5), r.Latency.Quantile(0.99), r.Latency.Quantile(1), r.Lost)
}
