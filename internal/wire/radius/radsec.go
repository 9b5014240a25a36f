package radius

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits where a RadSec sets none.
const (
	DefaultStreams   = 256
	DefaultIdle      = 5 * time.Minute
	DefaultHandshake = 10 * time.Second

	// streamReplies is how many replies wait for a slow peer before its stream
	// is closed: as many as it can have requests under way.
	streamReplies = 256
	streamWrite   = 10 * time.Second
)

// RadSec serves RADIUS over TLS (RFC 6614; port 2083), with the handler,
// services and limits of its Server. A request that finds the queue full waits
// and slows its stream down; nothing is dropped and no reply is kept, because
// TCP neither loses nor repeats (RFC 6613 section 2.6.2).
type RadSec struct {
	Server *Server

	// TLS must require and verify client certificates.
	TLS *tls.Config

	// Identify finds the client that a verified certificate belongs to. Its
	// Secret is not used: inside TLS it is always "radsec".
	Identify func(tls.ConnectionState, netip.AddrPort) (Client, bool)

	// Opened is told of each connection and what it can send back over it; it
	// must be quick. What it returns is called once the connection has ended.
	// May be nil.
	Opened func(Client, *Back) (ended func())

	Streams int           // connections at once; more are refused
	Idle    time.Duration // a connection without a request for so long is closed
}

// Serve accepts connections on ln until ctx ends, then answers the requests it
// has, closes everything, and returns nil. It closes ln.
func (r *RadSec) Serve(ctx context.Context, ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if err := r.check(); err != nil {
		return err
	}
	p := r.Server.start(ctx)
	conns := &streams{RadSec: r, pool: p, free: make(chan struct{}, cmpOr(r.Streams, DefaultStreams)), ctx: ctx}
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	err := conns.acceptAll(ln)
	conns.open.Wait()
	p.stop()
	return err
}

func (r *RadSec) check() error {
	switch {
	case r.Server == nil || r.Server.Handler == nil && r.Server.Batch == nil || r.Server.Services == 0 || r.Identify == nil:
		return errors.New("radius: RadSec needs a server with a handler and services, and a way to identify clients")
	case r.TLS == nil || r.TLS.ClientAuth != tls.RequireAndVerifyClientCert:
		return errors.New("radius: RadSec must require and verify client certificates")
	}
	return nil
}

// streams are the connections of one RadSec.
type streams struct {
	*RadSec
	pool *pool
	ctx  context.Context
	free chan struct{} // a place for each connection
	open sync.WaitGroup
}

func (s *streams) acceptAll(ln net.Listener) error {
	for failures := 0; ; {
		conn, err := ln.Accept()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err == nil:
			failures = 0
		case errors.Is(err, net.ErrClosed), failures == maxReadErrors:
			return fmt.Errorf("radius: accept: %w", err)
		default:
			failures++
			continue
		}
		select {
		case s.free <- struct{}{}:
			s.open.Go(func() { s.serve(conn) })
		default:
			s.Server.counters.refused.Add(1)
			_ = conn.Close()
		}
	}
}

// serve shakes hands, then reads requests until the peer, its silence, or ctx
// ends it, and answers them.
func (s *streams) serve(conn net.Conn) {
	defer func() { <-s.free }()
	remote := addrPortOf(conn.RemoteAddr())
	secure := tls.Server(conn, s.TLS)
	client, ok := s.handshake(secure, remote)
	if !ok {
		s.Server.counters.refused.Add(1)
		_ = conn.Close()
		return
	}
	st := &stream{server: s.Server, conn: secure, remote: remote, client: client, out: make(chan outgoing, streamReplies),
		ids: newIdentifiers(), ended: make(chan struct{})}
	st.writer.Go(st.write)
	if s.Opened != nil {
		defer s.Opened(client, &Back{st})()
	}
	defer context.AfterFunc(s.ctx, func() { _ = secure.SetReadDeadline(time.Unix(1, 0)) })()
	st.read(s.ctx, s.pool, cmpOr(s.Idle, DefaultIdle))
	st.close()
}

