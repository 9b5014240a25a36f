package storetest

import (
	"context"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testPortals holds portals to one title each in a tree, and finds who was put
// where at, below and above a portfolio.
func testPortals(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	root, _ := tenant.Below(w.root.Path).Root()
	one := tenant.Portal{ID: "1", Root: root, Owner: w.a.ID, OwnerPath: w.a.Path, Name: "Öne", Title: "one", Status: tenant.Active, CreatedAt: noon}
	save := func(p tenant.Portal) error {
		return tryWrite(t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.SavePortal(ctx, p) })
	}
	must(t, save(one))
	two := one
	two.ID = "2"
	wantKind(t, save(two), fault.Conflict)
	two.Root = "another"
	must(t, save(two))
	one.Name, one.Title, one.Status = "One", "uno", tenant.Deleted
	moved := one
	moved.Owner = w.b.ID
	must(t, save(moved))
	got, err := w.db.Portals(t.Context(), root)
	must(t, err)
	same(t, "portals", []tenant.Portal{one}, got) // whose it is stays

	for _, step := range []struct {
		at tenant.Portfolio
		to string
	}{{w.a, "0"}, {w.a, "1"}, {w.a1, "2"}, {w.b, "3"}} {
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SavePortalStep(ctx, step.at.ID, step.to) })
	}
	for in, want := range map[tenant.Sphere]tenant.PortalSteps{
		tenant.Below(w.a1.Path):   {w.a.Path: "1", w.a1.Path: "2"},
		tenant.Below(w.a2.Path):   {w.a.Path: "1"},
		tenant.Below(w.root.Path): {w.a.Path: "1", w.a1.Path: "2", w.b.Path: "3"},
		{}:                        {},
	} {
		got, err := w.db.PortalSteps(t.Context(), in)
		must(t, err)
		same(t, "steps", want, got)
	}
}
