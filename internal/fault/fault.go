// Package fault is the one vocabulary of errors. Every room returns these and
// every edge translates them, each with one total switch over [Kind], so an
// error that nobody labelled is internal and never reaches a user.
//
// It knows nothing of SIMs, SQL or HTTP.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the closed list of what can go wrong, from the caller's point of
// view. Append only: the numbers are used in stored job results.
type Kind uint8

// The kinds. Internal is the zero value: an unlabelled error is ours.
const (
	Internal        Kind = iota // our fault; the message is never shown
	Invalid                     // the input is malformed; Fields name what and why
	Unauthenticated             // who are you?
	Forbidden                   // known caller, may not do this
	NotFound                    // missing, or outside the caller's sphere
	Conflict                    // collides with what is stored
	Precondition                // well-formed, but the present state refuses it
	Exhausted                   // a limit, quota or rate is used up
	Unavailable                 // try again later
	Unimplemented               // this will never work here
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "not_found",
	"conflict", "precondition", "exhausted", "unavailable", "unimplemented",
}

// String returns the stable name of k, such as "not_found".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Field says what is wrong with one input field.
type Field struct {
	Name   string `json:"field"`
	Reason string `json:"reason"`
}

// Error is what rooms return to each other. Message is for the caller; Err is
// for the log and is never shown.
type Error struct {
	Kind    Kind
	Code    string // stable and dotted, such as "sim.closed"
	Message string
	Fields  []Field
	Err     error
}

// Error is the sentence for logs and the command line: message, fields, cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString(";")
		} else if e.Message != "" {
			b.WriteString(":")
		}
		fmt.Fprintf(&b, " %s %s", f.Name, f.Reason)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return strings.TrimSpace(b.String())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k. The message may be formatted.
func New(k Kind, code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField reports one bad input field: name it as the caller wrote it, and
// say what is wrong with the value, not only that it is.
func InvalidField(name, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: "invalid." + name,
		Fields: []Field{{Name: name, Reason: fmt.Sprintf(format, args...)}}}
}

// Missing reports that the named thing does not exist, or lies outside the
// caller's sphere: the two are told apart nowhere.
func Missing(what, id string) *Error {
	return New(NotFound, what+".not_found", "%s %s not found", what, id)
}

// Because attaches the cause err, for the log, and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// KindOf returns the kind of the first [Error] in err's chain, Internal for
// any other error. It must not be called with nil.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf returns the code of the first [Error] in err's chain, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Join collects field errors into one Invalid error, so that a caller hears
// all of them at once. It returns nil when every err is nil, and the first
// error that is not Invalid as it stands.
func Join(errs ...error) error {
	var all *Error
	for _, err := range errs {
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != Invalid {
			return err
		}
		if all == nil {
			all = &Error{Kind: Invalid, Code: e.Code, Message: e.Message}
		}
		all.Fields = append(all.Fields, e.Fields...)
	}
	if all == nil {
		return nil
	}
	return all
}
