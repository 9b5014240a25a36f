package simapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// problem is an error as the contract writes it. In a call on a SIM it is also
// what the use cases are given as the reason why it is refused.
type problem struct {
	status  int
	code    int
	message string
	details map[string]any
}

// Error implements error.
func (p *problem) Error() string { return p.message }

// Unwrap makes it the caller's error for the use cases.
func (p *problem) Unwrap() error {
	kind := fault.Precondition
	if p.status == http.StatusForbidden {
		kind = fault.Forbidden
	}
	return fault.New(kind, "simapi", "%s", p.message)
}

// The error codes of the contract.
const (
	codeForbidden     = 6001
	codeNotFound      = 6002
	codeMethod        = 6003
	codeInternal      = 6004
	codeUnable        = 6005
	codeBadRequest    = 6006
	codeTransition    = 6007
	codeNoAccess      = 6009
	codeBadReference  = 6013
	codeBadValue      = 6014
	codeNothing       = 6017
	codeNotActive     = 6023
	codeOutside       = 6026
	codePortalOutside = 6027
	codeMatchType     = 6037
	codeAddress       = 6045
	codeWrongStatus   = 6046
	codeAlready       = 6047
	codeNotRequested  = 6048
	codeOwnPortfolio  = 6049
	codeTitleExists   = 6050
	codeExists        = 6052
	codeNoName        = 6053
	codeMatchField    = 6054
	codeSortOrder     = 6055
	codeSortField     = 6056
	codeKind          = 14001
	codeNoICCIDs      = 14002
	codeICCIDsOutside = 14003
	codeSuspended     = 16000
	codeNoPackage     = 16001
	codeAttribute     = 16002
	codeDeleted       = 16003
	codeNullPackage   = 16004
	codeNotLinked     = 16005
	codeLinkInactive  = 16006
	codeOtherOperator = 16007
	codeNoMSISDN      = 16008
)

var tags = map[int]string{
	codeForbidden: "forbidden", codeNotFound: "not_found", codeMethod: "method_not_allowed", codeInternal: "internal_server_error",
	codeUnable: "not_implemented", codeBadRequest: "bad_request", codeTransition: "invalid_status_error", codeNoAccess: "invalid_user_error",
	codeBadReference: "invalid_data_error", codeKind: "static_or_dynamic", codeNoICCIDs: "iccid_missing", codeICCIDsOutside: "iccid_not_in_sphere",
}

// refusal is an error of HTTP status 400, which most are.
func refusal(code int, message string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, message: message}
}

// malformed lists what is wrong with a request.
func malformed(violations []string) *problem {
	p := refusal(codeBadRequest, "Bad request")
	p.details = map[string]any{"validationErrors": violations}
	return p
}

// notAllowed refuses a method that a path does not have.
type notAllowed struct {
	method string
	has    []string
}

// Error implements error.
func (e *notAllowed) Error() string { return e.method + " is not allowed here" }

