package terminal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

type costJSON struct {
	ICCID    string
	Plan     string  `json:"data_plan"`
	Used     int64   `json:"data_used"`
	Cost     float64 `json:"data_cost"`
	Currency string
	Month    int
	Year     int
}

// Use is rated by the package: 1 MB in the bundle, then 0.10 per MB, each session
// rounded up to a kilobyte; a message costs 0.05 from the second on.
func TestCosts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.get("/get_sim_cost?iccid=<live>").fails(t, 404, "E101", "cost")
		w.use("live", 1<<20)
		var c costJSON
		w.get("/get_sim_cost?iccid=<live>").into(t, &c)
		if want := (costJSON{string(iccid("live")), "Meter 1 MB", 1 << 20, 0, "EUR", 3, 2026}); c != want {
			t.Errorf("in the bundle: %+v", c)
		}
		w.use("live", 2<<20)
		w.use("live2", 1<<20+1)
		var list []costJSON
		w.get("/get_sim_costs?iccid=<live>,<live2>,<stock>&month=3&year=2026").into(t, &list)
		if len(list) != 2 || list[0].Cost != 0.2 || list[0].Used != 3<<20 || list[1].Cost != 0.000098 {
			t.Errorf("%+v", list)
		}
		for range 2 {
			w.put("/sendSms?iccid=<live2>&sms=hello").ok(t, 202)
		}
		w.settle()
		w.settle()
		w.get("/get_sim_cost?iccid=<live2>").into(t, &c)
		if c.Cost != 0.050098 {
			t.Errorf("with messages: %+v", c)
		}
		rated, total, err := w.Fleet.Rated(t.Context(), w.op, iccid("live2"), usage.RatedQuery{Kinds: []usage.Kind{usage.SMS}})
		if err != nil || total != 2 || rated[0].Price != 0 || rated[1].Price != 50_000 || rated[1].Quantity != 1 || rated[1].Package != pkgMeter {
			t.Errorf("%+v, %d, %v", rated, total, err)
		}
		w.get("/get_sim_costs?iccid=<stock>,<stock2>").fails(t, 404, "E101", "")
		w.get("/get_sim_costs?iccid=<live>&month=2").fails(t, 404, "E101", "")
		w.get("/get_sim_cost?iccid=<missing>").fails(t, 404, "E002", "SIM not found")
		w.get("/get_sim_costs?iccid=<live>,<missing>").fails(t, 404, "E002", "SIM not found: <missing>")
	})
}

func TestBalance(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var b costJSON
		w.get("/get_account_balance").into(t, &b)
		if want := (costJSON{Currency: "EUR", Month: 3, Year: 2026}); b != want {
			t.Errorf("nothing yet: %+v", b)
		}
		w.use("live", 3<<20)
		w.use("below", 2<<20)
		w.use("foreign", 9<<20)
		w.get("/get_account_balance?month=3&year=2026").into(t, &b)
		if b.Used != 5<<20 || b.Cost != 0.3 {
			t.Errorf("%+v", b)
		}
		w.get("/get_account_balance?month=2").fails(t, 404, "E102", "")
		w.get("/get_account_balance?month=4").fails(t, 404, "E102", "")
		w.get("/get_account_balance?month=3&year=2025").fails(t, 404, "E102", "")
		w.call(stranger, http.MethodGet, "/get_account_balance").into(t, &b)
		if b.Used != 9<<20 {
			t.Errorf("%+v", b)
		}
	})
}

type sessionsJSON struct {
	Found, Offset, Total int
	From, To             int64
	Sessions             []struct {
		ID, Country, Alpha3, Operator, Currency string
		Size                                    int64   `json:"data_size"`
		Cost                                    float64 `json:"data_cost"`
		Start                                   int64   `json:"start_time"`
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.use("live", 0)
		w.clock.Pass(time.Minute)
		w.use("live", 2<<20)
		var p sessionsJSON
		w.get("/get_sim_sessions?iccid=<live>").into(t, &p)
		month := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		if p.Found != 2 || p.Total != 2 || p.From != month || p.To != w.clock.Now().UnixMilli() || len(p.Sessions) != 2 {
			t.Fatalf("%+v", p)
		}
		s := p.Sessions[0] // the newest
		if s.Country != "Estonia" || s.Alpha3 != "EST" || s.Operator != "248-01" || s.Size != 2<<20 || s.Cost != 0.1 || s.Currency != "EUR" ||
			s.Start != noon.Add(61*time.Second).UnixMilli() || s.ID == "" || p.Sessions[1].Size != 0 {
			t.Errorf("%+v", p.Sessions)
		}
		w.get("/get_sim_sessions?iccid=<live>&offset=1").into(t, &p)
		if p.Found != 1 || p.Offset != 1 || p.Total != 2 || p.Sessions[0].Size != 0 {
			t.Errorf("%+v", p)
		}
		w.get(fmt.Sprintf("/get_sim_sessions?iccid=<live>&from=%d&to=%d", noon.UnixMilli(), noon.Add(time.Second).UnixMilli())).into(t, &p)
		if p.Found != 1 || p.From != noon.UnixMilli() {
			t.Errorf("%+v", p)
		}
		w.get("/get_sim_sessions?iccid=<live>&from=5&to=4").fails(t, 400, "E400", "from")
		w.get("/get_sim_sessions?iccid=<live>&from=x").fails(t, 400, "E400", "from")
		w.get("/get_sim_sessions?iccid=<missing>").fails(t, 404, "E002", "SIM not found")
	})
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.get("/diagnostics?iccid=<stock>").fails(t, 404, "E103", "")
		w.call(plain, http.MethodGet, "/diagnostics?iccid=<live>").fails(t, 403, "E003", "diagnostics")
		w.use("live", 100)
		var d struct {
			IMEI, DeviceName, LastCountry, LastOperator *string
			InDataSession                               *bool
			LastNetworkActivity                         *int64
			Latitude, Longitude, Radius                 *float64
		}
		w.get("/diagnostics?iccid=<live>").into(t, &d)
		if *d.IMEI != "350000000000017" || d.DeviceName != nil || *d.LastCountry != "Estonia" || *d.LastOperator != "248-01" || *d.InDataSession ||
			*d.LastNetworkActivity != w.clock.Now().UnixMilli() || *d.Latitude != 0 || *d.Longitude != 0 || *d.Radius != 0 {
			t.Errorf("%+v", d)
		}
	})
}

