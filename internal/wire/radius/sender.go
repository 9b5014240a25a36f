package radius

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Retry is when a request without a reply is sent again (RFC 5080 section
// 2.2.1): after Initial, then after twice the time before, Longest at most,
// each ten percent shorter or longer at random.
type Retry struct {
	Initial time.Duration
	Longest time.Duration
	Sends   int           // how often a request is sent in all
	Total   time.Duration // after which it is given up
}

// DefaultRetry has the values that RFC 5080 section 2.2.1 gives.
var DefaultRetry = Retry{Initial: 2 * time.Second, Longest: 16 * time.Second, Sends: 6, Total: 30 * time.Second}

// DefaultSockets is how many sockets a Sender opens at most: 2,048 requests
// under way to each peer.
const DefaultSockets = 8

// Peer is whom a request goes to.
type Peer struct {
	Addr   netip.AddrPort
	Secret []byte

	// AllowUnsigned accepts replies to an Access-Request without
	// Message-Authenticator, which anybody on the way can forge.
	AllowUnsigned bool
}

// Sender sends requests over UDP to any number of peers. It is safe for
// concurrent use; the zero Sender is ready. Fields must not change once it is
// used.
type Sender struct {
	Retry   Retry // DefaultRetry where zero
	Sockets int   // more than one is opened only when 256 requests to one peer are under way

	// Listen opens a socket; by default UDP on any address and port.
	Listen func() (net.PacketConn, error)

	mu      sync.Mutex
	sockets []*socket
	closed  bool
	readers sync.WaitGroup
	resent  atomic.Uint64
}

// Resent returns how often a request was sent again so far: what was lost on
// the way, or dropped by the peer, even where a later send was answered.
func (s *Sender) Resent() uint64 { return s.resent.Load() }

// Exchange sends a request and returns the reply that proves to be the peer's.
// It sends again, the same octets from the same port, as Retry says. It fails
// with ErrNoReply in the end, with ctx's error when that ends first, with
// ErrBusy when all identifiers are in use, or because the packet cannot be
// encoded. The request is not changed.
func (s *Sender) Exchange(ctx context.Context, to Peer, request *Packet) (*Packet, error) {
	to.Addr = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port())
	c := &call{secret: to.Secret, strict: !to.AllowUnsigned, reply: make(chan *Packet, 1)}
	from, ids, err := s.reserve(to.Addr, c)
	if err != nil {
		return nil, err
	}
	defer ids.release(c)
	sent := *request
	sent.Identifier = c.identifier
	wire, err := sent.AppendRequest(make([]byte, 0, request.Len()+MinPacket), to.Secret)
	if err != nil {
		return nil, err
	}
	ids.sending(c, &sent)
	return s.await(ctx, from, to.Addr, wire, c)
}

// await sends until there is a reply.
func (s *Sender) await(ctx context.Context, from *socket, to netip.AddrPort, wire []byte, c *call) (*Packet, error) {
	retry := s.retry()
	started, wait := time.Now(), retry.first()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for sends := 1; ; sends++ {
		_, failed := from.conn.WriteToUDPAddrPort(wire, to)
		select {
		case reply := <-c.reply:
			return reply, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-from.done:
			return nil, ErrClosed
		case <-timer.C:
		}
		if sends >= retry.Sends || time.Since(started) >= retry.Total {
			return nil, errors.Join(fmt.Errorf("%w from %v to %d sends", ErrNoReply, to, sends), failed)
		}
		s.resent.Add(1)
		wait = retry.after(wait)
		timer.Reset(min(wait, retry.Total-time.Since(started)))
	}
}

func (s *Sender) retry() Retry {
	r := s.Retry
	r.Initial, r.Longest = cmpOr(r.Initial, DefaultRetry.Initial), cmpOr(r.Longest, DefaultRetry.Longest)
	r.Sends, r.Total = cmpOr(r.Sends, DefaultRetry.Sends), cmpOr(r.Total, DefaultRetry.Total)
	return r
}

func (r Retry) first() time.Duration { return min(r.Initial+jitter(r.Initial), r.Total) }

func (r Retry) after(previous time.Duration) time.Duration {
	next := 2*previous + jitter(previous)
	if next > r.Longest {
		next = r.Longest + jitter(r.Longest)
	}
	return next
}

// jitter is up to a tenth of d, in both directions.
func jitter(d time.Duration) time.Duration {
	return time.Duration((rand.Float64()*2 - 1) / 10 * float64(d))
}

// reserve finds a socket with an identifier that is free at the peer.
func (s *Sender) reserve(to netip.AddrPort, c *call) (*socket, *identifiers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	s.sockets = slices.DeleteFunc(s.sockets, (*socket).ended)
	for _, from := range s.sockets {
		if ids := from.identifiers(to); ids.take(c) {
			return from, ids, nil
		}
	}
	if len(s.sockets) >= cmpOr(s.Sockets, DefaultSockets) {
		return nil, nil, fmt.Errorf("%w: to %v", ErrBusy, to)
	}
	from, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	ids := from.identifiers(to)
	ids.take(c)
	return from, ids, nil
}

func (s *Sender) open() (*socket, error) {
	listen := s.Listen
	if listen == nil {
		listen = func() (net.PacketConn, error) { return net.ListenUDP("udp", nil) }
	}
	conn, err := listen()
	if err != nil {
		return nil, fmt.Errorf("radius: %w", err)
	}
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(socketBuffer)
	}
	from := &socket{conn: datagrams(conn), close: conn.Close, done: make(chan struct{}), peers: map[netip.AddrPort]*identifiers{}}
	s.sockets = append(s.sockets, from)
	s.readers.Go(from.read)
	return from, nil
}

// Close ends all exchanges with ErrClosed and closes the sockets.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	for _, from := range s.sockets {
		if err := from.close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.mu.Unlock()
	s.readers.Wait()
	return errors.Join(errs...)
}

// socket is one source port of a Sender.
type socket struct {
	conn  datagramConn
	close func() error
	done  chan struct{} // closed when nothing is read any more

	mu    sync.Mutex
	peers map[netip.AddrPort]*identifiers
}

// identifiers returns those in use to a peer. They stay: peers are few, and
// identifiers must go on where they were.
func (f *socket) identifiers(to netip.AddrPort) *identifiers {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids, ok := f.peers[to]
	if !ok {
		ids = newIdentifiers()
		f.peers[to] = ids
	}
	return ids
}

// ended reports whether the socket is of no use any more.
func (f *socket) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// read delivers replies until the socket is closed or fails for good.
// Datagrams of strangers, and replies that nobody waits for, are ignored.
func (f *socket) read() {
	defer close(f.done)
	defer func() { _ = f.close() }()
	var buffer [MaxPacket]byte
	var p Packet
	for failures := 0; failures < maxReadErrors; {
		n, from, err := f.conn.ReadFromUDPAddrPort(buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failures++
			continue
		}
		failures = 0
		f.mu.Lock()
		ids := f.peers[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
		f.mu.Unlock()
		if ids != nil && p.parse(buffer[:n]) == nil {
			ids.deliver(&p)
		}
	}
}
