package api_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/api"
)

func get(t *testing.T, method, path string) *http.Response {
	t.Helper()
	rec := httptest.NewRecorder()
	api.Swagger().ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSwagger(t *testing.T) {
	t.Parallel()
	page := body(t, get(t, http.MethodGet, api.SwaggerPath))
	for _, other := range []string{"terminal", "tigrillo"} {
		page += body(t, get(t, http.MethodGet, api.SwaggerPath+other+".html")) + body(t, get(t, http.MethodGet, api.SwaggerPath+other+".js"))
	}
	if strings.Count(page, `href="page.css"`) != 3 { // without it, columns of tables touch
		t.Error("a page does without its style")
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^":]+)"`).FindAllStringSubmatch(page, -1) {
		if r := get(t, http.MethodGet, api.SwaggerPath+m[1]); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", m[1], r.StatusCode)
		}
	}
	if strings.Contains(page, "<script>") || strings.Contains(page+body(t, get(t, http.MethodGet, "/swagger/start.js")), "http://") {
		t.Error("the page runs what its policy forbids, or asks elsewhere")
	}
	for path, kind := range map[string]string{"": "text/html; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8", "start.js": "text/javascript; charset=utf-8", "tigrillo.yaml": "application/yaml"} {
		r := get(t, http.MethodGet, api.SwaggerPath+path)
		if r.Header.Get("Content-Type") != kind || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") || r.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
	for _, path := range []string{"LICENSE", "README.md", "terminal.yaml", "nothing", "../api.go", "%2e%2e/api.go", "swagger/index.html"} {
		if r := get(t, http.MethodGet, api.SwaggerPath+path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := get(t, http.MethodPost, api.SwaggerPath); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.StatusCode)
	}
}
