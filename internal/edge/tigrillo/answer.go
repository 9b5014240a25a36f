package tigrillo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/fault"
)

// refusal is an error as the contract writes it. In a call on SIMs it is also
// what the use cases are given as the reason why one is refused.
type refusal struct{ code, message string }

// Error implements error.
func (e *refusal) Error() string { return e.code + ": " + e.message }

// Unwrap makes it the caller's error for the use cases.
func (e *refusal) Unwrap() error {
	return fault.New(fault.Precondition, "tigrillo."+e.code, "%s", e.message)
}

// The errors of the contract. Codes and texts are wire facts.
var (
	errPassword    = &refusal{"E0000", "Unknown username or password"}
	errFunction    = &refusal{"E0002", "Function not recognized"}
	errVersion     = &refusal{"E0003", "API version not recognized"}
	errPermission  = &refusal{"E0006", "Permission denied"}
	errLogin       = &refusal{"E0100", "Unknown username or password"}
	errTariffSet   = &refusal{"E0130", "The set of parameters must pass validation through getSIMActivationTariffs"}
	errNoTariff    = &refusal{"E0131", `A tariff ID must be provided. Do not let the end user select "Use preassigned package/tariff"`}
	errTariff      = &refusal{"E0132", "The tariff ID is not valid."}
	errDevice      = &refusal{"E0133", "The device type is not valid."}
	errSIM         = &refusal{"E0137", "Invalid SIM no. provided"}
	errSuspend     = &refusal{"E0143", "SIM cannot be suspended"}
	errUnsuspend   = &refusal{"E0144", "SIM cannot be unsuspended"}
	errTerminate   = &refusal{"E0145", "SIM cannot be terminated"}
	errUnavailable = &refusal{"E9998", "System not available at this moment"}
	errNoAnswer    = &refusal{"F0000", "No response provided"}
)

// input, missing and invalid are the errors that name what is wrong.
func input(what string) *refusal   { return &refusal{"E0001", "Invalid input - " + what} }
func missing(name string) *refusal { return &refusal{"E0004", "Missing parameter - " + name} }
func invalid(name string) *refusal { return &refusal{"E0005", "Invalid parameter - " + name} }

// unrecognised is what an unknown SIM gets where the contract names it. A text
// that is longer than any SIM number is cut: a message has 255 characters.
func unrecognised(sim string) *refusal {
	const long = 64
	if r := []rune(sim); len(r) > long {
		sim = string(r[:long])
	}
	return input(sim + " is not a recognised SIM number")
}

// status is the object in every answer. Errors about an operation carry two
// pairs of keys, as clients of different age read different ones; errors of the
// URL and the system only the first.
type status struct {
	Status       string `json:"status"`
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
	Code         string `json:"code,omitempty"`
	Message      string `json:"message,omitempty"`
}

// plain is an answer without data. The others embed it.
type plain struct {
	Status status `json:"status"`
}

var ok = plain{status{Status: "OK"}}

func (e *refusal) answer() plain {
	s := status{Status: "ERR", ErrorCode: e.code, ErrorMessage: e.message}
	if e != errFunction && e != errVersion && e != errUnavailable {
		s.Code, s.Message = e.code, e.message
	}
	return plain{s}
}

// inList is the error of one SIM among others.
func (e *refusal) inList() string { return e.code + ":" + e.message }

// errAddress is answered with a page: the caller's address is not on the
// portfolio's allow-list.
var errAddress = errors.New("the address is not on the allow-list")

// refuse turns an error into one of the contract. What is not the caller's is
// logged here, once, and not shown.
func (h *handler) refuse(ctx context.Context, call *httpx.Call, err error) *refusal {
	if e, ok := errors.AsType[*refusal](err); ok {
		return e
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return invalid(field(err))
	case fault.Unauthenticated, fault.Forbidden:
		return errPermission
	case fault.NotFound:
		return errSIM
	case fault.Conflict:
		if fault.CodeOf(err) == "idempotency.reused" {
			return invalid("Idempotency-Key")
		}
	case fault.Unimplemented:
		return errFunction
	case fault.Exhausted, fault.Unavailable:
		h.log.WarnContext(ctx, "turned away", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
		return errUnavailable
	case fault.Precondition, fault.Internal:
	}
	if ctx.Err() != nil {
		return errUnavailable // the caller has gone; nobody reads this
	}
	h.log.ErrorContext(ctx, "internal error", "edge", edgeName, "request", call.ID, "route", call.Route, "error", err)
	return errUnavailable
}

// field names the first input that a fault complains about.
func field(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > 0 {
		return e.Fields[0].Name
	}
	return "request"
}

// write sends an answer. API errors have the status 200, too.
func write(w http.ResponseWriter, code int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // answers are made of texts and numbers
	}
	httpx.Private(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// refuseEarly answers what does not get as far as this edge.
func refuseEarly(w http.ResponseWriter, _ *http.Request, p httpx.Problem) {
	e := errUnavailable
	switch p {
	case httpx.TooLarge:
		e = input("Request body too large")
	case httpx.TooSlow:
		e = input("Request body did not arrive in time")
	case httpx.Broken:
		e = input(jsonSyntax)
	case httpx.Busy, httpx.Panicked:
	}
	write(w, p.Status(), e.answer())
}
