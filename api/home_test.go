package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/api"
)

func TestHome(t *testing.T) {
	t.Parallel()
	home := api.Home(api.HomePage{Version: "v1.2<3", Terminal: []string{"/v1", "/webapi"}})
	ask := func(method, known string) *http.Response {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/", nil)
		r.Header.Set("If-None-Match", known)
		home.ServeHTTP(rec, r)
		return rec.Result()
	}
	r := ask(http.MethodGet, "")
	page := body(t, r)
	for _, want := range []string{"v1.2&lt;3", "<code>/v1</code>, <code>/webapi</code>", "color-scheme: light dark", `href="/swagger/"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	policy := r.Header.Get("Content-Security-Policy")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("Cache-Control") != "no-cache" ||
		!strings.Contains(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	for _, foreign := range []string{"<script", "style=", "http://", "https://", "url("} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page has %s, which its policy forbids, or which lies elsewhere", foreign)
		}
	}
	head := ask(http.MethodHead, "")
	sent, err := io.ReadAll(head.Body)
	if head.ContentLength != r.ContentLength || r.ContentLength == 0 || len(sent) > 0 || err != nil {
		t.Errorf("HEAD says %d bytes and has %d, GET says %d: %v", head.ContentLength, len(sent), r.ContentLength, err)
	}
	if again := ask(http.MethodGet, r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("a page that is known is sent again: %d", again.StatusCode)
	}
}
