package httpx

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// recorder notes what was answered. Everything else that the ResponseWriter
// can do is reached through [http.ResponseController].
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// maxPath bounds how much of a path is logged.
const maxPath = 200

// report writes the access log and feeds the metrics. The query string is left
// out, as tokens can stand there; so are headers, cookies and bodies.
func (f *frame) report(r *http.Request, call *Call, rec *recorder, took time.Duration, problem Problem) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK // what the server sends for a handler that wrote nothing
	}
	path := r.URL.EscapedPath()
	path = path[:min(len(path), maxPath)]
	attrs := append(make([]slog.Attr, 0, 10), slog.String("edge", f.Name), slog.String("method", r.Method), slog.String("path", path),
		slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("request", call.ID),
		slog.String("client", call.From.String()))
	if call.Caller != "" {
		attrs = append(attrs, slog.String("caller", call.Caller))
	}
	if problem != 0 {
		attrs = append(attrs, slog.String("problem", problem.String()))
	}
	f.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
	if f.Observer == nil {
		return
	}
	route := call.Route
	if route == "" {
		route = "other"
	}
	f.Observer.Observe(Sample{Edge: f.Name, Route: route, Class: strconv.Itoa(status/100) + "xx", Took: took, Problem: problem})
}

// logPanic writes what went wrong, and where, once.
func (f *frame) logPanic(call *Call, p any) {
	f.Log.Error("panic", "edge", f.Name, "request", call.ID, "error", fmt.Sprint(p), "stack", string(debug.Stack()))
}
