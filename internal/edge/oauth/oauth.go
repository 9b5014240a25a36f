// Package oauth is the token endpoint: OAuth 2.0 client credentials (RFC 6749
// section 4.4) for service accounts. Tokens are opaque, last an hour and can be
// revoked; see fleet.BearerLife for when that shows.
//
// Where the field's clients differ from the RFC, the clients win: every refusal
// has the HTTP status 400, wrong credentials too.
package oauth

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// Path is where the handler is mounted.
const Path = "/oauth2/token"

// edgeName is the door's name in the audit trail, the log and the metrics.
const edgeName = "oauth"

// Scope is the only one there is; it grants nothing by itself.
const Scope = "api/api"

// Options are what the endpoint needs.
type Options struct {
	Fleet       *fleet.Service
	HTTP        httpx.Options
	MaxBody     int64 // bytes; 16 KiB
	MaxInFlight int   // requests worked on at once; see httpx.Edge
}

const defaultBody = 16 << 10

// New returns the handler of [Path].
func New(o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultBody
	}
	h := &handler{fleet: o.Fleet, log: o.HTTP.Log}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return httpx.Edge{Options: o.HTTP, Name: edgeName, MaxBody: o.MaxBody, MaxInFlight: o.MaxInFlight, Refuse: refuseEarly}.Wrap(h)
}

type handler struct {
	fleet *fleet.Service
	log   *slog.Logger
}

// The error codes of RFC 6749 section 5.2, and two of section 4.1.2.1 for what
// is not the client's fault.
const (
	invalidRequest     = "invalid_request"
	invalidClient      = "invalid_client"
	invalidScope       = "invalid_scope"
	unauthorizedClient = "unauthorized_client"
	unsupportedGrant   = "unsupported_grant_type"
	serverError        = "server_error"
	unavailable        = "temporarily_unavailable"
)

// refusal is an error as the RFC writes it.
type refusal struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// Error implements error.
func (r *refusal) Error() string { return r.Code + ": " + r.Description }

func refuse(code, description string) *refusal {
	return &refusal{http.StatusBadRequest, code, description}
}

type answer struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := httpx.Of(r.Context())
	call.Route = "token"
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		write(w, http.StatusMethodNotAllowed, refuse(invalidRequest, "tokens are asked for with POST"))
		return
	}
	login, err := read(r, call.Body)
	if err != nil {
		write(w, err.status, err)
		return
	}
	login.From = call.From
	token, bearer, failed := h.fleet.IssueToken(r.Context(), fleet.Request{Via: edgeName, ID: call.ID}, login)
	if failed != nil {
		no := h.inWords(r, call, failed)
		write(w, no.status, no)
		return
	}
	call.Caller = bearer.Actor()
	write(w, http.StatusOK, answer{token, "Bearer", int(fleet.TokenLife / time.Second)})
}

// read parses the form. Its parameters may stand once each (RFC 6749 section
// 3.2), and the credentials in the header or in the form, not in both.
func read(r *http.Request, body []byte) (fleet.ClientLogin, *refusal) {
	var l fleet.ClientLogin
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "" && !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return l, refuse(invalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return l, refuse(invalidRequest, "the body is not a form")
	}
	for name, all := range form {
		if len(all) > 1 {
			return l, refuse(invalidRequest, "a parameter stands twice: "+known(name))
		}
	}
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
	case "":
		return l, refuse(invalidRequest, "grant_type is missing")
	default:
		return l, refuse(unsupportedGrant, "the grant type is client_credentials")
	}
	if scope := form.Get("scope"); scope != "" && scope != Scope {
		return l, refuse(invalidScope, "the scope is "+Scope)
	}
	return credentials(r, form)
}

// known repeats the name of a parameter only when it is one.
func known(name string) string {
	for _, k := range []string{"grant_type", "scope", "client_id", "client_secret"} {
		if k == name {
			return k
		}
	}
	return "an unknown one"
}

// credentials come by HTTP Basic, each part form-encoded (RFC 6749 section
// 2.3.1), or in the form.
func credentials(r *http.Request, form url.Values) (fleet.ClientLogin, *refusal) {
	l := fleet.ClientLogin{ID: form.Get("client_id"), Secret: form.Get("client_secret")}
	if r.Header.Get("Authorization") != "" {
		id, secret, basic := r.BasicAuth()
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		if !basic || err1 != nil || err2 != nil {
			return l, refuse(invalidClient, "the Authorization header is not Basic")
		}
		if l.Secret != "" || l.ID != "" && l.ID != id {
			return l, refuse(invalidRequest, "the credentials stand in the header and in the form")
		}
		l.ID, l.Secret = id, secret
	}
	if l.ID == "" || l.Secret == "" {
		return l, refuse(invalidClient, "the credentials are missing")
	}
	return l, nil
}

// inWords translates why no token was issued. What is not the client's fault is
// logged here, once, and not shown.
func (h *handler) inWords(r *http.Request, call *httpx.Call, err error) *refusal {
	var e *fault.Error
	_ = errors.As(err, &e)
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		return refuse(invalidClient, "")
	case fault.Forbidden:
		return refuse(unauthorizedClient, e.Message)
	case fault.Exhausted:
		return refuse(invalidClient, e.Message)
	case fault.Unavailable:
		h.log.WarnContext(r.Context(), "turned away", "edge", edgeName, "request", call.ID, "error", err)
		return &refusal{http.StatusServiceUnavailable, unavailable, ""}
	case fault.Internal, fault.Invalid, fault.NotFound, fault.Conflict, fault.Precondition, fault.Unimplemented:
	}
	h.log.ErrorContext(r.Context(), "internal error", "edge", edgeName, "request", call.ID, "error", err)
	return &refusal{http.StatusInternalServerError, serverError, ""}
}

func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // answers are made of texts and numbers
	}
	httpx.Private(w.Header())
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// refuseEarly answers what does not get as far as this edge.
func refuseEarly(w http.ResponseWriter, _ *http.Request, p httpx.Problem) {
	no := &refusal{p.Status(), serverError, ""}
	switch p {
	case httpx.TooLarge, httpx.TooSlow, httpx.Broken:
		no.Code = invalidRequest
	case httpx.Busy:
		no.Code = unavailable
	case httpx.Panicked:
	}
	write(w, no.status, no)
}
