package radius_test

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
)

// memNet is a network in memory, whose sockets are made of channels so that
// time can be simulated around them. Like UDP it loses what finds no room.
type memNet struct {
	// Lose, if set, is asked of each datagram.
	Lose func(from, to netip.AddrPort, b []byte) bool

	mu    sync.Mutex
	conns map[netip.AddrPort]*memConn
	next  uint16
}

// memConn is one socket.
type memConn struct {
	net    *memNet
	addr   netip.AddrPort
	in     chan memDatagram
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed once a deadline has passed
}

type memDatagram struct {
	from netip.AddrPort
	b    []byte
}

// listen opens a socket; port 0 takes a free one.
func (n *memNet) listen(addr string) *memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := netip.MustParseAddrPort(addr)
	if at.Port() == 0 {
		n.next++
		at = netip.AddrPortFrom(at.Addr(), 40000+n.next)
	}
	c := &memConn{net: n, addr: at, in: make(chan memDatagram, 20000), closed: make(chan struct{}), expired: make(chan struct{})}
	if n.conns == nil {
		n.conns = map[netip.AddrPort]*memConn{}
	}
	n.conns[at] = c
	return c
}

func (c *memConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	target := to.(*net.UDPAddr).AddrPort()
	if c.net.Lose != nil && c.net.Lose(c.addr, target, b) {
		return len(b), nil
	}
	c.net.mu.Lock()
	peer := c.net.conns[target]
	c.net.mu.Unlock()
	if peer != nil {
		select {
		case peer.in <- memDatagram{c.addr, append([]byte(nil), b...)}:
		default:
		}
	}
	return len(b), nil
}

func (c *memConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	expired := c.expired
	c.mu.Unlock()
	select {
	case d := <-c.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

func (c *memConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *memConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// SetReadDeadline knows only the past and never.
func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() {
		c.expired = make(chan struct{})
	} else {
		close(c.expired)
	}
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// send puts a datagram on its way.
func (c *memConn) send(tb testing.TB, to *memConn, b []byte) {
	tb.Helper()
	if _, err := c.WriteTo(b, to.LocalAddr()); err != nil {
		tb.Fatal(err)
	}
}

// receive returns a datagram that has arrived, or nil.
func (c *memConn) receive() []byte {
	select {
	case d := <-c.in:
		return d.b
	default:
		return nil
	}
}
