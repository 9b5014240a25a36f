package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
)

// A path with a slash too many reaches the dialect that it means, which answers
// in its own words; nobody is sent elsewhere, where a PUT would become a GET.
func TestUncleanPathsReachTheirDialect(t *testing.T) {
	t.Parallel()
	s := serve(t, open(t, sqlitetest.Dir(t)), app.Serving{})
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(body)
	}
	for path, words := range map[string]string{"/v1/set_name": "invalid_token", "/v2/sim": "", "/Japi/activateSIMs": "", "/oauth2/token": ""} {
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodGet} {
			code, body := ask(method, path)
			for _, unclean := range []string{"/" + path, "/x/.." + path} {
				got, text := ask(method, unclean)
				if got != code || code/100 == 3 || !strings.Contains(text, words) || len(text) == 0 != (len(body) == 0) {
					t.Errorf("%s %s: %d %s; %s: %d %s", method, path, code, body, unclean, got, text)
				}
			}
		}
	}
}
