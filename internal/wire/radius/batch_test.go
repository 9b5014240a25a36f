package radius_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// moody is a handler that does what the session id asks for.
func moody(ctx context.Context, r *radius.Request) *radius.Packet {
	session, _ := radius.AcctSessionID.Get(r.Packet)
	switch mood, _, _ := strings.Cut(session, " "); mood {
	case "silent":
		return nil
	case "panic":
		panic("a bug")
	case "nonsense":
		return radius.New(radius.CoAACK)
	case "long":
		p := radius.New(radius.AccessAccept)
		p.Code = accept(ctx, r).Code
		radius.ReplyMessage.AddSplit(p, make([]byte, 5000))
		return p
	}
	p := accept(ctx, r)
	radius.Class.Add(p, []byte(session))
	return p
}

// together makes a Batch of a handler.
func together(h radius.Handler) func(context.Context, []*radius.Request) []*radius.Packet {
	return func(ctx context.Context, requests []*radius.Request) []*radius.Packet {
		replies := make([]*radius.Packet, len(requests))
		for i, r := range requests {
			replies[i] = h(ctx, r)
		}
		return replies
	}
}

// script is groups of datagrams, good and bad ones and repetitions, as one client
// may send them.
func script(t *testing.T, seed uint64) (groups [][][]byte) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	var sent [][]byte
	for range 5 {
		var group [][]byte
		for range random.IntN(40) {
			code := []radius.Code{radius.AccessRequest, radius.AccountingRequest, radius.StatusServer, radius.CoARequest}[random.IntN(4)*random.IntN(2)]
			mood := []string{"fine", "fine", "silent", "panic", "nonsense", "long"}[random.IntN(6)]
			_, raw := request(t, code, uint8(len(sent)), fmt.Sprint(mood, " ", len(sent)))
			sent = append(sent, raw)
			switch bad := slices.Clone(raw); random.IntN(8) {
			case 0:
				bad[len(bad)-1] ^= 1
				group = append(group, bad)
			case 1:
				group = append(group, bad[:len(bad)-random.IntN(len(bad))])
			default:
				group = append(group, raw)
			}
		}
		groups = append(groups, group)
		if len(sent) > 0 { // by itself: else it depends on chance whether the first one is under way
			groups = append(groups, [][]byte{sent[random.IntN(len(sent))]})
		}
	}
	return groups
}

// play sends the groups to a server and returns what came back after each, and
// what the server counted.
func play(t *testing.T, s *radius.Server, groups [][][]byte) (replies [][]string, stats radius.Stats) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, s)
		for _, group := range groups {
			for _, raw := range group {
				b.nas.send(t, b.at, raw)
			}
			synctest.Wait()
			var got []string
			for raw := b.nas.receive(); raw != nil; raw = b.nas.receive() {
				got = append(got, string(raw))
			}
			slices.Sort(got)
			replies = append(replies, got)
		}
		stats = b.server.Stats()
	})
	return replies, stats
}

// Requests that are answered together get what each would get alone, and are
// counted alike.
func TestBatchesAnswerAsHandlersDo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		groups := script(t, seed)
		want, counted := play(t, &radius.Server{Handler: moody, Workers: 1}, groups)
		got, counted2 := play(t, &radius.Server{Batch: together(moody), Workers: 1 + int(seed%3), Together: 1 + int(seed%20)}, groups)
		if diff := cmp.Diff(want, got) + cmp.Diff(counted, counted2); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if counted.Answered == 0 || counted.Handled < counted.Answered {
			t.Fatalf("seed %d proves nothing: %+v", seed, counted)
		}
	}
}

// What comes while a batch is worked on is the next one.
func TestWhatComesMeanwhileIsOneBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		release := make(chan struct{})
		b := serve(t, &radius.Server{Workers: 1, Together: 8, Queue: 100, Batch: func(ctx context.Context, requests []*radius.Request) []*radius.Packet {
			sizes = append(sizes, len(requests))
			<-release
			if requests[0].Arrived.After(time.Now()) || requests[0].Arrived.Before(time.Now().Add(-time.Second)) {
				t.Error(requests[0].Arrived)
			}
			return together(accept)(ctx, requests)
		}})
		for i := range 21 {
			_, raw := request(t, radius.AccessRequest, uint8(i), "s")
			b.nas.send(t, b.at, raw)
			synctest.Wait()
		}
		b.want(t, radius.Stats{Received: 21, Handled: 1, Waiting: 20})
		close(release)
		synctest.Wait()
		if want := []int{1, 8, 8, 4}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, not %v", sizes, want)
		}
		b.want(t, radius.Stats{Received: 21, Handled: 21, Answered: 21})
	})
}

