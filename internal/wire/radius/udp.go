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
	if s.Handler == nil && (s.Batch == nil || s.Apart != nil) || s.Clients == nil || s.Services == 0 {
		return errors.New("radius: a server needs a handler, clients and services")
	}
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(socketBuffer)
	}
	_ = conn.SetReadDeadline(time.Time{})
	p := s.start(ctx)
	u := &udpServer{pool: p, conn: datagrams(conn), batches: batches(conn), kept: newKeptReplies(p.keep, p.keepBytes)}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	err := u.readAll(ctx)
	p.stop()
	return err
}

// udpServer is a Server on one socket.
type udpServer struct {
	*pool
	conn    datagramConn
	batches batchConn // the same
	kept    *keptReplies
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
	jobs, failures := make([]*job, readTogether), 0
	for i := range jobs {
		jobs[i] = newJob()
	}
	defer func() {
		for _, j := range jobs {
			j.free()
		}
	}()
	for {
		n, err := u.batches.receive(jobs)
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
		u.takeAll(jobs[:n])
	}
}

// takeAll queues datagrams, and puts new jobs in the place of those that are
// taken.
func (u *udpServer) takeAll(jobs []*job) {
	u.server.counters.received.Add(uint64(len(jobs)))
	now := u.now()
	for i, j := range jobs {
		j.Arrived = now
		if u.take(j, j.buffer[:j.size], j.Remote) {
			jobs[i] = newJob()
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
	j.Client, j.origin, j.key = client, u, keyOf(&j.packet, from)
	return u.enqueue(j)
}

// enqueue queues a request that is new, and answers one that was answered.
func (u *udpServer) enqueue(j *job) bool {
	reply, isNew := u.kept.begin(j.key, j.Arrived)
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
		u.repeat(reply, j.Remote)
	}
	return false
}

// answer keeps the replies before they are sent, so that a duplicate that comes
// after one finds it.
func (u *udpServer) answer(jobs []*job) {
	u.kept.answered(jobs, u.now())
	sent, unsent, err := u.batches.send(jobs)
	u.server.counters.answered.Add(uint64(sent))
	u.server.counters.unsent.Add(uint64(unsent))
	if err != nil {
		u.log.Debug("radius: replies not sent", "replies", unsent, "error", err)
	}
}

// repeat sends a kept reply.
func (u *udpServer) repeat(reply []byte, to netip.AddrPort) {
	if _, err := u.conn.WriteToUDPAddrPort(reply, to); err != nil {
		u.server.counters.unsent.Add(1)
		u.log.Debug("radius: reply not sent", "remote", to, "error", err)
	}
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
