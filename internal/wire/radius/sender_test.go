package radius_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// sending is a Sender and a socket that it sends to, in a simulated network.
type sending struct {
	*radius.Sender
	peer radius.Peer
	at   *memConn
}

func newSending(t *testing.T, s *radius.Sender) *sending {
	t.Helper()
	network := new(memNet)
	s.Listen = func() (net.PacketConn, error) { return network.listen("10.0.0.100:0"), nil }
	at := network.listen("10.0.0.1:3799")
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &sending{s, radius.Peer{Addr: at.addr, Secret: nasSecret}, at}
}

// outcome is what Exchange returned.
type outcome struct {
	reply *radius.Packet
	err   error
}

func (s *sending) start(ctx context.Context, p *radius.Packet) chan outcome {
	done := make(chan outcome, 1)
	go func() {
		reply, err := s.Exchange(ctx, s.peer, p)
		done <- outcome{reply, err}
	}()
	return done
}

// disconnect is a request to end a session.
func disconnect(session string) *radius.Packet {
	p := radius.New(radius.DisconnectRequest)
	radius.AcctSessionID.Add(p, session)
	radius.TeardownIndicator.Add(p, 1)
	return p
}

// arrived takes the datagram that has arrived.
func (s *sending) arrived(t *testing.T) (memDatagram, *radius.Packet) {
	t.Helper()
	synctest.Wait()
	select {
	case d := <-s.at.in:
		return d, parse(t, d.b)
	default:
		t.Fatal("nothing arrived")
		return memDatagram{}, nil
	}
}

// answer sends a reply with a secret.
func (s *sending) answer(t *testing.T, to netip.AddrPort, request, reply *radius.Packet, secret []byte) {
	t.Helper()
	b, err := reply.AppendReply(nil, request, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.at.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		t.Fatal(err)
	}
}

func TestExchangeReturnsTheReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSending(t, new(radius.Sender))
		done := s.start(t.Context(), disconnect("s"))
		d, request := s.arrived(t)
		if err := request.VerifyRequest(nasSecret, true); err != nil {
			t.Error(err)
		}
		nak := radius.New(radius.DisconnectNAK)
		radius.ErrorCause.Add(nak, radius.CauseSessionNotFound)
		s.answer(t, d.from, request, radius.New(radius.DisconnectACK), []byte("forged"))
		synctest.Wait()
		if len(done) > 0 {
			t.Fatal("a forged reply counts")
		}
		s.answer(t, d.from, request, nak, nasSecret)
		got := <-done
		if got.err != nil || value(t, got.reply, radius.ErrorCause) != radius.CauseSessionNotFound {
			t.Errorf("%v, %v", got.reply, got.err)
		}
	})
}

// RFC 5080 section 2.2.1 with its own values: sends after about 2, 4, 8 and 16
// seconds, the end after 30.
func TestRequestsAreSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSending(t, new(radius.Sender))
		began := time.Now()
		done := s.start(t.Context(), disconnect("s"))
		first, _ := s.arrived(t)
		for _, want := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
			sent := time.Now()
			again := <-s.at.in
			wait := time.Since(sent)
			if wait < want*7/10 || wait > want*13/10 || string(again.b) != string(first.b) || again.from != first.from {
				t.Errorf("%x from %v after %v, not the same after about %v", again.b, again.from, wait, want)
			}
		}
		got := <-done
		if !errors.Is(got.err, radius.ErrNoReply) || time.Since(began) != radius.DefaultRetry.Total {
			t.Errorf("%v after %v", got.err, time.Since(began))
		}
		if first := uint64(3); s.Resent() < first || s.Resent() > first+1 {
			t.Errorf("%d sent again", s.Resent())
		}
	})
}

func TestALostRequestIsMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSending(t, &radius.Sender{Retry: radius.Retry{Initial: time.Second, Sends: 3}})
		done := s.start(t.Context(), disconnect("s"))
		<-s.at.in
		<-s.at.in
		d := <-s.at.in
		s.answer(t, d.from, parse(t, d.b), radius.New(radius.DisconnectACK), nasSecret)
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
		if done := s.start(t.Context(), disconnect("s")); !errors.Is((<-done).err, radius.ErrNoReply) {
			t.Error("three sends are not the end")
		}
	})
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSending(t, new(radius.Sender))
		ctx, cancel := context.WithCancel(t.Context())
		done := s.start(ctx, disconnect("s"))
		synctest.Wait()
		cancel()
		if got := <-done; !errors.Is(got.err, context.Canceled) {
			t.Error(got.err)
		}
		done = s.start(t.Context(), disconnect("s"))
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got := <-done; !errors.Is(got.err, radius.ErrClosed) {
			t.Error(got.err)
		}
		if _, err := s.Exchange(t.Context(), s.peer, disconnect("s")); !errors.Is(err, radius.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestMoreThan256AtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const sockets = 4
		s := newSending(t, &radius.Sender{Sockets: sockets})
		var wg sync.WaitGroup
		for i := range sockets * 256 {
			wg.Go(func() {
				if _, err := s.Exchange(t.Context(), s.peer, disconnect(time.Duration(i).String())); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if _, err := s.Exchange(t.Context(), s.peer, disconnect("too many")); !errors.Is(err, radius.ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		seen := map[netip.AddrPort]map[uint8]bool{}
		for range sockets * 256 {
			d, request := s.arrived(t)
			if seen[d.from] == nil {
				seen[d.from] = map[uint8]bool{}
			}
			if seen[d.from][request.Identifier] {
				t.Fatalf("identifier %d twice from %v", request.Identifier, d.from)
			}
			seen[d.from][request.Identifier] = true
			s.answer(t, d.from, request, radius.New(radius.DisconnectACK), nasSecret)
		}
		wg.Wait()
		if len(seen) != sockets {
			t.Errorf("%d sockets, not %d", len(seen), sockets)
		}
		done := s.start(t.Context(), disconnect("s"))
		d, request := s.arrived(t)
		s.answer(t, d.from, request, radius.New(radius.DisconnectACK), nasSecret)
		if got := <-done; got.err != nil {
			t.Errorf("identifiers do not come back: %v", got.err)
		}
	})
}

// A reply that comes too late must not be taken for the reply to the next
// request with the same identifier.
func TestLateRepliesAreNobodys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSending(t, &radius.Sender{Sockets: 1, Retry: radius.Retry{Sends: 1, Total: time.Second}})
		<-s.start(t.Context(), disconnect("first"))
		late, first := s.arrived(t)
		for i := range 255 {
			<-s.start(t.Context(), disconnect(time.Duration(i).String()))
			s.arrived(t)
		}
		done := s.start(t.Context(), disconnect("second"))
		_, second := s.arrived(t)
		if second.Identifier != first.Identifier {
			t.Fatalf("identifiers %d and %d", first.Identifier, second.Identifier)
		}
		s.answer(t, late.from, first, radius.New(radius.DisconnectACK), nasSecret)
		if got := <-done; !errors.Is(got.err, radius.ErrNoReply) {
			t.Errorf("%v, %v", got.reply, got.err)
		}
	})
}

func TestUnsignedRepliesToAccessRequests(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSending(t, &radius.Sender{Retry: radius.Retry{Sends: 1, Total: time.Second}})
			s.peer.AllowUnsigned = allowed
			done := s.start(t.Context(), radius.New(radius.AccessRequest))
			d, request := s.arrived(t)
			if _, err := s.at.WriteTo(unsignedAccept(t, request), net.UDPAddrFromAddrPort(d.from)); err != nil {
				t.Fatal(err)
			}
			if got := <-done; (got.err == nil) != allowed {
				t.Errorf("allowed %v: %v", allowed, got.err)
			}
		})
	}
}
