package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type serveCmd struct {
	listening

	ReconcileEvery time.Duration `default:"1h" help:"Time between two readings of each network; one node does it. 0 for never."`
	Repair         bool          `default:"true" negatable:"" help:"Tell the network again what has drifted; the timeline of the SIM says so either way."`
	Lease          time.Duration `default:"30s" help:"How long a node may take for SIMs that it tells a network of, before others take them over."`
	Drain          time.Duration `default:"20s" help:"How long callers may take to hear their answers when the server stops."`

	Tigrillo tigrilloFlags `embed:"" prefix:"tigrillo-" group:"Tigrillo API"`
	SIMAPI   simapiFlags   `embed:"" prefix:"simapi-" group:"SIM API v2"`
	Terminal terminalFlags `embed:"" prefix:"terminal-" group:"Terminal API"`
	RADIUS   radiusFlags   `embed:"" group:"RADIUS"`
	Usage    usageFlags    `embed:"" group:"Usage"`
}

// listening is how a server is reached.
type listening struct {
	HTTP           string `name:"http" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on. Port 0 takes a free one. For callers from elsewhere, put a proxy with TLS in front."`
	TrustedProxies string `placeholder:"CIDR,..." help:"Proxies whose X-Forwarded-For, -Proto and -Host are believed, for the accounts' allow-lists and the addresses in links."`
}

// tigrilloFlags are the points that the Tigrillo contract leaves to the server.
type tigrilloFlags struct {
	Devices       []string `sep:"," placeholder:"TYPE" help:"Device types that activateSIMs takes. Default: any."`
	OneLoginError bool     `help:"A wrong password answers E0100, as an unknown user does: nobody can probe for names."`
	OneSession    bool     `help:"A login ends the user's other sessions in the account."`
	SecureCookie  bool     `help:"Mark the session cookie Secure, for servers behind TLS."`
	Suspending    string   `enum:"provisioned,suspended,pendingDeprovision" default:"provisioned" help:"What a SIM is shown as, and found by, from when its suspension is asked for until the network has agreed: ${enum}."`
	TextOutcomes  bool     `help:"activateSIMs answers a plain text for each SIM, instead of an object."`
	UnknownError  bool     `help:"activateSIMs answers E0001 for an unknown SIM, instead of E0137 among the SIMs' statuses."`
}

// simapiFlags are the points that the contract of the SIM API leaves to the
// server.
type simapiFlags struct {
	LabelSuspended bool `help:"Attributes of a suspended SIM may be changed, one by one and in bulk; else that is error 16000."`
}

func (f *simapiFlags) options() simapi.Options {
	return simapi.Options{LabelSuspended: f.LabelSuspended}
}

// terminalFlags are the points that the contract of the Terminal API leaves to
// the server.
type terminalFlags struct {
	Prefixes    []string `sep:"," placeholder:"PATH" help:"Further paths that it is served at, such as /webapi; /v1 is always one."`
	Status      string   `default:"new" enum:"new,old" help:"The dialect of the status pair: new, or old for clients that know SUSPENDED and not ACTIVE_READY."`
	WriteReply  string   `default:"sim" enum:"sim,ok" help:"What a change of one SIM is answered with: the SIM, or OK, as changes of several always are."`
	TextExpiry  bool     `help:"expires_in of a token is a text, for clients that need one."`
	HeaderToken bool     `help:"Take tokens from the Authorization header alone, and not from the query or a form."`
	Rate        float64  `default:"100" help:"Calls per second that one API user may make."`
}

func (f *terminalFlags) options() terminal.Options {
	return terminal.Options{Prefixes: f.Prefixes, OldStatus: f.Status == "old", AlwaysOK: f.WriteReply == "ok", TextExpiry: f.TextExpiry,
		NoQueryToken: f.HeaderToken, Rate: f.Rate}
}

var prefixForm = regexp.MustCompile(`^/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*/?$`)

// ourPaths are served already.
var ourPaths = []string{"healthz", "readyz", "metrics", "swagger", "oauth2", "api", "v2", "japi"}

