package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// gate lets a bounded number through at once and never makes anybody wait.
type gate chan struct{}

func (g gate) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }

// retryAfter is when a caller that was turned away may try again, in seconds.
const retryAfter = "1"

func busy(w http.ResponseWriter) Problem {
	w.Header().Set("Retry-After", retryAfter)
	return Busy
}

// readBody reads the whole body, before a worker is taken: who sends slowly
// keeps nobody else from being served. The server's read timeout ends it.
func readBody(w *recorder, r *http.Request, limit int64) ([]byte, Problem) {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, TooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w.ResponseWriter, r.Body, limit))
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return body, 0
	}
	w.Header().Set("Connection", "close")
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, TooLarge
	}
	switch {
	case errors.Is(err, errHeld):
		return nil, busy(w)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, TooSlow
	}
	return nil, Broken
}

// errHeld is the end of a body for which there is no room.
var errHeld = errors.New("the bodies of all requests take too much")

// counted adds what is read of a body to what all bodies take.
type counted struct {
	io.ReadCloser
	all   *atomic.Int64
	mine  int64
	limit int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.mine += int64(n)
	if c.all.Add(int64(n)) > c.limit {
		return 0, errHeld
	}
	return n, err
}

// release takes the body out of the count, once it is no longer needed.
func (c *counted) release() { c.all.Add(-c.mine) }
