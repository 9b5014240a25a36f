package radius

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Handler answers one request; nil is silence, which makes the client try
// again. It runs in one of the server's workers and must return soon after ctx
// ends. The request and its octets are the handler's until it returns; what
// typed getters gave it may be kept. One that panics has been silent.
type Handler func(ctx context.Context, r *Request) *Packet

// Request is a packet that a known client signed.
type Request struct {
	Packet *Packet
	Remote netip.AddrPort
	Client Client
	Secure bool // it came over TLS

	Arrived time.Time
}

// Client is a peer that may send requests.
type Client struct {
	Name   string // for the handler; the protocol does not know it
	Secret []byte // a client without one is unknown

	// AllowUnsigned accepts an Access-Request without Message-Authenticator
	// from equipment that cannot send it. Whoever can send from its address can
	// then ask in its name.
	AllowUnsigned bool
}

// Service is a set of the kinds of request that a port takes.
type Service uint8

// The services, by the port that IANA gave each.
const (
	Authentication       Service = 1 << iota // 1812
	Accounting                               // 1813
	DynamicAuthorization                     // 3799
)

// serviceOf gives the service of each request; Status-Server belongs to
// whichever port it comes to.
var serviceOf = [256]Service{
	AccessRequest:     Authentication,
	AccountingRequest: Accounting,
	StatusServer:      Authentication | Accounting,
	DisconnectRequest: DynamicAuthorization,
	CoARequest:        DynamicAuthorization,
}

// Limits where a Server sets none.
const (
	DefaultWorkers   = 256
	DefaultQueue     = 1024
	DefaultReaders   = 2
	DefaultTogether  = 64
	DefaultApart     = 16
	DefaultKeep      = 8 * time.Second
	DefaultKeepBytes = 32 << 20
	DefaultDrain     = 5 * time.Second
)

// Server takes requests from clients it knows and hands them to a handler.
// Fields must not change once it serves; zero fields take the defaults.
//
// Memory is bounded by Workers + Queue + Readers packets, readers and workers
// counting for as many as they take at once, and KeepBytes of kept replies. What
// does not fit is dropped and counted, never queued elsewhere.
type Server struct {
	Handler  Handler
	Services Service

	// Batch, if set, takes the place of Handler: requests that have come while
	// others were worked on are answered together, up to Together of them, and
	// what that costs once is paid once for all. It returns a reply, or nil, for
	// each request. When it panics it is called again with each request alone.
	Batch    func(ctx context.Context, requests []*Request) []*Packet
	Together int

	// Apart, if set, names requests that may take long: they keep no others
	// waiting, as Handler is asked about each by workers of their own, of whom
	// there are DefaultApart with a queue of that length.
	Apart func(*Packet) bool

	// Clients finds the client at an address. It is called for every datagram
	// and must be quick.
	Clients func(netip.Addr) (Client, bool)

	Workers int // requests, or batches of them, handled at once
	Queue   int // requests waiting for a worker
	Readers int // goroutines that read and verify datagrams

	Keep      time.Duration // how long a reply is repeated to a duplicate (RFC 5080 section 2.2.2)
	KeepBytes int           // how much memory kept replies may take
	Drain     time.Duration // how long requests under way may take when the server stops

	OnDrop func(Drop, netip.AddrPort) // told of each drop; must not block
	Log    *slog.Logger
	Now    func() time.Time

	counters counters
}

// withDefaults returns the settings of s with nothing left open.
func (s *Server) withDefaults() settings {
	c := settings{
		workers: cmpOr(s.Workers, DefaultWorkers), queue: cmpOr(s.Queue, DefaultQueue), readers: cmpOr(s.Readers, DefaultReaders),
		keep: cmpOr(s.Keep, DefaultKeep), keepBytes: cmpOr(s.KeepBytes, DefaultKeepBytes), drain: cmpOr(s.Drain, DefaultDrain),
		together: 1, log: s.Log, now: s.Now, drop: s.drop,
	}
	if s.Batch != nil {
		c.together = cmpOr(s.Together, DefaultTogether)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// settings are a Server's limits with the defaults filled in.
type settings struct {
	workers, queue, readers, together, keepBytes int
	keep, drain                                  time.Duration

	log  *slog.Logger
	now  func() time.Time
	drop func(Drop, netip.AddrPort)
}

func cmpOr[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// takes reports whether the server's services include the packet's code.
func (s *Server) takes(p *Packet) bool { return serviceOf[p.Code]&s.Services != 0 }

// status is the answer to Status-Server (RFC 5997 section 3).
func (s *Server) status() *Packet {
	if s.Services&Authentication == 0 {
		return New(AccountingResponse)
	}
	return New(AccessAccept)
}
