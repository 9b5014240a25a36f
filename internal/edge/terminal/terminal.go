// Package terminal speaks the Terminal API: remote calls over GET and PUT with
// everything in the query string, and tokens of OAuth 2.0's password grant. The
// contract is api/terminal.yaml. This package translates names, shapes and codes,
// and decides nothing: what a SIM may do is decided in sim and fleet.
//
// Where the contract is silent, this package decides:
//
//   - A parameter is read from the query; if it is not there, from a form; if it
//     is not there either, from a JSON body. Unknown parameters are ignored, as
//     clients send what they like.
//   - POST is taken wherever GET or PUT is.
//   - A call on one SIM that names several is E400; so is a call that names none.
//   - What the operator's account rules refuse (no activations, a payment due) is
//     E202; what the package or the card lacks for an activation, E201.
package terminal

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// DefaultPrefix is where the handler is mounted, with everything below it.
const DefaultPrefix = "/v1"

// edgeName is the door's name in the audit trail, the log and the metrics.
const edgeName = "terminal"

// defaultBody fits 1000 ids in any of the forms.
const defaultBody = 256 << 10

// Options are what the edge needs, and what the contract leaves to the server.
type Options struct {
	Fleet       *fleet.Service
	HTTP        httpx.Options
	MaxBody     int64 // bytes; 256 KiB
	MaxInFlight int   // requests worked on at once; see httpx.Edge

	Prefixes     []string // where it is mounted besides DefaultPrefix, such as "/webapi"
	OldStatus    bool     // the older dialect of the status pair: ACTIVE_READY shows as TEST, suspended SIMs as SUSPENDED
	AlwaysOK     bool     // writes answer OK for a single SIM, too
	TextExpiry   bool     // expires_in is a text
	NoQueryToken bool     // tokens are taken from the Authorization header alone
	Rate         float64  // calls per second that one API user may make; 100
}

// Mounts lists the prefixes, each with its slash in front and none behind.
func (o *Options) Mounts() []string {
	out := []string{DefaultPrefix}
	for _, p := range o.Prefixes {
		if p = "/" + strings.Trim(p, "/ "); p != "/" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// defaultRate is generous: clients wait a second between pages.
const defaultRate = 100

// handler serves everything below the prefixes.
type handler struct {
	o        Options
	prefixes []string
	log      *slog.Logger
	document []byte
	meter    *meter
}

// New returns the handler of everything below the prefixes.
func New(o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultBody
	}
	if o.Rate <= 0 {
		o.Rate = defaultRate
	}
	h := &handler{o: o, prefixes: o.Mounts(), log: o.HTTP.Log, document: document(), meter: newMeter(o.Rate, o.Fleet.Now)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return httpx.Edge{Options: o.HTTP, Name: edgeName, MaxBody: o.MaxBody, MaxInFlight: o.MaxInFlight, Refuse: h.refuseEarly}.Wrap(h)
}

// document is the contract in JSON. It is part of the program: a fault in it is
// a bug.
func document() []byte {
	doc, err := openapi3.NewLoader().LoadFromData(api.Terminal)
	if err != nil {
		panic(err)
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return text
}