// Requests that may take long keep no others waiting, and no more of them are
// under way or waiting than there is room for.
func TestLongRequestsAreKeptApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := serve(t, &radius.Server{Workers: 1, Batch: together(accept), Apart: func(p *radius.Packet) bool { return p.Code == radius.AccountingRequest },
			Handler: func(ctx context.Context, r *radius.Request) *radius.Packet {
				<-release
				return accept(ctx, r)
			}})
		send := func(code radius.Code, identifier int) {
			_, raw := request(t, code, uint8(identifier), "s")
			b.nas.send(t, b.at, raw)
			synctest.Wait()
		}
		const most = 2 * radius.DefaultApart
		for i := range most + 1 {
			send(radius.AccountingRequest, i)
		}
		send(radius.AccessRequest, 0)
		b.want(t, radius.Stats{Received: most + 2, Handled: radius.DefaultApart + 1, Answered: 1, Waiting: radius.DefaultApart}, radius.DropQueueFull)
		close(release)
		synctest.Wait()
		b.want(t, radius.Stats{Received: most + 2, Handled: most + 1, Answered: most + 1}, radius.DropQueueFull)
	})
}

// A batch that a handler answers with too few or too many replies is asked for
// one by one, rather than that somebody gets what is another's.
func TestRepliesAreNotMixedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := serve(t, &radius.Server{Workers: 1, Batch: func(ctx context.Context, requests []*radius.Request) []*radius.Packet {
			<-release
			replies := together(moody)(ctx, requests)
			return replies[:len(replies)-len(replies)/2]
		}})
		var asked []*radius.Packet
		for i := range 9 {
			p, raw := request(t, radius.AccessRequest, uint8(i), fmt.Sprint("fine ", i))
			asked = append(asked, p)
			b.nas.send(t, b.at, raw)
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		for range asked {
			reply := parse(t, b.nas.receive())
			class := value(t, reply, radius.Class)
			if err := reply.VerifyReply(asked[reply.Identifier], nasSecret, true); err != nil || string(class) != fmt.Sprint("fine ", reply.Identifier) {
				t.Errorf("%q, %v", class, err)
			}
		}
	})
}

// hidden is a socket that batches of the system cannot be used on.
type hidden struct{ net.PacketConn }

// Real sockets, with and without batches of the system, of both families, give
// each client the replies to its own requests.
func TestSocketsOfEachKind(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ listen, ask string }{{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {":0", "127.0.0.1"}, {":0", "::1"}} {
		for name, wrap := range map[string]func(net.PacketConn) net.PacketConn{
			"batches":    func(c net.PacketConn) net.PacketConn { return c },
			"one by one": func(c net.PacketConn) net.PacketConn { return hidden{c} },
		} {
			t.Run(fmt.Sprint(name, " ", at.listen, " ", at.ask), func(t *testing.T) {
				t.Parallel()
				conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", at.listen)
				if err != nil {
					t.Skipf("no such address here: %v", err)
				}
				s := &radius.Server{Services: radius.Authentication, Batch: together(moody), Workers: 2, Clients: func(netip.Addr) (radius.Client, bool) {
					return radius.Client{Name: "core", Secret: nasSecret}, true
				}}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Serve(ctx, wrap(conn)) }()
				askMuch(t, netip.AddrPortFrom(netip.MustParseAddr(at.ask), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()))
				stop()
				if err := errors.Join(<-done, conn.Close()); err != nil {
					t.Error(err)
				}
				if got := s.Stats(); got.Answered != 4*300 || got.Handled != 4*300 || got.Unsent != 0 {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// askMuch has four clients send 300 requests each, many at once.
func askMuch(t *testing.T, to netip.AddrPort) {
	t.Helper()
	var clients sync.WaitGroup
	for c := range 4 {
		var sender radius.Sender
		for lane := range 30 {
			clients.Go(func() {
				for n := range 10 {
					p, want := radius.New(radius.AccessRequest), fmt.Sprint("fine ", c, lane, n)
					radius.AcctSessionID.Add(p, want)
					reply, err := sender.Exchange(t.Context(), radius.Peer{Addr: to, Secret: nasSecret}, p)
					if err != nil || string(value(t, reply, radius.Class)) != want {
						t.Errorf("%s: %v", want, err)
						return
					}
				}
			})
		}
		t.Cleanup(func() { _ = sender.Close() })
	}
	clients.Wait()
}
