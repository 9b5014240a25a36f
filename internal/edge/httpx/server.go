package httpx

import (
	"log/slog"
	"net/http"
	"time"
)

// Timeouts bound how long a caller may take. Zero fields take the defaults.
type Timeouts struct {
	Header time.Duration // to send the headers; 10 s
	Body   time.Duration // to send headers and body; 1 min
	Answer time.Duration // to take the answer, from the end of the headers; 2 min
	Idle   time.Duration // between two requests; 2 min
}

// maxHeader bounds the headers of one request, in bytes.
const maxHeader = 64 << 10

// NewServer returns a server that no slow caller holds for ever. A handler that
// streams moves its own deadlines with [http.ResponseController]. What the
// server itself has to say goes to log, at level debug; nil drops it.
func NewServer(h http.Handler, t Timeouts, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	either := func(d, otherwise time.Duration) time.Duration {
		if d > 0 {
			return d
		}
		return otherwise
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: either(t.Header, 10*time.Second),
		ReadTimeout:       either(t.Body, time.Minute),
		WriteTimeout:      either(t.Answer, 2*time.Minute),
		IdleTimeout:       either(t.Idle, 2*time.Minute),
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// SecureHTML sets the headers of a page: nothing may frame it, nothing guesses
// its type, nothing learns its address, and it loads only what policy allows
// (Content-Security-Policy; nothing at all when empty).
func SecureHTML(h http.Header, policy string) {
	if policy == "" {
		policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// Private marks an answer as one caller's own: no cache keeps it, and nothing
// guesses its type.
func Private(h http.Header) {
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
}

// Values of headers that every answer has; nobody changes them.
var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}