// byCode translates the faults that have a number of their own.
var byCode = map[string]struct{ status, code int }{
	plan.NoPackage:            {http.StatusBadRequest, codeNoPackage},
	plan.NotLinked:            {http.StatusBadRequest, codeNotLinked},
	plan.LinkInactive:         {http.StatusBadRequest, codeLinkInactive},
	plan.OtherOperator:        {http.StatusBadRequest, codeOtherOperator},
	plan.OtherCurrency:        {http.StatusBadRequest, codeBadReference},
	plan.NoPortfolio:          {http.StatusBadRequest, codeDeleted},
	plan.ItemExists:           {http.StatusBadRequest, codeExists},
	"plan.network_differs":    {http.StatusBadRequest, codeOtherOperator},
	"portfolio.deleted":       {http.StatusBadRequest, codeDeleted},
	"portfolio.root":          {http.StatusForbidden, codeForbidden},
	fleet.NoAnswer:            {http.StatusServiceUnavailable, codeInternal},
	tenant.NoBillingAddress:   {http.StatusBadRequest, codeWrongStatus},
	tenant.NotReady:           {http.StatusBadRequest, codeNotActive},
	fleet.PortalOutside:       {http.StatusForbidden, codePortalOutside},
	fleet.PortalElsewhere:     {http.StatusBadRequest, codeBadReference},
	fleet.PortalDeleted:       {http.StatusBadRequest, codeBadReference},
	fleet.PortalTaken:         {http.StatusBadRequest, codeTitleExists},
	fleet.RolesOfType:         {http.StatusBadRequest, codeNotRequested},
	fleet.NoUserType:          {http.StatusBadRequest, codeBadReference},
	fleet.EntryUnknown:        {http.StatusBadRequest, codeBadReference},
	fleet.EntryTaken:          {http.StatusBadRequest, codeTitleExists},
	fleet.TitleTaken:          {http.StatusBadRequest, codeTitleExists},
	fleet.PackageInUse:        {http.StatusBadRequest, codeWrongStatus},
	fleet.SwapOld:             {http.StatusBadRequest, codeWrongStatus},
	fleet.SwapNew:             {http.StatusBadRequest, codeWrongStatus},
	fleet.SwapSame:            {http.StatusBadRequest, codeBadValue},
	fleet.SwapMSISDN:          {http.StatusNotFound, codeNoMSISDN},
	fleet.ClientAddress:       {http.StatusForbidden, codeNoAccess},
	tenant.AccountSuspended:   {http.StatusForbidden, codeNoAccess},
	tenant.PortfolioSuspended: {http.StatusBadRequest, codeNotActive},
	fleet.OwnAccount:          {http.StatusBadRequest, codeNotRequested},
	sim.AttributeExists:       {http.StatusBadRequest, codeAttribute},
	sim.AttributeEmpty:        {http.StatusBadRequest, codeNoName},
	sim.AttributeReadOnly:     {http.StatusBadRequest, codeBadValue},
	sim.AttributeDeleted:      {http.StatusBadRequest, codeNotActive},
	sim.CollectionKind:        {http.StatusBadRequest, codeKind},
	sim.CollectionEmpty:       {http.StatusBadRequest, codeNoICCIDs},
	sim.CollectionOutside:     {http.StatusBadRequest, codeICCIDsOutside},
	sim.CollectionTitle:       {http.StatusBadRequest, codeTitleExists},
	"collection.deleted":      {http.StatusBadRequest, codeNotActive},
	"sim.not_active":          {http.StatusBadRequest, codeWrongStatus},
	fleet.FileUploaded:        {http.StatusBadRequest, codeAlready},
	fleet.FileEmpty:           {http.StatusBadRequest, codeWrongStatus},
	fleet.FileInUse:           {http.StatusBadRequest, codeWrongStatus},
	fleet.FileDeleted:         {http.StatusBadRequest, codeNotActive},
	fleet.FileResult:          {http.StatusBadRequest, codeBadValue},
	fleet.BulkFile:            {http.StatusBadRequest, codeBadReference},
	fleet.BulkNoneFail:        {http.StatusBadRequest, codeNothing},
	fleet.BulkNothing:         {http.StatusBadRequest, codeNothing},
	fleet.BulkAlready:         {http.StatusBadRequest, codeAlready},
	fleet.BulkSuspended:       {http.StatusBadRequest, codeSuspended},
	job.Already:               {http.StatusBadRequest, codeAlready},
	fleet.KeyTaken:            {http.StatusServiceUnavailable, codeInternal},
	fleet.KeyUnknown:          {http.StatusBadRequest, codeWrongStatus},
	"idempotency.reused":      {http.StatusBadRequest, codeBadValue},
	"invalid.allow":           {http.StatusBadRequest, codeAddress},
}

// inWords translates an error into one of the contract; nil for one that is not
// the caller's, and must not be shown.
func inWords(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	if known, ok := byCode[e.Code]; ok {
		return &problem{status: known.status, code: known.code, message: sentence(e)}
	}
	switch e.Kind {
	case fault.Invalid:
		return malformed(violations(e))
	case fault.Forbidden:
		return &problem{status: http.StatusForbidden, code: codeForbidden, message: e.Message}
	case fault.NotFound:
		what, _, _ := strings.Cut(e.Code, ".")
		return &problem{status: http.StatusNotFound, code: codeNotFound, message: what + " not found"}
	case fault.Conflict:
		return refusal(codeExists, e.Message)
	case fault.Precondition:
		return refusal(codeTransition, e.Message)
	case fault.Exhausted:
		return refusal(codeBadValue, e.Message)
	case fault.Unimplemented:
		return &problem{status: http.StatusNotImplemented, code: codeUnable, message: e.Message}
	case fault.Unavailable, fault.Unauthenticated, fault.Internal:
	}
	return nil
}

func violations(e *fault.Error) []string {
	if len(e.Fields) == 0 {
		return []string{e.Message}
	}
	out := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		out[i] = f.Name + " " + f.Reason
	}
	return out
}

// sentence is the message of a fault, or what it says of its fields.
func sentence(e *fault.Error) string {
	if e.Message != "" {
		return e.Message
	}
	return strings.Join(violations(e), "; ")
}

