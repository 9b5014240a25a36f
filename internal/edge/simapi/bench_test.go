package simapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// One SIM, read through the whole edge, against a handler that does nothing but
// send the same bytes.
func BenchmarkGetSIM(b *testing.B) {
	w := newWorld(b)
	r := w.request(engineer, http.MethodGet, "/sim/<live>", "")
	body := []byte(w.send(r.Clone(b.Context())).body)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	for name, h := range map[string]http.Handler{"edge": w.edge, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, r); rec.Code != http.StatusOK {
					b.Fatal(rec.Body)
				}
			}
		})
	}
}
