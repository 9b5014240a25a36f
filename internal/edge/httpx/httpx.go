// Package httpx is what all HTTP edges share: request ids, recovery from
// panics, the access log, the metrics hook, bounds on what comes in and on how
// much is worked on at once, the client's address behind proxies, idempotency
// keys, and a server whose callers cannot hold it for ever.
//
// It knows no dialect: an edge says in its own words what was refused here.
package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Options are what every edge of a server shares.
type Options struct {
	Log      *slog.Logger   // nothing is logged when nil
	Trusted  []netip.Prefix // proxies whose X-Forwarded-For is believed
	Observer Observer       // may be nil
}

// Observer is told of every request once it has been answered. It must be safe
// for concurrent use.
type Observer interface {
	Observe(Sample)
}

// Sample is one answered request. All texts are of closed lists.
type Sample struct {
	Edge    string
	Route   string // as the edge named it; "other" when it did not
	Class   string // of the status: "2xx" to "5xx"
	Took    time.Duration
	Problem Problem // why it did not get as far as the edge; 0 when it did
}

// Edge is the frame of one dialect. Refuse is required.
type Edge struct {
	Options
	Name string // in metrics and in the log

	// MaxBody bounds a request body, which is then read whole before the edge
	// is asked. Zero leaves the body, and its bound, to the edge.
	MaxBody int64

	// MaxInFlight bounds the requests that are worked on at once; 256 when
	// zero. Ten times as many may be sending their body meanwhile.
	MaxInFlight int

	// MaxHeld bounds what the bodies of all requests together may take while
	// MaxBody applies, in bytes; 64 times MaxBody when zero.
	MaxHeld int64

	// Refuse answers a request that does not get as far as the edge. Headers
	// that the problem calls for are set; the status is the edge's choice.
	Refuse func(w http.ResponseWriter, r *http.Request, p Problem)
}

// Problem is why a request does not get as far as the edge.
type Problem uint8

// The problems.
const (
	TooLarge Problem = iota + 1 // the body is over the bound
	TooSlow                     // the body did not come in time
	Broken                      // the body cannot be read
	Busy                        // too much is worked on already
	Panicked                    // a fault of ours, logged with its stack
)

var problemNames = [...]string{"", "too_large", "too_slow", "broken", "busy", "panic"}

// String returns the stable name of p, empty for none.
func (p Problem) String() string { return problemNames[p] }

// Status is the HTTP status that fits p.
func (p Problem) Status() int {
	switch p {
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case TooSlow:
		return http.StatusRequestTimeout
	case Broken:
		return http.StatusBadRequest
	case Busy:
		return http.StatusServiceUnavailable
	case Panicked:
	}
	return http.StatusInternalServerError
}

// Call is what is known of the request under way. An edge fills in Route and
// Caller; one goroutine at a time may do so.
type Call struct {
	ID   string     // of the request
	From netip.Addr // the client; the zero Addr when it cannot be told
	Body []byte     // when the edge has a MaxBody
	Key  string     // Idempotency-Key as it was sent; empty for none

	Route  string // what was asked, from a closed list, for the metrics
	Caller string // who asked, for the log
}

type callKey struct{}

// Of returns the call of a request that came through an [Edge], or an empty
// one.
func Of(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// Wrap puts the frame around a handler.
func (e Edge) Wrap(next http.Handler) http.Handler {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.MaxInFlight <= 0 {
		e.MaxInFlight = defaultInFlight
	}
	if e.MaxHeld <= 0 {
		e.MaxHeld = bodiesHeld * e.MaxBody
	}
	return &frame{Edge: e, next: next, open: make(gate, sending*e.MaxInFlight), working: make(gate, e.MaxInFlight)}
}

const (
	defaultInFlight = 256
	sending         = 10 // times as many may be sending their body
	bodiesHeld      = 64 // of the largest size fit
)

type frame struct {
	Edge
	next          http.Handler
	open, working gate
	held          atomic.Int64 // bytes of bodies
}

// ServeHTTP implements http.Handler.
func (f *frame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	call := &Call{ID: requestID(r.Header.Get("X-Request-Id")), From: client(r, f.Trusted), Key: r.Header.Get("Idempotency-Key")}
	w.Header().Set("X-Request-Id", call.ID)
	rec := &recorder{ResponseWriter: w}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, call))
	problem, torn := f.serve(rec, r, call)
	f.report(r, call, rec, time.Since(begun), problem)
	if torn {
		panic(http.ErrAbortHandler)
	}
}

// serve answers the request, here or at the edge. Torn means that the answer
// broke off in the middle, so that the connection must too.
func (f *frame) serve(rec *recorder, r *http.Request, call *Call) (problem Problem, torn bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err, _ := p.(error)
		deliberate := errors.Is(err, http.ErrAbortHandler)
		if !deliberate {
			f.logPanic(call, p)
		}
		if problem, torn = Panicked, deliberate || rec.status != 0; !torn {
			f.Refuse(rec, r, Panicked)
		}
	}()
	if problem = f.admit(rec, r, call); problem != 0 {
		f.Refuse(rec, r, problem)
	}
	return problem, false
}

// admit takes the request to the edge, unless something stands in the way.
func (f *frame) admit(rec *recorder, r *http.Request, call *Call) Problem {
	if !f.open.enter() {
		return busy(rec)
	}
	defer f.open.leave()
	if f.MaxBody > 0 && r.Body != http.NoBody {
		counted := &counted{ReadCloser: r.Body, all: &f.held, limit: f.MaxHeld}
		defer counted.release()
		r.Body = counted
		body, problem := readBody(rec, r, f.MaxBody)
		if problem != 0 {
			return problem
		}
		call.Body = body
	}
	if !f.working.enter() {
		return busy(rec)
	}
	defer f.working.leave()
	f.next.ServeHTTP(rec, r)
	return 0
}
