package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
)

// What the first page names is there; it takes nothing but being read, and takes
// no other path from the dialects.
func TestHomeLeadsToTheDoors(t *testing.T) {
	t.Parallel()
	s := serve(t, open(t, sqlitetest.Dir(t)), app.Serving{Terminal: terminal.Options{Prefixes: []string{"/webapi"}}})
	code, page := s.get(t, "/")
	if code != http.StatusOK || !strings.Contains(page, app.Version()) || !strings.Contains(page, "<code>/webapi</code>") {
		t.Fatalf("%d %s", code, page)
	}
	links := regexp.MustCompile(`href="(/[^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 9 {
		t.Errorf("%d links", len(links))
	}
	for _, l := range links {
		if code, _ := s.get(t, l[1]); code != http.StatusOK {
			t.Errorf("%s: %d", l[1], code)
		}
	}
	for _, base := range regexp.MustCompile(`<code>(?:POST )?(/[^<]*)</code>`).FindAllStringSubmatch(page, -1) {
		if _, text := s.get(t, base[1]); strings.Contains(text, "404 page not found") {
			t.Errorf("nothing is at %s", base[1])
		}
	}
	for _, path := range []string{"/nothing", "/index.html", "/home"} {
		if code, _ := s.get(t, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Close = true
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, a.StatusCode, a.Header.Get("Allow"))
		}
	}
}
