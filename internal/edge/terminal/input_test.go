package terminal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

// Bad input, and what it is told.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		method, path string
		status       int
		code, text   string
	}{
		{"GET", "/get_sim", 400, "E400", "iccid is missing"},
		{"GET", "/get_sim?iccid=&eid=", 400, "E400", "iccid is missing"},
		{"PUT", "/activate", 400, "E400", "iccid is missing"},
		{"GET", "/get_sim?iccid=8944%205385", 400, "E400", `"8944 5385"`},
		{"GET", "/get_sim?iccid=abc", 400, "E400", `"abc"`},
		{"GET", "/get_sim?iccid=123", 400, "E400", "3 digits"},
		{"GET", "/get_sim?eid=123", 400, "E400", "eid"},
		{"GET", "/get_sim?iccid=<live>,<live2>", 400, "E400", "2 are named"},
		{"GET", "/get_sim?eid=89049032000000000000000000000099", 404, "E002", "SIM not found: 89049032000000000000000000000099"},
		{"PUT", "/set_name?eid=89049032000000000000000000000099&name=n", 404, "E002", "SIM not found"},
		{"GET", "/get_sims?iccid=" + manyIDs(1001), 400, "E230", "1001"},
		{"PUT", "/suspend?iccid=" + manyIDs(1001), 400, "E230", "1001"},
		{"GET", "/get_sim_cost?iccid=<live>&month=13", 400, "E400", "month is 13"},
		{"GET", "/get_sim_cost?iccid=<live>&month=0", 400, "E400", "month is 0"},
		{"GET", "/get_account_balance?year=0", 400, "E400", "year is 0"},
		{"GET", "/get_account_balance?month=13&year=0", 400, "E400", "month is 13; 1 to 12 is allowed; year is 0"},
		{"GET", "/get_account_sims?offset=-1", 400, "E400", "offset is -1"},
		{"GET", "/get_account_sims?offset=1.5", 400, "E400", `offset is "1.5"`},
		{"GET", "/get_account_sims?offset=99999999999999999999", 400, "E400", "offset"},
		{"PUT", "/set_data_limit?iccid=<live>&limit=-1", 400, "E400", "limit is -1"},
		{"PUT", "/set_data_limit?iccid=<live>&limit=1.5", 400, "E400", `limit is "1.5"`},
		{"PUT", "/set_data_limit?iccid=<live>&limit=2147483648", 400, "E400", "limit is 2147483648"},
		{"PUT", "/set_data_limit?iccid=<live>&limit=", 400, "E400", "limit is missing"},
		{"PUT", "/set_data_limit?iccid=<live>", 400, "E400", "limit is missing"},
		{"PUT", "/set_name?iccid=<live>", 400, "E400", "name is missing"},
		{"PUT", "/set_name?iccid=<live>&name=%20", 400, "E400", "name is missing"},
		{"PUT", "/set_name?iccid=<live>&name=a,b", 400, "E400", "comma"},
		{"PUT", "/set_name?iccid=<live>&name=a%00b", 400, "E400", "control character"},
		{"PUT", "/set_name?iccid=<live>&name=a%FFb", 400, "E400", "UTF-8"},
		{"PUT", "/set_name?iccid=<live>&name=" + long, 400, "E400", "300 characters"},
		{"PUT", "/set_group?iccid=<live>", 400, "E400", "group is missing"},
		{"PUT", "/set_group?iccid=<live>&group=a%26b", 400, "E220", "ampersand"},
		{"PUT", "/set_group?iccid=<live>&group=a,b", 400, "E220", "comma"},
		{"PUT", "/set_group?iccid=<live>&group=a%0Ab", 400, "E220", "control character"},
		{"PUT", "/set_group?iccid=<live>&group=a%FF", 400, "E220", "UTF-8"},
		{"PUT", "/set_group?iccid=<live>&group=" + long, 400, "E220", "255"},
		{"GET", "/get_group_sims", 400, "E400", "group is missing"},
	} {
		w.call(full, c.method, c.path).fails(t, c.status, c.code, c.text)
	}
	if s := w.look("live"); s.Name != "live" || s.Group != "north" || s.Limit != 0 {
		t.Errorf("%+v", s)
	}
}

