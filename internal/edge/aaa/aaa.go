// Package aaa is the RADIUS edge: it answers networks whether a subscriber may
// have a data session, takes their accounting, and has sessions cut. It turns
// packets into calls of the use cases and decides nothing.
//
// Where the standards leave it open, this package holds to the following:
//
//   - Access: what cannot be decided now, because the database is away, is not
//     answered; the gateway then asks another server, or asks again. Everything
//     else is answered, an unknown subscriber with a reject. A password, where
//     there is one, is not looked at: the subscriber has been authenticated by
//     its card. EAP is not spoken and is rejected.
//   - Accounting: a response means that the report is durable (RFC 2866 section
//     2). Reports that came while the last commit ran go into the next one
//     together. A failure is answered with silence, and the gateway repeats. What
//     is durable is counted at once behind the answer, or, where reports come
//     fast, within some tens of milliseconds; a gateway's On and Off after all
//     that it has reported before.
//   - Reports of unknown subscribers, and reports without an Acct-Session-Id,
//     are answered, though nothing is kept: they would come back for ever.
//   - Usage of a secondary radio (TS 29.061, Secondary-RAT-Usage) is in the
//     session's own counters already, and is not added.
//   - A gateway speaks for itself: what names another one that is on the list is
//     not answered, unless it comes from a proxy.
//   - A report counts for when it was written: at its Event-Timestamp, or else
//     Acct-Delay-Time before it arrived. See [Options.Past].
package aaa

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// Fleet is what the edge needs of the use cases.
type Fleet interface {
	Admit(ctx context.Context, asked []usage.Access) ([]fleet.Admitted, error)
	RecordAccess(ctx context.Context, records []usage.AccessRecord) error
	Keep(ctx context.Context, reports []usage.Report) error
	Shares() int
	FoldShare(ctx context.Context, share int) (fleet.Folded, error)
	CloseNAS(ctx context.Context, nas string, at time.Time) (int, error)
	ClaimCuts(ctx context.Context, node string, n int, lease time.Duration) ([]usage.Cut, error)
	CutDone(ctx context.Context, done []usage.CutAnswer) error
	HurryCuts(ctx context.Context, at netip.Prefix) (int64, error)
	SaveLinks(ctx context.Context, node string, gateways []string, lasts time.Duration) error
	GatewayLinks(ctx context.Context) (map[string]string, error)
	NASes(ctx context.Context, r fleet.Request) ([]usage.NAS, error)
}

// Options are what the edge needs, and how it works. Fleet is required, and so
// is an address to listen on; zero fields take the values in the comments.
type Options struct {
	Fleet    Fleet
	Log      *slog.Logger // nothing is logged when nil
	Observer Observer     // may be nil
	Now      func() time.Time

	// Addresses to listen on, such as "192.0.2.1:1812"; empty for not at all. On
	// a host with several addresses name one: a reply that comes from another
	// one than was asked is not recognised.
	Auth, Acct string
	RadSec     string      // RADIUS over TLS, for both
	TLS        *tls.Config // of RadSec; see LoadTLS

	Woken <-chan struct{} // rung when there may be sessions to cut; may be nil

	Explain        bool          // rejects carry the reason in Reply-Message
	SessionTimeout time.Duration // sent with each accept; none when zero
	Past           time.Duration // how old the time of a report may be; 32 days. Beyond it, or 10 minutes ahead, the arrival counts

	Refresh time.Duration // between two readings of the list of gateways; 5 s
	Poll    time.Duration // between two looks for sessions to cut, which other nodes may have ordered; 250 ms
	Retry   radius.Retry  // of a Disconnect-Request; see radius.DefaultRetry
	Answer  time.Duration // how long a gateway may take to answer one over its own connection; 3 s
	Drain   time.Duration // how long requests under way may take when the server stops; 5 s

	Workers int // requests worked on at once, by each port; 512
	Batch   int // reports in one Keep at most; 256
	Lanes   int // Keeps at once; 1
	Records int // answered questions that wait to be recorded; more are not; 50,000
	Cuts    int // Disconnect-Requests under way at once; 256
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Past, o.Refresh = cmp.Or(o.Past, 32*24*time.Hour), cmp.Or(o.Refresh, 5*time.Second)
	o.Poll, o.Drain, o.Answer = cmp.Or(o.Poll, 250*time.Millisecond), cmp.Or(o.Drain, radius.DefaultDrain), cmp.Or(o.Answer, 3*time.Second)
	o.Workers, o.Batch, o.Lanes = cmp.Or(o.Workers, 512), cmp.Or(o.Batch, 256), cmp.Or(o.Lanes, 1)
	o.Records, o.Cuts = cmp.Or(o.Records, 50_000), cmp.Or(o.Cuts, 256)
}

