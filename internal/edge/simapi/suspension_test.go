package simapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// suspend sets a suspension of an account as somebody.
func (w *world) suspend(as, folio, flags string) answer {
	w.t.Helper()
	return w.call(as, http.MethodPatch, "/portfolio/<"+folio+">", flags)
}

// Nobody of a suspended account, or of one below it, comes in; what they had
// goes on once it is lifted.
func TestSuspendedAccountsComeInNowhere(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		person := fleet.Login{Username: "Ada Lovelace", Password: "correct horse", Portfolio: folios["C"]}
		must(w.Fleet.CreateUser(t.Context(), w.op, fleet.NewUser{Username: person.Username, Password: person.Password, Portfolio: folios["C"], Roles: "E"}))
		in := must(w.Fleet.SignIn(t.Context(), fleet.Request{}, person))
		for _, k := range []string{"adminSuspend", "customerSuspend"} {
			w.suspend(operator, "A", `{"`+k+`":"yes"}`).has(t, `{"`+k+`":"yes","systemSuspend":"no","status":"active"}`)
			for _, who := range []string{engineer, viewer, customer} {
				w.call(who, http.MethodGet, "/sim/<child>", "").fails(t, 403, 6009)
				if got := w.token(w.secrets[who].id, w.secrets[who].secret, ""); got.status != 400 || !strings.Contains(got.body, "unauthorized_client") || !strings.Contains(got.body, "suspended") {
					t.Errorf("a token for %s: %s", who, got.body)
				}
			}
			if got := w.token(w.secrets[customer].id, "wrong", ""); !strings.Contains(got.body, "invalid_client") {
				t.Errorf("with a wrong secret: %s", got.body)
			}
			w.call(stranger, http.MethodGet, "/sim/<foreign>", "").has(t, `{}`)
			w.call(operator, http.MethodGet, "/sim/<child>", "").has(t, `{}`)
			if _, err := w.Fleet.SignIn(t.Context(), fleet.Request{}, person); fault.CodeOf(err) != tenant.AccountSuspended {
				t.Errorf("a person signs in: %v", err)
			}
			if _, _, err := w.Fleet.Session(t.Context(), in.Token); err == nil {
				t.Error("a session goes on")
			}
			w.suspend(operator, "A", `{"`+k+`":"no"}`).has(t, `{"`+k+`":"no"}`)
			for _, who := range []string{engineer, customer} {
				w.call(who, http.MethodGet, "/sim/<child>", "").has(t, `{}`)
			}
			if _, _, err := w.Fleet.Session(t.Context(), in.Token); err != nil {
				t.Errorf("the session does not go on: %v", err)
			}
		}
	})
}

// The SIMs of a suspended account stay as they are: they get no more service
// than they have, and it can be taken from them.
func TestSIMsOfSuspendedAccounts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.edit(fleet.Edit{Verb: sim.SuspendCustomer}, "child")
		w.suspend(operator, "A", `{"adminSuspend":"yes"}`).has(t, `{}`)
		for target, body := range map[string]string{
			"/sim/<stock>": `{"status":"active"}`, "/sim/<gone>": `{"status":"active"}`, "/sim/<live>": `{"packageId":6686}`,
			"/sim/<suspended>": `{"customerSuspend":"no"}`, "/sim/<admin>": `{"adminSuspend":"no"}`, "/sim/<system>": `{"systemSuspend":"no"}`,
			"/sim/<child>": `{"customerSuspend":"no"}`, "/sim/<foreign>": `{"portfolioId":"<A>"}`, "/sim/<live2>": `{"portfolioId":"<C>"}`,
		} {
			a := w.call(operator, http.MethodPatch, target, body)
			if a.fails(t, 400, 6023); t.Failed() {
				t.Fatalf("%s %s", target, body)
			}
		}
		w.call(operator, http.MethodPost, "/sim/<live>/iccSwap", `{"newIccId":"<stock>"}`).fails(t, 400, 6023)
		for _, task := range must(w.Fleet.Tasks(t.Context(), w.op, 0, 10)) {
			if _, err := w.Fleet.DecideTask(t.Context(), w.op, task.ID, true, ""); task.ICCID == iccid("waiting") && fault.CodeOf(err) != tenant.PortfolioSuspended {
				t.Errorf("an activation is approved: %v", err)
			}
		}
		if s := w.sim("live"); s.Status() != sim.StatusProvisioned {
			t.Errorf("a SIM in service is %s", s.Status())
		}
		w.call(operator, http.MethodPatch, "/sim/<live>", `{"customerSuspend":"yes"}`).has(t, `{"customerSuspend":"yes"}`)
		w.call(operator, http.MethodPatch, "/sim/<live2>", `{"status":"available"}`).has(t, `{"status":"available"}`)
		w.call(operator, http.MethodPost, "/sim/<live3>/attribute", `{"attribute":"note","value":"x"}`).has(t, `{}`)
		// Its owner's owner may take a SIM back.
		w.call(operator, http.MethodPatch, "/sim/<bare>", `{"portfolioId":"<B>"}`).has(t, `{"portfolioPackage":{"portfolioId":"<B>"}}`)
		w.suspend(operator, "A", `{"adminSuspend":"no"}`).has(t, `{}`)
		w.call(engineer, http.MethodPatch, "/sim/<stock>", `{"status":"active"}`).has(t, `{"status":"active"}`)
		w.call(engineer, http.MethodPatch, "/sim/<suspended>", `{"customerSuspend":"no"}`).has(t, `{"customerSuspend":"no"}`)
	})
}

