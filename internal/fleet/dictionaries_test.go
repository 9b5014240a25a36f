package fleet_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Who changes a tree's dictionaries comes before or after whoever else does: no
// more is added than there is room for, and nobody's change is undone.
func TestChangesOfADictionaryAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := context.WithoutCancel(t.Context())
		const limit, left, callers = 1000, 2, 8
		root, _ := tenant.Below(w.root.Path).Root()
		r := w.customer(w.root, "operator")
		d := tenant.BusinessCodes
		first := got(w.CreateEntry(ctx, r, tenant.Entry{Dictionary: d, Name: "First", Title: "first"}))(t)
		w.must(w.db.Write(ctx, func(tx *store.Tx) error {
			for i := range limit - left - 1 - len(tenant.BuiltIn(d)) {
				e := tenant.Entry{Dictionary: d, Root: root, Name: fmt.Sprint(i), Title: fmt.Sprint("t", i), Status: tenant.Active}
				if err := tx.SaveEntry(ctx, &e); err != nil {
					return err
				}
			}
			return nil
		}))
		var made, full atomic.Int32
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				_, err := w.CreateEntry(ctx, r, tenant.Entry{Dictionary: d, Name: "New", Title: fmt.Sprint("new", i)})
				switch {
				case err == nil:
					made.Add(1)
				case fault.KindOf(err) == fault.Exhausted && fault.CodeOf(err) == fleet.EntryLimit:
					full.Add(1)
				default:
					t.Error(err)
				}
			})
			group.Go(func() {
				_, err := w.ChangeEntry(ctx, r, d, first.ID, func(e *tenant.Entry) { e.Name += fmt.Sprint("+", i) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if made.Load() != left || full.Load() != callers-left {
			t.Errorf("%d entries were made where %d had room, %d refused", made.Load(), left, full.Load())
		}
		if e := got(w.Entry(ctx, r, d, first.ID))(t); len(e.Name) != len("First")+2*callers {
			t.Errorf("of %d changes of a name these are left: %s", callers, e.Name)
		}
	})
}
