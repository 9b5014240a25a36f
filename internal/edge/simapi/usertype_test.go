package simapi_test

import (
	"net/http"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Whoever has a type of the tree's own may do what the role that it names may:
// from the start, after a change of type, and after a change of the role.
func TestUserTypes(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		fitter := w.made(operator, "/userType", `{"name":"Fitter","title":"fitter","role":"T"}`, "userTypeId")
		clerk := w.made(operator, "/userType", `{"name":"Clerk","title":"clerk"}`, "userTypeId")
		w.call(viewer, http.MethodGet, "/userType/"+fitter, "").has(t, `{"name":"Fitter","role":"T","status":"active"}`)
		w.call(viewer, http.MethodGet, "/userType/"+clerk, "").has(t, `{"role":"U"}`)
		w.call(viewer, http.MethodGet, "/userType/1", "").has(t, `{"role":null}`)
		user := w.made(admin, "/portfolio/<A>/user", userInput(`"username":"ada lovelace","userTypeId":`+fitter), "userId")
		one := "/portfolio/<A>/user/" + user
		in := must(w.Fleet.SignIn(t.Context(), fleet.Request{}, fleet.Login{Username: "ada lovelace", Password: "correct horse", Portfolio: folios["A"]}))
		may := func(roles string, suspends, activates bool) {
			t.Helper()
			w.call(admin, http.MethodGet, one, "").has(t, `{"roles":"`+roles+`"}`)
			a, _, err := w.Fleet.Session(t.Context(), in.Token)
			if err != nil || a.May.Has(tenant.SIMSuspend) != suspends || a.May.Has(tenant.SIMActivate) != activates {
				t.Errorf("%s: %v, %v", roles, a.May.Names(), err)
			}
		}
		may("T", true, false)
		w.call(admin, http.MethodGet, "/portfolio/<A>/user?userTypeId="+fitter, "").has(t, `{"items":[{"userId":"`+user+`","userTypeId":`+fitter+`}]}`)
		w.call(admin, http.MethodPatch, one, `{"userTypeId":"`+clerk+`"}`).has(t, `{"userTypeId":`+clerk+`,"roles":"U"}`)
		may("U", false, false)
		w.call(operator, http.MethodPatch, "/userType/"+clerk, `{"role":"E"}`).has(t, `{"role":"E","title":"clerk"}`)
		may("E", true, true)
		w.call(operator, http.MethodPatch, "/userType/"+clerk, `{"name":"Senior clerk"}`).has(t, `{"role":"E"}`)

		// The type names the roles; one without a type has roles of its own.
		w.call(admin, http.MethodPost, one+"/userPermission", `{"title":"A"}`).fails(t, 400, 6048)
		w.call(admin, http.MethodPatch, one, `{"userTypeId":1}`).has(t, `{"userTypeId":1,"roles":"E"}`)
		w.call(admin, http.MethodPost, one+"/userPermission", `{"title":"F"}`).has(t, `{"title":"F"}`)
		may("EF", true, true)
		w.call(operator, http.MethodPatch, "/userType/"+clerk, `{"role":"L"}`).has(t, `{"role":"L"}`)
		may("EF", true, true)

		// Who has a deleted type keeps it; nobody else gets it.
		w.call(admin, http.MethodPatch, one, `{"userTypeId":`+clerk+`}`).has(t, `{"roles":"L"}`)
		w.call(operator, http.MethodPatch, "/userType/"+clerk, `{"status":"deleted"}`).has(t, `{"status":"deleted"}`)
		w.call(admin, http.MethodPatch, one, `{"firstName":"Augusta"}`).has(t, `{"userTypeId":`+clerk+`,"roles":"L"}`)
		for _, kind := range []string{clerk, "4", "7", "99"} {
			w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"someone","userTypeId":`+kind)).fails(t, 400, 6013)
		}
		w.call(admin, http.MethodPost, "/portfolio/<A>/user", userInput(`"username":"someone","roles":"E","userTypeId":`+fitter)).fails(t, 400, 6006)
		w.call(admin, http.MethodPatch, "/portfolio/<A>/user/"+w.secrets[engineer].id, `{"userTypeId":`+fitter+`}`).fails(t, 400, 6013)
		for body, code := range map[string]int{`{"role":"X"}`: 6006, `{"role":"EE"}`: 6006, `{"role":""}`: 6006, `{"role":null}`: 6006, `{}`: 6017, `{"role":"operator"}`: 6006} {
			w.call(operator, http.MethodPatch, "/userType/"+fitter, body).fails(t, 400, code)
		}
		w.call(operator, http.MethodPost, "/taxCode", `{"name":"x","title":"x","role":"E"}`).fails(t, 400, 6014)
	})
}

// A type is no way to give away, or to take, more than one has.
func TestUserTypesGiveNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.made(operator, "/userType", `{"name":"Boss","title":"boss","role":"A"}`, "userTypeId")
	few := fleet.Request{Caller: tenant.Principal{Kind: tenant.User, Name: "few", Portfolio: folios["R"], Sphere: tenant.Below(string(folios["R"]) + "/"),
		May: tenant.Rights("L") | 1<<tenant.PortfolioWrite | 1<<tenant.UserWrite | 1<<tenant.UserGet}}
	role := func(to string) error {
		_, err := w.Fleet.CreateEntry(t.Context(), few, tenant.Entry{Dictionary: tenant.UserTypes, Name: to, Title: to, Role: to})
		return err
	}
	if err := role("L"); err != nil {
		t.Error(err)
	}
	if role("A") == nil || role("F") == nil {
		t.Error("a type names more than its maker may")
	}
	id := must(w.Fleet.Entries(t.Context(), few, tenant.UserTypes))
	for _, e := range id {
		if e.Title != "boss" {
			continue
		}
		if _, err := w.Fleet.ChangeEntry(t.Context(), few, tenant.UserTypes, e.ID, func(e *tenant.Entry) { e.Role = "L" }); err == nil {
			t.Error("somebody takes rights away that they have not")
		}
		if _, err := w.Fleet.CreateUser(t.Context(), few, fleet.NewUser{Username: "somebody", Password: "correct horse", Portfolio: folios["A"], Type: e.ID}); err == nil {
			t.Error("somebody makes a user who may more")
		}
	}
	user := w.made(operator, "/portfolio/<A>/user", userInput(`"username":"ada lovelace","userTypeId":1`), "userId")
	w.call(admin, http.MethodPatch, "/portfolio/<A>/user/"+user, `{"userTypeId":`+boss+`}`).has(t, `{"roles":"A"}`)
}
