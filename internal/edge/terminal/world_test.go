package terminal_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// The programs of every world.
const (
	full     = "full"     // of A, with every feature
	plain    = "plain"    // of A, with the API alone
	viewer   = "viewer"   // of A, and only reads
	none     = "none"     // of A, without the API
	stranger = "stranger" // of B, beside A
	child    = "child"    // of C, below A
)

var programs = []struct {
	name, folio, role string
	features          tenant.Features
}{
	{full, "A", "engineer", tenant.AllFeatures}, {plain, "A", "engineer", tenant.FeatureAPI}, {viewer, "A", "viewer", tenant.AllFeatures},
	{none, "A", "engineer", 0}, {stranger, "B", "engineer", tenant.AllFeatures}, {child, "C", "engineer", tenant.AllFeatures},
}

// Portfolios by name: R is the root.
var folios = map[string]ident.PortfolioID{
	"R": "0123456789abcdef0123456789abcdef", "A": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "B": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	"C": "cccccccccccccccccccccccccccccccc",
}

const (
	pkgMeter  = 6685 // 1 MB in the bundle, then 0.10 per MB; 0.05 per message beyond 1
	pkgManual = 6687 // a person approves
)

// sims are the SIMs of every world, by the name that requests write in <>.
var sims = []string{"stock", "stock2", "test", "ready", "live", "live2", "suspended", "offline", "closed", "locked", "admin", "manual", "esim", "deaf",
	"below", "foreign"}

// missing is a SIM that no world has.
const missing = "missing"

// names are all of them, and the missing one.
var names = fleettest.Names{Prefix: "89445385000000", List: append(slices.Clone(sims), missing)}

func iccid(name string) ident.ICCID { return names.ICCID(name) }
func imsi(name string) ident.IMSI   { return names.IMSI(name) }

const esimEID = "89049032000000000000000000000017"

var inBrackets = regexp.MustCompile(`<(\w+)>`)

// fill replaces <name> by its ICCID, and <EID> by that of the eUICC.
func fill(s string) string {
	return inBrackets.ReplaceAllStringFunc(s, func(m string) string {
		if m == "<EID>" {
			return esimEID
		}
		return string(iccid(strings.Trim(m, "<>")))
	})
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// secret is what a program signs in with.
type secret struct{ username, password, token, refresh string }

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

// mould is a filled data folder, made once; each world works on a copy.
var mould = sync.OnceValues(func() (fs.FS, map[string]secret) {
	dir := must(os.MkdirTemp("", "terminal-*"))
	defer func() { _ = os.RemoveAll(dir) }()
	w := build(app.Config{Data: dir})
	check(w.Close())
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
		pair, _, err := w.Fleet.IssueAPITokens(context.Background(), fleet.Request{Via: "terminal"}, fleet.ClientLogin{ID: s.username, Secret: s.password})
		check(err)
		s.token, s.refresh = pair.Access, pair.Refresh
		w.secrets[name] = s
	}
	return w
}

func (w *world) tenants() {
	ctx := context.Background()
	check(w.Fleet.AddNetwork(ctx, w.op, plan.Network{Name: "lab", Driver: "simulated"}, nil))
	check(w.Fleet.AddNetwork(ctx, w.op, plan.Network{Name: "mute", Driver: "none"}, nil))
	for _, p := range []struct{ name, parent string }{{"R", ""}, {"A", "R"}, {"B", "R"}, {"C", "A"}} {
		must(w.Fleet.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{ID: folios[p.name], Name: "Portfolio " + p.name, Parent: folios[p.parent], Currency: "EUR"}))
	}
	for _, p := range programs {
		u, password, err := w.Fleet.CreateAPIUser(ctx, w.op, fleet.NewAPIUser{Portfolio: folios[p.folio], Role: p.role, Features: p.features})
		check(err)
		w.secrets[p.name] = secret{username: u.Username(), password: password}
	}
	all := []ident.PortfolioID{folios["A"], folios["B"], folios["C"]}
	must(w.Fleet.CreatePackage(ctx, w.op, plan.Package{ID: pkgMeter, Name: "Meter 1 MB", Price: 1_500_000}, all))
	must(w.Fleet.CreatePackage(ctx, w.op, plan.Package{ID: pkgManual, Name: "Manual", Activation: plan.Manual, Termination: plan.Manual}, all))
	must(w.Fleet.CreateItem(ctx, w.op, plan.Item{Package: pkgMeter, Category: plan.DataItem, Bundle: 1 << 20, Price: 100_000}))
	must(w.Fleet.CreateItem(ctx, w.op, plan.Item{Package: pkgMeter, Category: plan.SMSItem, Bundle: 1, Price: 50_000}))
	check(w.Fleet.OfferProfile(ctx, w.op, folios["R"], "Europe"))
	check(w.Fleet.OfferProfile(ctx, w.op, folios["A"], "Asia"))
	check(w.Fleet.OfferProfile(ctx, w.op, folios["B"], "Elsewhere"))
}

type shelf struct {
	folio, network string
	pkg            int64
}

