package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

// world is a platform with one operator, two customers side by side, packages
// and a network that the test plays itself.
type world struct {
	*fleet.Service
	t            testing.TB
	db           *store.DB
	clock        *fleettest.Clock
	op           fleet.Request
	root, a, b   tenant.Portfolio
	auto, manual plan.Package
	told         map[string]int
	seenCuts     []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, store.Options{Dir: sqlitetest.Dir(t)})
}

func newWorldOn(t testing.TB, o store.Options) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	v, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, clock: fleettest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)), told: map[string]int{},
		op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli", ID: "req-1"}}
	var mu sync.Mutex
	w.Service = fleet.New(fleettest.Store{DB: db}, fleet.Options{Vault: fleettest.Keeper{Vault: v}, Now: w.clock.Now, Told: func(n map[string]bool) {
		mu.Lock()
		defer mu.Unlock()
		for name := range n {
			w.told[name]++
		}
	}})
	w.fill(ctx)
	return w
}

func (w *world) fill(ctx context.Context) {
	w.must(w.AddNetwork(ctx, w.op, plan.Network{Name: "lab", Driver: "simulated"}, []byte("password")))
	w.root = got(w.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{Name: "Operator", Currency: "GBP"}))(w.t)
	w.a = got(w.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{Name: "A", Parent: w.root.ID}))(w.t)
	w.b = got(w.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{Name: "B", Parent: w.root.ID}))(w.t)
	links := []ident.PortfolioID{w.a.ID, w.b.ID}
	w.auto = got(w.CreatePackage(ctx, w.op, plan.Package{Name: "Auto", Network: "lab", ContractMonths: 12, MNO: 350}, links))(w.t)
	w.manual = got(w.CreatePackage(ctx, w.op, plan.Package{Name: "Manual", Network: "lab", Activation: plan.Manual, Termination: plan.Manual}, links))(w.t)
}

// got unwraps a result; an error ends the test.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) customer(p tenant.Portfolio, roles string) fleet.Request {
	a := tenant.Account{Roles: roles}
	a.ID, a.Kind, a.Name, a.Portfolio, a.Sphere, a.May = string(p.ID), tenant.User, "user-"+p.Name, p.ID, tenant.Below(p.Path), tenant.Rights(roles)
	return fleet.Request{Caller: a.Principal, Via: "tigrillo", ID: "req-2"}
}

func iccid(i int) ident.ICCID {
	return ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", i)))
}

// rows is a batch in memory.
type rows struct {
	list []fleet.BatchRow
	bad  map[int]*fleet.RowRejected // before the row of that index
}

func (r *rows) Next() (fleet.BatchRow, error) {
	if len(r.list) == 0 {
		return fleet.BatchRow{}, io.EOF
	}
	line := r.list[0].Line
	if bad := r.bad[line]; bad != nil {
		delete(r.bad, line)
		return fleet.BatchRow{}, bad
	}
	row := r.list[0]
	r.list = r.list[1:]
	return row, nil
}