// checkPrefix refuses a path that the Terminal API cannot be served at.
func checkPrefix(p string) error {
	first, _, _ := strings.Cut(strings.ToLower(strings.Trim(p, "/")), "/")
	if !prefixForm.MatchString(p) || slices.Contains(ourPaths, first) {
		return fault.InvalidField("--terminal-prefixes", "has %q, which is no path such as /webapi, or is taken", p)
	}
	return nil
}

// Help is the detail of the manual.
func (serveCmd) Help() string {
	return "In a browser: / says where everything is. Health: /healthz says that it lives, /readyz that callers are welcome or why not, /metrics is for Prometheus. " +
		"SIGINT or SIGTERM: it stops listening, answers whom it has heard, finishes what it has begun with the networks, and ends; " +
		"a second signal ends it at once, and nothing that was answered is lost. Any number of servers may share one PostgreSQL database " +
		"or, on one machine, one data folder.\n\n" +
		example("simurgh serve --http 127.0.0.1:8080", "SIMURGH_DATABASE=postgres://simurgh@db/simurgh simurgh serve")
}

func (c *serveCmd) Run(ctx context.Context, sh *shell) error {
	trusted, err := c.trusted()
	if err != nil {
		return err
	}
	sh.rules = c.Usage.rules()
	a, err := sh.open(ctx, slog.LevelInfo)
	if err != nil {
		return err
	}
	defer easeCollector()()
	door := c.RADIUS.door()
	door.Ready = sh.heard
	err = a.Serve(ctx, app.Serving{HTTP: c.HTTP, ReconcileEvery: c.ReconcileEvery, Repair: c.Repair, Lease: c.Lease, Drain: c.Drain,
		Trusted: trusted, Tigrillo: c.Tigrillo.options(), SIMAPI: c.SIMAPI.options(), Terminal: c.Terminal.options(), RADIUS: door,
		Usage: c.Usage.keeping(), Ready: sh.ready})
	return errors.Join(err, a.Close())
}

// easeCollector lets garbage pile up to a few times of what is in use, and of a
// floor below that, which is little: collected as seldom as that, it costs
// requests next to nothing. GOGC in the environment has its way. The floor lasts
// until done is called.
func easeCollector() (done func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	debug.SetGCPercent(400)
	floor := make([]byte, 6<<20) // never touched, it counts, but the system gives it no memory
	return func() { runtime.KeepAlive(floor) }
}

// ready tells where the server is.
func (sh *shell) ready(url string) {
	_ = sh.print(map[string]any{"url": url, "radius": sh.ports}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Simurgh is ready at %s\n", url)
		for _, port := range slices.Sorted(maps.Keys(sh.ports)) {
			_, _ = fmt.Fprintf(w, "Gateways reach RADIUS (%s) at %s\n", port, sh.ports[port])
		}
	})
}

func (l *listening) trusted() ([]netip.Prefix, error) {
	list, err := tenant.ParseAllowList(l.TrustedProxies)
	return list, ident.As("trustedProxies", err)
}

// suspending are the contract's words for a SIM whose suspension is on its way.
var suspending = map[string]sim.Status{
	"provisioned": sim.StatusProvisioned, "suspended": sim.StatusSuspended, "pendingDeprovision": sim.StatusDeprovisioning,
}

func (t *tigrilloFlags) options() tigrillo.Options {
	return tigrillo.Options{Devices: t.Devices, Suspending: suspending[t.Suspending], OneLoginError: t.OneLoginError, OneSession: t.OneSession, SecureCookie: t.SecureCookie,
		TextOutcomes: t.TextOutcomes, UnknownSIM: t.UnknownError}
}

// Validate refuses times that make no sense.
func (c *serveCmd) Validate() error {
	var errs []error
	for flag, d := range map[string]time.Duration{"--lease": c.Lease, "--drain": c.Drain} {
		if d < time.Second {
			errs = append(errs, fault.InvalidField(flag, "is %s; one second at least is needed", d))
		}
	}
	for _, p := range c.Terminal.Prefixes {
		errs = append(errs, checkPrefix(p))
	}
	if c.Terminal.Rate <= 0 {
		errs = append(errs, fault.InvalidField("--terminal-rate", "is not positive"))
	}
	if c.ReconcileEvery < 0 {
		errs = append(errs, fault.InvalidField("--reconcile-every", "is negative"))
	}
	return fault.Join(errs...)
}
