package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The error codes of the contract, and those that extend it.
const (
	codeInternal      = "E000"
	codeNoSIM         = "E002"
	codeFeature       = "E003"
	codeNoCost        = "E101"
	codeNoBalance     = "E102"
	codeNoDiagnostics = "E103"
	codeState         = "E201"
	codeLocked        = "E202"
	codeIMEILock      = "E203"
	codeLimitLow      = "E210"
	codeLimitReached  = "E211"
	codeGroup         = "E220"
	codeTooManySIMs   = "E230"
	codeSMS           = "E240"

	codeMalformed   = "E400"
	codeNoPath      = "E404"
	codeMethod      = "E405"
	codeConflict    = "E409"
	codeTooMany     = "E429"
	codeUnavailable = "E503"
)

// problem is an error as the contract writes it.
type problem struct {
	status      int
	code        string
	description string
}

// Error implements error.
func (p *problem) Error() string { return p.code + " " + p.description }

// Unwrap makes it the caller's error for the use cases.
func (p *problem) Unwrap() error {
	return fault.New(fault.Precondition, edgeName+"."+p.code, "%s", p.description)
}

type errorBody struct {
	Code        string `json:"error_code"`
	Description string `json:"error_description"`
	Timestamp   int64  `json:"timestamp"`
}

func (h *handler) errorBody(p *problem) errorBody {
	return errorBody{p.code, p.description, h.o.Fleet.Now().UnixMilli()}
}

func malformed(description string) *problem {
	return &problem{http.StatusBadRequest, codeMalformed, description}
}

func tooMany(n int) *problem {
	return &problem{http.StatusBadRequest, codeTooManySIMs, fmt.Sprintf("%d SIMs in one call; at most %d are allowed", n, MaxSIMs)}
}

func notAllowed(w http.ResponseWriter, method string) *problem {
	w.Header().Set("Allow", method+", POST, OPTIONS")
	return &problem{http.StatusMethodNotAllowed, codeMethod, "the method is " + method}
}

// verdicts are the faults that have a code of their own, in the order in which
// they are told: of several SIMs, the first one that any of them has.
var verdicts = []struct {
	fault  string
	status int
	code   string
	text   string
}{
	{"sim.not_found", http.StatusNotFound, codeNoSIM, "SIM not found"},
	{fleet.NoEUICC, http.StatusForbidden, codeFeature, "not supported by the SIM"},
	{fleet.SIMLocked, http.StatusForbidden, codeLocked, "the status is locked by an administrator"},
	{"portfolio.no_activations", http.StatusForbidden, codeLocked, "an administrator has stopped activations"},
	{"portfolio.payment_due", http.StatusForbidden, codeLocked, "a payment is due"},
	{fleet.LockNoDevice, http.StatusConflict, codeIMEILock, "the IMEI lock cannot be changed"},
	{fleet.NoMessages, http.StatusForbidden, codeSMS, "SMS is not allowed"},
	{fleet.NoProfile, http.StatusBadRequest, codeMalformed, "profile"},
	{"sim.", http.StatusConflict, codeState, "the present status forbids it"},
	{"plan.", http.StatusConflict, codeState, "the present status forbids it"},
	{fleet.LimitTooLow, http.StatusConflict, codeLimitLow, "the limit lies below the data used"},
	{fleet.LimitReached, http.StatusConflict, codeLimitReached, "the data limit is used up"},
}

// verdict finds the line of an error; -1 for none.
func verdict(err error) int {
	code := fault.CodeOf(err)
	prefix := -1
	for i, v := range verdicts {
		if v.fault == code {
			return i
		}
		if strings.HasSuffix(v.fault, ".") && strings.HasPrefix(code, v.fault) && fault.KindOf(err) == fault.Precondition {
			prefix = i
		}
	}
	return prefix
}

// maxNamed is how many SIMs an error names.
const maxNamed = 20

// refused turns the outcomes of SIMs into one error: the one that comes first in
// the order of checks, with the SIMs that it is about.
func refused(outcomes []fleet.Outcome) error {
	worst, detail := -1, ""
	var named []ident.ICCID
	for i := range outcomes {
		err := outcomes[i].Err
		if err == nil {
			continue
		}
		v := verdict(err)
		if v < 0 {
			return err // not about this SIM
		}
		if worst < 0 || v < worst {
			worst, named, detail = v, nil, explain(err)
		}
		if v == worst {
			named = append(named, outcomes[i].ICCID)
		}
	}
	return verdictOn(worst, named, detail)
}

