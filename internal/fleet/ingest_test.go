package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// session reports on one data session of SIM i, as its network would.
type session struct {
	w     *world
	imsi  ident.IMSI
	key   usage.Key
	begun time.Time
	imei  ident.IMEI
	mcc   string
}

func (w *world) session(i int, id string) *session {
	return &session{w: w, imsi: ident.IMSI(fmt.Sprintf("23415%010d", i)), key: usage.Key{NAS: "pgw1", ID: id}, begun: w.clock.Now(), imei: "490154203237518", mcc: "234"}
}

func (s *session) report(step usage.Step, in, out int64) usage.Report {
	now := s.w.clock.Now()
	return usage.Report{Key: s.key, Step: step, At: now, Seconds: int64(now.Sub(s.begun).Seconds()), In: in, Out: out, IMSI: s.imsi,
		IMEI: s.imei, APN: "internet", MCC: s.mcc, MNC: "15", RAT: "EUTRAN", LAI: "1a2b", CI: "33f0"}
}

func (s *session) send(step usage.Step, in, out int64) fleet.Ingested {
	s.w.t.Helper()
	s.w.clock.Pass(time.Minute)
	return s.w.ingest(s.report(step, in, out))
}

func (w *world) live(i int) ident.ICCID {
	w.t.Helper()
	s := w.stock(w.a, w.auto, i, 1)[0]
	w.apply(w.customer(w.a, "E"), sim.ActivateLive, s)
	w.network(nil)
	return s
}

func (w *world) edit(i ident.ICCID, change func(*sim.SIM)) {
	w.t.Helper()
	w.must(w.db.Write(w.t.Context(), func(tx *store.Tx) error {
		sims, err := tx.Lock(w.t.Context(), tenant.Everything(), []ident.ICCID{i})
		if err != nil {
			return err
		}
		after := sims[0]
		change(&after)
		return tx.Save(w.t.Context(), []sim.Change{{Before: &sims[0], After: &after}})
	}))
}

func TestUsageIsCountedOnceAndRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	s.send(usage.Interim, 1000, 500)
	again := s.report(usage.Interim, 1000, 500)
	if res := w.ingest(again, again); res.Ignored != 2 || res.Taken != 0 {
		t.Errorf("a repetition: %+v", res)
	}
	s.send(usage.Stop, 2000, 1000)
	stranger := w.session(99, "x")
	if res := stranger.send(usage.Start, 0, 0); res.Unknown != 1 {
		t.Errorf("a stranger: %+v", res)
	}
	cust := w.customer(w.a, "E")
	a, now, _, err := w.LastActivity(t.Context(), cust, iccid)
	w.must(err)
	if now.Bytes != 3000 || now.In != 2000 || now.Out != 1000 || now.Rounded != 3072 {
		t.Errorf("month %+v", now)
	}
	if a.SessionBytes != 3000 || a.SessionStop.IsZero() || a.MCC != "234" || a.IMEI != string(s.imei) || a.APN != "internet" || a.CI != "33f0" {
		t.Errorf("activity %+v", a)
	}
	events, total, err := w.Rated(t.Context(), cust, iccid, usage.RatedQuery{})
	w.must(err)
	if total != 1 || events[0].Quantity != 3072 || !events[0].Start.Equal(s.begun) || events[0].Package != w.auto.ID {
		t.Errorf("rated %+v", events)
	}
	if _, _, _, err := w.LastActivity(t.Context(), w.customer(w.b, "E"), iccid); err == nil {
		t.Error("another's usage is read")
	}
}

func TestReadyGoesLiveWithTheFirstByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.stock(w.a, w.auto, 0, 1)[0]
	w.apply(w.customer(w.a, "E"), sim.ActivateReady, iccid)
	w.network(nil)
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	s.send(usage.Interim, 0, 0)
	if got := w.sim(iccid); got.Wanted.Phase != sim.Ready {
		t.Fatalf("a session without bytes made it %s", got.Wanted)
	}
	s.send(usage.Interim, 1, 0)
	w.network(nil)
	live := w.sim(iccid)
	if live.Wanted.Phase != sim.Live || live.ContractStart.IsZero() {
		t.Fatalf("after the first byte: %s", live.Wanted)
	}
	ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: iccid, Limit: 1}))(t)
	if ops[0].Actor != "system:rules" || ops[0].Reason != "first use" || ops[0].Progress != sim.OpDone {
		t.Errorf("operation %+v", ops[0])
	}
}

