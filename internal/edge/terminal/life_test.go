package terminal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

// Where every SIM of the world stands, in both dialects of the status pair.
func TestStates(t *testing.T) {
	t.Parallel()
	now := newWorld(t)
	old := newWorld(t, func(o *terminal.Options) { o.OldStatus = true })
	for name, want := range map[string][2]string{
		"stock":     {"SHIPPING OFF", "SHIPPING OFF"},
		"test":      {"TEST ON/TEST", "TEST ON/TEST"},
		"ready":     {"ACTIVE_READY ON/ACTIVE_READY", "ACTIVE_READY ON/TEST"},
		"live":      {"LIVE ON/LIVE", "LIVE ON/LIVE"},
		"suspended": {"OFFLINE OFF", "OFFLINE ON/SUSPENDED"},
		"offline":   {"OFFLINE OFF", "OFFLINE OFF"},
		"closed":    {"CLOSED DELETED", "CLOSED DELETED"},
	} {
		a, b := now.look(name), old.look(name)
		if a.stands() != want[0] || b.stands() != want[1] {
			t.Errorf("%s: %s, in the older dialect %s", name, a.stands(), b.stands())
		}
	}
	for call, want := range map[string][2]string{
		"activate?iccid=<stock>":     {"LIVE PENDING/LIVE", "LIVE PENDING/LIVE"},
		"test?iccid=<stock2>":        {"TEST PENDING/TEST", "TEST PENDING/TEST"},
		"active_ready?iccid=<test>":  {"ACTIVE_READY PENDING/ACTIVE_READY", "ACTIVE_READY PENDING/TEST"},
		"suspend?iccid=<live>":       {"OFFLINE PENDING/OFF", "OFFLINE PENDING/SUSPENDED"},
		"deactivate?iccid=<live2>":   {"OFFLINE PENDING/OFF", "OFFLINE PENDING/OFF"},
		"close?iccid=<ready>":        {"CLOSED PENDING/DELETED", "CLOSED PENDING/DELETED"},
		"activate?iccid=<manual>":    {"SHIPPING PENDING/LIVE", "SHIPPING PENDING/LIVE"}, // a person decides
		"deactivate?iccid=<offline>": {"OFFLINE OFF", "OFFLINE OFF"},
	} {
		for i, w := range []*world{now, old} {
			var s simJSON
			w.put("/"+call).ok(t, 202).into(t, &s)
			if s.stands() != want[i] {
				t.Errorf("%s: %s instead of %s", call, s.stands(), want[i])
			}
		}
	}
}

// The contract's table of orders, over HTTP: what each answers, and where the SIM
// stands once the network has agreed.
func TestOrders(t *testing.T) {
	t.Parallel()
	const refused = ""
	commands := []string{"test", "active_ready", "activate", "deactivate", "suspend", "resume", "close"}
	for name, row := range map[string][7]string{
		"stock":     {"TEST", "ACTIVE_READY", "LIVE", refused, refused, refused, "CLOSED"},
		"test":      {"TEST", "ACTIVE_READY", "LIVE", "OFFLINE", refused, refused, "CLOSED"},
		"ready":     {refused, "ACTIVE_READY", "LIVE", "OFFLINE", refused, refused, "CLOSED"},
		"live":      {refused, refused, "LIVE", "OFFLINE", "OFFLINE", "LIVE", "CLOSED"},
		"offline":   {refused, refused, "LIVE", "OFFLINE", "OFFLINE", "LIVE", "CLOSED"},
		"suspended": {refused, refused, "LIVE", "OFFLINE", "OFFLINE", "LIVE", "CLOSED"},
		"closed":    {refused, refused, refused, refused, refused, refused, "CLOSED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, command := range commands {
				w := newWorld(t)
				before := w.look(name)
				a := w.put("/" + command + "?iccid=<" + name + ">")
				if row[i] == refused {
					if a.fails(t, 409, "E201", "<"+name+">"); w.look(name).stands() != before.stands() {
						t.Errorf("%s was refused, and changed the SIM", command)
					}
					continue
				}
				a.ok(t, 202)
				w.settle()
				after := w.look(name)
				if after.State != row[i] {
					t.Errorf("%s leads to %s, not %s", command, after.State, row[i])
				}
				if after.State == before.State && *after.LastModified != *before.LastModified {
					t.Errorf("%s is a no-op, and changed the SIM", command)
				}
			}
		})
	}
}

