package httpx_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
)

// A path that is not clean reaches who it means, with its method, its query and
// its body; nobody is sent elsewhere.
func TestCleanServesWhatAPathMeans(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, body)
	})
	mux.HandleFunc("/swagger/", func(http.ResponseWriter, *http.Request) {})
	h := httpx.Clean(mux, "/swagger/")
	for _, c := range []struct {
		method, target string
		status         int
		want           string
	}{
		{"PUT", "/v1/sim?a=//b", 200, "PUT /v1/sim /v1/sim a=//b body"},
		{"PUT", "//v1/sim?a=//b", 200, "PUT /v1/sim /v1/sim a=//b body"},
		{"POST", "/v1//sim/", 200, "POST /v1/sim/ /v1/sim/  body"},
		{"DELETE", "/x/../v1/./sim", 200, "DELETE /v1/sim /v1/sim  body"},
		{"PUT", "/v1/a%2F%2Fb", 200, "PUT /v1/a//b /v1/a%2F%2Fb  body"},
		{"PUT", "//v1/a%2F%2Fb", 200, "PUT /v1/a//b /v1/a%2F%2Fb  body"},
		{"PUT", "/v1/../../etc", 404, ""},
		{"GET", "/swagger//page", 307, ""},
	} {
		r := httptest.NewRequest(c.method, "http://localhost"+c.target, strings.NewReader("body"))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if c.status == 200 && (w.Code != 200 || w.Body.String() != c.want) || c.status == 404 && w.Code != 404 || c.status == 307 && w.Code/100 != 3 {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.target, w.Code, w.Body, c.status, c.want)
		}
	}
}
