package radius

import (
	"net/netip"
	"sync"
	"time"
)

// requestKey tells requests apart (RFC 5080 section 2.2.2). The authenticator
// is part of it: a client with many requests reuses an identifier within
// milliseconds for a request that is no duplicate.
type requestKey struct {
	addr          [16]byte
	port          uint16
	identifier    uint8
	authenticator [16]byte
}

func keyOf(p *Packet, from netip.AddrPort) requestKey {
	return requestKey{from.Addr().As16(), from.Port(), p.Identifier, p.Authenticator}
}

// keptReply is a request under way, or, once it is answered, its reply.
type keptReply struct {
	key   requestKey
	reply []byte // nil while under way
	until time.Time
	next  *keptReply
}

// keptCost is what one kept reply takes besides its octets: the entry and its
// place in the map.
const keptCost = 192

// keptReplies remembers the requests of the last seconds. Those under way are
// as many as the server has places; the answered ones are forgotten oldest
// first when their time or the memory is up.
type keptReplies struct {
	keep  time.Duration
	limit int

	mu             sync.Mutex
	byKey          map[requestKey]*keptReply
	oldest, newest *keptReply // answered
	size           int        // of the answered
}

func newKeptReplies(keep time.Duration, limit int) *keptReplies {
	return &keptReplies{keep: keep, limit: limit, byKey: map[requestKey]*keptReply{}}
}

// begin notes a request that is new. For a duplicate it returns the reply that
// was sent, or nil while the request is under way.
func (k *keptReplies) begin(key requestKey, now time.Time) (reply []byte, isNew bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire(now)
	if known, ok := k.byKey[key]; ok {
		return known.reply, false
	}
	k.byKey[key] = &keptReply{key: key}
	return nil, true
}

// forget makes the next packet with this key a new request.
func (k *keptReplies) forget(key requestKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byKey, key)
}

// answered keeps a copy of each reply of requests under way; what stays silent is
// forgotten.
func (k *keptReplies) answered(jobs []*job, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, j := range jobs {
		if len(j.out) == 0 {
			delete(k.byKey, j.key)
			continue
		}
		k.add(j.key, append(make([]byte, 0, len(j.out)), j.out...), now)
	}
	k.expire(now)
}

func (k *keptReplies) add(key requestKey, reply []byte, now time.Time) {
	entry, ok := k.byKey[key]
	if !ok {
		return
	}
	entry.reply, entry.until = reply, now.Add(k.keep)
	if k.newest == nil {
		k.oldest = entry
	} else {
		k.newest.next = entry
	}
	k.newest = entry
	k.size += keptCost + len(reply)
}

// expire forgets what is too old or too much.
func (k *keptReplies) expire(now time.Time) {
	for k.oldest != nil && (k.size > k.limit || !now.Before(k.oldest.until)) {
		gone := k.oldest
		k.oldest = gone.next
		if k.oldest == nil {
			k.newest = nil
		}
		k.size -= keptCost + len(gone.reply)
		delete(k.byKey, gone.key)
	}
}
