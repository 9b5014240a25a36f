package radius

import (
	"errors"
	"net/netip"
	"sync/atomic"
)

// Drop is a reason for which a packet was not handled.
type Drop uint8

// The reasons. Append only: metrics carry their names.
const (
	DropUnknownClient Drop = iota
	DropMalformed
	DropAuthenticator // somebody without the secret made it
	DropUnsigned      // no Message-Authenticator where one is required
	DropDuplicate     // of a request under way, whose answer will come
	DropQueueFull
	DropWrongCode // not a request, or not one of this port
	numDrops
)

var dropNames = [numDrops]string{
	DropUnknownClient: "unknown_client", DropMalformed: "malformed", DropAuthenticator: "bad_authenticator",
	DropUnsigned: "missing_message_authenticator", DropDuplicate: "duplicate_in_progress",
	DropQueueFull: "queue_full", DropWrongCode: "wrong_code",
}

// String returns the stable name of d.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return "unknown"
}

// dropOf sorts what VerifyRequest answers about a request.
func dropOf(err error) Drop {
	if errors.Is(err, ErrUnsigned) {
		return DropUnsigned
	}
	return DropAuthenticator
}

// Drops lists every reason.
func Drops() []Drop {
	all := make([]Drop, numDrops)
	for i := range all {
		all[i] = Drop(i)
	}
	return all
}

// Stats counts what a server did since it was made.
type Stats struct {
	Received uint64 // datagrams, or packets on a stream
	Handled  uint64 // requests that reached the handler or are a Status-Server
	Answered uint64 // replies sent for them
	Repeated uint64 // kept replies sent again
	Silent   uint64 // requests that the handler left unanswered
	Panics   uint64 // handlers that panicked; they are Silent, too
	Unsent   uint64 // replies that could not be built or written
	Refused  uint64 // streams refused: too many, no handshake, or unknown
	Dropped  [numDrops]uint64
	Waiting  int // requests in the queue now
}

// counters are Stats that are counted by many goroutines.
type counters struct {
	received, handled, answered, repeated, silent, panics, unsent, refused atomic.Uint64

	dropped [numDrops]atomic.Uint64
	waiting atomic.Int64
}

// Stats returns the counts; each is exact, though not all of one instant.
func (s *Server) Stats() Stats {
	c := &s.counters
	out := Stats{
		Received: c.received.Load(), Handled: c.handled.Load(), Answered: c.answered.Load(), Repeated: c.repeated.Load(),
		Silent: c.silent.Load(), Panics: c.panics.Load(), Unsent: c.unsent.Load(), Refused: c.refused.Load(),
		Waiting: int(c.waiting.Load()),
	}
	for i := range out.Dropped {
		out.Dropped[i] = c.dropped[i].Load()
	}
	return out
}

func (s *Server) drop(why Drop, from netip.AddrPort) {
	s.counters.dropped[why].Add(1)
	if s.OnDrop != nil {
		s.OnDrop(why, from)
	}
}
