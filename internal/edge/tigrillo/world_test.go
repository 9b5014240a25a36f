package tigrillo_test

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
	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// The people of every world. All have the same password.
const (
	engineer  = "engineer@a.test" // of portfolio A; admin and engineering
	logistics = "logistics@a.test"
	customer  = "customer@c.test" // of C, below A
	stranger  = "stranger@b.test"
	password  = "correct horse battery"
)

var roles = map[string]string{engineer: "EA", logistics: "L", customer: "E", stranger: "AE"}

// Portfolios by name.
var folios = map[string]ident.PortfolioID{
	"A": "0123456789abcdef0123456789abcdef", "B": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "C": "cccccccccccccccccccccccccccccccc",
}

var homes = map[string]string{engineer: "A", logistics: "A", customer: "C", stranger: "B"}

// Packages by what is special about them.
const (
	pkgAuto     = 20417
	pkgOther    = 20418 // like auto
	pkgManual   = 20419
	pkgOperator = 20420 // of another operator's SIMs
	pkgForeign  = 20421 // linked to B alone
	pkgStopped  = 20422 // linked to A, but takes no new SIMs
)

// sims are the SIMs of every world, by the name that bodies write in <>.
var sims = []string{"stock", "stock2", "esim", "slow", "waiting", "provisioning", "live", "live2", "suspended", "suspending", "admin", "system",
	"both", "review", "leaving", "gone", "closed", "child", "foreign"}

// missing is a SIM that no world has.
const missing = "missing"

// names are all of them, and the missing one.
var names = fleettest.Names{Prefix: "89445385990000", List: append(slices.Clone(sims), missing)}

func iccid(name string) ident.ICCID { return names.ICCID(name) }

// fill replaces <name> by its ICCID.
func fill(s string) string { return names.Fill(s) }

var noon = time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)

// world is a platform with the people, packages and SIMs above. The test plays
// the network.
type world struct {
	*app.App
	t      testing.TB
	clock  *fleettest.Clock
	op     fleet.Request
	log    *fleettest.Log
	tokens map[string]string
	edge   http.Handler
	asked  []string // secrets that a request carried
}

