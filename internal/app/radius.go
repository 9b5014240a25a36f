package app

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fault"
)

// RADIUS says how gateways reach the server. The zero value is not at all.
type RADIUS struct {
	Auth, Acct string // addresses to listen on; empty for not at all

	RadSec             string // address of RADIUS over TLS, with
	Cert, Key, Clients string // the server's certificate and key, and the authority of its clients: PEM files

	SessionTimeout time.Duration // sent with each accept; none when zero
	Explain        bool          // rejects tell the gateway why

	Ready func(port string, at netip.AddrPort) // is told where each port listens; may be nil
}

func (r *RADIUS) on() bool { return r.Auth != "" || r.Acct != "" || r.RadSec != "" }

// options checks what an operator wrote.
func (r *RADIUS) options() (aaa.Options, error) {
	o := aaa.Options{Auth: r.Auth, Acct: r.Acct, RadSec: r.RadSec, SessionTimeout: r.SessionTimeout, Explain: r.Explain}
	if r.RadSec == "" {
		if r.Cert != "" || r.Key != "" || r.Clients != "" {
			return o, fault.InvalidField("radsec", "is missing; the certificates are for it")
		}
		return o, nil
	}
	var errs []error
	for _, file := range [][2]string{{"radsecCert", r.Cert}, {"radsecKey", r.Key}, {"radsecClients", r.Clients}} {
		if file[1] == "" {
			errs = append(errs, fault.InvalidField(file[0], "is missing; RADIUS over TLS needs it"))
		}
	}
	if err := fault.Join(errs...); err != nil {
		return o, err
	}
	var err error
	o.TLS, err = aaa.LoadTLS(r.Cert, r.Key, r.Clients)
	return o, err
}

// radius is the RADIUS edge beside the doors; what of it runs ends with them.
type radius struct {
	server *aaa.Server
	done   sync.WaitGroup
	err    error
}

// startRADIUS listens, and serves until ctx ends; when it fails it calls stop.
func (s *server) startRADIUS(ctx context.Context, stop func()) (*radius, error) {
	r := &radius{}
	o, err := s.o.RADIUS.options()
	if err != nil || !s.o.RADIUS.on() {
		return r, err
	}
	a := s.app
	o.Fleet, o.Log, o.Now, o.Woken, o.Drain = a.Fleet, a.Log, a.Now, a.cuts, s.o.Drain
	o.Observer = a.metrics.gateways
	if r.server, err = aaa.New(o); err != nil {
		return r, err
	}
	if err := r.server.Listen(ctx); err != nil {
		return r, err
	}
	for _, port := range []string{aaa.PortAuth, aaa.PortAcct, aaa.PortRadSec} {
		if at, ok := r.server.Addr(port); ok && s.o.RADIUS.Ready != nil {
			s.o.RADIUS.Ready(port, at)
		}
	}
	a.metrics.gateways.watch(r.server)
	r.done.Go(func() {
		defer stop()
		defer a.metrics.gateways.watch(nil)
		r.err = r.server.Run(ctx)
	})
	return r, nil
}

// wait waits for its end.
func (r *radius) wait() error {
	r.done.Wait()
	return r.err
}

// ringCuts wakes who has sessions cut.
func (a *App) ringCuts() {
	select {
	case a.cuts <- struct{}{}:
	default:
	}
}