type alertsJSON struct {
	Found, Offset, Total int
	Alerts               []struct {
		ID, Trigger, ICCID string
		Timestamp          int64
		Read               bool `json:"is_read"`
	}
}

// Alerts are marked as read by either spelling, and still show as unread in the
// answer that marks them.
func TestAlerts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		for _, name := range []string{"live", "live2", "esim"} {
			w.put("/set_data_limit?iccid=<"+name+">&limit=1").ok(t, 200)
			w.use(name, 2<<20)
		}
		var p alertsJSON
		read := func(path string) *alertsJSON {
			t.Helper()
			p = alertsJSON{}
			w.get(path).into(t, &p)
			return &p
		}
		if read("/get_account_alerts"); p.Found != 3 || p.Total != 3 || p.Alerts[0].ICCID != string(iccid("esim")) || p.Alerts[0].Trigger != "DATA_LIMIT_REACHED" {
			t.Errorf("%+v", p)
		}
		if read("/get_group_alerts?group=north"); p.Found != 2 {
			t.Errorf("%+v", p)
		}
		if read("/get_group_alerts?group=nowhere"); p.Found != 0 || p.Alerts == nil {
			t.Errorf("%+v", p)
		}
		if read("/get_sim_alerts?eid=<EID>&mark_as_read=true"); p.Found != 1 || p.Alerts[0].Read {
			t.Errorf("%+v", p)
		}
		if read("/get_sim_alerts?iccid=<esim>"); p.Found != 1 || !p.Alerts[0].Read {
			t.Errorf("%+v", p)
		}
		if read("/get_account_alerts?only_unread=true"); p.Found != 2 {
			t.Errorf("%+v", p)
		}
		one := p.Alerts[0].ID
		w.put("/mark_alerts_read?id="+one+","+one).ok(t, 200)
		if read("/get_account_alerts?unread=True&markRead=True"); p.Found != 1 {
			t.Errorf("%+v", p)
		}
		if read("/get_account_alerts?unread=true"); p.Found != 0 {
			t.Errorf("%+v", p)
		}
		if read("/get_account_alerts?offset=1"); p.Found != 2 || p.Total != 3 || p.Offset != 1 {
			t.Errorf("%+v", p)
		}
		if a := w.call(stranger, http.MethodPut, "/mark_alerts_read?id="+one); !strings.Contains(a.body, `"marked":0`) {
			t.Error(a.body)
		}
		w.put("/mark_alerts_read").fails(t, 400, "E400", "id")
		w.put("/mark_alerts_read?id=x").fails(t, 400, "E400", `"x"`)
		w.get("/get_account_alerts?unread=maybe").fails(t, 400, "E400", "maybe")
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		var s simJSON
		w.put("/sendSms?iccid=<live>&sms=hello").ok(t, 202).into(t, &s)
		if s.ICCID != string(iccid("live")) || s.Message == "" {
			t.Errorf("%+v", s)
		}
		w.put("/send_sms?iccid=<live>&message=h%C3%A9%20%F0%9F%98%80").ok(t, 202)
		if a := w.put("/sendSms?iccid=<live>&iccid=<live2>&sms=both").ok(t, 202); a.body != "OK" {
			t.Error(a.body)
		}
		type page struct {
			Found, Total int
			SMS          []struct {
				ID, ICCID, Direction, Text, Status string
				Timestamp                          int64
			}
		}
		var p page
		w.get("/get_sim_sms?iccid=<live>").into(t, &p)
		if p.Found != 3 || p.SMS[0].Text != "both" || p.SMS[1].Text != "hé 😀" || p.SMS[2].Status != "QUEUED" || p.SMS[2].Direction != "MT" {
			t.Errorf("%+v", p)
		}
		w.settle()
		w.settle()
		w.get("/get_sim_sms?iccid=<live>,<live2>&offset=3").into(t, &p)
		if p.Found != 1 || p.Total != 4 || p.SMS[0].Status != "DELIVERED" {
			t.Errorf("%+v", p)
		}
		for _, name := range []string{"stock", "suspended", "closed", "deaf", "admin"} {
			w.put("/sendSms?iccid=<live>,<"+name+">&sms=hello").fails(t, 403, "E240", ": <"+name+">")
		}
		w.get("/get_sim_sms?iccid=<live>").into(t, &p)
		if p.Total != 3 {
			t.Errorf("a refused call sent %d messages", p.Total-3)
		}
		w.call(plain, http.MethodPut, "/sendSms?iccid=<live>&sms=hello").fails(t, 403, "E003", "sms")
		w.put("/sendSms?iccid=<live>").fails(t, 400, "E400", "sms is empty")
		w.put("/sendSms?iccid=<live>&message="+strings.Repeat("a", 2000)).fails(t, 400, "E400", "message has 2000 characters")
		w.put("/sendSms?iccid=<live>&sms="+strings.Repeat("%F0%9F%98%80", 336)).fails(t, 400, "E400", "sms has 336 characters")
		w.put("/sendSms?iccid=<missing>&sms=hello").fails(t, 404, "E002", "SIM not found")
	})
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		if a := w.get("/get_available_profiles").ok(t, 200); a.body != `["Asia","Europe"]` {
			t.Error(a.body)
		}
		w.call(plain, http.MethodGet, "/get_available_profiles").fails(t, 403, "E003", "esim")
		change := func(action, name string) got {
			return w.put("/esim_profile?eid=<EID>&profile=" + name + "&action=" + action)
		}
		change("download", "Europe").ok(t, 202)
		change("enable", "Europe").ok(t, 202) // what is under way decides
		w.settle()
		if s := w.look("esim"); s.Active == nil || *s.Active != "Europe" || fmt.Sprint(s.Profiles) != "[Europe]" {
			t.Errorf("%+v", s)
		}
		change("download_and_enable", "Asia").ok(t, 202)
		w.settle()
		if s := w.look("esim"); *s.Active != "Asia" || fmt.Sprint(s.Profiles) != "[Asia Europe]" {
			t.Errorf("%+v", s)
		}
		change("delete", "Asia").fails(t, 400, "E400", "is enabled")
		change("delete", "Europe").ok(t, 202)
		w.settle()
		if s := w.look("esim"); fmt.Sprint(s.Profiles) != "[Asia]" {
			t.Errorf("%+v", s)
		}
		from, to := "Asia", "Europe"
		for range 2 { // and back again
			change("download", to).ok(t, 202)
			w.settle()
			change("enable", to).ok(t, 202)
			change("delete", from).ok(t, 202) // by then the other one is enabled
			w.settle()
			if s := w.look("esim"); fmt.Sprint(s.Profiles) != "["+to+"]" || *s.Active != to {
				t.Errorf("%+v", s)
			}
			from, to = to, from
		}
		change("enable", "Europe").fails(t, 400, "E400", "not on the card")
		change("download", "Elsewhere").fails(t, 400, "E400", "not available")
		change("download", "Asia").fails(t, 400, "E400", "on the card already")
		change("burn", "Asia").fails(t, 400, "E400", `action is "burn"`)
		change("download", "").fails(t, 400, "E400", "profile")
		w.put("/esim_profile?iccid=<live>&profile=Europe&action=download").fails(t, 403, "E003", "<live> (the SIM is not on an eUICC)")
		w.call(plain, http.MethodPut, "/esim_profile?eid=<EID>&profile=Asia&action=delete").fails(t, 403, "E003", "esim")
		if a := w.get("/get_sim?iccid=<live>"); strings.Contains(a.body, "profile") || strings.Contains(a.body, "eid") {
			t.Errorf("no eUICC: %s", a.body)
		}
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.put("/set_name?iccid=<live>&name=pump%207").ok(t, 200)
		w.put("/suspend?iccid=<live>").ok(t, 202)
		var p struct {
			Found, Offset, Total int
			Log                  []struct {
				Event, Actor, Action, From, To string
				Changes                        []struct{ Field, From, To string }
			}
		}
		w.get("/get_sim_log?iccid=<live>").into(t, &p)
		if p.Found != p.Total || p.Found < 4 || p.Log[0].Action != "suspendCustomer" || p.Log[1].Changes[0].To != "pump 7" ||
			p.Log[0].Actor != "api:"+strings.ToLower(w.secrets[full].username) {
			t.Errorf("%+v", p)
		}
		total := p.Total
		w.get("/get_sim_log?iccid=<live>&offset=1").into(t, &p)
		if p.Found != total-1 || p.Total != total || len(p.Log[0].Changes) != 1 {
			t.Errorf("%+v", p)
		}
	})
}

func TestMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.call(plain, http.MethodGet, "/me"); a.body != `{"username":"`+w.secrets[plain].username+`","account":"Portfolio A","features":["API"]}` {
		t.Error(a.body)
	}
	w.call(none, http.MethodGet, "/me").fails(t, 403, "E003", "api")
}
