package fleet_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// A tree has so many portals and no more: those of others count, which the
// caller does not see, and so do those that are made at the same time.
func TestPortalsAreCountedInTheirTree(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := t.Context()
		const limit, left = 1000, 2
		root, _ := tenant.Below(w.root.Path).Root()
		w.must(w.db.Write(ctx, func(tx *store.Tx) error {
			for i := range limit - left {
				p := tenant.Portal{ID: fmt.Sprint(i), Root: root, Owner: w.b.ID, OwnerPath: w.b.Path, Name: "B's", Title: fmt.Sprint("b", i), Status: tenant.Active}
				if err := tx.SavePortal(ctx, p); err != nil {
					return err
				}
			}
			return nil
		}))
		owners := []tenant.Portfolio{w.a, w.root}
		var made, full atomic.Int32
		atOnce(8, func(i int) {
			owner := owners[i%len(owners)]
			r := w.customer(owner, "operator")
			_, err := w.CreatePortal(context.WithoutCancel(ctx), r, tenant.Portal{Owner: owner.ID, Name: "New", Title: fmt.Sprint("new", i)})
			switch {
			case err == nil:
				made.Add(1)
			case fault.KindOf(err) == fault.Exhausted && fault.CodeOf(err) == fleet.PortalLimit:
				full.Add(1)
			default:
				t.Error(err)
			}
		})
		if made.Load() != left || full.Load() != 8-left {
			t.Errorf("%d portals were made where %d had room, %d refused", made.Load(), left, full.Load())
		}
		got(w.CreatePortal(ctx, w.op, tenant.Portal{Owner: got(w.CreatePortfolio(ctx, w.op, fleet.NewPortfolio{Name: "Other", Currency: "GBP"}))(t).ID,
			Name: "Another tree's", Title: "own"}))(t)
	})
}
