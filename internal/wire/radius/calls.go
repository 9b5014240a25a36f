package radius

import (
	"errors"
	"math/rand/v2"
	"sync"
)

// What an exchange can answer besides the errors of its context; test with
// [errors.Is].
var (
	ErrNoReply = errors.New("radius: no reply")
	ErrBusy    = errors.New("radius: too many requests under way")
	ErrClosed  = errors.New("radius: closed")
)

// call is one request that waits for its reply.
type call struct {
	identifier uint8
	request    *Packet // as sent; nil until it is
	secret     []byte
	strict     bool
	reply      chan *Packet // takes one
}

// identifiers are the 256 requests that may be under way between two sockets.
// They are given out in turn, so that one comes back as late as possible.
type identifiers struct {
	mu    sync.Mutex
	calls [256]*call
	next  uint8
	used  int
}

func newIdentifiers() *identifiers { return &identifiers{next: uint8(rand.UintN(256))} }

// take gives a call an identifier; false when all are in use.
func (t *identifiers) take(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used == len(t.calls) {
		return false
	}
	for t.calls[t.next] != nil {
		t.next++
	}
	c.identifier = t.next
	t.calls[t.next] = c
	t.next++
	t.used++
	return true
}

// sending notes the request of a call, from which on replies count.
func (t *identifiers) sending(c *call, request *Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.request = request
}

// release frees the identifier of a call.
func (t *identifiers) release(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[c.identifier] = nil
	t.used--
}

// deliver gives a copy of a reply to the call that it proves to answer, and
// reports whether there is one.
func (t *identifiers) deliver(p *Packet) bool {
	t.mu.Lock()
	c := t.calls[p.Identifier]
	var request *Packet
	if c != nil {
		request = c.request
	}
	t.mu.Unlock()
	if request == nil || p.VerifyReply(request, c.secret, c.strict) != nil {
		return false
	}
	select {
	case c.reply <- p.Clone():
	default:
	}
	return true
}
