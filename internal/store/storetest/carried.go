package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// testCarried: what holders carry is kept apart by kind and by id, a name is
// there once, and of deleted ones the newest stay.
func testCarried(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	one := tenant.Holder{Kind: tenant.PackageHolder, ID: "7"}
	other := tenant.Holder{Kind: tenant.ItemHolder, ID: "7"}
	save := func(of tenant.Holder, list ...sim.Attribute) error {
		return w.db.Write(t.Context(), func(tx *store.Tx) error { return tx.SaveCarried(t.Context(), of, list, noon) })
	}
	must(t, save(one, sim.Attribute{Name: "a", Value: "1"}, sim.Attribute{Name: "b"}))
	must(t, save(other, sim.Attribute{Name: "a", Value: "2"}))
	if err := save(one, sim.Attribute{Name: "a"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a name that is there: %v", err)
	}
	list, err := w.db.Carried(t.Context(), one, false)
	must(t, err)
	if len(list) != 2 || list[0].Name != "a" || list[0].Value != "1" || list[0].ID == 0 {
		t.Fatalf("%+v", list)
	}
	all, err := w.db.CarriedByAll(t.Context(), tenant.ItemHolder, []string{"7", "8"})
	must(t, err)
	if len(all) != 1 || len(all["7"]) != 1 || all["7"][0].Value != "2" {
		t.Errorf("%+v", all)
	}
	for i := range list {
		list[i].Deleted = true
	}
	must(t, save(one, list...))
	must(t, save(one, sim.Attribute{Name: "a"}))
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.PruneCarried(ctx, one, 1) })
	gone, err := w.db.Carried(t.Context(), one, true)
	must(t, err)
	if len(gone) != 1 || gone[0].ID != list[1].ID {
		t.Errorf("deleted: %+v", gone)
	}
}

// testRejects: rejects that are folded add up, and a list of what became of
// requests has them in their places.
func testRejects(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	record := func(list ...usage.AccessRecord) {
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddAccess(ctx, list) })
	}
	at := func(minutes int) usage.Access {
		return usage.Access{At: noon.Add(time.Duration(minutes) * time.Minute), NAS: "gw"}
	}
	no := usage.Verdict{Refusal: usage.WrongAPN, Reason: "no"}
	record(usage.AccessRecord{SIM: 4711, Access: at(0), Verdict: no, Times: 1}, usage.AccessRecord{SIM: 4711, Access: at(1), Verdict: usage.Verdict{Accept: true}, Times: 1})
	stored, err := w.db.Rejects(t.Context(), []int64{4711, 4712}, noon)
	must(t, err)
	if len(stored) != 1 || stored[0].Verdict != no || stored[0].Times != 1 || !stored[0].LastAt.IsZero() {
		t.Fatalf("%+v", stored)
	}
	for _, last := range []int{5, 3} {
		more := stored[0]
		more.Times, more.LastAt = 10, noon.Add(time.Duration(last)*time.Second)
		record(more, usage.AccessRecord{SIM: 4711, Access: at(last), Verdict: no, Times: 1})
	}
	found, total, err := w.db.Authentications(t.Context(), 4711, noon, noon.Add(time.Hour), 0, 10)
	must(t, err)
	times := []int64{}
	for _, a := range found {
		times = append(times, a.Reject.Times)
	}
	if total != 3 || !slices.Equal(times, []int64{1, 1, 21}) || !found[2].Reject.LastAt.Equal(noon.Add(5*time.Second)) {
		t.Errorf("%d: %v, %+v", total, times, found)
	}
	if page, _, err := w.db.Authentications(t.Context(), 4711, noon, noon.Add(time.Hour), 2, 1); err != nil || len(page) != 1 || page[0].Reject.Times != 21 {
		t.Errorf("%+v, %v", page, err)
	}
}