func TestTestAllowance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, end := range map[int]func(s *session){
		0: func(s *session) { s.send(usage.Interim, 20*1024, 0) },
		1: func(*session) { w.clock.Pass(91 * 24 * time.Hour); got(w.EndTests(t.Context()))(t) },
	} {
		iccid := w.stock(w.a, w.auto, i, 1)[0]
		w.apply(w.customer(w.a, "E"), sim.ActivateTest, iccid)
		w.network(nil)
		s := w.session(i, fmt.Sprint("t", i))
		s.send(usage.Interim, 10*1024, 0)
		if n := got(w.EndTests(t.Context()))(t); n != 0 || w.sim(iccid).Wanted.Phase != sim.Test {
			t.Fatalf("%d ended early: %s", n, w.sim(iccid).Wanted)
		}
		end(s)
		w.network(nil)
		if got := w.sim(iccid); got.Wanted.Phase != sim.Ready {
			t.Errorf("case %d ends %s", i, got.Wanted)
		}
	}
}

func TestDataLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	w.edit(iccid, func(s *sim.SIM) { s.DataLimit = 1 })
	s := w.session(0, "a1")
	s.send(usage.Interim, usage.Megabyte*9/10, 0)
	if w.sim(iccid).Wanted.Suspended != 0 {
		t.Fatal("suspended below the limit")
	}
	s.send(usage.Interim, usage.Megabyte, 0)
	held := w.sim(iccid)
	if !held.Wanted.Suspended.Has(sim.System) || held.Holds[sim.System].Reason != "data limit of 1 MB reached" {
		t.Fatalf("at the limit: %s %+v", held.Wanted, held.Holds)
	}
	w.network(nil)
	w.wantStatus(iccid, sim.StatusSuspended)
	if cuts := w.cuts(); len(cuts) != 1 || cuts[0] != "suspendSystem: data limit of 1 MB reached" {
		t.Errorf("cuts %q", cuts)
	}
	s.send(usage.Stop, usage.Megabyte+5000, 0) // what was on its way still counts
	if n := got(w.LiftMonthly(t.Context()))(t); n != 0 {
		t.Fatalf("%d lifted within the month", n)
	}
	w.clock.Pass(time.Date(2026, 4, 1, 0, 0, 1, 0, time.UTC).Sub(w.clock.Now()))
	if n := got(w.LiftMonthly(t.Context()))(t); n != 1 {
		t.Fatalf("%d lifted in the next month", n)
	}
	w.network(nil)
	w.wantStatus(iccid, sim.StatusProvisioned)
	if kinds := w.alerts(); fmt.Sprint(kinds) != "[DATA_USAGE_THRESHOLD DATA_LIMIT_REACHED]" {
		t.Errorf("alerts %v", kinds)
	}
}

func TestDevicesAndCountries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	w.edit(iccid, func(s *sim.SIM) { s.IMEILock = "490154203237518" })
	s := w.session(0, "a1")
	s.imei = "4901542032375101" // the same device with a software version
	s.send(usage.Start, 0, 0)
	if len(w.cuts()) != 0 {
		t.Fatal("cut in its own device")
	}
	s.imei, s.mcc = "356938035643809", "262"
	s.send(usage.Interim, 10, 0)
	if cuts := w.cuts(); len(cuts) != 1 || cuts[0] != "IMEI lock" {
		t.Errorf("cuts %q", cuts)
	}
	if kinds := w.alerts(); fmt.Sprint(kinds) != "[NEW_COUNTRY IMEI_CHANGED IMEI_LOCK_VIOLATION]" {
		t.Errorf("alerts %v", kinds)
	}
	w.wantStatus(iccid, sim.StatusProvisioned)
}

func TestSuspendAndTerminateCutOpenSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, verb := range []sim.Verb{sim.SuspendCustomer, sim.Terminate, sim.Close} {
		iccid := w.live(i)
		open, ended := w.session(i, fmt.Sprint("open", i)), w.session(i, fmt.Sprint("ended", i))
		open.send(usage.Start, 0, 0)
		ended.send(usage.Stop, 5, 5)
		before := len(w.cuts())
		w.apply(w.op, verb, iccid)
		if cuts := w.cuts(); len(cuts) != before+1 || cuts[before] != verb.String()+": test" {
			t.Errorf("%s: cuts %q", verb, cuts)
		}
	}
}

// Usage across midnight of the first lands in the month that the network says.
func TestUsageOfTheLastMonthArrivesInTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	s := w.session(0, "a1")
	s.send(usage.Interim, 100, 0)
	late := s.report(usage.Interim, 1000, 0)
	late.At, late.Seconds = time.Date(2026, 3, 31, 23, 59, 0, 0, time.UTC), 1_000_000
	w.clock.Pass(time.Date(2026, 4, 1, 0, 5, 0, 0, time.UTC).Sub(w.clock.Now()))
	w.ingest(late)
	_, now, last, err := w.LastActivity(t.Context(), w.op, iccid)
	w.must(err)
	if now.Bytes != 0 || last.Bytes != 1000 {
		t.Errorf("this month %d, the last %d", now.Bytes, last.Bytes)
	}
}

