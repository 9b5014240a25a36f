//go:build !race

// Under the race detector this takes minutes, nearly all of them in the database's
// own code.

package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// manyPortfolios are too many for a statement that has a few parameters for each:
// SQLite takes 32,766, PostgreSQL 65,535.
const manyPortfolios = 14_000

// plantMany adds portfolios below a root, each with a SIM whose name is its own.
func plantMany(t *testing.T, db *store.DB, root tenant.Portfolio) {
	t.Helper()
	ctx := t.Context()
	err := db.Write(ctx, func(tx *store.Tx) error {
		for i := range manyPortfolios {
			p := tenant.Portfolio{ID: ident.PortfolioID(fmt.Sprintf("%032x", i+1)), Parent: root.ID, Name: fmt.Sprint(i), Currency: "GBP", BillingDay: 1, Status: tenant.Active, CreatedAt: start}
			p.Path = tenant.Path(root.Path, p.ID)
			s := sim.SIM{ICCID: iccidOf(i), Number: string(iccidOf(i)), Name: fmt.Sprintf("Meter %05d", i), Network: "lab",
				Lifecycle: sim.New(start, "x"), CreatedAt: start, ModifiedAt: start}
			if err := tx.AddPortfolio(ctx, p); err != nil {
				return err
			}
			if err := tx.Insert(ctx, p.ID, []sim.NewSIM{{SIM: &s}}); err != nil {
				return err
			}
			if err := tx.AddEvents(ctx, []event.Event{{At: start, Kind: event.PortfolioCreated, Portfolio: p.ID, Actor: "test"}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func iccidOf(i int) ident.ICCID { return ident.ICCID(fmt.Sprintf("89445385990%08d", i)) }

// A caller with thousands of portfolios below it gets its lists, whichever way
// they take: no statement grows with the portfolios beyond what a database takes.
func TestListsOverManyPortfolios(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		root := addRoot(t, db)
		plantMany(t, db, root)
		in := tenant.Below(root.Path)
		listsOverMany(t, db, in)
		othersOverMany(t, db, in)
		var taken sync.Map
		db.Tune(4, 60, func(path string) { taken.Store(path, true) })
		listsOverMany(t, db, in)
		db.Tune(4, 100*manyPortfolios, func(path string) { taken.Store(path, true) })
		listsOverMany(t, db, in)
		for _, path := range []string{"walk", "merged", "sorted", "give up", "span"} {
			if _, ok := taken.Load(path); !ok {
				t.Errorf("no list took the way %q", path)
			}
		}
	})
}

// listsOverMany reads lists whose ranges are as many as the portfolios.
func listsOverMany(t *testing.T, db *store.DB, in tenant.Sphere) {
	t.Helper()
	group := ""
	for name, q := range map[string]sim.Query{
		"all":        {},
		"a state":    {Statuses: []sim.Status{sim.StatusAvailable}},
		"a group":    {Group: &group, Statuses: []sim.Status{sim.StatusAvailable, sim.StatusSuspended}},
		"searched":   {Match: &sim.Match{Text: "Meter", Fields: []sim.Field{sim.ByName}}},
		"a span":     {Match: &sim.Match{Text: "Meter", How: sim.Starts, Fields: []sim.Field{sim.ByName}}},
		"suspended":  {NotHeld: sim.Kinds(1)},
		"a network":  {Network: "lab", Statuses: []sim.Status{sim.StatusAvailable}},
		"everything": {Match: &sim.Match{Text: "8944"}},
	} {
		for _, sort := range []sim.Field{sim.ByICCID, sim.ByName} {
			q.Sort, q.Limit, q.Count = sort, 10, true
			page, err := db.List(t.Context(), in, q)
			if err != nil || page.Total != manyPortfolios || len(page.SIMs) != 10 || page.SIMs[0].ICCID != iccidOf(0) {
				t.Errorf("%s by %d: %d of %d, %v", name, sort, len(page.SIMs), page.Total, err)
				continue
			}
			q.After = &sim.Cursor{Value: page.SIMs[9].Name, ICCID: page.SIMs[9].ICCID}
			if sort == sim.ByICCID {
				q.After.Value = ""
			}
			q.Count = false
			next, err := db.List(t.Context(), in, q)
			if err != nil || len(next.SIMs) != 10 {
				t.Errorf("%s by %d, the next page: %d, %v", name, sort, len(next.SIMs), err)
			}
			q.After = nil
		}
	}
}

// othersOverMany reads what else is read of a whole sphere.
func othersOverMany(t *testing.T, db *store.DB, in tenant.Sphere) {
	t.Helper()
	ctx := t.Context()
	for name, read := range map[string]func(context.Context) (int, error){
		"portfolios": func(ctx context.Context) (int, error) { l, err := db.Portfolios(ctx, in); return len(l) - 1, err },
		"tallies":    func(ctx context.Context) (int, error) { l, err := db.Tallies(ctx, in); return len(l), err },
		"events": func(ctx context.Context) (int, error) {
			l, err := db.Events(ctx, in, event.Query{Limit: manyPortfolios})
			return len(l), err
		},
	} {
		if n, err := read(ctx); err != nil || n != manyPortfolios {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	for name, read := range map[string]func() error{
		"operations": func() error { _, err := db.Operations(ctx, in, sim.OperationQuery{Limit: 10}); return err },
		"groups":     func() error { _, err := db.Groups(ctx, in); return err },
		"accounts":   func() error { _, err := db.Accounts(ctx, in); return err },
		"packages":   func() error { _, err := db.Packages(ctx, in); return err },
		"links":      func() error { _, err := db.LinksOf(ctx, in); return err },
		"parts":      func() error { _, err := db.PartTallies(ctx, in, []sim.Status{sim.StatusAvailable}); return err },
		"month":      func() error { _, _, err := db.AccountMonth(ctx, in, "GBP", 2026, 3); return err },
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