// networkRetry is after how many seconds a network that did not answer is worth
// asking again.
const networkRetry = "30"

// refuse answers a request that was not carried out. What is not the caller's
// fault is logged here, once, and not shown.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	x := of(r.Context())
	x.failure = err
	if no, ok := errors.AsType[*notAllowed](err); ok {
		w.Header().Set("Allow", strings.Join(no.has, ", "))
		write(w, &problem{status: http.StatusMethodNotAllowed, code: codeMethod, message: no.Error()})
		return
	}
	if p := inWords(err); p != nil {
		if p.status == http.StatusServiceUnavailable {
			what, retry := "a network did not answer", networkRetry
			if fault.CodeOf(err) == fleet.KeyTaken {
				what, retry = "a key is taken", "1"
			}
			h.log.WarnContext(r.Context(), what, "edge", edgeName, "request", x.call.ID, "route", x.call.Route, "error", err)
			w.Header().Set("Retry-After", retry)
		}
		write(w, x.named(p))
		return
	}
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		unauthorized(w, r)
		return
	case fault.Unavailable:
		h.log.WarnContext(r.Context(), "turned away", "edge", edgeName, "request", x.call.ID, "route", x.call.Route, "error", err)
		w.Header().Set("Retry-After", "1")
		write(w, unavailable())
		return
	case fault.Internal, fault.Invalid, fault.Forbidden, fault.NotFound, fault.Conflict, fault.Precondition, fault.Exhausted, fault.Unimplemented:
	}
	if !errors.Is(err, context.Canceled) { // else the caller has gone; nobody reads this
		h.log.ErrorContext(r.Context(), "internal error", "edge", edgeName, "request", x.call.ID, "route", x.call.Route, "error", err)
	}
	write(w, internal())
}

// named adds the SIM that a problem is about, as the path has it.
func (x *exchange) named(p *problem) *problem {
	if x.route == nil || !strings.Contains(x.route.pattern, "/sim/{iccId}") || p.details != nil {
		return p
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(x.path, "/sim/"), "/")
	out := *p
	out.details = map[string]any{"iccId": text}
	return &out
}

// refuseRequest answers a request whose path has parameters of a wrong type, or
// whose body has numbers that only look whole to the contract, such as 1.0.
func (h *handler) refuseRequest(w http.ResponseWriter, r *http.Request, err error) {
	what := "the body cannot be read"
	if bad, ok := errors.AsType[*InvalidParamFormatError](err); ok {
		what = bad.ParamName + " has the wrong form"
	}
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && bad.Field != "" {
		what = bad.Field + " has the wrong form"
	}
	h.refuse(w, r, malformed([]string{what}))
}

func unauthorized(w http.ResponseWriter, r *http.Request) {
	challenge := "Bearer"
	if r.Header.Get("Authorization") != "" {
		challenge += ` error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	writeJSON(w, http.StatusUnauthorized, map[string]string{"message": "Unauthorized"})
}

func internal() *problem {
	return &problem{status: http.StatusInternalServerError, code: codeInternal, message: "Internal server error"}
}

func unavailable() *problem {
	return &problem{status: http.StatusServiceUnavailable, code: codeInternal, message: "The server cannot answer at this moment; try again"}
}

// errorBody is the contract's Error.
type errorBody struct {
	ErrorCode         int            `json:"errorCode"`
	ErrorTag          string         `json:"errorTag"`
	Message           string         `json:"message"`
	AdditionalDetails map[string]any `json:"additionalDetails,omitempty"`
}

func write(w http.ResponseWriter, p *problem) {
	writeJSON(w, p.status, errorBody{p.code, tagOf(p.code), p.message, p.details})
}

func tagOf(code int) string {
	if tag, ok := tags[code]; ok {
		return tag
	}
	return "invalid_request_error"
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // answers are made of texts and numbers
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// refuseEarly answers what does not get as far as this edge.
func refuseEarly(w http.ResponseWriter, _ *http.Request, p httpx.Problem) {
	httpx.Private(w.Header())
	e := internal()
	switch p {
	case httpx.TooLarge:
		e = malformed([]string{"the body is too large"})
	case httpx.TooSlow:
		e = malformed([]string{"the body did not arrive in time"})
	case httpx.Broken:
		e = malformed([]string{"the body did not arrive whole"})
	case httpx.Busy:
		e = unavailable()
	case httpx.Panicked:
	}
	e.status = p.Status()
	write(w, e)
}