// A command that comes while another is on its way replaces it.
func TestCommandsReplaceEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, command := range []string{"suspend", "resume", "deactivate", "activate", "suspend", "activate", "deactivate", "resume"} {
		w.put("/"+command+"?iccid=<live>").ok(t, 202)
	}
	if s := w.look("live"); s.stands() != "LIVE PENDING/LIVE" {
		t.Error(s.stands())
	}
	w.settle()
	if s := w.look("live"); s.stands() != "LIVE ON/LIVE" {
		t.Error(s.stands())
	}
	w.put("/close?iccid=<live>").ok(t, 202)
	w.put("/activate?iccid=<live>").fails(t, 409, "E201", "closed is final")
}

// The operator's lock, and its suspension, are told apart from the state.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if s := w.look("locked"); !s.Frozen || s.State != "LIVE" {
		t.Errorf("%+v", s)
	}
	for _, command := range []string{"test", "active_ready", "activate", "deactivate", "suspend", "resume", "close"} {
		w.put("/"+command+"?iccid=<locked>").fails(t, 403, "E202", "<locked> (the operator has locked the SIM: under investigation)")
	}
	w.put("/set_name?iccid=<locked>&name=n").ok(t, 200)
	w.put("/activate?iccid=<admin>").fails(t, 403, "E202", "suspended (admin): by suspendAdmin")
	w.put("/resume?iccid=<admin>").fails(t, 403, "E202", "")
	w.put("/deactivate?iccid=<admin>").ok(t, 202)
	w.call(viewer, http.MethodPut, "/activate?iccid=<stock>").fails(t, 403, "E003", "lacks the permission")
	if w.look("stock").State != "SHIPPING" {
		t.Error("who only reads has changed something")
	}
}

// A test period ends with its allowance, or with its time; ready goes live with
// the first byte.
func TestTestAndReady(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.use("test", 0)
		w.use("test", 10<<10)
		if s := w.look("test"); s.State != "TEST" {
			t.Fatalf("10 KB: %s", s.State)
		}
		w.use("test", 10<<10)
		w.settle()
		if s := w.look("test"); s.stands() != "ACTIVE_READY ON/ACTIVE_READY" {
			t.Fatalf("20 KB: %s", s.stands())
		}
		w.use("test", 0)
		if s := w.look("test"); s.State != "ACTIVE_READY" {
			t.Fatalf("a session without a byte: %s", s.State)
		}
		w.use("test", 1)
		w.settle()
		if s := w.look("test"); s.stands() != "LIVE ON/LIVE" || s.Used != 20<<10+1 || s.LastSession == nil {
			t.Fatalf("a byte: %+v", s)
		}
		w.put("/sendSms?iccid=<ready>&sms=hello").ok(t, 202)
		w.settle()
		w.settle()
		if s := w.look("ready"); s.State != "LIVE" || s.SMS != 1 {
			t.Errorf("a message: %+v", s)
		}
		w.put("/test?iccid=<stock>").ok(t, 202)
		w.put("/test?iccid=<stock2>").ok(t, 202)
		w.settle()
		for range 2 {
			w.put("/sendSms?iccid=<stock>&sms=hello").ok(t, 202)
		}
		w.settle()
		w.settle()
		if s := w.look("stock"); s.State != "ACTIVE_READY" || s.SMS != 2 {
			t.Errorf("two messages: %+v", s)
		}
		w.clock.Pass(89 * 24 * time.Hour)
		must(w.Fleet.EndTests(t.Context()))
		if s := w.freshLook(t, "stock2"); s.State != "TEST" {
			t.Errorf("89 days: %s", s.State)
		}
		w.clock.Pass(24 * time.Hour)
		must(w.Fleet.EndTests(t.Context()))
		if s := w.freshLook(t, "stock2"); s.State != "ACTIVE_READY" {
			t.Errorf("90 days: %s", s.State)
		}
	})
}

// freshLook looks with a new token: the last one may be over.
func (w *world) freshLook(t testing.TB, name string) *simJSON {
	t.Helper()
	s := w.secrets[full]
	var fresh tokens
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).into(t, &fresh)
	s.token = fresh.Access
	w.secrets[full] = s
	return w.look(name)
}