// explain says why, where the error knows more than its code.
func explain(err error) string {
	if r, ok := errors.AsType[*sim.Refusal](err); ok {
		return r.Error()
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.NotFound {
		return e.Message
	}
	return ""
}

func verdictOn(line int, named []ident.ICCID, detail string) error {
	v := verdicts[line]
	text := v.text
	if len(named) > 0 {
		list := make([]string, 0, maxNamed)
		for _, id := range named[:min(len(named), maxNamed)] {
			list = append(list, string(id))
		}
		text += ": " + strings.Join(list, ", ")
		if n := len(named) - maxNamed; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
	}
	if detail != "" {
		text += " (" + detail + ")"
	}
	return &problem{v.status, v.code, text}
}

// noSIM is E002 for ids that stand for no SIM of the account.
func noSIM(ids []string) error {
	text := verdicts[0].text
	if len(ids) > 0 {
		text += ": " + strings.Join(ids[:min(len(ids), maxNamed)], ", ")
	}
	return &problem{verdicts[0].status, verdicts[0].code, text}
}

// inWords translates an error into one of the contract; nil for one that is not
// the caller's, and must not be shown.
func inWords(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if v := verdict(err); v >= 0 {
		p, _ := errors.AsType[*problem](verdictOn(v, nil, explain(err)))
		return p
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	switch e.Kind {
	case fault.Invalid:
		return malformed(fields(e))
	case fault.Forbidden:
		return &problem{http.StatusForbidden, codeFeature, cmp.Or(e.Message, "not allowed")}
	case fault.NotFound:
		return &problem{http.StatusNotFound, codeNoSIM, "SIM not found"}
	case fault.Conflict:
		return &problem{http.StatusConflict, codeConflict, e.Message}
	case fault.Precondition, fault.Unimplemented:
		return &problem{http.StatusConflict, codeState, e.Message}
	case fault.Exhausted:
		return &problem{http.StatusTooManyRequests, codeTooMany, e.Message}
	case fault.Unavailable, fault.Unauthenticated, fault.Internal:
	}
	return nil
}

// refuse answers a request that was not carried out. What is not the caller's
// fault is logged here, once, and not shown.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, call *httpx.Call, err error) {
	if no, ok := errors.AsType[*oauthError](err); ok {
		no.send(w)
		return
	}
	switch kind := fault.KindOf(err); {
	case kind == fault.Unauthenticated:
		badToken().send(w)
		return
	case fault.CodeOf(err) == fleet.ClientAddress, fault.CodeOf(err) == tenant.AccountSuspended:
		denied(err).send(w)
		return
	}
	if p := inWords(err); p != nil {
		h.write(w, p)
		return
	}
	if fault.KindOf(err) == fault.Unavailable {
		h.log.WarnContext(r.Context(), "turned away", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
		w.Header().Set("Retry-After", "1")
		h.write(w, &problem{http.StatusServiceUnavailable, codeUnavailable, "the server cannot answer at this moment; try again"})
		return
	}
	if !errors.Is(err, context.Canceled) { // else the caller has gone; nobody reads this
		h.log.ErrorContext(r.Context(), "internal error", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
	}
	h.write(w, &problem{http.StatusInternalServerError, codeInternal, "unexpected failure"})
}

// refuseEarly answers what does not get as far as this edge.
func (h *handler) refuseEarly(w http.ResponseWriter, _ *http.Request, p httpx.Problem) {
	open(w.Header())
	e := &problem{p.Status(), codeInternal, "unexpected failure"}
	switch p {
	case httpx.TooLarge:
		e.code, e.description = codeMalformed, "the body is too large"
	case httpx.TooSlow:
		e.code, e.description = codeMalformed, "the body did not arrive in time"
	case httpx.Broken:
		e.code, e.description = codeMalformed, "the body did not arrive whole"
	case httpx.Busy:
		e.code, e.description = codeUnavailable, "the server cannot answer at this moment; try again"
	case httpx.Panicked:
	}
	h.write(w, e)
}
