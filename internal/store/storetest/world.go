package storetest

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// noon is when everything in these tests begins.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// world is a database with a tree of portfolios, packages and a network, and
// no SIM.
//
//	root ── a ── a1
//	     │    └─ a2
//	     ├─ b ── b1
//	     └─ none
type world struct {
	t                            testing.TB
	db                           *store.DB
	root, a, a1, a2, b, b1, none tenant.Portfolio
	packages                     []plan.Package
	made                         int // SIMs so far
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db}
	w.root = w.portfolio("root", nil)
	w.a, w.b, w.none = w.portfolio("a", &w.root), w.portfolio("b", &w.root), w.portfolio("none", &w.root)
	w.a1, w.a2, w.b1 = w.portfolio("a1", &w.a), w.portfolio("a2", &w.a), w.portfolio("b1", &w.b)
	w.write(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddNetwork(ctx, plan.Network{Name: "lab", Driver: "simulated", Config: "{}", CreatedAt: noon}); err != nil {
			return err
		}
		for i := range 3 {
			p := plan.Package{Name: fmt.Sprintf("Package %d", i), Status: tenant.Active, Currency: "GBP", BillingMonths: 1,
				Activation: plan.Auto, Termination: plan.Auto, Network: "lab", CreatedAt: noon}
			if err := tx.AddPackage(ctx, &p); err != nil {
				return err
			}
			w.packages = append(w.packages, p)
		}
		return nil
	})
	return w
}

func (w *world) portfolio(name string, parent *tenant.Portfolio) tenant.Portfolio {
	w.t.Helper()
	p := tenant.Portfolio{ID: ident.NewPortfolioID(), Name: name, Currency: "GBP", BillingDay: 1, Status: tenant.Active, CreatedAt: noon}
	path := ""
	if parent != nil {
		p.Parent, path = parent.ID, parent.Path
	}
	p.Path = tenant.Path(path, p.ID)
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddPortfolio(ctx, p) })
	return p
}

func (w *world) portfolios() []tenant.Portfolio {
	return []tenant.Portfolio{w.root, w.a, w.a1, w.a2, w.b, w.b1}
}

func (w *world) write(fn func(ctx context.Context, tx *store.Tx) error) {
	w.t.Helper()
	must(w.t, tryWrite(w.t, w.db, fn))
}

func tryWrite(t testing.TB, db *store.DB, fn func(ctx context.Context, tx *store.Tx) error) error {
	ctx := t.Context()
	return db.Write(ctx, func(tx *store.Tx) error { return fn(ctx, tx) })
}

// sims makes n new SIMs that are in no database yet.
func (w *world) sims(n int) []sim.NewSIM {
	out := make([]sim.NewSIM, n)
	for i := range out {
		w.made++
		s := &sim.SIM{
			ICCID: ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", w.made))),
			IMSI:  ident.IMSI(fmt.Sprintf("23415%010d", w.made)), MSISDN: ident.MSISDN(fmt.Sprintf("4477009%05d", w.made)),
			Name: fmt.Sprintf("tracker %d", w.made), Type: "UICC", Form: "4FF", Package: w.packages[0].ID, Network: "lab",
			Lifecycle: sim.New(noon, "user:tester"), CreatedAt: noon, ModifiedAt: noon,
		}
		s.Number = string(s.ICCID)
		out[i] = sim.NewSIM{SIM: s, Sealed: []byte("sealed " + s.ICCID)}
	}
	return out
}

func (w *world) insert(p tenant.Portfolio, sims []sim.NewSIM) []ident.ICCID {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.Insert(ctx, p.ID, sims) })
	out := make([]ident.ICCID, len(sims))
	for i, s := range sims {
		out[i] = s.SIM.ICCID
	}
	return out
}

func (w *world) sim(iccid ident.ICCID) sim.SIM {
	w.t.Helper()
	s, found, err := w.db.SIM(w.t.Context(), tenant.Everything(), iccid)
	must(w.t, err)
	if !found {
		w.t.Fatalf("SIM %s is missing", iccid)
	}
	return s
}

// command carries out a verb as a use case would, without a word of it.
func (w *world) command(iccid ident.ICCID, c sim.Command) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		locked, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{iccid})
		if err != nil || len(locked) == 0 {
			return fmt.Errorf("lock %s: %w", iccid, err)
		}
		d, err := sim.Decide(locked[0].Lifecycle, c)
		if err != nil || !d.Changed {
			return err
		}
		after := locked[0]
		after.Lifecycle, after.ModifiedAt = d.Next, c.At
		return tx.Save(ctx, []sim.Change{{Before: &locked[0], After: &after}})
	})
}

func (w *world) check() {
	w.t.Helper()
	must(w.t, w.db.Check(w.t.Context()))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error %v, want one of kind %s", err, kind)
	}
}

// diff compares what was stored with what was read.
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return "" // most are, and cmp takes its time
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		cmp.Comparer(func(a, b tenant.Sphere) bool { return a == b }), cmp.Comparer(bytes.Equal))
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := diff(want, got); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}
