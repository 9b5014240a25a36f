package radius_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

var nasSecret = []byte("correct horse")

// bench is a server in a simulated network and a client of it.
type bench struct {
	server *radius.Server
	at     *memConn
	nas    *memConn
	stop   context.CancelFunc
	done   chan error
}

// serve starts a server inside a synctest bubble and stops it at the end. The
// client 10.0.0.1 is known, 10.0.0.2 may leave requests unsigned, and nobody
// else is known.
func serve(t *testing.T, s *radius.Server) *bench {
	t.Helper()
	network := new(memNet)
	if s.Services == 0 {
		s.Services = radius.Authentication | radius.Accounting
	}
	s.Clients = func(a netip.Addr) (radius.Client, bool) {
		switch a.String() {
		case "10.0.0.1":
			return radius.Client{Name: "core", Secret: nasSecret}, true
		case "10.0.0.2":
			return radius.Client{Name: "old", Secret: nasSecret, AllowUnsigned: true}, true
		case "10.0.0.3":
			return radius.Client{Name: "without secret"}, true
		}
		return radius.Client{}, false
	}
	ctx, stop := context.WithCancel(t.Context())
	b := &bench{server: s, at: network.listen("10.0.0.100:1812"), nas: network.listen("10.0.0.1:0"), stop: stop, done: make(chan error, 1)}
	go func() { b.done <- s.Serve(ctx, b.at) }()
	t.Cleanup(func() {
		stop()
		synctest.Wait()
	})
	return b
}

// accept answers everything.
func accept(_ context.Context, r *radius.Request) *radius.Packet {
	if r.Packet.Code == radius.AccountingRequest {
		return radius.New(radius.AccountingResponse)
	}
	return radius.New(radius.AccessAccept)
}

// request is an Accounting-Request or Access-Request with this identifier.
func request(tb testing.TB, code radius.Code, identifier uint8, session string) (*radius.Packet, []byte) {
	tb.Helper()
	p := radius.New(code)
	p.Identifier = identifier
	radius.AcctSessionID.Add(p, session)
	b, err := p.AppendRequest(nil, nasSecret)
	if err != nil {
		tb.Fatal(err)
	}
	return p, b
}

// want compares counts, of which the test names those that are not zero.
func (b *bench) want(t *testing.T, want radius.Stats, drops ...radius.Drop) {
	t.Helper()
	for _, d := range drops {
		want.Dropped[d]++
	}
	if diff := cmp.Diff(want, b.server.Stats()); diff != "" {
		t.Error(diff)
	}
}

// answered takes the one reply that has arrived and verifies it.
func (b *bench) answered(t *testing.T, p *radius.Packet) *radius.Packet {
	t.Helper()
	synctest.Wait()
	raw := b.nas.receive()
	if raw == nil {
		t.Fatal("no reply")
	}
	reply := parse(t, raw)
	if err := reply.VerifyReply(p, nasSecret, true); err != nil {
		t.Error(err)
	}
	if b.nas.receive() != nil {
		t.Error("more than one reply")
	}
	return reply
}

func (b *bench) silent(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if raw := b.nas.receive(); raw != nil {
		t.Fatalf("a reply: %x", raw)
	}
}

func TestRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, &radius.Server{Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			if r.Client.Name != "core" || r.Remote != b4(t, "10.0.0.1:40001") || value(t, r.Packet, radius.AcctSessionID) != "s" {
				t.Errorf("request of %q from %v", r.Client.Name, r.Remote)
			}
			return accept(ctx, r)
		}})
		for i, code := range []radius.Code{radius.AccessRequest, radius.AccountingRequest} {
			p, raw := request(t, code, uint8(i), "s")
			b.nas.send(t, b.at, raw)
			b.answered(t, p)
		}
		b.want(t, radius.Stats{Received: 2, Handled: 2, Answered: 2})
	})
}

