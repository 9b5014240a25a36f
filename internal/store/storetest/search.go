package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testSearch looks for needles among SIMs that look alike: by every way to
// match, in every order, whatever the alphabet.
func testSearch(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	w.insert(w.b, w.sims(150)) // alike: any of them is quickly found
	names := []string{"Straße 1", "STRASSE 2", "Ωmega", "ωMEGA", "Москва", "москва север", "100% sure", "100_ sure", `a\b`, `say "hi"`, "AND NOT", "名前"}
	needles, named := w.sims(len(names)), make([]ident.ICCID, len(names))
	for i := range needles {
		needles[i].SIM.Name, named[i] = names[i], needles[i].SIM.ICCID
	}
	w.insert(w.a1, needles)
	for _, c := range []struct {
		text string
		how  sim.How
		want []string
	}{
		{"straße", sim.Contains, []string{"Straße 1"}},
		{"strasse", sim.Starts, []string{"STRASSE 2"}},
		{"ΩMEGA", sim.Contains, []string{"Ωmega", "ωMEGA"}},
		{"мосКВА", sim.Contains, []string{"Москва", "москва север"}},
		{"москва", sim.Whole, []string{"Москва"}},
		{"север", sim.Ends, []string{"москва север"}},
		{"0% s", sim.Contains, []string{"100% sure"}},
		{"0_ s", sim.Contains, []string{"100_ sure"}},
		{"%", sim.Contains, []string{"100% sure"}},
		{"_", sim.Contains, []string{"100_ sure"}},
		{`\`, sim.Contains, []string{`a\b`}},
		{`"hi"`, sim.Ends, []string{`say "hi"`}},
		{`"`, sim.Contains, []string{`say "hi"`}},
		{"and not", sim.Whole, []string{"AND NOT"}},
		{"名", sim.Starts, []string{"名前"}},
		{"no such name", sim.Contains, nil},
		{"\x00", sim.Contains, nil},
		{"\xff\xfe\xfd", sim.Contains, nil},
		{strings.Repeat("x", 5000), sim.Contains, nil},
	} {
		for _, in := range []tenant.Sphere{tenant.Everything(), tenant.Below(w.a.Path)} {
			for _, q := range []sim.Query{{}, {Sort: sim.ByName}, {Package: &w.packages[0].ID}, {Statuses: []sim.Status{sim.StatusAvailable}, Descending: true}, {ICCIDs: named}} {
				q.Match, q.Limit, q.Count = &sim.Match{Text: c.text, How: c.how}, 20, true
				t.Run(fmt.Sprintf("%q", c.text), func(t *testing.T) { w.wantNames(t, in, q, c.want) })
			}
		}
	}
	w.renamed(needles[0].SIM.ICCID)
}

func (w *world) wantNames(t *testing.T, in tenant.Sphere, q sim.Query, want []string) {
	t.Helper()
	page, err := w.db.List(t.Context(), in, q)
	must(t, err)
	got := map[string]bool{}
	for _, s := range page.SIMs {
		got[s.Name] = true
	}
	wanted := map[string]bool{}
	for _, n := range want {
		wanted[n] = true
	}
	same(t, "names", wanted, got)
	if page.Total != int64(len(want)) {
		t.Fatalf("total %d, want %d", page.Total, len(want))
	}
}

// renamed holds that a search finds the new name and not the old one.
func (w *world) renamed(iccid ident.ICCID) {
	w.t.Helper()
	w.edit(iccid, func(s *sim.SIM) { s.Name = "Neuer Weg 7" })
	for text, want := range map[string]int{"neuer weg": 1, "straße": 0} {
		page, err := w.db.List(w.t.Context(), tenant.Everything(), sim.Query{Match: &sim.Match{Text: text}, Limit: 5})
		must(w.t, err)
		if len(page.SIMs) != want {
			w.t.Errorf("%q finds %d SIMs, want %d", text, len(page.SIMs), want)
		}
	}
}
