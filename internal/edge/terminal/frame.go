package terminal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// exchange is one request under way.
type exchange struct {
	*handler
	call    *httpx.Call
	fleet   *fleet.Service // inside a transaction, when the request carries a key
	request fleet.Request
	bearer  tenant.Bearer
	p       params
}

// answer is what a route returns when it is more than a body of status 200.
type answer struct {
	status int
	body   any // a plain text is sent as such
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	open(w.Header())
	call := httpx.Of(r.Context())
	name := h.below(r.URL.Path)
	switch {
	case r.Method == http.MethodOptions:
		call.Route = "preflight"
		preflight(w)
	case name == "openapi.json":
		call.Route = "document"
		h.serveDocument(w, r)
	case name == "oauth/token":
		call.Route = "token"
		h.token(w, r, call)
	default:
		h.serve(w, r, call, name)
	}
}

// open lets pages of other origins read the answer. Tokens are in headers that
// they set themselves, so nothing is given away by it.
func open(h http.Header) {
	httpx.Private(h)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id")
}

// preflight answers what browsers ask before they let a page of another origin
// call (Fetch standard, section 4.8). It needs no token.
func preflight(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, PUT, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, X-Request-Id")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.Header().Set("Allow", "GET, PUT, POST, OPTIONS")
	w.WriteHeader(http.StatusNoContent)
}

// below returns the path without its prefix and the slashes around it.
func (h *handler) below(path string) string {
	for _, prefix := range h.prefixes {
		if rest, found := strings.CutPrefix(path, prefix+"/"); found {
			return strings.Trim(rest, "/")
		}
	}
	return ""
}

func (h *handler) serveDocument(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.write(w, notAllowed(w, http.MethodGet))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(h.document)
}

// serve answers a call that needs a token.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, call *httpx.Call, name string) {
	x := &exchange{handler: h, call: call, fleet: h.o.Fleet}
	var malformed error
	x.p, malformed = readParams(r, call.Body)
	if err := x.authenticate(r); err != nil {
		h.refuse(w, r, call, err)
		return
	}
	rt := routes[name]
	if rt == nil {
		h.refuse(w, r, call, &problem{http.StatusNotFound, codeNoPath, "there is no " + strconv.Quote(clip(name))})
		return
	}
	call.Route = rt.name
	if r.Method != http.MethodPost && r.Method != rt.method() && (rt.writes || r.Method != http.MethodHead) {
		h.refuse(w, r, call, notAllowed(w, rt.method()))
		return
	}
	if err := x.admit(w, rt, malformed); err != nil {
		h.refuse(w, r, call, err)
		return
	}
	if rt.writes && call.Key != "" {
		x.once(w, r, rt)
		return
	}
	out, err := rt.do(r.Context(), x)
	if err != nil {
		h.refuse(w, r, call, err)
		return
	}
	h.write(w, out)
}

// authenticate finds out who calls.
func (x *exchange) authenticate(r *http.Request) (err error) {
	token := usable(r.Header.Get("Authorization"))
	if token == "" && !x.o.NoQueryToken {
		token = x.p.text("access_token")
	}
	if token == "" {
		return noToken()
	}
	if x.bearer, err = x.fleet.APIBearer(r.Context(), token, x.call.From); err != nil {
		return err
	}
	x.call.Caller = x.bearer.Actor()
	x.request = x.call.Request(r, x.bearer.Principal, edgeName)
	x.request.Key = ""
	return nil
}

// usable returns the bearer token of an Authorization header, or nothing: some
// clients send what they have when they have none.
func usable(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "undefined" || token == "null" {
		return ""
	}
	return token
}

// admit checks what stands before the call itself: the caller's pace, the
// feature, and the form of the request.
func (x *exchange) admit(w http.ResponseWriter, rt *route, malformed error) error {
	if !x.meter.admit(x.bearer.ID) {
		w.Header().Set("Retry-After", "1")
		return &problem{http.StatusTooManyRequests, codeTooMany, "too many requests; wait a second"}
	}
	need := tenant.FeatureAPI | rt.feature
	if !x.bearer.Features.Has(need) {
		return &problem{http.StatusForbidden, codeFeature, "the feature is not enabled: " + (need &^ x.bearer.Features).String()}
	}
	return malformed
}

// write sends an answer.
func (h *handler) write(w http.ResponseWriter, out any) {
	a, ok := out.(answer)
	if !ok {
		a = answer{http.StatusOK, out}
	}
	if p, ok := out.(*problem); ok {
		a = answer{p.status, h.errorBody(p)}
	}
	kind, body := encode(a.body)
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

func encode(v any) (kind string, body []byte) {
	if text, ok := v.(string); ok {
		return "text/plain; charset=utf-8", []byte(text)
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // answers are made of texts and numbers
	}
	return "application/json", body
}

// clip bounds what of a caller's text is repeated.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// fields says what is wrong with the parameters.
func fields(e *fault.Error) string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Name + " " + f.Reason
	}
	return strings.Join(parts, "; ")
}