func b4(tb testing.TB, s string) netip.AddrPort {
	tb.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestWhatIsNotHandledIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := map[radius.Drop]int{}
		b := serve(t, &radius.Server{
			Readers: 1,
			Handler: func(context.Context, *radius.Request) *radius.Packet { t.Error("handled"); return nil },
			OnDrop:  func(d radius.Drop, _ netip.AddrPort) { told[d]++ },
		})
		_, acct := request(t, radius.AccountingRequest, 1, "s")
		_, access := request(t, radius.AccessRequest, 1, "s")
		_, coa := request(t, radius.CoARequest, 1, "s")
		unsigned := encode(t, radius.New(radius.AccessRequest))
		changed := func(raw []byte) []byte { c := bytes.Clone(raw); c[len(c)-1] ^= 1; return c }
		reply := encode(t, radius.New(radius.AccessAccept))
		eap := radius.New(radius.AccessRequest)
		radius.EAPMessage.Add(eap, []byte{2, 1, 0, 4})
		var want radius.Stats
		for _, c := range []struct {
			from string
			raw  []byte
			why  radius.Drop
		}{
			{"10.9.9.9:0", acct, radius.DropUnknownClient},
			{"10.0.0.3:0", acct, radius.DropUnknownClient},
			{"10.0.0.1:0", nil, radius.DropMalformed},
			{"10.0.0.1:0", acct[:len(acct)-1], radius.DropMalformed},
			{"10.0.0.1:0", make([]byte, 4096), radius.DropMalformed},
			{"10.0.0.1:0", wireOf(make([]byte, 100)), radius.DropMalformed},
			{"10.0.0.1:0", changed(acct), radius.DropAuthenticator},
			{"10.0.0.1:0", changed(access), radius.DropAuthenticator},
			{"10.0.0.1:0", unsigned, radius.DropUnsigned},
			{"10.0.0.2:0", encode(t, eap), radius.DropUnsigned},
			{"10.0.0.1:0", coa, radius.DropWrongCode},
			{"10.0.0.1:0", reply, radius.DropWrongCode},
		} {
			b.nas.net.listen(c.from).send(t, b.at, c.raw)
			want.Received++
			want.Dropped[c.why]++
		}
		synctest.Wait()
		b.want(t, want)
		for d, n := range want.Dropped {
			if told[radius.Drop(d)] != int(n) {
				t.Errorf("OnDrop was told of %d %v, not %d", told[radius.Drop(d)], radius.Drop(d), n)
			}
		}
	})
}

func TestOldEquipmentMayLeaveRequestsUnsigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, &radius.Server{Handler: accept})
		old := b.nas.net.listen("10.0.0.2:0")
		p := radius.New(radius.AccessRequest)
		old.send(t, b.at, encode(t, p))
		synctest.Wait()
		if err := parse(t, old.receive()).VerifyReply(p, nasSecret, true); err != nil {
			t.Error(err)
		}
	})
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var handled atomic.Int32
		release := make(chan struct{})
		b := serve(t, &radius.Server{Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			handled.Add(1)
			<-release
			return accept(ctx, r)
		}})
		p, raw := request(t, radius.AccountingRequest, 1, "s")
		b.nas.send(t, b.at, raw)
		b.nas.send(t, b.at, raw)
		b.silent(t)
		b.want(t, radius.Stats{Received: 2, Handled: 1}, radius.DropDuplicate)
		close(release)
		first := encode(t, b.answered(t, p))

		time.Sleep(radius.DefaultKeep - time.Second)
		b.nas.send(t, b.at, raw)
		if again := encode(t, b.answered(t, p)); !bytes.Equal(first, again) {
			t.Errorf("first %x, then %x", first, again)
		}
		b.want(t, radius.Stats{Received: 3, Handled: 1, Answered: 1, Repeated: 1}, radius.DropDuplicate)

		time.Sleep(2 * time.Second)
		b.nas.send(t, b.at, raw)
		b.answered(t, p)
		if handled.Load() != 2 {
			t.Errorf("handled %d times; a reply is not kept for ever", handled.Load())
		}
	})
}

// Clients with many requests reuse an identifier at once; a port may change,
// too. Neither is a duplicate.
func TestAReusedIdentifierIsANewRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := serve(t, &radius.Server{Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			<-release
			return accept(ctx, r)
		}})
		_, one := request(t, radius.AccountingRequest, 1, "one")
		_, two := request(t, radius.AccountingRequest, 1, "two")
		other := b.nas.net.listen("10.0.0.1:0")
		b.nas.send(t, b.at, one)
		b.nas.send(t, b.at, two)
		other.send(t, b.at, one)
		synctest.Wait()
		b.want(t, radius.Stats{Received: 3, Handled: 3})
		close(release)
		synctest.Wait()
		for _, from := range []*memConn{b.nas, b.nas, other} {
			if from.receive() == nil {
				t.Error("a reply is missing")
			}
		}
	})
}

func TestSilenceIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		b := serve(t, &radius.Server{Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			switch tries.Add(1) {
			case 1:
				return nil
			case 2:
				panic("a bug")
			case 3:
				return radius.New(radius.CoAACK)
			}
			return accept(ctx, r)
		}})
		p, raw := request(t, radius.AccountingRequest, 1, "s")
		for range 3 {
			b.nas.send(t, b.at, raw)
			b.silent(t)
		}
		b.want(t, radius.Stats{Received: 3, Handled: 3, Silent: 2, Panics: 1, Unsent: 1})
		b.nas.send(t, b.at, raw)
		b.answered(t, p)
	})
}

func TestAFloodIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := serve(t, &radius.Server{Workers: 4, Queue: 8, Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			<-release
			return accept(ctx, r)
		}})
		const flood = 10_000
		var last []byte
		for i := range flood {
			_, last = request(t, radius.AccountingRequest, uint8(i), time.Duration(i).String())
			b.nas.send(t, b.at, last)
		}
		synctest.Wait()
		got := b.server.Stats()
		if full := got.Dropped[radius.DropQueueFull]; got.Received != flood || got.Handled != 4 || got.Waiting != 8 || full != flood-12 {
			t.Errorf("%+v", got)
		}
		close(release)
		synctest.Wait()
		replies := 0
		for b.nas.receive() != nil {
			replies++
		}
		if replies != 12 {
			t.Errorf("%d replies; nothing that was taken may be lost", replies)
		}
		b.nas.send(t, b.at, last)
		synctest.Wait()
		if b.nas.receive() == nil {
			t.Error("a request that was dropped is not handled when it comes again")
		}
	})
}

func TestStoppingAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := serve(t, &radius.Server{Workers: 1, Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
			<-release
			if ctx.Err() != nil {
				t.Error("the context ended before the drain time")
			}
			return accept(ctx, r)
		}})
		p, running := request(t, radius.AccountingRequest, 1, "running")
		_, queued := request(t, radius.AccountingRequest, 2, "queued")
		_, late := request(t, radius.AccountingRequest, 3, "late")
		b.nas.send(t, b.at, running)
		synctest.Wait()
		b.nas.send(t, b.at, queued)
		synctest.Wait()
		b.stop()
		synctest.Wait()
		b.nas.send(t, b.at, late)
		close(release)
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		if err := parse(t, b.nas.receive()).VerifyReply(p, nasSecret, true); err != nil {
			t.Error(err)
		}
		if b.nas.receive() == nil || b.nas.receive() != nil {
			t.Error("not exactly what was under way is answered")
		}
	})
}

func TestStoppingDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, &radius.Server{Drain: 3 * time.Second, Handler: func(ctx context.Context, _ *radius.Request) *radius.Packet {
			<-ctx.Done()
			return nil
		}})
		_, raw := request(t, radius.AccountingRequest, 1, "s")
		b.nas.send(t, b.at, raw)
		synctest.Wait()
		began := time.Now()
		b.stop()
		if err := <-b.done; err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("stopped after %v: %v", time.Since(began), err)
		}
	})
}

func TestStatusServer(t *testing.T) {
	t.Parallel()
	for services, want := range map[radius.Service]radius.Code{
		radius.Authentication:                     radius.AccessAccept,
		radius.Accounting:                         radius.AccountingResponse,
		radius.Authentication | radius.Accounting: radius.AccessAccept,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := serve(t, &radius.Server{Services: services, Handler: func(context.Context, *radius.Request) *radius.Packet {
				t.Error("handled")
				return nil
			}})
			p, raw := request(t, radius.StatusServer, 1, "s")
			b.nas.send(t, b.at, raw)
			if got := b.answered(t, p); got.Code != want {
				t.Errorf("services %b answer %v", services, got.Code)
			}
		})
	}
}

func TestServeRefusesHalfASetup(t *testing.T) {
	t.Parallel()
	s := &radius.Server{Handler: accept, Services: radius.Accounting}
	if err := s.Serve(t.Context(), new(memNet).listen("10.0.0.1:1")); err == nil {
		t.Error("it serves nobody")
	}
}

func TestServeReportsAClosedSocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, &radius.Server{Handler: accept})
		synctest.Wait()
		_ = b.at.Close()
		if err := <-b.done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// A socket for both families shows IPv4 clients with their IPv4 address.
func TestRealSockets(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	ctx, stop := context.WithCancel(t.Context())
	s := &radius.Server{Handler: accept, Services: radius.Accounting, Clients: func(a netip.Addr) (radius.Client, bool) {
		return radius.Client{Secret: nasSecret}, a == netip.MustParseAddr("127.0.0.1")
	}}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
	var sender radius.Sender
	peer := radius.Peer{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Secret: nasSecret}
	for range 300 {
		p := radius.New(radius.AccountingRequest)
		if _, err := sender.Exchange(t.Context(), peer, p); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := errors.Join(<-done, sender.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
}