func batchOf(from, n int) *rows {
	r := &rows{}
	for i := from; i < from+n; i++ {
		s := sim.SIM{ICCID: iccid(i), Number: string(iccid(i)), IMSI: ident.IMSI(fmt.Sprintf("23415%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("4477%08d", i))}
		r.list = append(r.list, fleet.BatchRow{Line: i + 2, SIM: s, Secrets: sim.Secrets{K: ident.Key{1, byte(i)}, OPc: ident.Key{2, byte(i)}, PIN1: "1234"}})
	}
	return r
}

// stock imports n SIMs into a portfolio.
func (w *world) stock(p tenant.Portfolio, pkg plan.Package, from, n int) []ident.ICCID {
	w.t.Helper()
	res := got(w.Import(w.t.Context(), w.op, fleet.Import{Portfolio: p.ID, Package: pkg.ID}, batchOf(from, n)))(w.t)
	if res.Imported != n {
		w.t.Fatalf("imported %+v, want %d", res, n)
	}
	out := make([]ident.ICCID, n)
	for i := range out {
		out[i] = iccid(from + i)
	}
	return out
}

func verb(v sim.Verb) fleet.Choose {
	return func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Verb: v, Reason: "test"}, nil }
}

func (w *world) apply(r fleet.Request, v sim.Verb, iccids ...ident.ICCID) *fleet.Applied {
	w.t.Helper()
	return got(w.Apply(w.t.Context(), r, iccids, verb(v), nil))(w.t)
}

// network answers everything that is due, as answer says; nil agrees.
func (w *world) network(answer func(sim.Claim) error) int {
	w.t.Helper()
	claims := got(w.Claim(w.t.Context(), "lab", 1000, time.Minute))(w.t)
	answers := make([]sim.Answer, len(claims))
	for i, c := range claims {
		answers[i] = sim.Answer{Claim: c}
		if answer == nil {
			continue
		}
		var no *refusal
		answers[i].Err = answer(c)
		answers[i].Refused = errors.As(answers[i].Err, &no)
		answers[i].RetryAt = w.clock.Now().Add(time.Second)
	}
	w.must(w.Answer(w.t.Context(), answers))
	return len(claims)
}

type refusal struct{ error }

func (w *world) sim(i ident.ICCID) sim.SIM {
	w.t.Helper()
	return got(w.SIM(w.t.Context(), w.op, i))(w.t)
}

func (w *world) wantStatus(i ident.ICCID, want sim.Status) {
	w.t.Helper()
	s := w.sim(i)
	if s.Status() != want {
		w.t.Fatalf("%s is %s (%s), want %s", i, s.Status(), s.Wanted, want)
	}
}

func TestFromStockToNetworkAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 3)
	cust := w.customer(w.a, "E")

	res := w.apply(cust, sim.ActivateLive, s...)
	for _, o := range res.Outcomes {
		if o.Err != nil || !o.Changed || o.Progress != sim.OpPending || o.SIM.Status() != sim.StatusProvisioning || o.SIM.Version != 2 {
			t.Fatalf("outcome %+v", o)
		}
	}
	if w.told["lab"] != 1 {
		t.Errorf("the network was rung %d times", w.told["lab"])
	}
	claims := got(w.Claim(t.Context(), "lab", 10, time.Minute))(t)
	if len(claims) != 3 || claims[0].Profile.K != (ident.Key{1, 0}) || !claims[0].Profile.Present || claims[0].Sealed != nil {
		t.Fatalf("claims %+v", claims)
	}
	answers := []sim.Answer{{Claim: claims[0]}, {Claim: claims[1]}, {Claim: claims[2]}}
	w.clock.Pass(time.Minute / 2)
	w.must(w.Answer(t.Context(), answers))
	w.must(w.Answer(t.Context(), answers)) // a repeated answer changes nothing

	one := w.sim(s[0])
	if one.Status() != sim.StatusProvisioned || one.ContractStart.IsZero() || !one.ContractEnd.Equal(plan.AddMonths(one.ContractStart, 12)) {
		t.Fatalf("after activation: %+v", one)
	}
	w.apply(cust, sim.SuspendCustomer, s[0])
	w.wantStatus(s[0], sim.StatusProvisioned) // shown as suspended once the network has agreed
	w.network(nil)
	w.wantStatus(s[0], sim.StatusSuspended)
	w.apply(cust, sim.ResumeCustomer, s[0])
	w.network(nil)
	w.apply(cust, sim.Terminate, s[0])
	w.wantStatus(s[0], sim.StatusDeprovisioning)
	w.network(nil)
	w.wantStatus(s[0], sim.StatusUnprovisioned)

	if n := got(w.ReturnDue(t.Context(), "lab", time.Hour, 10))(t); n != 0 {
		t.Fatalf("%d returned before their time", n)
	}
	w.clock.Pass(2 * time.Hour)
	if n := got(w.ReturnDue(t.Context(), "lab", time.Hour, 10))(t); n != 1 {
		t.Fatalf("%d returned", n)
	}
	w.wantStatus(s[0], sim.StatusAvailable)
	w.must(w.db.Check(t.Context()))
	w.wantHistory(s[0])
}

