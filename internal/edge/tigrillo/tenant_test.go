package tigrillo_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// naming are the bodies that name one SIM, "@", of every method that names any.
var naming = map[string][]string{
	"getSIMStateOptions": {`{"ICCID":"@"}`},
	"setSIMState":        {`{"ICCID":"@","state":"suspend"}`, `{"ICCID":"@","state":"active"}`, `{"ICCID":"@","state":"terminate"}`, `{"ICCID":"@","state":"x"}`},
	"activateSIMs": {`{"sims":[{"ICCID":"@"}]}`, `{"sims":[{"ICCID":"@"}],"tariffID":20417}`, `{"sims":[{"ICCID":"@"}],"tariffID":20421}`,
		`{"sims":[{"ICCID":"@","friendlyName":"x","IMEI":"490154203237518"}],"group":"x","device":"x"}`, `{"sims":[{"ICCID":"@"},{"ICCID":"<foreign>"}]}`},
	"suspendSIMs":        {`{"sims":["@"]}`, `{"sims":["@","<foreign>"]}`},
	"unsuspendSIMs":      {`{"sims":["@"]}`, `{"sims":["@","<foreign>"]}`},
	"terminateSIMs":      {`{"sims":["@"]}`, `{"sims":["@","<foreign>"]}`},
	"setSIMDetail":       {`{"ICCID":"@","friendlyName":"x","group":"x"}`, `{"ICCID":"@"}`},
	"getSIMBilling":      {`{"ICCID":"@"}`, `{"ICCID":"@","startDate":"2025-01-01"}`},
	"getSIMLastActivity": {`{"ICCID":"@"}`},
	"getSIMs": {`{"searchCriteria":{"matchString":"@","matchType":"M","matchFields":"I"}}`,
		`{"searchCriteria":{"matchString":"@","matchType":"C","matchFields":"FIESAM"},"sortOrder":"FD"}`},
}

// TestAnothersSIMLooksMissing: every method, for every SIM of another
// portfolio, answers as for a SIM that does not exist, byte for byte.
func TestAnothersSIMLooksMissing(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Sorted(maps.Keys(naming)) {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.snapshot()
			for _, as := range []string{stranger, customer} {
				for _, name := range sims {
					if (as == stranger) == (name == "foreign") || (as == customer && name == "child") {
						continue // the caller's own
					}
					for _, body := range naming[m] {
						if as == customer {
							body = strings.ReplaceAll(body, "<foreign>", "<child>")
						}
						w.alike(as, m, body, name)
					}
				}
			}
			if w.snapshot() != before {
				t.Error("a SIM was changed")
			}
		})
	}
}

// alike compares the answer about a SIM with that about one that is missing.
func (w *world) alike(as, method, body, name string) {
	w.t.Helper()
	ask := func(name string) string {
		r := w.request(as, method, strings.ReplaceAll(body, "@", "<"+name+">"))
		r.Header.Set("X-Request-Id", "same")
		a := w.send(r)
		return strings.ReplaceAll(fmt.Sprint(a.code, a.header, a.body), string(iccid(name)), "@")
	}
	if theirs, none := ask(name), ask(missing); theirs != none {
		w.t.Errorf("%s %s as %s\n%s: %s\nnone: %s", method, body, as, name, theirs, none)
	}
}

// TestEveryMethodThatNamesSIMsIsReplayed holds the table above against the list
// of methods.
func TestEveryMethodThatNamesSIMsIsReplayed(t *testing.T) {
	t.Parallel()
	for _, m := range methods {
		_, replayed := naming[m]
		if names := m != "ping" && m != "getCookieName" && m != "login" && m != "logout"; names != replayed {
			t.Errorf("%s is replayed: %v", m, replayed)
		}
	}
}

// TestTheSphereIsTheSessions: a login into a portfolio below sees that alone.
func TestTheSphereIsTheSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, token := w.login(engineer, password, string(folios["C"]), "")
	a := w.send(w.as(w.request("", "suspendSIMs", `{"sims":["<child>","<live>"]}`), token))
	same(t, a.body, statuses("live", e0137))
	a = w.send(w.as(w.request("", "suspendSIMs", `{"sims":["<child>"]}`), token))
	same(t, a.body, done)
}