// cuts lists why sessions are to be cut, in order.
func (w *world) cuts() []string {
	w.t.Helper()
	var out []string
	for {
		cuts := got(w.ClaimCuts(w.t.Context(), "n1", 10, time.Hour))(w.t)
		if len(cuts) == 0 {
			break
		}
		for _, c := range cuts {
			w.seenCuts = append(w.seenCuts, c.Reason)
		}
	}
	return append(out, w.seenCuts...)
}

func (w *world) alerts() []usage.AlertKind {
	w.t.Helper()
	list, _, err := w.Alerts(w.t.Context(), w.op, usage.AlertQuery{})
	w.must(err)
	var out []usage.AlertKind
	for i := range list {
		out = append(out, list[len(list)-1-i].Kind)
	}
	return out
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	ask := func(a usage.Access) (usage.AccessRecord, bool) {
		t.Helper()
		answer := got(w.Admit(t.Context(), []usage.Access{a}))(t)[0]
		return answer.AccessRecord, answer.Known
	}
	if rec, known := ask(usage.Access{IMSI: "234150000000000"}); !known || !rec.Verdict.Accept {
		t.Errorf("live: %+v", rec)
	}
	if rec, known := ask(usage.Access{MSISDN: "447700000000"}); !known || !rec.Verdict.Accept {
		t.Errorf("by number: %+v", rec)
	}
	if rec, known := ask(usage.Access{IMSI: "999990000000000"}); known || rec.Verdict.Accept {
		t.Errorf("unknown: %+v", rec)
	}
	w.edit(iccid, func(s *sim.SIM) { s.DataLimit = 1 })
	w.session(0, "a").send(usage.Stop, usage.Megabyte, 0)
	rec, _ := ask(usage.Access{IMSI: "234150000000000", NAS: "pgw1", APN: "internet"})
	if rec.Verdict.Accept {
		t.Errorf("beyond its limit: %+v", rec)
	}
	w.must(w.RecordAccess(t.Context(), []usage.AccessRecord{rec}))
	list, total, err := w.Accesses(t.Context(), w.customer(w.a, "E"), iccid, w.clock.Now().Add(-time.Hour), w.clock.Now().Add(time.Hour), 0, 10)
	w.must(err)
	if total != 1 || list[0].Verdict.Reason != rec.Verdict.Reason || list[0].Access.NAS != "pgw1" {
		t.Errorf("timeline %+v", list)
	}
}

func TestGatewaysAndTheirSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	prefix := got(fleet.ParseNASAddress("192.0.2.0/24"))(t)
	w.must(w.AddNAS(ctx, w.op, usage.NAS{Name: "pgw1", Prefix: prefix, Secret: []byte("s3cret-s3cret")}))
	if err := w.AddNAS(ctx, w.op, usage.NAS{Name: "pgw1", Prefix: prefix, Secret: []byte("s3cret-s3cret")}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("added twice: %v", err)
	}
	if err := w.AddNAS(ctx, w.op, usage.NAS{Name: "PGW 2", Secret: []byte("short")}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("bad gateway: %v", err)
	}
	list := got(w.NASes(ctx, w.op))(t)
	if len(list) != 1 || string(list[0].Secret) != "s3cret-s3cret" || list[0].CoAPort != 3799 {
		t.Fatalf("gateways %+v", list)
	}
	iccid := w.live(0)
	open, other := w.session(0, "a1"), w.session(0, "b1")
	other.key.NAS = "pgw2"
	open.send(usage.Interim, 10, 0)
	other.send(usage.Interim, 10, 0)
	if n := got(w.CloseNAS(ctx, "pgw1", w.clock.Now()))(t); n != 1 {
		t.Errorf("%d sessions closed with their gateway", n)
	}
	w.clock.Pass(2 * time.Hour)
	if n := got(w.MarkStale(ctx, w.clock.Now().Add(-time.Hour)))(t); n != 1 {
		t.Errorf("%d stale", n)
	}
	sessions, total, err := w.DataSessions(ctx, w.op, []ident.ICCID{iccid}, w.clock.Now().AddDate(0, 0, -1), w.clock.Now(), 0, 10)
	w.must(err)
	phases := map[string]usage.Phase{}
	for _, s := range sessions {
		phases[s.Key.NAS] = s.Phase
	}
	if total != 2 || phases["pgw1"] != usage.Lost || phases["pgw2"] != usage.Stale {
		t.Errorf("sessions %+v", phases)
	}
	w.clock.Pass(400 * 24 * time.Hour)
	w.must(w.DropUsage(ctx, w.clock.Now().AddDate(0, -1, 0)))
	if _, total, _ := w.DataSessions(ctx, w.op, []ident.ICCID{iccid}, w.clock.Now().AddDate(-2, 0, 0), w.clock.Now(), 0, 10); total != 1 {
		t.Errorf("%d sessions after the retention; the stale one stays", total)
	}
	w.must(w.RemoveNAS(ctx, w.op, "pgw1"))
	if err := w.RemoveNAS(ctx, w.op, "pgw1"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("removed twice: %v", err)
	}
}

