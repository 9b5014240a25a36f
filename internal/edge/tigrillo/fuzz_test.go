package tigrillo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// known are the codes that bad input may lead to. E9998 is none of them.
var known = map[string]bool{"": true, "E0001": true, "E0004": true, "E0005": true, "E0006": true, "E0100": true, "E0131": true, "E0132": true,
	"E0137": true, "E0143": true, "E0144": true, "E0145": true, "F0000": true}

// FuzzMethods sends any body to any method: the answer is a JSON object of the
// contract with the status 200, whatever comes in.
func FuzzMethods(f *testing.F) {
	for i, m := range methods {
		f.Add(uint8(i), []byte(`{"ICCID":"<live>","state":"suspend","sims":["<live>","<missing>"]}`), "")
		for _, body := range naming[m] {
			f.Add(uint8(i), []byte(fill(strings.ReplaceAll(body, "@", "<live>"))), "key")
		}
	}
	login, list := uint8(2), uint8(4)
	f.Add(login, []byte(`{"username":"engineer@a.test","password":"wrong horse","portfolioID":"0123456789abcdef0123456789abcdef"}`), "")
	for _, body := range []string{`{"searchCriteria":{"state":"suspended","group":"North","tariff":"20417"},"sortOrder":"FD","startRec":"1","numRecs":5}`,
		`{"searchCriteria":{"matchString":"\"*%_\\","matchType":"C","matchFields":["F","IP Address"]}}`, `{"searchCriteria":{"matchString":"\ufffd\u202e","matchType":"E","matchFields":"AFM"}}`} {
		f.Add(list, []byte(body), "")
	}
	w := newWorld(f)
	token, n := "", 0
	f.Fuzz(func(t *testing.T, which uint8, body []byte, key string) {
		w.t = t
		if token == "" {
			in := must(w.Fleet.SignIn(context.Background(), fleet.Request{Via: "test"}, fleet.Login{Username: engineer, Password: password, Portfolio: folios["A"]}))
			token = in.Token
			w.asked = append(w.asked, token)
		}
		m := methods[int(which)%len(methods)]
		r := w.as(w.request("", m, string(body)), token)
		if m == "login" {
			r.Header.Del("Cookie")
			n++ // from everywhere, so that guessing is not slowed down
			r.RemoteAddr = fmt.Sprintf("198.18.%d.%d:1", n/256%256, n%256)
		}
		if validHeader(key) {
			r.Header.Set("Idempotency-Key", key)
		}
		a := w.send(r)
		if m == "logout" {
			token = ""
		}
		if a.code != http.StatusOK || a.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(a.body)) {
			t.Errorf("%s %q: %d %s", m, body, a.code, a.body)
		}
		if code := errorCode(a); !known[code] && code != "E0000" {
			t.Errorf("%s %q: %s", m, body, a.body)
		}
	})
}

// validHeader reports whether a header can hold s on the wire.
func validHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
