package radius

import (
	"context"
	"fmt"
)

// Back sends requests the other way over a connection that a client has opened
// (reverse CoA, draft-ietf-radext-reverse-coa, as FreeRADIUS 3.2 has it): a
// gateway behind an address translation, or without a port of its own for
// orders, hears of them over the link that it has. A client that does not expect
// them answers Error-Cause 406 (RFC 6614 section 2.5), or nothing. It is safe for
// concurrent use.
type Back struct{ st *stream }

// Exchange sends a request, up to 256 of which may be under way, and returns its
// reply. Nothing is sent twice (RFC 6613 section 2.6.1): without a reply it waits
// for ctx. It fails with ErrClosed when the connection has ended, and with
// ErrBusy when there are too many requests, or replies, on their way.
func (b *Back) Exchange(ctx context.Context, request *Packet) (*Packet, error) {
	c := &call{secret: radSecSecret, reply: make(chan *Packet, 1)}
	if !b.st.ids.take(c) {
		return nil, ErrBusy
	}
	defer b.st.ids.release(c)
	sent := *request
	sent.Identifier = c.identifier
	wire, err := sent.AppendRequest(nil, radSecSecret)
	if err != nil {
		return nil, err
	}
	b.st.ids.sending(c, &sent)
	if err := b.st.send(wire); err != nil {
		return nil, err
	}
	select {
	case reply := <-c.reply:
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.st.ended:
		return nil, fmt.Errorf("%w: by %v", ErrClosed, b.st.remote)
	}
}

// send queues a request for writing, unless the connection is about to end.
func (st *stream) send(wire []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.isShut {
		return ErrClosed
	}
	select {
	case st.out <- outgoing{wire: wire, request: true}:
		return nil
	default:
		return ErrBusy
	}
}
