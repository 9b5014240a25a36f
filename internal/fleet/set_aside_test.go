package fleet_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// aside has the report of the first session set aside, and after it what is no
// report, and returns the service that cannot count them.
func (w *world) aside(sessions ...string) *fleet.Service {
	w.t.Helper()
	for _, s := range sessions {
		w.keep(w.session(0, s).report(usage.Interim, 10, 0))
	}
	first := w.session(0, sessions[0]).report(usage.Interim, 10, 0)
	w.must(w.db.Append(w.t.Context(), []usage.Part{{Share: first.Share(w.Shares()), Reports: 3, Body: []byte("no reports")}}, w.clock.Now()))
	f := fleet.New(sick{fleettest.Store{DB: w.db}, sessions[0]}, fleet.Options{Now: w.clock.Now})
	for range sessions {
		got(f.FoldAll(w.t.Context()))(w.t)
	}
	return f
}

// What was set aside is counted once it can be, and once, by however many; what
// still cannot be stays with the reason, until it is removed.
func TestReplayOfWhatWasSetAside(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		f := w.aside("bad", "good")
		list := got(w.SetAsides(t.Context(), w.op, 0, 10))(t)
		if len(list) != 2 || list[0].Size == 0 || list[0].At.IsZero() || list[1].Size != 10 || !strings.Contains(list[0].Why, "beyond me") || len(list[0].Body) > 0 {
			t.Fatalf("%+v", list)
		}
		if page := got(w.SetAsides(t.Context(), w.op, list[0].ID, 1))(t); len(page) != 1 || page[0].ID != list[1].ID {
			t.Errorf("the next page is %+v", page)
		}
		w.must(w.db.Write(t.Context(), func(tx *store.Tx) error { return tx.KeepAside(t.Context(), list[0].ID, "once") }))
		if _, err := f.ReplaySetAside(t.Context(), w.op, list[0].ID); fault.CodeOf(err) != fleet.StillAside {
			t.Errorf("what cannot be counted: %v", err)
		}
		if _, err := w.ReplaySetAside(t.Context(), w.op, list[1].ID); fault.CodeOf(err) != fleet.StillAside {
			t.Errorf("what is no report: %v", err)
		}
		if again := got(w.SetAsides(t.Context(), w.op, 0, 10))(t); len(again) != 2 || !strings.Contains(again[0].Why, "beyond me") || again[0].Size != list[0].Size {
			t.Errorf("afterwards %+v", again)
		}
		if m := w.monthOf(iccid); m.In != 10 {
			t.Errorf("%d bytes are counted before", m.In)
		}
		counted, missing := 0, 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				n, err := w.ReplaySetAside(t.Context(), w.op, list[0].ID)
				mu.Lock()
				defer mu.Unlock()
				counted += n.Taken
				if fault.KindOf(err) == fault.NotFound {
					missing++
				}
			})
		}
		all.Wait()
		if m := w.monthOf(iccid); m.In != 20 || counted != 1 || missing != 3 {
			t.Errorf("%d bytes are counted, by %d, %d found nothing", m.In, counted, missing)
		}
		w.must(w.RemoveSetAside(t.Context(), w.op, list[1].ID))
		if err := w.RemoveSetAside(t.Context(), w.op, list[1].ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("removed twice: %v", err)
		}
		w.wantAsideEvents(list)
		if left := got(w.SetAsides(t.Context(), w.op, 0, 10))(t); len(left) != 0 {
			t.Errorf("%+v is left", left)
		}
		w.must(w.db.Check(t.Context()))
	})
}

// wantAsideEvents looks for one event of the replay and one of the removal, and
// for none of what failed.
func (w *world) wantAsideEvents(list []usage.SetAside) {
	w.t.Helper()
	told := got(w.Events(w.t.Context(), w.op, event.Query{Kinds: []event.Kind{event.SetAsideReplayed, event.SetAsideRemoved}, Limit: 10}))(w.t)
	if len(told) != 2 {
		w.t.Fatalf("the audit trail says %+v", told)
	}
	for i, want := range []event.Kind{event.SetAsideRemoved, event.SetAsideReplayed} { // newest first
		e := told[i]
		if e.Kind != want || e.Data.Subject != strconv.FormatInt(list[1-i].ID, 10) || e.Data.Reason == "" || e.Actor != w.op.Caller.Actor() || e.Request != w.op.ID || e.Portfolio != "" {
			w.t.Errorf("%+v, want %s", e, want)
		}
	}
	if seen := got(w.Events(w.t.Context(), w.customer(w.root, "operator"), event.Query{Kinds: []event.Kind{event.SetAsideReplayed}, Limit: 10}))(w.t); len(seen) != 0 {
		w.t.Errorf("an account sees %+v", seen)
	}
}

// What was set aside is the operator's, and lists have bounds.
func TestWhoSeesWhatWasSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	none := w.customer(w.a, "A")
	none.Caller.May = 0
	_, err1 := w.SetAsides(t.Context(), none, 0, 1)
	_, err2 := w.ReplaySetAside(t.Context(), none, 1)
	for _, err := range []error{err1, err2, w.RemoveSetAside(t.Context(), none, 1)} {
		if fault.CodeOf(err) != "permission.networkUpdate" {
			t.Errorf("who may not: %v", err)
		}
	}
	inside := w.customer(w.a, "A")
	inside.Caller.May = w.op.Caller.May
	if _, err := w.SetAsides(t.Context(), inside, 0, 1); fault.CodeOf(err) != "usage.operator" {
		t.Errorf("who sees a part: %v", err)
	}
	for _, n := range []int{0, -1, 1001} {
		if _, err := w.SetAsides(t.Context(), w.op, 0, n); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%d: %v", n, err)
		}
	}
}
