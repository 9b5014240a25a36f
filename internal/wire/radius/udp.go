package radius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// socketBuffer is asked of the system for a socket, which may give less: room
// for a burst while all readers are busy.
const socketBuffer = 4 << 20

// maxReadErrors in a row make a socket unusable.
const maxReadErrors = 16

// Serve answers requests on conn until ctx ends, then answers those that it
// has and returns nil; it returns an error only when conn fails. It does not
// close conn. On a host with several addresses, bind conn to one of them: a
// reply from another one is not recognised.
func (s *Server) Serve(ctx context.Context, conn net.PacketConn) error {
	if s.Handler == nil || s.Clients == nil || s.Services == 0 {
		return errors.New("radius: a server needs a handler, clients and services")
	}
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(socketBuffer)
	}
	_ = conn.SetReadDeadline(time.Time{})
	p := s.start(ctx)
	u := &udpServer{pool: p, conn: datagrams(conn), kept: newKeptReplies(p.keep, p.keepBytes)}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	err := u.readAll(ctx)
	p.stop()
	return err
}

// udpServer is a Server on one socket.
type udpServer struct {
	*pool
	conn datagramConn
	kept *keptReplies
}

// readAll reads with several goroutines until ctx ends or the socket fails.
func (u *udpServer) readAll(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, u.readers)
	for i := range errs {
		wg.Go(func() { errs[i] = u.read(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (u *udpServer) read(ctx context.Context) error {
	j, failures := newJob(), 0
	defer func() { j.free() }()
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(j.buffer[:])
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), failures == maxReadErrors:
			return fmt.Errorf("radius: read: %w", err)
		default:
			failures++
			continue
		}
		u.server.counters.received.Add(1)
		if u.take(j, j.buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())) {
			j = newJob()
		}
	}
}

// take queues one datagram; false when j is free again. Nothing is remembered
// of a packet before it has proven to be its client's.
func (u *udpServer) take(j *job, datagram []byte, from netip.AddrPort) bool {
	client, ok := u.server.Clients(from.Addr())
	if !ok || len(client.Secret) == 0 {
		u.drop(DropUnknownClient, from)
		return false
	}
	if err := j.packet.parse(datagram); err != nil {
		u.drop(DropMalformed, from)
		return false
	}
	if !u.server.takes(&j.packet) {
		u.drop(DropWrongCode, from)
		return false
	}
	if err := j.packet.VerifyRequest(client.Secret, !client.AllowUnsigned); err != nil {
		u.drop(dropOf(err), from)
		return false
	}
	j.Remote, j.Client, j.origin, j.key = from, client, u, keyOf(&j.packet, from)
	return u.enqueue(j)
}

// enqueue queues a request that is new, and answers one that was answered.
func (u *udpServer) enqueue(j *job) bool {
	reply, isNew := u.kept.begin(j.key, u.now())
	switch {
	case isNew:
		if u.offer(j) {
			return true
		}
		u.kept.forget(j.key)
		u.drop(DropQueueFull, j.Remote)
	case reply == nil:
		u.drop(DropDuplicate, j.Remote)
	default:
		u.server.counters.repeated.Add(1)
		u.send(reply, j.Remote)
	}
	return false
}

// answer keeps the reply before it is sent, so that a duplicate that comes
// after it finds it.
func (u *udpServer) answer(j *job, reply []byte) {
	if reply == nil {
		u.kept.forget(j.key)
		return
	}
	u.kept.answered(j.key, reply, u.now())
	if u.send(reply, j.Remote) {
		u.server.counters.answered.Add(1)
	}
}

func (u *udpServer) send(reply []byte, to netip.AddrPort) bool {
	if _, err := u.conn.WriteToUDPAddrPort(reply, to); err != nil {
		u.server.counters.unsent.Add(1)
		u.log.Debug("radius: reply not sent", "remote", to, "error", err)
		return false
	}
	return true
}

// datagramConn is a socket without an allocation for each address.
type datagramConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// datagrams returns conn itself where it can do what is needed.
func datagrams(conn net.PacketConn) datagramConn {
	if c, ok := conn.(datagramConn); ok {
		return c
	}
	return packetConn{conn}
}

// packetConn makes a datagramConn of any net.PacketConn with UDP addresses.
type packetConn struct{ net.PacketConn }

func (c packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	addr, ok := from.(*net.UDPAddr)
	if !ok {
		return n, netip.AddrPort{}, fmt.Errorf("radius: %T is no address of UDP", from)
	}
	return n, addr.AddrPort(), nil
}

func (c packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}
