package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// oauthError is an error of the token endpoint, and of calls without a token that
// is good.
type oauthError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error implements error.
func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

func (e *oauthError) send(w http.ResponseWriter) {
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	kind, body := encode(e)
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}

func noToken() *oauthError {
	return &oauthError{http.StatusUnauthorized, "invalid_token", "No access token was sent"}
}

func badToken() *oauthError {
	return &oauthError{http.StatusUnauthorized, "invalid_token", "The access token is unknown or expired"}
}

func denied(err error) *oauthError {
	var e *fault.Error
	_ = errors.As(err, &e)
	return &oauthError{http.StatusForbidden, "access_denied", e.Message}
}

// pair is the answer of the token endpoint.
type pair struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	Expires any    `json:"expires_in"`
	Scope   string `json:"scope"`
}

// token answers at the token endpoint. An Authorization header means nothing
// here: clients send what they have.
func (h *handler) token(w http.ResponseWriter, r *http.Request, call *httpx.Call) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		(&oauthError{http.StatusMethodNotAllowed, "invalid_request", "Tokens are asked for with POST"}).send(w)
		return
	}
	p, err := readParams(r, call.Body)
	if err != nil {
		(&oauthError{http.StatusBadRequest, "invalid_request", inWords(err).description}).send(w)
		return
	}
	tokens, b, err := h.grant(r.Context(), p, call)
	if err != nil {
		h.refuseToken(w, r, call, err)
		return
	}
	call.Caller = b.Actor()
	out := pair{Access: tokens.Access, Type: "bearer", Refresh: tokens.Refresh, Scope: "read write trust"}
	seconds := int64(tokens.ExpiresAt.Sub(h.o.Fleet.Now()) / time.Second)
	if out.Expires = json.Number(strconv.FormatInt(seconds, 10)); h.o.TextExpiry {
		out.Expires = strconv.FormatInt(seconds, 10)
	}
	w.Header().Set("Pragma", "no-cache")
	h.write(w, out)
}

// grant carries out one of the two grants.
func (h *handler) grant(ctx context.Context, p params, call *httpx.Call) (fleet.APITokens, tenant.Bearer, error) {
	r := fleet.Request{Via: edgeName, ID: call.ID}
	switch p.text("grant_type") {
	case "password":
		_, name := p.first("username", "client_id")
		return h.o.Fleet.IssueAPITokens(ctx, r, fleet.ClientLogin{ID: name, Secret: p.text("password"), From: call.From})
	case "refresh_token":
		return h.o.Fleet.RefreshAPITokens(ctx, r, p.text("refresh_token"), call.From)
	}
	return fleet.APITokens{}, tenant.Bearer{}, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "The grant type is password or refresh_token"}
}

// refuseToken says why there are no tokens.
func (h *handler) refuseToken(w http.ResponseWriter, r *http.Request, call *httpx.Call, err error) {
	if no, ok := errors.AsType[*oauthError](err); ok {
		no.send(w)
		return
	}
	switch fault.CodeOf(err) {
	case fleet.WrongClient:
		(&oauthError{http.StatusUnauthorized, "invalid_client", "Bad client credentials"}).send(w)
		return
	case fleet.WrongRefresh:
		(&oauthError{http.StatusUnauthorized, "invalid_grant", "The refresh token is unknown, expired or used up"}).send(w)
		return
	case fleet.ClientAddress, tenant.AccountSuspended:
		denied(err).send(w)
		return
	}
	switch fault.KindOf(err) {
	case fault.Exhausted:
		w.Header().Set("Retry-After", "60")
		(&oauthError{http.StatusTooManyRequests, "invalid_client", "Too many failed sign-ins; wait a few minutes"}).send(w)
	case fault.Unavailable:
		h.log.WarnContext(r.Context(), "turned away", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
		w.Header().Set("Retry-After", "1")
		(&oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "The server cannot answer at this moment; try again"}).send(w)
	case fault.Internal, fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Conflict, fault.Precondition, fault.Unimplemented:
		h.log.ErrorContext(r.Context(), "internal error", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
		(&oauthError{http.StatusInternalServerError, "server_error", "Unexpected failure"}).send(w)
	}
}
