package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testPoints reads single SIMs from many callers at once, who share statements:
// each sees its own SIMs as they are, with their attributes, and no others.
func testPoints(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	inA, inB := w.insert(w.a1, w.sims(20)), w.insert(w.b1, w.sims(20))
	one := w.sim(inA[3])
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveAttributes(ctx, []sim.Attribute{{SIM: one.ID, Name: "field1", Value: "x"}, {SIM: one.ID, Name: "field2"}}, noon)
	})
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			iccid, in, mine := inA[i%20], tenant.Below(w.a.Path), true
			switch i % 4 {
			case 1:
				iccid = inB[i%20]
				in = tenant.Below(w.b.Path)
			case 2:
				in, mine = tenant.Below(w.b.Path), false
			case 3:
				in = tenant.Everything()
			}
			s, stored, found, err := w.db.SIMWithAttributes(t.Context(), in, iccid)
			bare, foundBare, errBare := w.db.SIM(t.Context(), in, iccid)
			if err != nil || errBare != nil || found != mine || foundBare != mine || fmt.Sprint(s) != fmt.Sprint(bare) || mine && s.ICCID != iccid {
				t.Errorf("%d: %v %v, %v %v", i, found, err, foundBare, errBare)
			}
			if want := 2; (mine && iccid == one.ICCID) != (len(stored) == want) {
				t.Errorf("%d: %d attributes", i, len(stored))
			}
		})
	}
	all.Wait()
	// A reader sees what was committed before it came.
	for i := range 50 {
		w.edit(one.ICCID, func(s *sim.SIM) { s.Name = fmt.Sprint("name ", i) })
		if got := w.sim(one.ICCID); got.Name != fmt.Sprint("name ", i) {
			t.Fatalf("%q after edit %d", got.Name, i)
		}
	}
	// Whose a SIM is changes with it.
	w.edit(one.ICCID, func(s *sim.SIM) { s.Portfolio = w.b.ID })
	for _, in := range []tenant.Portfolio{w.a, w.b} {
		got, found, err := w.db.SIM(t.Context(), tenant.Below(in.Path), one.ICCID)
		if err != nil || found != (in.ID == w.b.ID) || found && got.Portfolio != w.b.ID {
			t.Errorf("%s finds it %t in %q, %v", in.Name, found, got.Portfolio, err)
		}
	}
	if _, found, err := w.db.SIM(t.Context(), tenant.Sphere{}, one.ICCID); err != nil || found {
		t.Errorf("nobody finds it %t, %v", found, err)
	}
}
