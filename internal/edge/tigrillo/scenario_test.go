package tigrillo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
)

// same compares JSON; the order of keys does not matter.
func same(t testing.TB, got, want string) {
	t.Helper()
	decode := func(s string) (v any) {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, s)
		}
		return v
	}
	if diff := cmp.Diff(decode(fill(want)), decode(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// done is the answer without data.
const done = `{"status":{"status":"OK","errorCode":"","errorMessage":""}}`

// failed is an error about an operation.
func failed(code, text string) string {
	return fmt.Sprintf(`{"status":{"status":"ERR","errorCode":%q,"errorMessage":%q,"code":%q,"message":%q}}`, code, text, code, text)
}

// system is an error of the URL or the system.
func system(code, text string) string {
	return fmt.Sprintf(`{"status":{"status":"ERR","errorCode":%q,"errorMessage":%q}}`, code, text)
}

// statuses is a bulk answer: SIM names and what is said of them, as JSON.
func statuses(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, fmt.Sprintf(`"<%s>":%s`, pairs[i], pairs[i+1]))
	}
	return strings.TrimSuffix(done, "}") + `,"simStatuses":{` + strings.Join(out, ",") + "}}"
}

// scenario is one call on a fresh world.
type scenario struct {
	name    string
	options func(*tigrillo.Options)
	before  func(*world)
	as      string // engineer when empty
	method  string
	body    string
	want    string            // JSON
	then    map[string]string // SIM name to its status afterwards
}

func play(t *testing.T, list []scenario) {
	t.Helper()
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var change []func(*tigrillo.Options)
			if s.options != nil {
				change = append(change, s.options)
			}
			w := newWorld(t, change...)
			if s.before != nil {
				s.before(w)
			}
			if s.as == "" {
				s.as = engineer
			}
			a := w.call(s.as, s.method, s.body)
			if a.code != http.StatusOK {
				t.Errorf("status %d", a.code)
			}
			same(t, a.body, s.want)
			for name, status := range s.then {
				if s := w.sim(name); s.Status().String() != status {
					t.Errorf("%s is %s, not %s", name, s.Status(), status)
				}
			}
		})
	}
}