// A data limit takes the SIM off the network, and brings it back with the month.
func TestDataLimit(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var s simJSON
		w.put("/set_data_limit?iccid=<live>&limit=2").ok(t, 200).into(t, &s)
		if s.Limit != 2 || s.State != "LIVE" {
			t.Errorf("%+v", s)
		}
		w.use("live", 1<<20)
		w.put("/set_data_limit?iccid=<live>&limit=1").ok(t, 200).into(t, &s)
		if s.stands() != "OFFLINE PENDING/OFF" {
			t.Errorf("a limit that is used up: %s", s.stands())
		}
		w.put("/activate?iccid=<live>").fails(t, 409, "E211", "1 MB")
		w.put("/set_data_limit?iccid=<live>&limit=2").ok(t, 200).into(t, &s)
		if s.State != "LIVE" {
			t.Errorf("a higher limit: %s", s.stands())
		}
		w.use("live", 700<<10)
		w.put("/set_data_limit?iccid=<live>&limit=1").fails(t, 409, "E210", "<live>")
		w.use("live", 400<<10)
		w.settle()
		if s := w.look("live"); s.stands() != "OFFLINE OFF" || s.Used < 2<<20 {
			t.Fatalf("over the limit: %+v", s)
		}
		w.put("/activate?iccid=<live>").fails(t, 409, "E211", "<live>")
		w.put("/resume?iccid=<live>").fails(t, 409, "E211", "2 MB")
		w.put("/deactivate?iccid=<live>").ok(t, 202)
		alerts := w.get("/get_sim_alerts?iccid=<live>").ok(t, 200).body
		for _, want := range []string{`"trigger":"DATA_LIMIT_REACHED"`, `"trigger":"DATA_USAGE_THRESHOLD"`, `"is_read":false`} {
			if !strings.Contains(alerts, want) {
				t.Errorf("%s is missing in %s", want, alerts)
			}
		}
		w.put("/set_data_limit?iccid=<live>&limit=3").ok(t, 200)
		w.settle()
		if s := w.look("live"); s.stands() != "LIVE ON/LIVE" {
			t.Errorf("a higher limit: %s", s.stands())
		}
		w.use("live", 1<<20)
		w.settle()
		if s := w.look("live"); s.State != "OFFLINE" {
			t.Fatalf("over the new limit: %s", s.State)
		}
		w.clock.Pass(28 * 24 * time.Hour) // it is April
		must(w.Fleet.LiftMonthly(t.Context()))
		w.settle()
		if s := w.freshLook(t, "live"); s.stands() != "LIVE ON/LIVE" || s.Used != 0 {
			t.Errorf("a new month: %+v", s)
		}
	})
}

// A SIM that is over its limit and was terminated is not activated either.
func TestLimitOfStock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.use("live", 5<<20)
	w.put("/deactivate?iccid=<live>").ok(t, 202)
	w.settle()
	w.put("/set_data_limit?iccid=<live>&limit=4").fails(t, 409, "E210", "")
	w.put("/set_data_limit?iccid=<live>&limit=5").ok(t, 200)
	w.put("/activate?iccid=<live>").fails(t, 409, "E211", "")
	w.put("/set_data_limit?iccid=<live>&limit=0").ok(t, 200)
	w.put("/activate?iccid=<live>").ok(t, 202)
}

func TestIMEILock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("/set_imei_lock?iccid=<live>&locked=true").fails(t, 409, "E203", "<live> (the SIM was never seen in a device")
	w.put("/set_imei_lock?iccid=<closed>&locked=true&imei=490154203237518").fails(t, 409, "E203", "<closed>")
	w.use("live", 100)
	var s simJSON
	w.put("/set_imei_lock?iccid=<live>&locked=True").ok(t, 200).into(t, &s)
	if !s.Locked || s.LockedIMEI != "350000000000017" {
		t.Errorf("%+v", s)
	}
	w.put("/set_imei_lock?iccid=<live>&locked=true&imei=490154203237518").ok(t, 200).into(t, &s)
	if s.LockedIMEI != "490154203237518" {
		t.Errorf("%+v", s)
	}
	w.use("live", 100) // in the other device
	if text := w.get("/get_sim_alerts?iccid=<live>").body; !strings.Contains(text, "IMEI_LOCK_VIOLATION") {
		t.Error(text)
	}
	w.put("/set_imei_lock?iccid=<live>,<live2>&locked=false").ok(t, 200)
	if s := w.look("live"); s.Locked || s.LockedIMEI != "" {
		t.Errorf("%+v", s)
	}
	w.put("/set_imei_lock?iccid=<live>").fails(t, 400, "E400", "locked")
	w.put("/set_imei_lock?iccid=<live>&locked=perhaps").fails(t, 400, "E400", "perhaps")
	w.put("/set_imei_lock?iccid=<live>&locked=true&imei=1").fails(t, 400, "E400", "imei")
}