func (s *streams) handshake(conn *tls.Conn, remote netip.AddrPort) (Client, bool) {
	ctx, cancel := context.WithTimeout(s.ctx, DefaultHandshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return Client{}, false
	}
	client, ok := s.Identify(conn.ConnectionState(), remote)
	client.Secret = radSecSecret
	return client, ok
}

// stream is one connection.
type stream struct {
	server *Server
	conn   *tls.Conn
	remote netip.AddrPort
	client Client

	underWay sync.WaitGroup // requests without an answer
	out      chan outgoing
	writer   sync.WaitGroup

	ids    *identifiers  // of requests that go the other way
	ended  chan struct{} // closed when nothing is read any more
	mu     sync.Mutex    // of isShut, for those who send without a request under way
	isShut bool
}

// outgoing is a packet to write.
type outgoing struct {
	wire    []byte
	request bool
}

// read hands requests to the workers until the stream ends.
func (st *stream) read(ctx context.Context, p *pool, idle time.Duration) {
	defer close(st.ended)
	in := bufio.NewReaderSize(st.conn, MaxPacket)
	for ctx.Err() == nil {
		_ = st.conn.SetReadDeadline(time.Now().Add(idle))
		if ctx.Err() != nil {
			return
		}
		j := newJob()
		if !st.next(j, in) {
			j.free()
			return
		}
		if j.origin == nil {
			j.free()
			continue
		}
		j.Arrived = p.now()
		st.underWay.Add(1)
		if !p.put(ctx, j) {
			st.underWay.Done()
			j.free()
		}
	}
}

// next reads one request into j; false when the stream is of no use any more.
// A packet that is no request of this server is counted and leaves j without
// an origin; one that is malformed or forged ends the stream (RFC 6614 section
// 3.4). TLS proves what a Message-Authenticator would.
func (st *stream) next(j *job, in *bufio.Reader) bool {
	raw, err := readPacket(in, j.buffer[:])
	if err == nil {
		st.server.counters.received.Add(1)
		err = j.packet.parse(raw)
	}
	switch {
	case errors.Is(err, ErrMalformed):
		st.server.drop(DropMalformed, st.remote)
		return false
	case err != nil:
		return false
	case j.packet.Code.repliesToOrder() && st.ids.deliver(&j.packet):
		return true
	case !st.server.takes(&j.packet):
		st.server.drop(DropWrongCode, st.remote)
		return true
	case j.packet.verifyProof(st.client.Secret) != nil:
		st.server.drop(DropAuthenticator, st.remote)
		return false
	}
	j.Remote, j.Client, j.Secure, j.origin = st.remote, st.client, true, st
	return true
}

// answer queues replies for writing. A peer that reads so slowly that there is
// no place is cut off, so that it holds no worker.
func (st *stream) answer(jobs []*job) {
	for _, j := range jobs {
		if len(j.out) > 0 {
			st.reply(j.out)
		}
		st.underWay.Done()
	}
}

func (st *stream) reply(wire []byte) {
	select {
	case st.out <- outgoing{wire: append([]byte(nil), wire...)}:
	default:
		st.server.counters.unsent.Add(1)
		_ = st.conn.NetConn().Close()
	}
}

func (st *stream) write() {
	for o := range st.out {
		_ = st.conn.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := st.conn.Write(o.wire)
		if err != nil {
			_ = st.conn.NetConn().Close()
		}
		switch {
		case o.request: // its sender learns of it
		case err != nil:
			st.server.counters.unsent.Add(1)
		default:
			st.server.counters.answered.Add(1)
		}
	}
}

// close writes the replies of what is under way and closes the connection. The
// reader must have ended.
func (st *stream) close() {
	st.underWay.Wait()
	st.mu.Lock()
	st.isShut = true
	close(st.out)
	st.mu.Unlock()
	st.writer.Wait()
	_ = st.conn.Close()
}

func addrPortOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		p := t.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
