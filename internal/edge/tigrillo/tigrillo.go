// Package tigrillo speaks the Tigrillo contract: fourteen methods, JSON over
// POST, a session in a cookie. It only translates names, shapes and codes; what
// a SIM may do is decided in sim and fleet. Where this dialect refuses more than
// the lifecycle does, the functions in stance.go say so.
//
// Where the contract is silent, this package decides:
//
//   - A request that is not a POST is answered as a POST without a body: what a
//     redirect that loses the body leads to. So a method that needs parameters
//     answers E0004, F0000 or E0005, as its own list of errors has it.
//   - Errors of the API have the HTTP status 200. A body that is too large, or
//     too slow, has 413 or 408, too much at once 503, and a fault of ours 500,
//     all with an answer in JSON.
//   - A body may be an object, [], null or nothing, under any content type.
//     Anything else is E0001 with PHP's text for it. Methods without parameters
//     do not look at it.
//   - The session is looked at before the body. A SIM number may not be written
//     as a number; other numbers may be quoted.
//   - A SIM that is named twice in one call is done once, as its first mention
//     says.
//   - A text that is no SIM number at all is one unknown SIM among others in a
//     bulk call, E0137 in getSIMStateOptions and setSIMState, and E0005 in
//     setSIMDetail, getSIMBilling and getSIMLastActivity.
//   - In a search, "" means not used, as null does. In getSIMs and getSIMBilling
//     numRecs is at most 1000; a larger one is cut to that.
//   - E0006 answers a session that is over, and a user whose roles do not reach.
//   - A login counts as an attempt, and ends the session that it came with, once
//     its body is a JSON object.
//   - activateSIMs leaves a SIM that is active on the tariff asked for as it is,
//     and answers AUTO; E0130 is for every SIM that the parameters do not fit.
package tigrillo

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Path is where the handler is mounted.
const Path = "/Japi/"

// edgeName is the door's name in the audit trail, the log and the metrics.
const edgeName = "tigrillo"

// defaultBody fits 10,000 SIMs with names.
const defaultBody = 4 << 20

// Options are what the edge needs, and the points that the contract leaves to
// the server. The zero value of each takes the choice that its comment names.
type Options struct {
	Fleet       *fleet.Service
	HTTP        httpx.Options
	MaxBody     int64 // bytes; 4 MiB
	MaxInFlight int   // requests worked on at once; see httpx.Edge

	// Devices are the device types that activateSIMs takes; any when empty.
	Devices []string

	// Suspending is what getSIMs shows, and finds, a SIM as while the network has
	// still to hear of its suspension: StatusProvisioned, StatusSuspended, or
	// StatusDeprovisioning, the contract's pendingDeprovision.
	Suspending sim.Status

	OneLoginError bool // a wrong password answers E0100, as an unknown user does; else E0000
	OneSession    bool // a login ends the user's other sessions in the portfolio; else they live on
	SecureCookie  bool // the cookie is marked Secure, for servers behind TLS
	TextOutcomes  bool // activateSIMs answers "AUTO" for each SIM; else {"status":"AUTO"}
	UnknownSIM    bool // activateSIMs answers E0001 for an unknown SIM; else E0137 among the SIMs' statuses
}

// New returns the handler of everything below [Path].
func New(o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultBody
	}
	log := o.HTTP.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return httpx.Edge{Options: o.HTTP, Name: edgeName, MaxBody: o.MaxBody, MaxInFlight: o.MaxInFlight, Refuse: refuseEarly}.
		Wrap(&handler{Options: o, log: log})
}

type handler struct {
	Options
	log *slog.Logger
}

// exchange is one call of a method.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	call      *httpx.Call
	in        params
	request   fleet.Request
	portfolio *tenant.Portfolio // of the session
}

// method answers with a value to be written as JSON, or with an error.
type method struct {
	open bool // needs no session
	bare bool // takes no parameters, and does not look at the body
	run  func(*handler, context.Context, *exchange) (any, error)
}

var methods = map[string]method{
	"ping":               {open: true, bare: true, run: (*handler).ping},
	"getCookieName":      {open: true, bare: true, run: (*handler).getCookieName},
	"login":              {open: true, run: (*handler).login},
	"logout":             {bare: true, run: (*handler).logout},
	"getSIMs":            {run: (*handler).getSIMs},
	"getSIMStateOptions": {run: (*handler).getSIMStateOptions},
	"setSIMState":        {run: (*handler).setSIMState},
	"activateSIMs":       {run: (*handler).activateSIMs},
	"suspendSIMs":        {run: (*handler).suspendSIMs},
	"unsuspendSIMs":      {run: (*handler).unsuspendSIMs},
	"terminateSIMs":      {run: (*handler).terminateSIMs},
	"setSIMDetail":       {run: (*handler).setSIMDetail},
	"getSIMBilling":      {run: (*handler).getSIMBilling},
	"getSIMLastActivity": {run: (*handler).getSIMLastActivity},
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, call: httpx.Of(r.Context())}
	name, err := route(r.URL.Path)
	if errors.Is(err, errOffPath) {
		page(w, http.StatusNotFound, errorPage)
		return
	}
	var answer any
	if err == nil {
		x.call.Route = name
		answer, err = h.answer(r.Context(), x, methods[name])
	}
	switch {
	case err == nil:
		write(w, http.StatusOK, answer)
	case errors.Is(err, errAddress):
		page(w, http.StatusForbidden, forbiddenPage)
	default:
		write(w, http.StatusOK, h.refuse(r.Context(), x.call, err).answer())
	}
}

func (h *handler) answer(ctx context.Context, x *exchange, m method) (any, error) {
	if !m.open {
		if err := h.session(ctx, x); err != nil {
			return nil, err
		}
	}
	if x.r.Method == http.MethodPost && !m.bare {
		in, err := parse(x.call.Body)
		if err != nil {
			return nil, err
		}
		x.in = in
	}
	return m.run(h, ctx, x)
}

// errOffPath is answered with a page: the path names no API.
var errOffPath = errors.New("no API at this path")

// version is the only one there is.
const version = "v1.0"

// route finds the method that a path names: /Japi/Tigrillo/<method>, with the
// version as a folder of its own or joined to the name of the API.
func route(path string) (string, error) {
	rest, found := strings.CutPrefix(path, Path)
	if !found {
		return "", errOffPath
	}
	api, name, _ := strings.Cut(rest, "/")
	asked, found := strings.CutSuffix(api, "Tigrillo")
	if !found {
		asked = api
		if api, name, _ = strings.Cut(name, "/"); api != "Tigrillo" {
			return "", errOffPath
		}
		if asked == "" {
			return "", errVersion
		}
	}
	if (asked != "" && asked != version) || name == "" {
		return "", errVersion
	}
	if _, known := methods[name]; !known {
		return "", errFunction
	}
	return name, nil
}
