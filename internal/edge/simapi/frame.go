package simapi

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// exchange is one request under way.
type exchange struct {
	call    *httpx.Call
	fleet   *fleet.Service // inside a transaction, when the request carries a key
	request fleet.Request
	home    tenant.Portfolio // the caller's own
	route   *route
	path    string
	query   values
	serve   http.Handler // the route's, past the mux
	sim     *sim.SIM     // the one that the path names, as it was before
	carries []sim.Attribute
	known   bool          // carries are those of sim
	came    *http.Request // as the caller sent it
	failure error         // why the request was refused
	wire    *http.ResponseController
}

type exchangeKey struct{}

// of returns the exchange that a handler of the generated server works in.
func of(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// documentPath is where the contract is served, to anybody.
const documentPath = "/openapi.json"

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpx.Private(w.Header())
	x := &exchange{call: httpx.Of(r.Context()), fleet: h.fleet, path: below(r.URL.Path), came: r, wire: http.NewResponseController(w)}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	if x.path == documentPath {
		h.document(w, r, x)
		return
	}
	u := *r.URL
	u.Path, u.RawPath = x.path, ""
	r.URL = &u
	if err := h.admit(x, r); err != nil {
		h.refuse(w, r, err)
		return
	}
	if x.route.name == "getSIM" {
		h.answerSIM(w, r)
		return
	}
	x.route.bind(r)
	if x.route.writes && x.call.Key != "" && !x.route.streams() {
		h.once(w, r, x)
		return
	}
	x.serve.ServeHTTP(w, r)
}

// answerSIM does what the generated server does, without all the copies that it
// makes: SIMs are what programs read most.
func (h *handler) answerSIM(w http.ResponseWriter, r *http.Request) {
	answer, err := h.GetSIM(r.Context(), GetSIMRequestObject{})
	if err == nil {
		err = answer.VisitGetSIMResponse(w)
	}
	if err != nil {
		h.refuse(w, r, err)
	}
}

// below returns the path without its prefix and without a final slash.
func below(p string) string {
	for _, prefix := range Prefixes {
		if rest, found := strings.CutPrefix(p, prefix+"/"); found {
			return "/" + strings.TrimSuffix(rest, "/")
		}
	}
	return "/"
}

// origin is where links below the prefix that a request came by begin; "" when
// that is not known.
func (h *handler) origin(r *http.Request) string {
	prefix := strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/"), below(r.URL.Path))
	return httpx.Origin(r, h.trusted) + prefix
}

// admit makes every check that needs no more than the contract and the caller,
// in the order that the package's comment promises.
func (h *handler) admit(x *exchange, r *http.Request) error {
	ctx := r.Context()
	b, err := h.bearer(r, x)
	if err != nil {
		return err
	}
	x.call.Caller, x.home = b.Actor(), b.Home
	x.request = x.call.Request(r, b.Principal, edgeName)
	if x.route, x.serve, err = h.find(r); err != nil {
		return err
	}
	x.call.Route = x.route.name
	if err := x.mayEnter(); err != nil {
		return err
	}
	if err := x.load(ctx); err != nil {
		return err
	}
	if x.query, err = x.route.readQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if x.route.body == nil {
		return nil
	}
	value, err := x.route.readBody(x.call.Body)
	if err == nil && value != nil {
		r.Body = checked{r.Body, value}
	}
	return err
}

// bearer finds out who asks: by the token or, where the content of a file is
// moved, by the link.
func (h *handler) bearer(r *http.Request, x *exchange) (tenant.Bearer, error) {
	if found := contentOf(x.path); found != nil {
		id, _ := strconv.ParseInt(found[1], 10, 64) // no file has the id 0
		return h.fleet.OpenLink(r.Context(), r.URL.Query().Get("link"), id, wayOf(r.Method), x.call.From)
	}
	return h.fleet.Bearer(r.Context(), token(r), x.call.From)
}

// token returns the bearer token of a request, or nothing.
func token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete}

// find returns the route of a request, and its handler, for when the request has
// the parameters of its path. A path that has other methods is 6003.
func (h *handler) find(r *http.Request) (*route, http.Handler, error) {
	if path.Clean(r.URL.Path) == r.URL.Path {
		serve, pattern := h.mux.Handler(r)
		if found := h.contract.routes[pattern]; found != nil {
			return found, serve, nil
		}
		if allowed := h.allowed(r); len(allowed) > 0 {
			return nil, nil, &notAllowed{r.Method, allowed}
		}
	}
	return nil, nil, fault.New(fault.NotFound, "path.not_found", "path not found")
}

func (h *handler) allowed(r *http.Request) []string {
	other := *r
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool {
		other.Method = m
		_, pattern := h.mux.Handler(&other)
		return h.contract.routes[pattern] == nil
	})
}

func (x *exchange) mayEnter() error {
	var err error
	for _, p := range x.route.may {
		if err = x.request.Caller.Needs(p); err == nil {
			return nil
		}
	}
	return err
}

// load reads the SIM that the path names.
func (x *exchange) load(ctx context.Context) error {
	if !strings.Contains(x.route.pattern, "/sim/{iccId}") {
		return nil
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(x.path, "/sim/"), "/")
	iccid, err := ident.ParseICCID(text)
	if err != nil {
		return ident.As("iccId", err)
	}
	x.sim = new(sim.SIM)
	if x.route.name == "getSIM" {
		x.known = true
		*x.sim, x.carries, err = x.fleet.SIMWithAttributes(ctx, x.request, iccid)
		return err
	}
	*x.sim, err = x.fleet.SIM(ctx, x.request, iccid)
	return err
}

// document serves the contract. It needs no token, and no cache is misled.
func (h *handler) document(w http.ResponseWriter, r *http.Request, x *exchange) {
	x.call.Route = "document"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.refuse(w, r, &notAllowed{r.Method, []string{http.MethodGet}})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(h.contract.json)
}