// wantHistory holds that every command left one operation, done, and that the
// events are in the order of the SIM's versions.
func (w *world) wantHistory(i ident.ICCID) {
	w.t.Helper()
	ops := got(w.Operations(w.t.Context(), w.op, sim.OperationQuery{ICCID: i}))(w.t)
	if len(ops) != 4 {
		w.t.Fatalf("%d operations, want 4", len(ops))
	}
	for _, o := range ops {
		if o.Progress != sim.OpDone || o.DoneAt.IsZero() || o.Attempts != 1 || o.Actor != "user:user-A" || o.Via != "tigrillo" || o.Request != "req-2" {
			w.t.Errorf("operation %+v", o)
		}
	}
	events := got(w.Events(w.t.Context(), w.op, eventsOf(i)))(w.t)
	if len(events) != 9 {
		w.t.Fatalf("%d events, want 9: %+v", len(events), events)
	}
	for k := range events[1:] {
		if events[k].Seq <= events[k+1].Seq {
			w.t.Errorf("events out of order: %d before %d", events[k].Seq, events[k+1].Seq)
		}
	}
}

func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 3)
	foreign := w.stock(w.b, w.auto, 10, 1)
	cust := w.customer(w.a, "E")
	w.apply(cust, sim.Close, s[2])

	missing := iccid(999)
	res := w.apply(cust, sim.ActivateLive, s[0], foreign[0], s[1], missing, s[2], s[0])
	if !res.Refused || len(res.Outcomes) != 5 {
		t.Fatalf("result %+v", res)
	}
	for i, want := range []fault.Kind{0, fault.NotFound, 0, fault.NotFound, fault.Precondition} {
		o := res.Outcomes[i]
		if (o.Err == nil) != (want == 0) || (o.Err != nil && fault.KindOf(o.Err) != want) || o.Changed || o.Operation != 0 {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	if f, m := res.Outcomes[1].Err.Error(), res.Outcomes[3].Err.Error(); len(f) != len(m) || res.Outcomes[1].SIM != (sim.SIM{}) {
		t.Errorf("another's SIM can be told from a missing one: %q, %q", f, m)
	}
	w.wantStatus(s[0], sim.StatusAvailable)
	w.wantStatus(foreign[0], sim.StatusAvailable)
	if n := w.network(nil); n != 0 {
		t.Errorf("%d SIMs reached the network", n)
	}
}

func TestRefusedByTheNetworkGoesBackWithTheReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 2)
	w.apply(w.customer(w.a, "E"), sim.ActivateLive, s...)
	w.network(func(c sim.Claim) error {
		if c.Profile.ICCID == s[0] {
			return &refusal{errors.New("IMSI is barred here")}
		}
		return errors.New("connection reset")
	})
	no := w.sim(s[0])
	if no.Status() != sim.StatusAvailable || no.Failure != "IMSI is barred here" || no.Pending() {
		t.Fatalf("refused: %+v", no)
	}
	yet := w.sim(s[1])
	if yet.Status() != sim.StatusProvisioning || !yet.Pending() {
		t.Fatalf("retried: %+v", yet)
	}
	ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{}))(t)
	for _, o := range ops {
		switch {
		case o.ICCID == s[0] && (o.Progress != sim.OpRefused || o.LastError != "IMSI is barred here"):
			t.Errorf("refused operation %+v", o)
		case o.ICCID == s[1] && (o.Progress != sim.OpPending || o.Attempts != 1 || o.LastError != "connection reset" || o.NextTry.IsZero()):
			t.Errorf("pending operation %+v", o)
		}
	}
	if n := w.network(nil); n != 0 {
		t.Errorf("%d tried before their time", n)
	}
	w.clock.Pass(time.Second)
	if n := w.network(nil); n != 1 {
		t.Errorf("%d tried again", n)
	}
	w.wantStatus(s[1], sim.StatusProvisioned)
}

func TestCommandDuringAClaimIsToldNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	cust := w.customer(w.a, "E")
	w.apply(cust, sim.ActivateLive, s)
	claims := got(w.Claim(t.Context(), "lab", 10, time.Minute))(t)
	w.apply(cust, sim.SuspendCustomer, s)
	if other := got(w.Claim(t.Context(), "lab", 10, time.Minute))(t); len(other) != 0 {
		t.Fatal("a second worker took a SIM that the first holds")
	}
	w.must(w.Answer(t.Context(), []sim.Answer{{Claim: claims[0]}}))
	if n := w.network(nil); n != 1 {
		t.Fatalf("%d told after the first answer, want 1", n)
	}
	w.wantStatus(s, sim.StatusSuspended)
	ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: s}))(t)
	if len(ops) != 2 || ops[0].Progress != sim.OpDone || ops[1].Progress != sim.OpDone {
		t.Errorf("operations %+v", ops)
	}
}