// Who may suspend an account, and what is refused; the audit trail shows each.
func TestWhoSuspendsAccounts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.suspend(operator, "R", `{"customerSuspend":"yes"}`).fails(t, 400, 6049)
		w.suspend(operator, "A", `{"adminSuspend":true}`).fails(t, 400, 6006)
		w.suspend(admin, "C", `{"customerSuspend":"yes"}`).fails(t, 403, 6001)
		w.suspend(operator, "C", `{"adminSuspend":"yes","customerSuspend":"yes"}`).has(t, `{"adminSuspend":"yes","customerSuspend":"yes","systemSuspend":"no"}`)
		for query, count := range map[string]string{"adminSuspend=yes": "1", "adminSuspend=no": "3", "systemSuspend=yes": "0", "customerSuspend=yes": "1"} {
			w.call(operator, http.MethodGet, "/portfolio?"+query, "").has(t, `{"itemCount":`+count+`}`)
		}
		// One who may change accounts, and is no operator.
		few := fleet.Request{Caller: tenant.Principal{Kind: tenant.User, Name: "few", Portfolio: folios["R"], Sphere: tenant.Everything(),
			May: tenant.Permissions(1<<tenant.PortfolioWrite | 1<<tenant.PortfolioGet)}}
		for k, want := range map[tenant.Suspension]string{tenant.AdminSuspension: "permission.iccAdminSuspend", tenant.CustomerSuspension: ""} {
			_, err := w.Fleet.ChangePortfolio(t.Context(), few, folios["C"], func(p *tenant.Portfolio) error {
				p.Suspended = p.Suspended.Set(k, false)
				return nil
			})
			if fault.CodeOf(err) != want {
				t.Errorf("%d: %v, want %q", k, err, want)
			}
		}
		// That of the operator's rules, likewise.
		w.suspend(operator, "C", `{"systemSuspend":"yes"}`).has(t, `{"systemSuspend":"yes","adminSuspend":"yes"}`)
		w.suspend(operator, "C", `{"adminSuspend":"no"}`).has(t, `{"systemSuspend":"yes","adminSuspend":"no"}`)
		if _, err := w.Fleet.ChangePortfolio(t.Context(), few, folios["C"], func(p *tenant.Portfolio) error {
			p.Suspended = 0
			return nil
		}); fault.CodeOf(err) != "permission.iccAdminSuspend" {
			t.Errorf("it is lifted: %v", err)
		}
		w.call(operator, http.MethodGet, "/portfolio?systemSuspend=yes", "").has(t, `{"itemCount":1}`)
		w.call(customer, http.MethodGet, "/sim/<child>", "").fails(t, 403, 6009)
		w.suspend(operator, "C", `{"systemSuspend":"no"}`).has(t, `{"systemSuspend":"no"}`)
		w.call(customer, http.MethodGet, "/sim/<child>", "").has(t, `{}`)
		var got []string
		for _, e := range must(w.Fleet.Events(t.Context(), w.op, event.Query{Kinds: []event.Kind{event.PortfolioChanged}, Limit: 10})) {
			for _, c := range e.Data.Changes {
				got = append(got, c.Field+" "+c.From+" "+c.To)
			}
		}
		if s := strings.Join(got, ", "); s != "systemSuspend true false, adminSuspend true false, systemSuspend false true, customerSuspend true false, adminSuspend false true, customerSuspend false true" {
			t.Errorf("the audit trail has %s", s)
		}
	})
}