func (w *world) stock() {
	shelves := map[shelf][]fleet.BatchRow{}
	for i, name := range sims {
		row := fleet.BatchRow{Line: i + 1, SIM: sim.SIM{ICCID: iccid(name), IMSI: imsi(name), MSISDN: ident.MSISDN(fmt.Sprintf("37200000%04d", i)),
			Type: "UICC", Form: "2/3/4FF industrial", Name: name, APN: "example.m2m"}}
		at := shelf{"A", "lab", pkgMeter}
		switch name {
		case "manual":
			at.pkg = pkgManual
		case "below":
			at.folio = "C"
		case "foreign":
			at.folio = "B"
		case "deaf":
			at.network = "mute"
		case "esim":
			row.SIM.EID, row.SIM.Type = esimEID, "esim"
		case "live", "live2":
			row.SIM.Group = "north"
		}
		shelves[at] = append(shelves[at], row)
	}
	for at, list := range shelves {
		fleettest.Import(w.Fleet, w.op, fleet.Import{Portfolio: folios[at.folio], Package: at.pkg, Network: at.network}, list)
	}
}

// lives brings each SIM to where its name says.
func (w *world) lives() {
	w.give(sim.ActivateTest, "test")
	w.give(sim.ActivateReady, "ready")
	w.give(sim.ActivateLive, "live", "live2", "suspended", "offline", "locked", "admin", "esim", "deaf", "below", "foreign")
	w.settle()
	w.give(sim.SuspendCustomer, "suspended")
	w.give(sim.SuspendAdmin, "admin")
	w.give(sim.Terminate, "offline")
	w.give(sim.Close, "closed")
	w.lock("locked")
	w.settle()
}

func (w *world) apply(edit fleet.Edit, names ...string) {
	list := make([]ident.ICCID, len(names))
	for i, n := range names {
		list[i] = iccid(n)
	}
	fleettest.Edit(w.Fleet, w.op, edit, list...)
}

// give has the operator command SIMs.
func (w *world) give(v sim.Verb, names ...string) {
	w.apply(fleet.Edit{Verb: v, Reason: "by " + v.String()}, names...)
}

func (w *world) lock(name string) {
	yes := true
	w.apply(fleet.Edit{Lock: &yes, Reason: "under investigation"}, name)
}

// settle has the networks agree to everything that they have been told, and do
// all errands.
func (w *world) settle() {
	ctx := context.Background()
	for _, net := range []string{"lab", "mute"} {
		fleettest.Settle(w.Fleet, net)
		for {
			errands := must(w.Fleet.ClaimErrands(ctx, net, 100, time.Minute))
			if len(errands) == 0 {
				break
			}
			for _, e := range errands {
				check(w.Fleet.AnswerErrand(ctx, sim.ErrandAnswer{Errand: e, Reference: "net-" + fmt.Sprint(e.ID)}))
			}
		}
	}
}

// use has a SIM carry bytes in a session of its own, over the door that networks
// use.
func (w *world) use(name string, bytes int64) {
	at := w.clock.Now()
	key := usage.Key{NAS: "pgw", ID: fmt.Sprintf("%s-%d", name, at.UnixNano())}
	report := usage.Report{Key: key, Step: usage.Start, At: at, IMSI: imsi(name), IMEI: "350000000000017", MCC: "248", MNC: "01", APN: "example.m2m"}
	w.ingest(report)
	w.clock.Pass(time.Second)
	report.Step, report.At, report.Seconds, report.Out = usage.Stop, w.clock.Now(), 1, bytes
	w.ingest(report)
}

// newWorld opens a copy of the mould. At its end nothing secret may stand in the
// log.
func newWorld(t testing.TB, change ...func(*terminal.Options)) *world {
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
	w.serve(log, change...)
	t.Cleanup(func() {
		_ = a.Close()
		w.silent(t)
	})
	return w
}

func (w *world) serve(log *slog.Logger, change ...func(*terminal.Options)) {
	o := terminal.Options{Fleet: w.Fleet, HTTP: httpx.Options{Log: log}, Rate: 1e9}
	for _, f := range change {
		f(&o)
	}
	w.edge = terminal.New(o)
}

// newPostgresWorld is a world on PostgreSQL.
func newPostgresWorld(t testing.TB) *world {
	t.Helper()
	w := build(app.Config{Data: t.TempDir(), Database: pgtest.URL(t)})
	w.t = t
	w.serve(slog.New(slog.NewTextHandler(w.log, nil)))
	t.Cleanup(func() {
		_ = w.Close()
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

// silent fails the test when the log holds a password or a token.
func (w *world) silent(t testing.TB) {
	log := w.log.String()
	for name, s := range w.secrets {
		for _, text := range []string{s.password, s.token, s.refresh} {
			if text != "" && strings.Contains(log, text) {
				t.Errorf("a secret of %s stands in the log", name)
			}
		}
	}
}

// ingest has a report kept and counted.
func (w *world) ingest(r usage.Report) {
	w.t.Helper()
	check(w.Fleet.Keep(context.Background(), []usage.Report{r}))
	if f := must(w.Fleet.Fold(context.Background())); f.Taken != 1 {
		w.t.Fatalf("the report is not counted: %+v", f)
	}
}
