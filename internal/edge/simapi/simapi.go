// Package simapi speaks the SIM API v2: REST, JSON, bearer tokens. The contract
// is api/simapi.yaml; routes and types are generated from it, and requests are
// checked against it. This package translates names, shapes and codes, and
// decides nothing: what a SIM may do is decided in sim and fleet. Where this
// dialect refuses more than the lifecycle does, change.go says so.
//
// Where the contract is silent, this package decides:
//
//   - Checks come in this order: token, path and method, permission, the SIM,
//     the form of query and body (6006), unknown names in them (6014), then what
//     the request wants. So a caller learns nothing of a SIM that is not theirs.
//   - An unknown query parameter is 6014: ignoring a filter would widen a list.
//   - A portfolio to move to that is not in the caller's sphere is 6026, whether
//     it exists or not.
//   - friendlyName, groupName and imei are fields of the SIM. As attributes they
//     have ids that never change, and disappear when another API clears them.
//   - A refused request changes nothing and is not stored under its
//     Idempotency-Key; only answers to requests that were carried out are.
//   - matchField and sortField take one field on /sim, iccId, friendlyName, imei,
//     imsi, ipAddress or msisdn, and several on the other lists.
//   - SIMs are in the order of their ICCIDs, or of the field of which a beginning
//     is matched, unless sortField says otherwise. Names are in one order whatever
//     the case of their letters.
package simapi

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// Prefixes are where the handler is mounted, each with everything below it.
var Prefixes = []string{"/api/v2", "/v2"}

// edgeName is the door's name in the audit trail, the log and the metrics.
const edgeName = "simapi"

// defaultBody fits 10,000 SIMs, or any other request several times over.
const defaultBody = 1 << 20

// Options are what the edge needs, and what the contract leaves to the server.
type Options struct {
	Fleet       *fleet.Service
	HTTP        httpx.Options
	MaxBody     int64 // bytes; 1 MiB
	MaxInFlight int   // requests worked on at once; see httpx.Edge

	LabelSuspended bool // attributes of a suspended SIM may be changed; else that is 16000
}

// New returns the handler of everything below [Prefixes].
func New(o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultBody
	}
	h := &handler{labelSuspended: o.LabelSuspended, trusted: o.HTTP.Trusted, fleet: o.Fleet, log: o.HTTP.Log, contract: theContract()}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.mux = http.NewServeMux()
	HandlerWithOptions(NewStrictHandlerWithOptions(h, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: h.refuseRequest, ResponseErrorHandlerFunc: h.refuse,
	}), StdHTTPServerOptions{BaseRouter: h.mux, ErrorHandlerFunc: h.refuseRequest})
	whole := httpx.Edge{Options: o.HTTP, Name: edgeName, MaxBody: o.MaxBody, MaxInFlight: o.MaxInFlight, Refuse: refuseEarly}.Wrap(h)
	streamed := files(o, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streams(r) {
			streamed.ServeHTTP(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	})
}

// handler implements StrictServerInterface. Its methods use the use cases of
// their exchange, never those of the handler: a request with a key runs in one
// transaction.
type handler struct {
	labelSuspended bool
	trusted        []netip.Prefix
	fleet          *fleet.Service
	log            *slog.Logger
	contract       *contract
	mux            *http.ServeMux // as generated
}
