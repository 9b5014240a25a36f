package terminal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

// FuzzCalls: whatever a caller sends as query, type and body, the answer is one
// of the contract, is never a failure of ours, and leaves another's SIM alone.
func FuzzCalls(f *testing.F) {
	w := newWorld(f)
	var paths []string
	for name, method := range terminal.Routes() {
		paths = append(paths, method+" "+name)
	}
	for i, query := range []string{"iccid=<live>", "iccid=<foreign>&name=x", "iccid=<live>,<live2>&limit=5", "eid=<EID>&profile=Asia&action=download",
		"offset=-1&month=13&year=0", "%zz", "iccid=%00&group=%26", "from=1&to=2&iccid=<live>", "iccid[]=1", "iccid=<live>&sms=%F0%9F%98%80"} {
		f.Add(uint8(i), fill(query), "application/json", "{}")
		f.Add(uint8(i*7), "", "application/x-www-form-urlencoded", fill(query))
		f.Add(uint8(i*11), "", "application/json", fill(`{"iccid":["<live>","<foreign>"],"name":"n","limit":1e3}`))
	}
	f.Fuzz(func(t *testing.T, which uint8, query, kind, body string) {
		method, name, _ := strings.Cut(paths[int(which)%len(paths)], " ")
		r := request(method, "/v1/"+name, kind, body)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+w.secrets[full].token)
		a := w.send(r)
		if a.status >= http.StatusInternalServerError {
			t.Errorf("%s %s?%q %q %q: %d %s", method, name, query, kind, body, a.status, a.body)
		}
		conforms(t, method, "/"+name, a)
		here := *w
		here.t = t
		if s := here.look("foreign"); s.Name != "foreign" || s.State != "LIVE" {
			t.Errorf("%s %s?%q changed another's SIM: %+v", method, name, query, s)
		}
	})
}