// What a month costs comes out of what the operator charges for the package,
// where the SIM was.
func TestUsageIsPricedByThePackage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	for _, i := range []plan.Item{
		{Package: w.auto.ID, Category: plan.DataItem, Bundle: 2 << 20, Price: 500_000, RoundIn: 1024},
		{Package: w.auto.ID, Category: plan.DataItem, Price: 2_000_000, RoundOut: 1 << 20, Countries: []string{"262"}},
	} {
		got(w.CreateItem(t.Context(), w.op, i))(t)
	}
	cost := func() string {
		t.Helper()
		_, now, _, err := w.LastActivity(t.Context(), w.op, iccid)
		w.must(err)
		return now.Cost.String()
	}
	home := w.session(0, "home")
	home.send(usage.Stop, 2<<20, 0)
	if got := cost(); got != "0.00" {
		t.Errorf("within the bundle it costs %s", got)
	}
	w.session(0, "more").send(usage.Stop, 4<<20, 0)
	if got := cost(); got != "2.00" {
		t.Errorf("4 MB beyond the bundle cost %s", got)
	}
	away := w.session(0, "away")
	away.mcc = "262"
	away.send(usage.Stop, 1, 0)
	if got := cost(); got != "4.00" {
		t.Errorf("a byte abroad, rounded to a megabyte, makes it %s", got)
	}
}

// A session that crosses a border is priced on either side for what it carried
// there.
func TestASessionThatCrossesABorder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	for _, i := range []plan.Item{
		{Package: w.auto.ID, Category: plan.DataItem, Price: 1_000_000, RoundOut: 1024},
		{Package: w.auto.ID, Category: plan.DataItem, Price: 10_000_000, RoundOut: 1024, Countries: []string{"262"}},
	} {
		got(w.CreateItem(t.Context(), w.op, i))(t)
	}
	s := w.session(0, "a1")
	s.send(usage.Start, 0, 0)
	s.send(usage.Interim, 10<<20, 0)
	s.mcc = "262"
	s.send(usage.Interim, 11<<20, 0)
	s.mcc = "234"
	s.send(usage.Interim, 15<<20, 0)
	s.send(usage.Stop, 16<<20, 0)
	_, now, _, err := w.LastActivity(t.Context(), w.op, iccid)
	w.must(err)
	if got := now.Cost.String(); got != "25.00" || now.Bytes != 16<<20 {
		t.Errorf("%d bytes cost %s, want 25.00 for 15 MB at home and 1 abroad", now.Bytes, got)
	}
}

// Each item has a bundle of its own: what is used abroad uses up none at home,
// and another package begins with a whole one.
func TestBundlesOfItems(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		for _, i := range []plan.Item{
			{Package: w.auto.ID, Category: plan.DataItem, Bundle: 3 << 20, Price: 1_000_000, RoundIn: 1024},
			{Package: w.auto.ID, Category: plan.DataItem, Bundle: 1 << 20, Price: 10_000_000, RoundIn: 1024, Countries: []string{"262"}},
			{Package: w.manual.ID, Category: plan.DataItem, Bundle: 1 << 20, Price: 100_000_000, RoundIn: 1024},
		} {
			got(w.CreateItem(t.Context(), w.op, i))(t)
		}
		use := func(id, mcc string, megabytes int64, want string) {
			t.Helper()
			s := w.session(0, id)
			s.mcc = mcc
			s.send(usage.Stop, megabytes<<20, 0)
			_, now, _, err := w.LastActivity(t.Context(), w.op, iccid)
			w.must(err)
			if got := now.Cost.String(); got != want {
				t.Errorf("%s: %d MB in %s make it %s, want %s", id, megabytes, mcc, got, want)
			}
		}
		use("a1", "262", 3, "20.00")
		use("a2", "234", 2, "20.00")
		use("a3", "234", 2, "21.00")
		use("a4", "262", 1, "31.00")
		w.edit(iccid, func(s *sim.SIM) { s.Package = w.manual.ID })
		use("a5", "234", 1, "31.00")
		use("a6", "234", 1, "131.00")
		w.clock.Pass(31 * 24 * time.Hour)
		_, before, _, err := w.LastActivity(t.Context(), w.op, iccid)
		w.must(err)
		use("a7", "234", 1, before.Cost.String())
	})
}