// mould is a filled data folder, made once; each world works on a copy.
var mould = sync.OnceValues(func() (fs.FS, map[string]string) {
	dir := must(os.MkdirTemp("", "tigrillo-*"))
	defer func() { _ = os.RemoveAll(dir) }()
	c := fleettest.NewClock(noon.Add(-48 * time.Hour))
	a := must(app.Open(context.Background(), app.Config{Data: dir, Now: c.Now}))
	w := &world{App: a, clock: c, op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli", ID: "mould"}, tokens: map[string]string{}}
	w.tenants()
	w.stock()
	w.lives()
	c.Set(noon)
	for name, home := range homes {
		in := must(a.Fleet.SignIn(context.Background(), fleet.Request{Via: "tigrillo"}, fleet.Login{Username: name, Password: password, Portfolio: folios[home]}))
		w.tokens[name] = in.Token
	}
	check(a.Close())
	fillUsage(dir)
	return fleettest.Freeze(dir), w.tokens
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func (w *world) tenants() {
	ctx := context.Background()
	check(w.Fleet.AddNetwork(ctx, w.op, plan.Network{Name: "lab", Driver: "simulated"}, nil))
	for _, p := range []struct{ name, parent string }{{"A", ""}, {"B", ""}, {"C", "A"}} {
		must(w.Fleet.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{ID: folios[p.name], Name: p.name, Parent: folios[p.parent], Currency: "GBP"}))
	}
	for name, home := range homes {
		must(w.Fleet.CreateUser(ctx, w.op, fleet.NewUser{Username: name, Password: password, Portfolio: folios[home], Roles: roles[name]}))
	}
	all := []ident.PortfolioID{folios["A"], folios["B"], folios["C"]}
	for _, p := range []struct {
		plan.Package
		links []ident.PortfolioID
	}{
		{plan.Package{ID: pkgAuto, Name: "Auto", MNO: 350}, all},
		{plan.Package{ID: pkgOther, Name: "Other", MNO: 350}, all},
		{plan.Package{ID: pkgManual, Name: "Manual", MNO: 350, Activation: plan.Manual, Termination: plan.Manual}, all},
		{plan.Package{ID: pkgOperator, Name: "Another operator's", MNO: 351}, all},
		{plan.Package{ID: pkgForeign, Name: "B alone", MNO: 350}, all[1:2]},
		{plan.Package{ID: pkgStopped, Name: "Stopped", MNO: 350}, all},
	} {
		p.Network = "lab"
		must(w.Fleet.CreatePackage(ctx, w.op, p.Package, p.links))
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
		s := sim.SIM{ICCID: iccid(name), IMSI: ident.IMSI(fmt.Sprintf("23415000000%04d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("44770090%04d", i)),
			Number: string(iccid(name)), Type: "UICC", Name: "SIM " + name, MNO: 350}
		at := shelf{"A", pkgAuto}
		switch name {
		case "esim":
			s.Type = "eSIM"
		case "slow", "waiting", "review":
			at.pkg = pkgManual
		case "child":
			at.folio = "C"
		case "foreign":
			at.folio = "B"
		case "live":
			s.Group, s.IP = "North", netip.MustParseAddr("10.20.0.17")
		case "stock2":
			s.Name = "" // no label
		}
		shelves[at] = append(shelves[at], fleet.BatchRow{Line: i + 1, SIM: s})
	}
	for at, list := range shelves {
		fleettest.Import(w.Fleet, w.op, fleet.Import{Portfolio: folios[at.folio], Package: at.pkg, Network: "lab"}, list)
	}
}

// lives brings each SIM to where its name says.
func (w *world) lives() {
	w.give(sim.ActivateLive, "live", "live2", "suspended", "suspending", "admin", "system", "both", "review", "leaving", "gone", "closed", "child", "foreign")
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
	w.give(sim.SuspendCustomer, "suspending")
	w.give(sim.Terminate, "leaving")
}

// give has the operator command SIMs.
func (w *world) give(v sim.Verb, names ...string) {
	list := make([]ident.ICCID, len(names))
	for i, n := range names {
		list[i] = iccid(n)
	}
	fleettest.Edit(w.Fleet, w.op, fleet.Edit{Verb: v}, list...)
}

// settle has the network agree to everything that it has been told.
func (w *world) settle() { fleettest.Settle(w.Fleet, "lab") }

// fillUsage gives the SIM "live" a past, as the network side writes it.
func fillUsage(dir string) {
	db := must(sql.Open("sqlite", filepath.Join(dir, "simurgh.db")))
	ctx := context.Background()
	at := func(s string) int64 { return must(time.Parse(time.DateTime, s)).UnixMicro() }
	const id = "(SELECT id FROM sim WHERE iccid = ?)"
	must(db.ExecContext(ctx, `INSERT INTO sim_activity (sim_id, lat, lon, located_at, lai, ci, cell_at, mcc, mnc, network_name, rat, attached_at,
		imei, imei_at, imsi, imsi_at, apn, username, ip, session_start, session_stop, session_bytes, sms_out, sms_in, sms_receipt, voice_out,
		voice_in, ussd_out, ussd_in) VALUES (`+id+strings.Repeat(", ?", 28)+")", iccid("live"),
		"51.20", "-0.58", at("2025-03-04 01:10:00"), "1a2b", "33f0", at("2025-03-04 01:11:00"), "234", "15", "GB - Example", "EUTRAN",
		at("2025-03-04 01:12:00"), "490154203237518", at("2025-03-04 01:13:00"), "234150000000006", at("2025-03-04 01:14:00"), "example.apn",
		"pump7@example.test", "10.20.0.17", at("2025-03-04 01:10:00"), at("2025-03-04 01:42:10"), 81920,
		at("2025-03-01 00:00:01"), at("2025-03-01 00:00:02"), at("2025-03-01 00:00:03"), at("2025-03-01 00:00:04"), at("2025-03-01 00:00:05"),
		at("2025-03-01 00:00:06"), at("2025-03-01 00:00:07")))
	month := `INSERT INTO usage_month (sim_id, month, bytes, rounded, sms, ussd, voice, cost, data_at, sms_at, ussd_at, voice_at, cost_at)
		VALUES (` + id + strings.Repeat(", ?", 12) + ")"
	must(db.ExecContext(ctx, month, iccid("live"), 2025*12+2, 520000, 524288, 3, 0, 61, 420000, at("2025-03-04 02:00:00"), at("2025-03-04 02:01:00"),
		0, at("2025-03-04 02:02:00"), at("2025-03-04 02:03:00")))
	must(db.ExecContext(ctx, month, iccid("live"), 2025*12+1, 1000000, 1048576, 0, 0, 0, 0, 1, 0, 0, 0, 1))
	for i, e := range []struct {
		kind, start, stop, text string
		quantity, price         int64
	}{
		{"Data", "2025-03-01 08:00:00", "2025-03-01 09:00:00", "Data zone A", 1024, 10000},
		{"SMS", "2025-03-02 08:00:00", "2025-03-02 08:00:00", "SMS", 1, 45000},
		{"Voice", "2025-03-03 00:00:00", "2025-03-03 00:01:00", "Voice", 60, 100000},
		{"Data", "2025-03-03 21:05:00", "2025-03-04 02:34:00", "Data zone A", 4096, 20000},
	} {
		must(db.ExecContext(ctx, `INSERT INTO rated_event (id, sim_id, kind, start_at, stop_at, description, quantity,
			price, mcc, mnc, package_id) VALUES (?, `+id+", ?, ?, ?, ?, ?, ?, '234', '15', 20417)", 1_000_000+i, iccid("live"),
			e.kind, at(e.start), at(e.stop), e.text, e.quantity, e.price))
	}
	check(db.Close())
}

// unpack takes a SIM off its package, as a database may hold one.
func (w *world) unpack(name string) {
	db := must(sql.Open("sqlite", filepath.Join(w.Data, "simurgh.db")))
	must(db.ExecContext(context.Background(), "UPDATE sim_state SET package_id = 0 WHERE iccid = ?", iccid(name)))
	check(db.Close())
}

// newWorld opens a copy of the mould. At its end nothing secret may stand in
// the log.
func newWorld(t testing.TB, change ...func(*tigrillo.Options)) *world {
	t.Helper()
	from, tokens := mould()
	dir := t.TempDir()
	check(os.CopyFS(dir, from))
	w := &world{t: t, clock: fleettest.NewClock(noon), op: fleet.Request{Caller: tenant.Operator("cli"), Via: "cli", ID: "test"}, log: &fleettest.Log{}, tokens: tokens}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.Open(context.Background(), app.Config{Data: dir, Now: w.clock.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.App = a
	o := tigrillo.Options{Fleet: a.Fleet, HTTP: httpx.Options{Log: log}}
	for _, f := range change {
		f(&o)
	}
	w.edge = tigrillo.New(o)
	t.Cleanup(func() {
		_ = a.Close()
		w.secrets(t)
	})
	return w
}

// secrets fails the test when the log holds a password or a session id.
func (w *world) secrets(t testing.TB) {
	log := w.log.String()
	for _, token := range w.tokens {
		w.asked = append(w.asked, token)
	}
	for _, s := range append(w.asked, password, "correct%20horse", "PHPSESSID=", "SIM live") {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %q", s)
		}
	}
}

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   string
}

// call posts a body to a method as a user, "" for nobody. <name> stands for an
// ICCID. Every answer is held against the OpenAPI document.
func (w *world) call(as, method, body string) answer {
	w.t.Helper()
	return w.send(w.request(as, method, body))
}

func (w *world) request(as, method, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/Japi/Tigrillo/"+method, strings.NewReader(fill(body)))
	if as != "" {
		w.as(r, w.tokens[as])
	}
	return r
}

func (w *world) as(r *http.Request, token string) *http.Request {
	r.Header.Set("Cookie", "PHPSESSID="+token)
	return r
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.edge.ServeHTTP(rec, r)
	a := answer{rec.Code, rec.Header(), rec.Body.String()}
	conforms(w.t, r.URL.Path, a)
	return a
}

// login signs in over the wire and returns the answer and the session id.
func (w *world) login(user, secret, folio, cookie string) (answer, string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"username":%q,"password":%q,"portfolioID":%q}`, user, secret, folio)
	r := w.request("", "login", body)
	if cookie != "" {
		w.as(r, cookie)
	}
	a := w.send(r)
	var in struct{ Cookie string }
	check(json.Unmarshal([]byte(a.body), &in))
	if in.Cookie != "" {
		w.asked = append(w.asked, in.Cookie)
	}
	w.asked = append(w.asked, secret)
	return a, in.Cookie
}

// sim reads a SIM as the operator.
func (w *world) sim(name string) sim.SIM {
	return must(w.Fleet.SIM(context.Background(), w.op, iccid(name)))
}