func TestCoalescedOperationsAreSuperseded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	cust := w.customer(w.a, "E")
	w.apply(cust, sim.ActivateLive, s)
	w.apply(cust, sim.SuspendCustomer, s)
	w.apply(cust, sim.ResumeCustomer, s)
	if n := w.network(nil); n != 1 {
		t.Fatalf("told %d times", n)
	}
	w.wantStatus(s, sim.StatusProvisioned)
	ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: s}))(t)
	for i, want := range []sim.Progress{sim.OpDone, sim.OpSuperseded, sim.OpSuperseded} {
		if ops[i].Progress != want {
			t.Errorf("operation %d is %s, want %s", i, ops[i].Progress, want)
		}
	}
}

func TestALostLeaseIsAnsweredByTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	w.apply(w.customer(w.a, "E"), sim.ActivateLive, s)
	first := got(w.Claim(t.Context(), "lab", 10, time.Second))(t)
	w.clock.Pass(2 * time.Second)
	second := got(w.Claim(t.Context(), "lab", 10, time.Minute))(t)
	if len(second) != 1 {
		t.Fatal("the lease did not run out")
	}
	w.must(w.Answer(t.Context(), []sim.Answer{{Claim: first[0], Err: errors.New("too late"), Refused: true}}))
	w.wantStatus(s, sim.StatusProvisioning)
	w.must(w.Answer(t.Context(), []sim.Answer{{Claim: second[0]}}))
	w.wantStatus(s, sim.StatusProvisioned)
}

func TestTasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.manual, 0, 3)
	cust := w.customer(w.a, "E")
	w.apply(cust, sim.ActivateLive, s...)
	w.wantStatus(s[0], sim.StatusAwaitingApproval)
	if n := w.network(nil); n != 0 {
		t.Fatalf("%d told before a person approved", n)
	}
	tasks := got(w.Tasks(t.Context(), w.op, 0, 0))(t)
	if len(tasks) != 3 {
		t.Fatalf("%d tasks", len(tasks))
	}
	byICCID := map[ident.ICCID]int64{}
	for _, o := range tasks {
		byICCID[o.ICCID] = o.ID
	}
	if _, err := w.DecideTask(t.Context(), cust, byICCID[s[0]], true, ""); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a customer decided: %v", err)
	}
	if _, err := w.DecideTask(t.Context(), w.op, byICCID[s[1]], false, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("rejected without a reason: %v", err)
	}
	got(w.DecideTask(t.Context(), w.op, byICCID[s[0]], true, "paid"))(t)
	got(w.DecideTask(t.Context(), w.op, byICCID[s[1]], false, "not paid"))(t)
	if _, err := w.DecideTask(t.Context(), w.op, byICCID[s[1]], true, ""); fault.CodeOf(err) != "task.over" {
		t.Errorf("decided twice: %v", err)
	}
	if _, err := w.DecideTask(t.Context(), w.op, 424242, true, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("unknown task: %v", err)
	}
	w.apply(cust, sim.Terminate, s[2]) // withdraws
	if n := w.network(nil); n != 1 {
		t.Fatalf("%d told", n)
	}
	w.wantStatus(s[0], sim.StatusProvisioned)
	w.wantStatus(s[1], sim.StatusAvailable)
	w.wantStatus(s[2], sim.StatusAvailable)
	if s1 := w.sim(s[1]); s1.Failure != "not paid" {
		t.Errorf("the reason is lost: %+v", s1.Lifecycle)
	}
	if left := got(w.Tasks(t.Context(), w.op, 0, 0))(t); len(left) != 0 {
		t.Errorf("tasks left: %+v", left)
	}
	w.apply(cust, sim.Terminate, s[0])
	w.wantStatus(s[0], sim.StatusAwaitingReview)
	got(w.DecideTask(t.Context(), w.op, got(w.Tasks(t.Context(), w.op, 0, 0))(t)[0].ID, true, ""))(t)
	w.network(nil)
	w.wantStatus(s[0], sim.StatusUnprovisioned)
}

func TestActivationRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	cust := w.customer(w.a, "E")
	ctx := t.Context()
	refused := func(want string, edit fleet.Edit) {
		t.Helper()
		res := got(w.Apply(ctx, cust, []ident.ICCID{s}, func(fleet.Facts) (fleet.Edit, error) { return edit, nil }, nil))(t)
		if o := res.Outcomes[0]; o.Err == nil || fault.CodeOf(o.Err) != want {
			t.Fatalf("%+v: %v, want %s", edit, o.Err, want)
		}
		w.wantStatus(s, sim.StatusAvailable)
	}
	live := fleet.Edit{Verb: sim.ActivateLive}
	change := func(f func(*tenant.Portfolio)) {
		got(w.ChangePortfolio(ctx, w.op, w.a.ID, func(p *tenant.Portfolio) error { f(p); return nil }))(t)
	}
	change(func(p *tenant.Portfolio) { p.Overdue = 12_500_000 })
	refused("portfolio.payment_due", live)
	res := w.apply(cust, sim.ActivateLive, s)
	var due *fleet.PaymentDue
	if !errors.As(res.Outcomes[0].Err, &due) || due.Amount.Format(2) != "12.50" || due.Currency != "GBP" {
		t.Errorf("payment due: %v", res.Outcomes[0].Err)
	}
	change(func(p *tenant.Portfolio) { p.Overdue, p.NoActivations = 0, true })
	refused("portfolio.no_activations", live)
	change(func(p *tenant.Portfolio) { p.NoActivations = false })

	w.link(w.auto.ID, w.a.ID, tenant.AdminSuspension)
	refused(plan.LinkInactive, live)
	w.link(w.auto.ID, w.a.ID, 0)

	other := got(w.CreatePackage(ctx, w.op, plan.Package{Name: "B's", Network: "lab"}, []ident.PortfolioID{w.b.ID}))(t)
	refused("package.not_found", fleet.Edit{Verb: sim.ActivateLive, Package: &other.ID})
	wrong := got(w.CreatePackage(ctx, w.op, plan.Package{Name: "other operator", MNO: 9, Network: "lab"}, []ident.PortfolioID{w.a.ID}))(t)
	refused(plan.OtherOperator, fleet.Edit{Verb: sim.ActivateLive, Package: &wrong.ID})

	name := "Pump 7"
	edit := fleet.Edit{Verb: sim.ActivateLive, Package: &w.manual.ID, Name: &name}
	got(w.Apply(ctx, cust, []ident.ICCID{s}, func(fleet.Facts) (fleet.Edit, error) { return edit, nil }, nil))(t)
	now := w.sim(s)
	if now.Package != w.manual.ID || now.Name != name || now.Status() != sim.StatusAwaitingApproval {
		t.Errorf("activated on another package: %+v", now)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	for _, c := range []struct {
		roles string
		verb  sim.Verb
		want  fault.Kind
	}{
		{"L", sim.ActivateLive, fault.Forbidden}, {"T", sim.ActivateLive, fault.Forbidden}, {"E", sim.SuspendAdmin, fault.Forbidden},
		{"A", sim.SuspendSystem, fault.Forbidden}, {"A", sim.Agreed, fault.Forbidden}, {"A", sim.Approved, fault.Forbidden},
	} {
		res := w.apply(w.customer(w.a, c.roles), c.verb, s)
		if o := res.Outcomes[0]; o.Err == nil || fault.KindOf(o.Err) != c.want {
			t.Errorf("%s on %s: %v", c.roles, c.verb, o.Err)
		}
	}
	group := "north"
	res := got(w.Apply(t.Context(), w.customer(w.a, "L"), []ident.ICCID{s}, func(fleet.Facts) (fleet.Edit, error) {
		return fleet.Edit{Group: &group}, nil
	}, nil))(t)
	if fault.KindOf(res.Outcomes[0].Err) != fault.Forbidden {
		t.Errorf("L labelled: %v", res.Outcomes[0].Err)
	}
	nobody := fleet.Request{Caller: tenant.Principal{Kind: tenant.User, Name: "x", Sphere: tenant.Below(w.a.Path)}}
	if _, err := w.SIM(t.Context(), nobody, s); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("read without permission: %v", err)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 2)
	cust := w.customer(w.a, "E")
	cust.Key, cust.Asked = "k1", []byte("body one")
	render := func(a *fleet.Applied) ([]byte, error) {
		return fmt.Appendf(nil, "answer for %d, operation %d", len(a.Outcomes), a.Outcomes[0].Operation), nil
	}
	ask := func(r fleet.Request, v sim.Verb) (*fleet.Applied, error) {
		return w.Apply(t.Context(), r, s[:1], verb(v), render)
	}
	var wg sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wg.Go(func() {
			a, err := ask(cust, sim.ActivateLive)
			if err != nil {
				t.Error(err)
				return
			}
			if answers[i] = string(a.Replay); a.Replay == nil {
				b, _ := render(a)
				answers[i] = string(b)
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || a == "" {
			t.Fatalf("answers differ: %q", answers)
		}
	}
	if ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{}))(t); len(ops) != 1 {
		t.Fatalf("%d operations", len(ops))
	}
	other := cust
	other.Asked = []byte("body two")
	if _, err := ask(other, sim.ActivateLive); fault.CodeOf(err) != "idempotency.reused" {
		t.Errorf("another body: %v", err)
	}
	neighbour := w.customer(w.b, "E")
	neighbour.Key, neighbour.Asked = cust.Key, cust.Asked
	if a, err := ask(neighbour, sim.ActivateLive); err != nil || a.Replay != nil {
		t.Errorf("another principal got the answer: %v, %v", a, err)
	}
	w.clock.Pass(25 * time.Hour)
	if a, err := ask(cust, sim.ActivateLive); err != nil || a.Replay != nil {
		t.Errorf("the answer outlived its day: %v, %v", a, err)
	}
	long := cust
	long.Key = string(make([]byte, 300))
	if _, err := ask(long, sim.ActivateLive); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a key of 300 bytes: %v", err)
	}
}

func TestBatchLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := make([]ident.ICCID, fleet.MaxBatch+1)
	for i := range many {
		many[i] = iccid(i)
	}
	if _, err := w.Apply(t.Context(), w.op, many, verb(sim.ActivateLive), nil); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("10,001 SIMs: %v", err)
	}
}

func TestTwoCallersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.stock(w.a, w.auto, 0, 1)[0]
	cust := w.customer(w.a, "E")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { _, _ = w.Apply(context.Background(), cust, []ident.ICCID{s}, verb(sim.ActivateLive), nil) })
	}
	wg.Wait()
	if ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{}))(t); len(ops) != 1 || w.sim(s).Generation != 1 {
		t.Fatalf("%d operations, generation %d", len(ops), w.sim(s).Generation)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	got(w.CreateUser(ctx, w.op, fleet.NewUser{Username: "Ops@Example.test", Password: "s3cretpw", Portfolio: w.root.ID, Roles: "AE"}))(t)
	if _, err := w.CreateUser(ctx, w.op, fleet.NewUser{Username: "ops@example.TEST", Password: "s3cretpw", Portfolio: w.a.ID, Roles: "U"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("one name twice: %v", err)
	}
	from := netip.MustParseAddr("192.0.2.1")
	in := func(user, password string, p ident.PortfolioID) (fleet.SignedIn, error) {
		return w.SignIn(ctx, fleet.Request{Via: "tigrillo"}, fleet.Login{Username: user, Password: password, Portfolio: p, From: from})
	}
	signed := got(in("ops@example.test", "s3cretpw", w.a.ID))(t)
	account, folio, err := w.Session(ctx, signed.Token)
	if err != nil || folio.ID != w.a.ID || account.Sphere.Contains(w.b.Path) || !account.Sphere.Contains(w.a.Path) {
		t.Fatalf("session %+v %+v %v", account, folio, err)
	}
	for _, c := range []struct {
		user, password string
		portfolio      ident.PortfolioID
		want           string
	}{
		{"ops@example.test", "wrong-password", w.a.ID, fleet.WrongPassword},
		{"nobody@example.test", "s3cretpw", w.a.ID, fleet.UnknownLogin},
		{"ops@example.test", "s3cretpw", ident.NewPortfolioID(), fleet.UnknownLogin},
	} {
		if _, err := in(c.user, c.password, c.portfolio); fault.CodeOf(err) != c.want || fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%v: %v", c, err)
		}
	}
	w.clock.Pass(4*time.Hour - time.Second)
	if _, _, err := w.Session(ctx, signed.Token); err != nil {
		t.Errorf("over too early: %v", err)
	}
	w.clock.Pass(time.Second)
	if _, _, err := w.Session(ctx, signed.Token); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("lives after four hours: %v", err)
	}
	w.must(w.DropExpired(ctx))
	again := got(in("ops@example.test", "s3cretpw", w.root.ID))(t)
	w.must(w.SignOut(ctx, fleet.Request{}, again.Token))
	if err := w.SignOut(ctx, fleet.Request{}, again.Token); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("signed out twice: %v", err)
	}
	for range 10 {
		if _, err := in("ops@example.test", "guess-guess", w.a.ID); err == nil {
			t.Fatal("a guess was right")
		}
	}
	if _, err = in("ops@example.test", "s3cretpw", w.a.ID); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("guessing goes on: %v", err)
	}
	w.clock.Pass(6 * time.Minute)
	got(in("ops@example.test", "s3cretpw", w.a.ID))(t)
}

func TestPortfoliosAndPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	reseller := w.customer(w.a, "operator")
	child := got(w.CreatePortfolio(ctx, reseller, fleet.NewPortfolio{Name: "below A", Parent: w.a.ID}))(t)
	if child.Currency != "GBP" || tenant.Depth(child.Path) != 3 {
		t.Errorf("child %+v", child)
	}
	for _, c := range []struct {
		name string
		n    fleet.NewPortfolio
		want fault.Kind
	}{
		{"a root by a tenant", fleet.NewPortfolio{Name: "x"}, fault.Forbidden},
		{"below another", fleet.NewPortfolio{Name: "x", Parent: w.b.ID}, fault.NotFound},
		{"a taken id", fleet.NewPortfolio{Name: "x", ID: child.ID, Parent: w.a.ID}, fault.Conflict},
		{"no name", fleet.NewPortfolio{Parent: w.a.ID}, fault.Invalid},
		{"billing day", fleet.NewPortfolio{Name: "x", Parent: w.a.ID, BillingDay: 29}, fault.Invalid},
	} {
		if _, err := w.CreatePortfolio(ctx, reseller, c.n); err == nil || fault.KindOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if list := got(w.Portfolios(ctx, reseller))(t); len(list) != 2 {
		t.Errorf("the reseller sees %d portfolios", len(list))
	}
	euro := got(w.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{Name: "Euro", Currency: "EUR", Parent: w.root.ID}))(t)
	if _, err := w.CreatePackage(ctx, w.op, plan.Package{Name: "mixed"}, []ident.PortfolioID{w.a.ID, euro.ID}); fault.CodeOf(err) != plan.OtherCurrency {
		t.Errorf("two currencies: %v", err)
	}
	if _, err := w.CreatePackage(ctx, w.op, plan.Package{Name: "x", Network: "nowhere"}, []ident.PortfolioID{w.a.ID}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("unknown network: %v", err)
	}
	fixed := got(w.CreatePackage(ctx, w.op, plan.Package{Name: "fixed", ID: 6685}, []ident.PortfolioID{w.a.ID}))(t)
	if fixed.ID != 6685 || fixed.Currency != "GBP" {
		t.Errorf("package %+v", fixed)
	}
	if _, err := w.CreatePackage(ctx, w.op, plan.Package{Name: "again", ID: 6685}, []ident.PortfolioID{w.a.ID}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a taken id: %v", err)
	}
	if list := got(w.Packages(ctx, w.customer(euro, "A")))(t); len(list) != 0 {
		t.Errorf("packages of others are seen: %v", list)
	}
	networks := got(w.Networks(ctx, w.op))(t)
	if secret, err := w.NetworkSecret(networks[0]); err != nil || string(secret) != "password" || bytes.Contains(networks[0].Sealed, secret) {
		t.Errorf("secret %q, %v", secret, err)
	}
}