// Input that looks odd and is fine.
func TestOddInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var s simJSON
	w.put("/set_data_limit?iccid=<live>&limit=2147483647").ok(t, 200).into(t, &s)
	if s.Limit != 1<<31-1 {
		t.Errorf("%+v", s)
	}
	w.put("/set_group?iccid=<live>&group=").ok(t, 200).into(t, &s)
	if s.Group != "" {
		t.Errorf("%+v", s)
	}
	w.put("/set_group?iccid=<live>&group=S%C3%BCd%20%2B%20Ost").ok(t, 200).into(t, &s)
	if s.Group != "Süd + Ost" {
		t.Errorf("%+v", s)
	}
	w.put("/set_name?iccid=%20<live>%20&name=%20n%20").ok(t, 200).into(t, &s)
	if s.Name != "n" {
		t.Errorf("%+v", s)
	}
	w.get("/get_sim?iccid=<live>,,<live>,").ok(t, 200)
	w.get("/get_sims?iccid="+strings.Repeat("<live>,", 1500)).ok(t, 200) // one SIM, many times
	if a := w.get("/get_sims?iccid=<live>,<missing>,<foreign>").ok(t, 200); !strings.Contains(a.body, `"found":1,"offset":0,"total":1`) {
		t.Error(a.body)
	}
	if a := w.get("/get_account_groups"); a.body != `["Süd + Ost","north"]` {
		t.Error(a.body)
	}
	if a := w.get("/get_account_sims?offset=2147483647").ok(t, 200); !strings.Contains(a.body, `"found":0,"offset":2147483647,"total":15,"sims":[]`) {
		t.Error(a.body)
	}
}

var timestamp = regexp.MustCompile(`"timestamp":\d+`)

// What is another's looks missing, byte for byte, whatever is asked of it.
func TestForeignIsMissing(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		as := func(path, name string) string {
			method := terminal.Routes()[strings.TrimPrefix(strings.SplitN(path, "?", 2)[0], "/")]
			a := w.call(full, method, strings.ReplaceAll(path, "<X>", "<"+name+">"))
			body := timestamp.ReplaceAllString(strings.ReplaceAll(a.body, string(iccid(name)), "X"), "T")
			return http.StatusText(a.status) + " " + a.header.Get("Content-Type") + " " + body
		}
		for _, path := range []string{
			"/get_sim?iccid=<X>", "/get_sims?iccid=<X>", "/get_sims?iccid=<X>,<live>", "/get_sim_sessions?iccid=<X>&to=1&from=0", "/get_sim_cost?iccid=<X>",
			"/get_sim_costs?iccid=<X>", "/get_sim_costs?iccid=<X>,<live>", "/get_sim_alerts?iccid=<X>", "/diagnostics?iccid=<X>",
			"/get_sim_sms?iccid=<X>&from=0&to=1", "/get_sim_log?iccid=<X>", "/set_name?iccid=<X>&name=n", "/set_group?iccid=<X>&group=g",
			"/set_data_limit?iccid=<X>&limit=1", "/activate?iccid=<X>", "/deactivate?iccid=<X>", "/suspend?iccid=<X>", "/resume?iccid=<X>",
			"/test?iccid=<X>", "/active_ready?iccid=<X>", "/close?iccid=<X>", "/close?iccid=<X>,<live>", "/reset?iccid=<X>", "/sendSms?iccid=<X>&sms=a",
			"/send_sms?iccid=<X>,<live>&sms=a", "/esim_profile?iccid=<X>&profile=Europe&action=download", "/set_imei_lock?iccid=<X>&locked=true",
		} {
			if foreign, none := as(path, "foreign"), as(path, missing); foreign != none {
				t.Errorf("%s\nforeign: %s\nmissing: %s", path, foreign, none)
			}
		}
		if s := w.look("foreign"); s.State != "LIVE" || s.Name != "foreign" || s.Group != "" || s.Limit != 0 {
			t.Errorf("%+v", s)
		}
		w.call(child, http.MethodGet, "/get_sim?iccid=<live>").fails(t, 404, "E002", "SIM not found")
		w.call(child, http.MethodGet, "/get_sim?iccid=<below>").ok(t, 200)
		w.get("/get_sim?iccid=<below>").ok(t, 200)
	})
}