// Of several SIMs all are changed, or none.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("/suspend?iccid=<live>,<live2>,<stock>").fails(t, 409, "E201", ": <stock> (cannot suspend")
	if s := w.look("live"); s.State != "LIVE" {
		t.Errorf("one of them was suspended: %s", s.State)
	}
	w.put("/set_name?iccid=<live>,<missing>&name=n").fails(t, 404, "E002", "SIM not found: <missing>")
	if s := w.look("live"); s.Name != "live" {
		t.Errorf("one of them was named: %s", s.Name)
	}
	if a := w.put("/suspend?iccid=<live>&iccid=<live2>").ok(t, 202); a.body != "OK" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s %v", a.body, a.header)
	}
	w.settle()
	if a, b := w.look("live"), w.look("live2"); a.State != "OFFLINE" || b.State != "OFFLINE" {
		t.Errorf("%s, %s", a.State, b.State)
	}
}

// Of what stands in the way, the first in the order of checks is told.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.use("live", 5<<20)
	w.put("/set_data_limit?iccid=<live>&limit=5").ok(t, 200)
	w.put("/deactivate?iccid=<live>").ok(t, 202)
	w.settle()
	many := strings.Repeat("<missing>,", 1) + manyIDs(1001)
	// token, feature, count, form, existence, lock, state, limit
	w.call("", http.MethodPut, "/sendSms?iccid="+many).ok(t, 401)
	w.call(none, http.MethodPut, "/activate?iccid="+many).fails(t, 403, "E003", "api")
	w.call(plain, http.MethodPut, "/sendSms?iccid="+many).fails(t, 403, "E003", "sms")
	w.put("/activate?iccid=x,"+many).fails(t, 400, "E230", "1003 SIMs")
	w.put("/activate?iccid=x,<missing>,<locked>").fails(t, 400, "E400", `"x"`)
	w.put("/activate?iccid=<live>,<closed>,<locked>,<missing>").fails(t, 404, "E002", "SIM not found: <missing>")
	w.put("/activate?iccid=<live>,<closed>,<locked>").fails(t, 403, "E202", ": <locked>")
	w.put("/activate?iccid=<live>,<closed>").fails(t, 409, "E201", ": <closed>")
	w.put("/activate?iccid=<live>,<stock>").fails(t, 409, "E211", ": <live>")
}

func manyIDs(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("8988%014d", i)
	}
	return strings.Join(list, ",")
}

func TestErrorsNameTwenty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.put("/activate?iccid=" + manyIDs(30))
	a.fails(t, 404, "E002", "and 10 more")
	if n := strings.Count(a.body, "8988"); n != 20 {
		t.Errorf("%d SIMs are named", n)
	}
}

func TestAlwaysOK(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *terminal.Options) { o.AlwaysOK = true })
	if a := w.put("/suspend?iccid=<live>").ok(t, 202); a.body != "OK" {
		t.Error(a.body)
	}
}

// Reset cuts the data session and tells the network anew; what is off it has
// nothing to reset.
func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var s simJSON
	w.put("/reset?iccid=<live>").ok(t, 202).into(t, &s)
	if s.ICCID != string(iccid("live")) {
		t.Errorf("%+v", s)
	}
	if claims := must(w.Fleet.Claim(t.Context(), "lab", 10, time.Minute)); len(claims) != 1 || claims[0].Profile.ICCID != iccid("live") {
		t.Errorf("the network hears of %d SIMs", len(claims))
	}
	w.put("/reset?iccid=<live>,<stock>").fails(t, 409, "E201", "<stock>")
	w.put("/reset?iccid=<missing>").fails(t, 404, "E002", "SIM not found")
}
