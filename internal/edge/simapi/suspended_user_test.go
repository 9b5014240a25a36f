package simapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// A program that is suspended itself comes in nowhere, by whichever flag and
// resource; what it had goes on once that is lifted. Others are let alone.
func TestSuspendedProgramsComeInNowhere(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		program := w.secrets[engineer]
		file := w.link(engineer, w.uploaded(engineer, "A", oneRow), fleet.Download).String()
		for target, k := range map[string]string{"user": "adminSuspend", "serviceAccount": "customerSuspend"} {
			one := "/portfolio/<A>/" + target + "/" + program.id
			w.call(operator, http.MethodPatch, one, `{"`+k+`":"yes"}`).has(t, `{"`+k+`":"yes","systemSuspend":"no","status":"active"}`)
			w.call(engineer, http.MethodGet, "/sim/<live>", "").fails(t, 403, 6009)
			if got := w.token(program.id, program.secret, ""); got.status != 400 || !strings.Contains(got.body, "unauthorized_client") || !strings.Contains(got.body, "suspended") {
				t.Errorf("a token: %s", got.body)
			}
			if got := w.token(program.id, "wrong", ""); !strings.Contains(got.body, "invalid_client") {
				t.Errorf("with a wrong secret: %s", got.body)
			}
			w.at(http.MethodGet, file, "").fails(t, 403, 6001)
			w.call(viewer, http.MethodGet, "/sim/<live>", "").has(t, `{}`)
			w.call(customer, http.MethodGet, "/sim/<child>", "").has(t, `{}`)
			w.call(operator, http.MethodPatch, one, `{"`+k+`":"no"}`).has(t, `{"`+k+`":"no"}`)
			w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{}`)
			if got := w.token(program.id, program.secret, ""); got.status != 200 {
				t.Errorf("a token afterwards: %s", got.body)
			}
			if a := w.at(http.MethodGet, file, ""); a.body != oneRow {
				t.Errorf("a link afterwards: %d %s", a.status, a.body)
			}
		}
	})
}

// A person that is suspended has no session, neither a new nor an old one.
func TestSuspendedPeopleComeInNowhere(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := "/portfolio/<A>/user/" + w.made(admin, "/portfolio/<A>/user", userInput(`"username":"ada lovelace"`), "userId")
		login := fleet.Login{Username: "ada lovelace", Password: "correct horse", Portfolio: folios["C"]} // below her own
		in := must(w.Fleet.SignIn(t.Context(), fleet.Request{}, login))
		w.call(admin, http.MethodPatch, one, `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes","adminSuspend":"no"}`)
		w.call(operator, http.MethodPatch, one, `{"adminSuspend":"yes"}`).has(t, `{"customerSuspend":"yes","adminSuspend":"yes"}`)
		for _, lift := range []string{"customerSuspend", "adminSuspend"} {
			if _, err := w.Fleet.SignIn(t.Context(), fleet.Request{}, login); fault.CodeOf(err) != tenant.AccountSuspended {
				t.Errorf("she signs in: %v", err)
			}
			if _, _, err := w.Fleet.Session(t.Context(), in.Token); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("her session goes on: %v", err)
			}
			w.call(operator, http.MethodPatch, one, `{"`+lift+`":"no"}`).has(t, `{"`+lift+`":"no"}`)
		}
		if _, _, err := w.Fleet.Session(t.Context(), in.Token); err != nil {
			t.Errorf("her session does not go on: %v", err)
		}
		must(w.Fleet.SignIn(t.Context(), fleet.Request{}, login))
		var got []string
		for _, e := range must(w.Fleet.Events(t.Context(), w.op, event.Query{Kinds: []event.Kind{event.AccountChanged}, Limit: 10})) {
			for _, c := range e.Data.Changes {
				got = append(got, c.Field+" "+c.From+" "+c.To)
			}
		}
		if s := strings.Join(got, ", "); s != "adminSuspend true false, customerSuspend true false, adminSuspend false true, customerSuspend false true" {
			t.Errorf("the audit trail has %s", s)
		}
	})
}

