package radius

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Link is a client's connection to one peer over TLS (RFC 6614), with up to
// 256 requests under way. It is safe for concurrent use. A link that ended
// does not come back; dial another one.
type Link struct {
	conn *tls.Conn
	ids  *identifiers
	done chan struct{}

	mu   sync.Mutex // of writing
	fail error      // set before done is closed
}

// DialTLS connects to a peer, usually at port 2083, and shakes hands. The
// config must carry a client certificate and must not skip verification.
func DialTLS(ctx context.Context, addr string, config *tls.Config) (*Link, error) {
	switch {
	case config == nil || len(config.Certificates) == 0 && config.GetClientCertificate == nil:
		return nil, errors.New("radius: RadSec needs a client certificate")
	case config.InsecureSkipVerify && config.VerifyConnection == nil && config.VerifyPeerCertificate == nil:
		return nil, errors.New("radius: RadSec must verify the server")
	}
	conn, err := (&tls.Dialer{NetDialer: new(net.Dialer), Config: config}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("radius: %w", err)
	}
	l := &Link{conn: conn.(*tls.Conn), ids: newIdentifiers(), done: make(chan struct{})}
	go l.read()
	return l, nil
}

// Exchange sends a request and returns its reply. Nothing is sent twice (RFC
// 6613 section 2.6.1): without a reply it waits for ctx. It fails with the
// cause that ended the link, which wraps ErrClosed, and with ErrBusy when 256
// requests are under way.
func (l *Link) Exchange(ctx context.Context, request *Packet) (*Packet, error) {
	c := &call{secret: radSecSecret, reply: make(chan *Packet, 1)}
	if !l.ids.take(c) {
		return nil, ErrBusy
	}
	defer l.ids.release(c)
	sent := *request
	sent.Identifier = c.identifier
	wire, err := sent.AppendRequest(nil, radSecSecret)
	if err != nil {
		return nil, err
	}
	l.ids.sending(c, &sent)
	if err := l.write(ctx, wire); err != nil {
		return nil, err
	}
	select {
	case reply := <-c.reply:
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, l.fail
	}
}

// write sends one packet whole. A deadline that passes meanwhile ends the
// link, because half a packet cannot be taken back.
func (l *Link) write(ctx context.Context, wire []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(streamWrite)
	}
	_ = l.conn.SetWriteDeadline(deadline)
	if _, err := l.conn.Write(wire); err != nil {
		_ = l.conn.NetConn().Close()
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// read delivers replies until the link ends, which one that is malformed makes
// it (RFC 6614 section 3.4). A reply that nobody waits for any more is ignored.
func (l *Link) read() {
	defer close(l.done)
	defer func() { _ = l.conn.Close() }()
	in := bufio.NewReaderSize(l.conn, MaxPacket)
	var buffer [MaxPacket]byte
	var p Packet
	for {
		raw, err := readPacket(in, buffer[:])
		if err == nil {
			err = p.parse(raw)
		}
		if err != nil {
			l.fail = fmt.Errorf("%w: %w", ErrClosed, err)
			return
		}
		l.ids.deliver(&p)
	}
}

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Close ends the link; exchanges under way fail with ErrClosed.
func (l *Link) Close() error {
	err := l.conn.Close()
	<-l.done
	return err
}
