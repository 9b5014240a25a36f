package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// rule gives account A a rule.
func (w *world) rule(kind usage.AlertKind, value int64) {
	must(w.Fleet.SetAlertRule(w.t.Context(), w.op, usage.AlertRule{Portfolio: folios["A"], Kind: kind, Value: value}))
}

// told lists the triggers of the alerts behind a path, newest first, and marks
// them as read: each is told of once.
func (w *world) told(t *testing.T, path string) string {
	t.Helper()
	var p alertsJSON
	w.get(path+"&only_unread=true&mark_as_read=true").into(t, &p)
	list := make([]string, len(p.Alerts))
	for i, a := range p.Alerts {
		list[i] = a.Trigger
	}
	return fmt.Sprint(list)
}

// A change of state is told of once the network has agreed, and only where the
// account asks for it.
func TestAlertOfState(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.put("/suspend?iccid=<live>").ok(t, 202)
		w.settle()
		if got := w.told(t, "/get_sim_alerts?iccid=<live>"); got != "[]" {
			t.Errorf("nobody has asked: %s", got)
		}
		w.rule(usage.StateChanged, 0)
		w.put("/resume?iccid=<live>").ok(t, 202)
		w.put("/set_name?iccid=<live2>&name=new").ok(t, 200)
		if got := w.told(t, "/get_account_alerts?offset=0"); got != "[]" {
			t.Errorf("before the network has agreed: %s", got)
		}
		w.settle()
		w.settle()
		if got := w.told(t, "/get_sim_alerts?iccid=<live>"); got != "[STATE_CHANGED]" {
			t.Errorf("resumed: %s", got)
		}
		w.put("/suspend?iccid=<live>").ok(t, 202)
		w.put("/resume?iccid=<live>").ok(t, 202)
		w.settle()
		if got := w.told(t, "/get_sim_alerts?iccid=<live>"); got != "[]" {
			t.Errorf("it never was elsewhere: %s", got)
		}
		w.put("/close?iccid=<stock>").ok(t, 202)
		w.put("/activate?iccid=<stock2>,<live2>").ok(t, 202)
		w.give(sim.Terminate, "below", "foreign")
		w.settle()
		if got := w.told(t, "/get_account_alerts?offset=0"); got != "[STATE_CHANGED STATE_CHANGED]" {
			t.Errorf("closed, activated, and of accounts that did not ask: %s", got)
		}
	})
}

// Messages of a month come to a number once.
func TestAlertOfMessages(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.rule(usage.SMSThreshold, 2)
		w.rule(usage.SMSThreshold, 3)
		for i, want := range []string{"[]", "[SMS_THRESHOLD]", "[SMS_THRESHOLD]", "[]"} {
			w.put("/sendSms?iccid=<live>,<below>&sms=hello").ok(t, 202)
			w.settle()
			w.settle()
			if got := w.told(t, "/get_sim_alerts?iccid=<live>"); got != want {
				t.Errorf("message %d: %s, want %s", i+1, got, want)
			}
		}
		if got := w.told(t, "/get_sim_alerts?iccid=<below>"); got != "[]" {
			t.Errorf("of an account that did not ask: %s", got)
		}
		w.clock.Pass(31 * 24 * time.Hour)
		must(w.Fleet.SendSMS(t.Context(), w.op, []ident.ICCID{iccid("live")}, "sms", fmt.Sprintf("%0320d", 7))) // three parts
		w.settle()
		w.settle()
		if _, n, err := w.Fleet.Alerts(t.Context(), w.op, usage.AlertQuery{Unread: true}); n != 2 || err != nil {
			t.Errorf("%d alerts in the next month, want 2 of one message, %v", n, err)
		}
	})
}

// Each silence is told of once.
func TestAlertOfSilence(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		look := func() int { return must(w.Fleet.TellSilences(t.Context())) }
		w.use("live", 100)
		if n := look(); n != 0 {
			t.Errorf("%d alerts without a rule", n)
		}
		w.rule(usage.NoConnection, 24)
		w.clock.Pass(23 * time.Hour)
		w.use("live2", 100)
		w.clock.Pass(59 * time.Minute)
		// All others have been as they are for two days.
		if n := look(); n != 3 {
			t.Errorf("%d alerts after 24 hours, want those of locked, esim and deaf", n)
		}
		if got := w.told(t, "/get_sim_alerts?iccid=<live>,<live2>,<suspended>,<stock>,<offline>,<below>,<test>"); got != "[]" {
			t.Errorf("heard of, or out of service: %s", got)
		}
		if got := w.told(t, "/get_sim_alerts?iccid=<esim>"); got != "[NO_CONNECTION]" {
			t.Errorf("never heard of: %s", got)
		}
		w.clock.Pass(5 * time.Minute)
		if n := look(); n != 0 {
			t.Errorf("%d alerts before the next round", n)
		}
		w.clock.Pass(6 * time.Minute)
		if n, again := look(), look(); n != 1 || again != 0 {
			t.Errorf("%d and %d alerts, want that of live", n, again)
		}
		if got := w.told(t, "/get_sim_alerts?iccid=<live>"); got != "[NO_CONNECTION]" {
			t.Errorf("silent: %s", got)
		}
		w.clock.Pass(time.Hour)
		w.use("live", 1)
		w.clock.Pass(25 * time.Hour)
		if n := look(); n != 2 {
			t.Errorf("%d alerts of the silences that followed, want those of live and live2", n)
		}
		if got := w.told(t, "/get_account_alerts?offset=0"); strings.Count(got, "NO_CONNECTION") != 4 {
			t.Errorf("in all: %s", got)
		}
		w.awayAndBack(t, look)
	})
}

