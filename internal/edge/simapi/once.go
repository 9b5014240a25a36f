package simapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// once carries out a request with a key: in one transaction with its stored
// answer, or by giving the answer again that is stored. One that asks a network
// is carried out between two transactions.
func (h *handler) once(w http.ResponseWriter, r *http.Request, x *exchange) {
	keyed := x.request
	x.request.Key, x.request.Asked = "", nil
	if r.URL.RawQuery != "" {
		sum := sha256.Sum256(append(keyed.Asked, r.URL.RawQuery...))
		keyed.Asked = sum[:]
	}
	var refused *buffer
	do := func(ctx context.Context, in *fleet.Service) ([]byte, error) {
		x.fleet, x.failure, refused = in, nil, nil
		b := &buffer{header: http.Header{}}
		x.serve.ServeHTTP(b, r.WithContext(ctx))
		if x.failure != nil {
			refused = b
		}
		return b.body.Bytes(), x.failure
	}
	var answer []byte
	var err error
	if x.route.outside {
		answer, err = h.fleet.OnceOutside(r.Context(), keyed, func(ctx context.Context) ([]byte, error) { return do(ctx, h.fleet) })
	} else {
		answer, err = h.fleet.Once(r.Context(), keyed, func(inner *fleet.Service) ([]byte, error) { return do(r.Context(), inner) })
	}
	switch {
	case refused != nil:
		maps.Copy(w.Header(), refused.header)
		w.WriteHeader(refused.status)
		_, _ = w.Write(refused.body.Bytes())
	case err != nil:
		h.refuse(w, r, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}
}

// buffer keeps an answer until what it tells of is committed.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (b *buffer) Header() http.Header { return b.header }

// WriteHeader implements http.ResponseWriter.
func (b *buffer) WriteHeader(status int) { b.status = status }

// Write implements http.ResponseWriter.
func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }
