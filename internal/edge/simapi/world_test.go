package simapi_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The programs of every world.
const (
	operator = "operator"
	admin    = "admin"
	engineer = "engineer"
	viewer   = "viewer"
	finance  = "finance"
	customer = "customer" // of C, below A
	stranger = "stranger" // of B, beside A
)

var programs = []struct{ name, folio, role string }{
	{operator, "R", "operator"}, {admin, "A", "admin"}, {engineer, "A", "engineer"}, {viewer, "A", "viewer"}, {finance, "A", "finance"},
	{customer, "C", "engineer"}, {stranger, "B", "engineer"},
}

// Portfolios by name: R is the root.
var folios = map[string]ident.PortfolioID{
	"R": "0123456789abcdef0123456789abcdef", "A": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "B": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	"C": "cccccccccccccccccccccccccccccccc",
}

// Packages by what is special about them.
const (
	pkgAuto     = 6685 // a year's contract
	pkgOther    = 6686
	pkgManual   = 6687
	pkgOperator = 6688 // of another operator's SIMs
	pkgForeign  = 6689 // linked to B alone
	pkgStopped  = 6690 // linked to A, but takes no new SIMs
	pkgA        = 6691 // linked to A, and not to C
	pkgUnused   = 6692
)

// sims are the SIMs of every world, by the name that requests write in <>.
var sims = []string{"stock", "stock2", "stock3", "waiting", "provisioning", "live", "live2", "live3", "suspended", "admin", "system", "both",
	"review", "leaving", "gone", "closed", "bare", "child", "foreign"}

// missing is a SIM that no world has.
const missing = "missing"

// names are all of them, and the missing one.
var names = fleettest.Names{Prefix: "89445385000000", List: append(slices.Clone(sims), missing)}

func iccid(name string) ident.ICCID { return names.ICCID(name) }

// fill replaces <name> by its ICCID, and <A> by the portfolio's id.
func fill(s string) string {
	s = names.Fill(s)
	for name, id := range folios {
		s = strings.ReplaceAll(s, "<"+name+">", string(id))
	}
	return s
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// secret is what a program signs in with.
type secret struct{ id, secret, token string }

// world is a platform with the programs, packages and SIMs above. The test
// plays the network.
type world struct {
	*app.App
	t       testing.TB
	clock   *fleettest.Clock
	op      fleet.Request
	log     *fleettest.Log
	secrets map[string]secret
	edge    http.Handler
	lenient bool // the attributes of suspended SIMs may be changed
}

// mould is a filled data folder, made once; each world works on a copy.
var mould = sync.OnceValues(func() (fs.FS, map[string]secret) {
	dir := must(os.MkdirTemp("", "simapi-*"))
	defer func() { _ = os.RemoveAll(dir) }()
	w := build(app.Config{Data: dir})
	check(w.Close())
	fillUsage(dir)
	return fleettest.Freeze(dir), w.secrets
})

// build fills an empty platform.
func build(c app.Config) *world {
	w := &world{clock: fleettest.NewClock(noon.Add(-48 * time.Hour)), op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli", ID: "mould"},
		log: &fleettest.Log{}, secrets: map[string]secret{}}
	c.Now = w.clock.Now
	w.App = must(app.Open(context.Background(), c))
	w.tenants()
	w.stock()
	w.lives()
	w.clock.Set(noon)
	for name, s := range w.secrets {
		s.token, _ = must2(w.Fleet.IssueToken(context.Background(), fleet.Request{Via: "oauth"}, fleet.ClientLogin{ID: s.id, Secret: s.secret}))
		w.secrets[name] = s
	}
	return w
}

// newPostgresWorld is a world on PostgreSQL; nothing has been used there.
func newPostgresWorld(t testing.TB) *world {
	t.Helper()
	w := build(app.Config{Data: t.TempDir(), Database: pgtest.URL(t)})
	w.t, w.edge = t, simapi.New(simapi.Options{Fleet: w.Fleet, HTTP: httpx.Options{Log: slog.New(slog.NewTextHandler(w.log, nil))}})
	t.Cleanup(func() {
		_ = w.Close()
		w.silent(t)
	})
	return w
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func must2[T, U any](v T, u U, err error) (T, U) {
	check(err)
	return v, u
}

func (w *world) tenants() {
	ctx := context.Background()
	check(w.Fleet.AddNetwork(ctx, w.op, plan.Network{Name: "lab", Driver: "simulated"}, nil))
	for _, p := range []struct{ name, parent string }{{"R", ""}, {"A", "R"}, {"B", "R"}, {"C", "A"}} {
		must(w.Fleet.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{ID: folios[p.name], Name: "Portfolio " + p.name, Parent: folios[p.parent], Currency: "GBP"}))
	}
	for _, p := range programs {
		m, key := must2(w.Fleet.CreateServiceAccount(ctx, w.op, fleet.NewServiceAccount{Portfolio: folios[p.folio], Role: p.role,
			Detail: tenant.Detail{Email: p.name + "@simurgh.example"}}))
		w.secrets[p.name] = secret{id: m.Name, secret: key}
	}
	of := func(names string) (out []ident.PortfolioID) {
		for _, n := range names {
			out = append(out, folios[string(n)])
		}
		return out
	}
	for _, p := range []struct {
		plan.Package
		links string
	}{
		{plan.Package{ID: pkgAuto, Name: "Auto", MNO: 350, ContractMonths: 12, Price: 1_500_000}, "RABC"},
		{plan.Package{ID: pkgOther, Name: "Other", MNO: 350}, "ABC"},
		{plan.Package{ID: pkgManual, Name: "Manual", MNO: 350, Activation: plan.Manual, Termination: plan.Manual}, "AC"},
		{plan.Package{ID: pkgOperator, Name: "Another operator's", MNO: 351}, "A"},
		{plan.Package{ID: pkgForeign, Name: "B alone", MNO: 350}, "B"},
		{plan.Package{ID: pkgStopped, Name: "Stopped", MNO: 350}, "A"},
		{plan.Package{ID: pkgA, Name: "A alone", MNO: 350}, "A"},
		{plan.Package{ID: pkgUnused, Name: "Unused", MNO: 350}, "A"},
	} {
		p.Network = "lab"
		must(w.Fleet.CreatePackage(ctx, w.op, p.Package, of(p.links)))
	}
	must(w.Fleet.LinkPackage(ctx, w.op, pkgStopped, folios["A"], func(l *plan.Link, _ bool) error {
		l.Suspended = tenant.Suspensions(tenant.AdminSuspension)
		return nil
	}))
}

func (w *world) stock() {
	type shelf struct {
		folio string
		pkg   int64
	}
	shelves := map[shelf][]fleet.BatchRow{}
	for i, name := range sims {
		row := fleet.BatchRow{Line: i + 1, SIM: sim.SIM{ICCID: iccid(name), IMSI: ident.IMSI(fmt.Sprintf("23415000000%04d", i)), Number: "SIM-" + name,
			MSISDN: ident.MSISDN(fmt.Sprintf("44770090%04d", i)), Type: "UICC", MNO: 350, Part: 47, Spec: 3196}}
		at := shelf{"A", pkgAuto}
		switch name {
		case "waiting", "review":
			at.pkg = pkgManual
		case "child":
			at.folio = "C"
		case "foreign":
			at.folio = "B"
		case "stock2":
			row.SIM.Part, row.SIM.Spec, row.SIM.RSP = 48, 3197, 9
			row.SIM.EID = "89049032000000000000000000000017"
		case "live":
			row.SIM.Name, row.SIM.Group, row.SIM.IMEI, row.SIM.IP = "Charger 12", "North", "490154203237518", netip.MustParseAddr("10.20.0.17")
			row.Secrets = sim.Secrets{PIN1: "1234", PUK1: "31415926", PIN2: "5678", PUK2: "27182818"}
		}
		shelves[at] = append(shelves[at], row)
	}
	for at, list := range shelves {
		fleettest.Import(w.Fleet, w.op, fleet.Import{Portfolio: folios[at.folio], Package: at.pkg, Network: "lab"}, list)
	}
}

// lives brings each SIM to where its name says.
func (w *world) lives() {
	w.give(sim.ActivateLive, "live", "live2", "live3", "suspended", "admin", "system", "both", "review", "leaving", "gone", "closed", "bare", "child", "foreign")
	for _, task := range must(w.Fleet.Tasks(context.Background(), w.op, 0, 10)) {
		must(w.Fleet.DecideTask(context.Background(), w.op, task.ID, true, ""))
	}
	w.settle()
	w.clock.Pass(time.Hour)
	w.give(sim.SuspendCustomer, "suspended", "both")
	w.give(sim.SuspendAdmin, "admin", "both")
	w.give(sim.SuspendSystem, "system")
	w.give(sim.Terminate, "gone", "review")
	w.give(sim.Close, "closed")
	w.settle()
	w.clock.Pass(time.Hour)
	w.give(sim.ActivateLive, "waiting", "provisioning")
	w.give(sim.Terminate, "leaving")
}

// give has the operator command SIMs.
func (w *world) give(v sim.Verb, names ...string) { w.edit(fleet.Edit{Verb: v}, names...) }

// edit edits SIMs as the operator.
func (w *world) edit(e fleet.Edit, names ...string) {
	list := make([]ident.ICCID, len(names))
	for i, n := range names {
		list[i] = iccid(n)
	}
	fleettest.Edit(w.Fleet, w.op, e, list...)
}

// settle has the network agree to everything that it has been told.
func (w *world) settle() { fleettest.Settle(w.Fleet, "lab") }

// exec changes the database behind the platform's back.
func (w *world) exec(text string, args ...any) {
	driver, source := "sqlite", filepath.Join(w.Data, "simurgh.db")
	if w.Database != "" {
		driver, source = "pgx", w.Database
	}
	db := must(sql.Open(driver, source))
	must(db.ExecContext(context.Background(), text, args...))
	check(db.Close())
}

// unpack takes a SIM off its package, as a database may hold one.
func (w *world) unpack(name string) {
	w.exec("UPDATE sim_state SET package_id = 0 WHERE iccid = ?", iccid(name))
}

// fillUsage gives the SIM "live" a past, as the network side writes it.
func fillUsage(dir string) {
	db := must(sql.Open("sqlite", filepath.Join(dir, "simurgh.db")))
	ctx := context.Background()
	at := func(s string) int64 { return must(time.Parse(time.DateTime, s)).UnixMicro() }
	const id = "(SELECT id FROM sim WHERE iccid = ?)"
	must(db.ExecContext(ctx, `INSERT INTO sim_activity (sim_id, lat, lon, located_at, lai, ci, cell_at, mcc, mnc, network_name, rat, attached_at,
		imei, imei_at, imsi, imsi_at, apn, username, ip, session_start, session_stop, session_bytes, sms_out, sms_in, sms_receipt, voice_out,
		voice_in, ussd_out, ussd_in) VALUES (`+id+strings.Repeat(", ?", 28)+")", iccid("live"),
		"51.20", "-0.58", at("2026-03-04 01:10:00"), "1a2b", "33f0", at("2026-03-04 01:11:00"), "234", "15", "GB - Example", "LTE",
		at("2026-03-04 01:12:00"), "490154203237518", at("2026-03-04 01:13:00"), "234150000000005", at("2026-03-04 01:14:00"), "example.apn",
		"pump7@example.test", "10.20.0.17", at("2026-03-04 01:10:00"), at("2026-03-04 01:42:10"), 81920, 0, 0, 0, 0, 0, 0, 0))
	must(db.ExecContext(ctx, `INSERT INTO usage_month (sim_id, month, bytes, rounded, sms, ussd, voice, cost, data_at, sms_at, ussd_at, voice_at, cost_at)
		VALUES (`+id+strings.Repeat(", ?", 12)+")", iccid("live"), 2026*12+2, 520000, 524288, 2, 0, 138, 420000, at("2026-03-04 02:00:00"),
		at("2026-03-04 02:01:00"), 0, at("2026-03-04 02:02:00"), at("2026-03-04 02:03:00")))
	must(db.ExecContext(ctx, `INSERT INTO portfolio_month (portfolio_no, month, slot, bytes, sms, cost)
		SELECT s.portfolio_no, m.month, 0, m.bytes, m.sms, m.cost FROM usage_month m JOIN sim s ON s.id = m.sim_id`))
	for i, e := range []struct {
		kind, start, stop, text string
		quantity, price         int64
	}{
		{"Data", "2026-03-01 08:00:00", "2026-03-01 09:00:00", "Data zone A", 1024, 10000},
		{"SMS", "2026-03-02 08:00:00", "2026-03-02 08:00:00", "SMS", 1, 45000},
		{"SMS", "2026-03-02 09:00:00", "2026-03-02 09:00:00", "SMS", 1, 45000},
		{"Voice", "2026-03-03 00:00:00", "2026-03-03 00:01:00", "Voice", 138, 100000},
		{"Data", "2026-03-04 01:10:00", "2026-03-04 01:42:10", "Data zone A", 81920, 20000},
		{"Other", "2026-03-04 02:10:00", "2026-03-04 02:10:10", "USSD", 1, 0},
	} {
		must(db.ExecContext(ctx, `INSERT INTO rated_event (id, sim_id, kind, start_at, stop_at, description, quantity,
			price, mcc, mnc, package_id) VALUES (?, `+id+", ?, ?, ?, ?, ?, ?, '234', '15', 6685)", 1_000_000+i, iccid("live"),
			e.kind, at(e.start), at(e.stop), e.text, e.quantity, e.price))
	}
	fillSessions(db)
	check(db.Close())
}

// newWorld opens a copy of the mould. At its end nothing secret may stand in
// the log.
func newWorld(t testing.TB, change ...func(*simapi.Options)) *world {
	t.Helper()
	from, secrets := mould()
	dir := t.TempDir()
	check(os.CopyFS(dir, from))
	w := &world{t: t, clock: fleettest.NewClock(noon), op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli", ID: "test"}, log: &fleettest.Log{},
		secrets: map[string]secret{}}
	for name, s := range secrets {
		w.secrets[name] = s
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.Open(context.Background(), app.Config{Data: dir, Now: w.clock.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.App = a
	o := simapi.Options{Fleet: a.Fleet, HTTP: httpx.Options{Log: log}}
	for _, f := range change {
		f(&o)
	}
	w.edge, w.lenient = simapi.New(o), o.LabelSuspended
	t.Cleanup(func() {
		_ = a.Close()
		w.silent(t)
	})
	return w
}

// onEngines runs a test on a world of each engine.
func onEngines(t *testing.T, run func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, newWorld(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, newPostgresWorld(t))
	})
}

// silent fails the test when the log holds a secret, a token or a code.
func (w *world) silent(t testing.TB) {
	log := w.log.String()
	shy := []string{"Bearer", "31415926", "27182818", "Charger 12", "correct horse"}
	for _, s := range w.secrets {
		shy = append(shy, s.secret, s.token)
	}
	for _, s := range shy {
		if s != "" && strings.Contains(log, s) {
			t.Errorf("the log holds %q", s)
		}
	}
	if strings.Contains(log, "internal error") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the server failed:\n%s", log)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a request as a program, "" for nobody. <name> stands for an ICCID
// or a portfolio. Every answer is held against the contract.
func (w *world) call(as, method, path, body string) answer {
	w.t.Helper()
	return w.send(w.request(as, method, path, body))
}

func (w *world) request(as, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "/api/v2"+fill(path), strings.NewReader(fill(body)))
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+w.secrets[as].token)
	}
	return r
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.edge.ServeHTTP(rec, r)
	a := answer{rec.Code, rec.Header(), rec.Body.String()}
	conforms(w.t, r.Method, r.URL.Path, a)
	return a
}

// code returns the contract's error code of an answer; 0 for none.
func (a answer) code() int {
	var e struct{ ErrorCode int }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.ErrorCode
}

// into reads the body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// has fails the test unless the answer is 200 and holds the members of want.
func (a answer) has(t testing.TB, want string) {
	t.Helper()
	var got, wanted any
	a.into(t, &got)
	check(json.Unmarshal([]byte(fill(want)), &wanted))
	if diff := lacks(got, wanted, "$"); diff != "" {
		t.Errorf("%s\nin %s", diff, a.body)
	}
}

// lacks says where got differs from want; members that want does not name are
// not looked at.
func lacks(got, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, not an object", at, got)
		}
		for k, v := range w {
			if _, there := g[k]; !there && v != "absent" {
				return fmt.Sprintf("%s.%s is missing", at, k)
			} else if there && v == "absent" {
				return fmt.Sprintf("%s.%s is there", at, k)
			} else if !there {
				continue
			}
			if d := lacks(g[k], v, at+"."+k); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is %v, not a list of %d", at, got, len(w))
		}
		for i := range w {
			if d := lacks(g[i], w[i], fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
		return ""
	}
	if got != want {
		return fmt.Sprintf("%s is %v, not %v", at, got, want)
	}
	return ""
}

// fails ends in a failure unless the answer is this error.
func (a answer) fails(t testing.TB, status, code int) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("%d, error %d: %s; want %d, error %d", a.status, a.code(), a.body, status, code)
	}
}

// sim reads a SIM as the operator.
func (w *world) sim(name string) sim.SIM {
	return must(w.Fleet.SIM(context.Background(), w.op, iccid(name)))
}

// read reads the body of any answer.
func (a answer) read(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func encode(v any) string { return string(must(json.Marshal(v))) }

var everything = event.Query{}

// newOperator is a program that may do everything in its portfolio.
func newOperator(folio string) fleet.NewServiceAccount {
	return fleet.NewServiceAccount{Portfolio: folios[folio], Role: "operator", Detail: tenant.Detail{Email: "op@simurgh.example"}}
}
