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

// No more is added to a tree's dictionaries than there is room for, whoever does
// when.
func TestEntriesAtOnceKeepTheBound(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := context.WithoutCancel(t.Context())
		const limit, left, callers = 1000, 2, 8
		root, _ := tenant.Below(w.root.Path).Root()
		r := w.customer(w.root, "operator")
		d := tenant.BusinessCodes
		w.must(w.db.Write(ctx, func(tx *store.Tx) error {
			for i := range limit - left - len(tenant.BuiltIn(d)) {
				e := tenant.Entry{Dictionary: d, Root: root, Name: fmt.Sprint(i), Title: fmt.Sprint("t", i), Status: tenant.Active}
				if err := tx.SaveEntry(ctx, &e); err != nil {
					return err
				}
			}
			return nil
		}))
		var made, full atomic.Int32
		atOnce(callers, func(i int) {
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
		if made.Load() != left || full.Load() != callers-left {
			t.Errorf("%d entries were made where %d had room, %d refused", made.Load(), left, full.Load())
		}
	})
}
