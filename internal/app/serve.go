package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Serving says how a server works. The zero value takes the defaults.
type Serving struct {
	HTTP  string           // address to listen on; 127.0.0.1:8080
	Ready func(url string) // is told once callers are welcome; may be nil

	ReconcileEvery time.Duration // between two readings of a network; 0 for never
	Repair         bool          // tell the network again what has drifted
	Lease          time.Duration // how long a node may keep SIMs before others take them over; 30 s
	Drain          time.Duration // how long callers may take to hear their answers when the server stops; 20 s

	Trusted  []netip.Prefix   // proxies whose X-Forwarded-For is believed
	Tigrillo tigrillo.Options // the choices of that dialect; the rest is filled in
	SIMAPI   simapi.Options   // likewise
	Terminal terminal.Options // likewise

	RADIUS RADIUS // the door for gateways
	Usage  Usage

	pauses pauses
}

// Defaults of a server.
const (
	DefaultHTTP  = "127.0.0.1:8080"
	defaultLease = 30 * time.Second
	defaultDrain = 20 * time.Second
)

func (o *Serving) fill() {
	if o.HTTP == "" {
		o.HTTP = DefaultHTTP
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Drain == 0 {
		o.Drain = defaultDrain
	}
	if o.pauses == (pauses{}) {
		o.pauses = usual
	}
}

// server is a running Serve.
type server struct {
	app      *App
	o        Serving
	crew     *crew
	stopping atomic.Bool
}

// Serve runs the server until ctx ends. It listens once everything else is
// ready, and what gateways had reported to a server that was killed is counted.
// At the end it stops listening, lets callers hear their answers, finishes what
// has been begun with the networks, and returns; the database is left for Close.
func (a *App) Serve(ctx context.Context, o Serving) error {
	o.fill()
	if n, err := a.Fleet.FoldAll(ctx); err != nil {
		return err
	} else if n > 0 {
		a.Log.Info("reports of gateways that were left uncounted are counted", "reports", n)
	}
	s := &server{app: a, o: o, crew: newCrew(a, o)}
	// The crew outlives the listener: what callers were promised while the
	// server drains is worked on, too.
	work, rest := context.WithCancel(context.WithoutCancel(ctx))
	defer rest()
	s.crew.man(work)
	var crew sync.WaitGroup
	crew.Go(func() { s.crew.run(work) })
	doors, stop := context.WithCancel(ctx)
	defer stop()
	r, err := s.startRADIUS(doors, stop)
	if err == nil {
		err = s.listen(doors)
	}
	stop()
	err = errors.Join(err, r.wait())
	rest()
	crew.Wait()
	return err
}

// listen serves until ctx ends and the last caller has been answered.
func (s *server) listen(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.o.HTTP)
	if err != nil {
		return fault.New(fault.Unavailable, "serve.listen", "cannot listen on %s; is it in use? name another address with --http or SIMURGH_HTTP", s.o.HTTP).Because(err)
	}
	h := httpx.NewServer(s.handler(), httpx.Timeouts{}, s.app.Log)
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	url := "http://" + reachable(l.Addr().String())
	s.app.Log.Info("ready", "url", url, "database", s.app.DB.EngineName())
	if s.o.Ready != nil {
		s.o.Ready(url)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.app.Log.Info("stopping; a second signal ends at once")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Drain)
	defer cancel()
	if err := h.Shutdown(drain); err != nil {
		s.app.Log.Warn("some callers were cut off", "error", err)
		_ = h.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// reachable names this machine where a server listens on every address.
func reachable(listening string) string {
	a, err := netip.ParseAddrPort(listening)
	if err != nil || !a.Addr().IsUnspecified() {
		return listening
	}
	return fmt.Sprintf("localhost:%d", a.Port())
}