// Server is the edge. Make one with New; it runs once.
type Server struct {
	Options
	gateways *gateways
	links    *links
	access   *gatherer[usage.Access, fleet.Admitted]
	accounts *gatherer[usage.Report, struct{}]
	folders  folders
	records  *recorder
	cutter   *cutter
	ports    []*port
	trouble  trouble
}

// port is one socket and what serves it.
type port struct {
	name   string
	server *radius.Server
	addr   netip.AddrPort
	serve  func(ctx context.Context) error
	close  func() error
}

// New makes a server that listens on nothing yet. It fails with a fault of kind
// Invalid when the options do not fit together.
func New(o Options) (*Server, error) {
	o.fill()
	var errs []error
	if o.Fleet == nil {
		errs = append(errs, fault.InvalidField("fleet", "is missing"))
	}
	if o.Auth == "" && o.Acct == "" && o.RadSec == "" {
		errs = append(errs, fault.InvalidField("auth", "is empty, and so are acct and radsec: there is nothing to listen on"))
	}
	if (o.RadSec == "") != (o.TLS == nil) {
		errs = append(errs, fault.InvalidField("radsec", "needs an address and certificates: both or neither"))
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	s := &Server{Options: o, gateways: newGateways(&o)}
	s.links = newLinks(&o, s.gateways)
	s.trouble = trouble{log: o.Log, what: "accounting cannot be stored; gateways will repeat it"}
	s.access = newGatherer(o.Workers, o.Batch, s.admitAll)
	s.accounts = newGatherer(o.Workers, o.Batch, s.keepAll)
	s.folders = newFolders(&o)
	s.records = newRecorder(&o)
	s.cutter = newCutter(&o, s.gateways, s.links)
	return s, nil
}

// Listen opens the sockets. Run does it, unless it is done already.
func (s *Server) Listen(ctx context.Context) error {
	if s.ports != nil {
		return nil
	}
	var errs []error
	if s.Auth != "" {
		errs = append(errs, s.listen(ctx, PortAuth, s.Auth, radius.Authentication))
	}
	if s.Acct != "" {
		errs = append(errs, s.listen(ctx, PortAcct, s.Acct, radius.Accounting))
	}
	if s.RadSec != "" {
		errs = append(errs, s.listenTLS(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *Server) listen(ctx context.Context, name, addr string, services radius.Service) error {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", addr)
	if err != nil {
		return cannotListen(name, addr, err)
	}
	server := s.server(name, services)
	if services == radius.Authentication {
		server.Batch, server.Workers, server.Together = s.admitTogether, admitsAtOnce, admitsTogether
	} else {
		server.Batch, server.Workers, server.Together, server.Apart = s.accountTogether, keepsAtOnce, keepsTogether, restarts
	}
	s.ports = append(s.ports, &port{name: name, server: server, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), close: conn.Close,
		serve: func(ctx context.Context) error { return server.Serve(ctx, conn) }})
	return nil
}

func cannotListen(name, addr string, err error) error {
	return fault.New(fault.Unavailable, "radius.listen", "cannot listen on %s for RADIUS (%s); is it in use?", addr, name).Because(err)
}

// Questions that have come together are asked of the database together, and those
// that come meanwhile wait for the next turn: the longer it takes the more share it.
const (
	admitsAtOnce   = 1
	admitsTogether = 64
)

// Reports that have come together are kept together, likewise: one commit, whose
// sync costs more than what is in it, has as many of them as came during the last.
const (
	keepsAtOnce   = 1
	keepsTogether = 256
)

// server is what answers on one port.
func (s *Server) server(name string, services radius.Service) *radius.Server {
	handler := func(ctx context.Context, r *radius.Request) *radius.Packet { return s.handle(ctx, name, r) }
	return &radius.Server{Handler: handler, Services: services, Clients: s.gateways.client, Workers: s.Workers, Queue: 8 * s.Workers,
		Drain: s.Drain, Log: s.Log, OnDrop: func(why radius.Drop, from netip.AddrPort) {
			s.Observer.Dropped(name, why.String())
			if why == radius.DropUnknownClient {
				s.gateways.stranger(from.Addr())
			}
		}}
}

func (s *Server) handle(ctx context.Context, port string, r *radius.Request) *radius.Packet {
	if s.gateways.pretends(r) {
		s.Observer.Dropped(port, DropImpersonation)
		return nil
	}
	if r.Packet.Code == radius.AccessRequest {
		return s.admit(ctx, r)
	}
	return s.account(ctx, r)
}

// Addr returns where a port listens; false when it does not.
func (s *Server) Addr(name string) (netip.AddrPort, bool) {
	for _, p := range s.ports {
		if p.name == name {
			return p.addr, true
		}
	}
	return netip.AddrPort{}, false
}

// Stats returns what the protocol counted, by port.
func (s *Server) Stats() map[string]radius.Stats {
	out := make(map[string]radius.Stats, len(s.ports))
	for _, p := range s.ports {
		out[p.name] = p.server.Stats()
	}
	return out
}

// Waiting returns how many questions and reports wait for the database, and how
// many answered questions wait to be recorded.
func (s *Server) Waiting() (questions, reports, records int) {
	questions, reports = len(s.access.queue), len(s.accounts.queue)
	for _, p := range s.ports {
		switch p.name {
		case PortAuth:
			questions += p.server.Stats().Waiting
		case PortAcct:
			reports += p.server.Stats().Waiting
		}
	}
	return questions, reports, int(s.records.waiting.Load())
}

// Run serves until ctx ends or a socket fails. It then answers the requests
// that it has, hands back the sessions that it was about to have cut, counts and
// records what it has answered, and returns.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work := context.WithoutCancel(ctx) // what was begun outlives the listening
	var helpers, lanes sync.WaitGroup
	s.gateways.load(ctx)
	helpers.Go(func() { s.gateways.run(ctx) })
	helpers.Go(func() { s.links.run(ctx) })
	helpers.Go(func() { s.cutter.run(ctx) })
	helpers.Go(func() { s.records.run(work) })
	helpers.Go(func() { s.folders.run(work) })
	lanes.Go(func() { s.access.run(work) })
	for range s.Lanes {
		lanes.Go(func() { s.accounts.run(work) })
	}
	err := s.serve(ctx, stop)
	s.access.close()
	s.accounts.close()
	lanes.Wait()
	s.records.close()
	s.folders.close()
	helpers.Wait()
	return err
}

// serve serves all ports until ctx ends; one that fails ends the others.
func (s *Server) serve(ctx context.Context, stop func()) error {
	errs := make([]error, len(s.ports))
	var ports sync.WaitGroup
	for i, p := range s.ports {
		s.Log.Info("RADIUS is ready", "port", p.name, "address", p.addr)
		ports.Go(func() {
			defer stop()
			errs[i] = p.serve(ctx)
		})
	}
	ports.Wait()
	s.close()
	return errors.Join(errs...)
}

func (s *Server) close() {
	for _, p := range s.ports {
		_ = p.close()
	}
}