// awayAndBack suspends a SIM that is silent: back in service, it is given its
// time again.
func (w *world) awayAndBack(t *testing.T, look func() int) {
	t.Helper()
	w.give(sim.SuspendCustomer, "esim")
	w.settle()
	w.clock.Pass(time.Hour)
	look()
	w.give(sim.ResumeCustomer, "esim")
	w.settle()
	w.clock.Pass(23 * time.Hour)
	look()
	if got := w.told(t, "/get_sim_alerts?iccid=<esim>"); got != "[]" {
		t.Errorf("back in service: %s", got)
	}
	w.clock.Pass(2 * time.Hour)
	look()
	if got := w.told(t, "/get_sim_alerts?iccid=<esim>"); got != "[NO_CONNECTION]" {
		t.Errorf("silent again: %s", got)
	}
}

// The cost of a month comes to an amount once, whoever looks.
func TestAlertOfBalance(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		look := func() int { return must(w.Fleet.TellBalances(t.Context())) }
		w.use("live", 3<<20) // 0.20
		w.rule(usage.BalanceThreshold, 250_000)
		w.rule(usage.BalanceThreshold, 900_000)
		w.use("foreign", 50<<20)
		if n := look(); n != 0 {
			t.Errorf("%d alerts below the amount", n)
		}
		w.use("below", 2<<20) // 0.10, and on the balance of the account above
		if n, again := look(), look(); n != 1 || again != 0 {
			t.Errorf("%d and %d alerts", n, again)
		}
		var p alertsJSON
		w.get("/get_account_alerts").into(t, &p)
		if p.Total != 1 || p.Alerts[0].Trigger != "BALANCE_THRESHOLD" || p.Alerts[0].ICCID != "" {
			t.Errorf("%+v", p)
		}
		if got := w.told(t, "/get_group_alerts?group=north"); got != "[]" {
			t.Errorf("of a group: %s", got)
		}
		w.clock.Pass(time.Date(2026, 4, 1, 0, 5, 0, 0, time.UTC).Sub(w.clock.Now()))
		if n := look(); n != 0 {
			t.Errorf("%d alerts in a new month", n)
		}
		w.use("live2", 5<<20) // 0.40
		if n := look(); n != 1 {
			t.Errorf("%d alerts in the new month, want 1", n)
		}
		w.use("live2", 9<<20)
		if n := look(); n != 1 {
			t.Errorf("%d alerts at the higher amount, want 1", n)
		}
	})
}

// An account has its own idea of how much of a data limit is much.
func TestAlertOfUse(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		report := usage.Report{Key: usage.Key{NAS: "pgw", ID: "a"}, Step: usage.Start, At: w.clock.Now(), IMSI: imsi("live"), IMEI: "350000000000017"}
		send := func(percent int64) string {
			w.clock.Pass(time.Minute)
			report.Step, report.At, report.Seconds, report.Out = usage.Interim, w.clock.Now(), report.Seconds+60, 1<<20*percent/100
			w.ingest(report)
			return w.told(t, "/get_sim_alerts?iccid=<live>")
		}
		w.put("/set_data_limit?iccid=<live>&limit=1").ok(t, 200)
		if got := send(10) + send(20); got != "[][]" {
			t.Errorf("below: %s", got)
		}
		w.rule(usage.DataThreshold, 30)
		if got := send(35) + send(81); got != "[DATA_USAGE_THRESHOLD][]" {
			t.Errorf("beyond 30 per cent: %s", got)
		}
		if got := send(101); got != "[DATA_LIMIT_REACHED]" {
			t.Errorf("beyond the limit: %s", got)
		}
	})
}

// Rules are the account's own to read and to change, of nobody beside it.
func TestAlertRulesOfOthers(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		w.rule(usage.NoConnection, 24)
		w.rule(usage.NoConnection, 48)
		list := must(w.Fleet.AlertRules(t.Context(), w.op, folios["A"]))
		if len(list) != 1 || list[0].Value != 48 {
			t.Errorf("%+v", list)
		}
		page, err := w.Fleet.Portfolio(t.Context(), w.op, folios["B"])
		if err != nil {
			t.Fatal(err)
		}
		other := fleet.Request{Caller: w.op.Caller, Via: "portal"}
		other.Caller.Sphere = tenant.Below(page.Path)
		if list, err := w.Fleet.AlertRules(t.Context(), other, folios["A"]); err == nil {
			t.Errorf("another's rules are read: %+v", list)
		}
		if _, err := w.Fleet.SetAlertRule(t.Context(), other, list[0]); err == nil {
			t.Error("another's rules are set")
		}
		if _, err := w.Fleet.RemoveAlertRule(t.Context(), other, list[0]); err == nil {
			t.Error("another's rules are removed")
		}
		if was, err := w.Fleet.RemoveAlertRule(t.Context(), w.op, usage.AlertRule{Portfolio: folios["A"], Kind: usage.NoConnection}); err != nil || was.Value != 48 {
			t.Errorf("%+v, %v", was, err)
		}
		if _, err := w.Fleet.RemoveAlertRule(t.Context(), w.op, list[0]); err == nil {
			t.Error("a rule is removed twice")
		}
		for i := range int64(usage.MaxAlertRules) {
			w.rule(usage.SMSThreshold, i+1)
		}
		if _, err := w.Fleet.SetAlertRule(t.Context(), w.op, usage.AlertRule{Portfolio: folios["A"], Kind: usage.SMSThreshold, Value: 99}); err == nil {
			t.Error("there is no end of rules")
		}
	})
}
