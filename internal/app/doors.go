package app

import (
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/oauth"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
)

// handler joins the doors and the operator's pages.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	s.mountPages(mux)
	s.mountDialects(mux, httpx.Options{Log: s.app.Log, Trusted: s.o.Trusted, Observer: s.app.metrics})
	return httpx.Clean(mux, api.SwaggerPath)
}

// mountPages mounts what operators and their machines look at.
func (s *server) mountPages(mux *http.ServeMux) {
	gauged := prometheus.NewRegistry()
	gauged.MustRegister(newGauges(s.app))
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{s.app.metrics.registry, gauged}, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.app.Log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError}))
	mux.Handle("GET /{$}", api.Home(api.HomePage{Version: Version(), Terminal: s.o.Terminal.Mounts()}))
	mux.Handle(api.SwaggerPath, api.Swagger())
}

// Version is that of this build; one that has none says so.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// mountDialects mounts what callers speak.
func (s *server) mountDialects(mux *http.ServeMux, o httpx.Options) {
	t := s.o.Tigrillo
	t.Fleet, t.HTTP = s.app.Fleet, o
	mux.Handle(tigrillo.Path, tigrillo.New(t))

	mux.Handle(oauth.Path, oauth.New(oauth.Options{Fleet: s.app.Fleet, HTTP: o}))
	v2 := s.o.SIMAPI
	v2.Fleet, v2.HTTP = s.app.Fleet, o
	sims := simapi.New(v2)
	for _, prefix := range simapi.Prefixes {
		mux.Handle(prefix, sims) // else the mux would redirect what has no slash
		mux.Handle(prefix+"/", sims)
	}

	v1 := s.o.Terminal
	v1.Fleet, v1.HTTP = s.app.Fleet, o
	calls := terminal.New(v1)
	for _, prefix := range v1.Mounts() {
		mux.Handle(prefix, calls)
		mux.Handle(prefix+"/", calls)
	}
}