// Who may suspend users, what is refused, and how lists show it.
func TestWhoSuspendsUsers(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		one := "/portfolio/<A>/serviceAccount/" + w.secrets[viewer].id
		user := "/portfolio/<A>/user/" + w.secrets[viewer].id
		w.call(engineer, http.MethodPatch, one, `{"customerSuspend":"yes"}`).fails(t, 403, 6001)
		w.call(admin, http.MethodPatch, one, `{"adminSuspend":"yes"}`).fails(t, 403, 6001)
		w.call(admin, http.MethodPatch, "/portfolio/<A>/user/"+w.secrets[admin].id, `{"customerSuspend":"yes"}`).fails(t, 400, 6048)
		w.call(admin, http.MethodPatch, user, `{"systemSuspend":"yes"}`).fails(t, 403, 6001)
		w.call(stranger, http.MethodPatch, user, `{"customerSuspend":"yes"}`).fails(t, 403, 6001)
		w.call(operator, http.MethodPatch, user, `{"adminSuspend":"perhaps"}`).fails(t, 400, 6006)
		w.call(operator, http.MethodPatch, user, `{"adminSuspend":"yes"}`).has(t, `{"adminSuspend":"yes"}`)
		w.call(admin, http.MethodPatch, user, `{"adminSuspend":"no"}`).fails(t, 403, 6001)
		w.call(admin, http.MethodPatch, user, `{"customerSuspend":"yes"}`).has(t, `{"adminSuspend":"yes","customerSuspend":"yes"}`)
		w.call(admin, http.MethodPost, "/portfolio/<A>/serviceAccount", `{"emailAddress":"bot@acme.example","customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes","adminSuspend":"no"}`)
		for query, count := range map[string]string{"adminSuspend=yes": "1", "customerSuspend=yes": "2", "systemSuspend=yes": "0", "customerSuspend=no&systemSuspend=no": "3"} {
			for _, list := range []string{"user", "serviceAccount"} {
				w.call(admin, http.MethodGet, "/portfolio/<A>/"+list+"?"+query, "").has(t, `{"itemCount":`+count+`}`)
			}
		}
		w.call(admin, http.MethodGet, "/portfolio/<A>/user?adminSuspend=true", "").fails(t, 400, 6006)
		// That of the operator's rules is the operator's.
		w.call(operator, http.MethodPatch, user, `{"adminSuspend":"no","customerSuspend":"no","systemSuspend":"yes"}`).has(t, `{"adminSuspend":"no","systemSuspend":"yes"}`)
		w.call(viewer, http.MethodGet, "/sim/<live>", "").fails(t, 403, 6009)
		w.call(admin, http.MethodPatch, user, `{"systemSuspend":"no"}`).fails(t, 403, 6001)
		w.call(operator, http.MethodPatch, one, `{"systemSuspend":"no"}`).has(t, `{"systemSuspend":"no"}`)
		w.call(viewer, http.MethodGet, "/sim/<live>", "").has(t, `{}`)
	})
}

// A link takes no new SIMs while the operator or the customer has suspended it,
// and keeps those that are on it.
func TestSuspendedLinks(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		const one = "/package/6686/packagePortfolio/<A>"
		move := func() answer { return w.call(engineer, http.MethodPatch, "/sim/<live>", `{"packageId":6686}`) }
		w.call(operator, http.MethodPatch, one, `{"customerSuspend":"yes","adminSuspend":"yes"}`).has(t, `{"customerSuspend":"yes","adminSuspend":"yes","status":"active"}`)
		move().fails(t, 400, 16006)
		w.call(operator, http.MethodPatch, one, `{"adminSuspend":"no"}`).has(t, `{"customerSuspend":"yes","adminSuspend":"no"}`)
		move().fails(t, 400, 16006)
		for query, count := range map[string]string{"customerSuspend=yes": "1", "customerSuspend=no": "0", "adminSuspend=yes": "0"} {
			w.call(engineer, http.MethodGet, "/package/6686/packagePortfolio?portfolioId=<A>&"+query, "").has(t, `{"itemCount":`+count+`}`)
		}
		// The customer's is the customer's, and nothing else of it.
		w.call(viewer, http.MethodPatch, one, `{"customerSuspend":"no"}`).fails(t, 403, 6001)
		w.call(stranger, http.MethodPatch, one, `{"customerSuspend":"no"}`).fails(t, 404, 6002)
		w.call(engineer, http.MethodPatch, one, `{"customerSuspend":"no"}`).has(t, `{"customerSuspend":"no"}`)
		for _, body := range []string{`{"adminSuspend":"yes"}`, `{"status":"deleted"}`, `{"customerSuspend":"yes","status":"deleted"}`} {
			w.call(engineer, http.MethodPatch, one, body).fails(t, 403, 6001)
		}
		move().has(t, `{}`)
		w.call(engineer, http.MethodPatch, one, `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`)
		w.call(engineer, http.MethodGet, "/sim/<live>", "").has(t, `{"status":"active"}`)
		w.call(engineer, http.MethodPatch, "/sim/<live2>", `{"packageId":6686}`).fails(t, 400, 16006)
		// Offered again after it was deleted, it is new.
		w.call(operator, http.MethodPatch, one, `{"status":"deleted"}`).has(t, `{}`)
		w.call(operator, http.MethodPost, "/package/6686/packagePortfolio", `{"portfolioId":"<A>"}`).has(t, `{"customerSuspend":"no","adminSuspend":"no"}`)
	})
}
