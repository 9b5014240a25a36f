package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
)

// testTerms finds the SIMs whose time in a phase is over, the oldest first.
func testTerms(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	iccids := w.insert(w.a1, w.sims(8))
	stand := func(i int, phase sim.Phase, activated time.Time, suspended sim.Kinds) {
		w.edit(iccids[i], func(s *sim.SIM) {
			s.Wanted = sim.Condition{State: sim.Provisioned, Phase: phase, Suspended: suspended}
			s.Settled, s.ActivatedAt = s.Wanted, activated
			if suspended != 0 {
				s.Holds[sim.Customer] = sim.Hold{Actor: "user:x", Since: noon}
			}
		})
	}
	stand(0, sim.Test, noon, 0)
	stand(1, sim.Test, noon.Add(-time.Hour), 0)
	stand(2, sim.Ready, noon, 0)
	stand(3, sim.Ready, noon.Add(-time.Hour), 0)
	stand(4, sim.Ready, noon.Add(-time.Hour), sim.Kinds(0).With(sim.Customer))
	stand(5, sim.Live, noon.Add(-time.Hour), 0)
	stand(6, sim.Test, noon.Add(-time.Hour), 0)
	stand(7, sim.Test, noon.Add(-time.Hour), 0)
	w.edit(iccids[7], func(s *sim.SIM) { s.Wanted.State, s.Generation = sim.Deprovisioning, s.Generation+1 })
	type list = func(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error)
	for _, c := range []struct {
		name   string
		list   list
		before time.Time
		n      int
		want   []int
	}{
		{"in test", w.db.InTest, noon, 10, []int{1, 6, 0}},
		{"in test before noon", w.db.InTest, noon.Add(-time.Microsecond), 10, []int{1, 6}},
		{"one in test", w.db.InTest, noon, 1, []int{1}},
		{"ready", w.db.ReadySince, noon, 10, []int{3, 2}},
		{"ready before noon", w.db.ReadySince, noon.Add(-time.Microsecond), 10, []int{3}},
		{"ready long ago", w.db.ReadySince, noon.Add(-2 * time.Hour), 10, nil},
	} {
		want := w.ids(iccids, c.want)
		got, err := c.list(t.Context(), sim.Term{}, c.before, c.n)
		must(t, err)
		if !slices.Equal(termIDs(got), want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
		for i, mark := range got {
			rest, err := c.list(t.Context(), mark, c.before, c.n)
			must(t, err)
			if c.n > 1 && !slices.Equal(rest, got[i+1:]) {
				t.Errorf("%s behind %v: %v, want %v", c.name, mark, rest, got[i+1:])
			}
		}
	}
}

func termIDs(terms []sim.Term) []int64 {
	var out []int64
	for _, t := range terms {
		out = append(out, t.SIM)
	}
	return out
}

func (w *world) ids(iccids []ident.ICCID, which []int) []int64 {
	w.t.Helper()
	var out []int64
	for _, i := range which {
		s := w.sim(iccids[i])
		out = append(out, s.ID)
	}
	return out
}

// testLinks holds that each node tells which gateways are connected to it.
func testLinks(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	save := func(node string, at time.Time, gateways ...string) {
		w.write(func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveLinks(ctx, node, gateways, at, at.Add(time.Minute))
		})
	}
	want := func(at time.Time, want map[string]string) {
		t.Helper()
		got, err := w.db.GatewayLinks(t.Context(), at)
		must(t, err)
		same(t, "links", want, got)
	}
	save("n1", noon, "hub", "pgw")
	save("n2", noon.Add(time.Second), "hub")
	want(noon, map[string]string{"hub": "n2", "pgw": "n1"})
	save("n1", noon.Add(2*time.Second), "hub")
	want(noon.Add(2*time.Second), map[string]string{"hub": "n1"})
	want(noon.Add(time.Minute+time.Second), map[string]string{"hub": "n1"})
	want(noon.Add(time.Hour), map[string]string{})
	save("n1", noon.Add(3*time.Second))
	want(noon.Add(3*time.Second), map[string]string{"hub": "n2"})
}
