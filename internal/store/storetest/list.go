package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// testList holds random lists of a random population against the model.
func testList(t *testing.T, open func(t *testing.T) *store.DB) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p := populate(newWorld(t, open(t)), 240)
			rapid.Check(t, func(rt *rapid.T) { p.compare(t.Context(), rt) })
		})
	}
}

func (p *population) compare(ctx context.Context, t *rapid.T) {
	in, q := p.sphere(t), p.query(t)
	got, err := p.db.List(ctx, in, q)
	if err != nil {
		t.Fatalf("List(%s): %v", show(q), err)
	}
	if d := diff(p.list(in, q), got); d != "" {
		t.Fatalf("List(%s) (-want +got):\n%s", show(q), d)
	}
}

func show(q sim.Query) string {
	deref := func(v *int64) any {
		if v == nil {
			return nil
		}
		return *v
	}
	group := any(nil)
	if q.Group != nil {
		group = fmt.Sprintf("%q", *q.Group)
	}
	return fmt.Sprintf("%+v package %v group %v mno %v spec %v part %v rsp %v match %+v after %+v", q, deref(q.Package), group, deref(q.MNO),
		deref(q.Spec), deref(q.Part), deref(q.RSP), q.Match, q.After)
}

func (p *population) sphere(t *rapid.T) tenant.Sphere {
	return rapid.SampledFrom([]tenant.Sphere{tenant.Everything(), tenant.Below(p.root.Path), tenant.Below(p.a.Path), tenant.Below(p.a1.Path),
		tenant.Below(p.b.Path), tenant.Below(p.none.Path), {}}).Draw(t, "sphere")
}

// query draws a few filters, an order and a page.
func (p *population) query(t *rapid.T) sim.Query {
	q := sim.Query{Sort: rapid.SampledFrom(sim.AllFields()).Draw(t, "sort"), Descending: rapid.Bool().Draw(t, "descending"),
		Limit: rapid.SampledFrom([]int{1, 2, 7, 40, 1000, 0}).Draw(t, "limit"), Count: rapid.Bool().Draw(t, "count")}
	for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "filters") {
		p.filter(t, &q)
	}
	switch rapid.IntRange(0, 4).Draw(t, "page") {
	case 0, 1:
		q.Offset = rapid.IntRange(-1, 260).Draw(t, "offset")
	case 2:
		s := p.one(t)
		q.After = &sim.Cursor{Value: s.Value(q.Sort), ICCID: s.ICCID}
	case 3:
		q.After = &sim.Cursor{Value: rapid.SampledFrom(someNames).Draw(t, "after"), ICCID: rapid.SampledFrom([]ident.ICCID{"", "8944538", "9"}).Draw(t, "behind")}
	}
	return q
}

// one draws a SIM, whose values the filters then look for.
func (p *population) one(t *rapid.T) *sim.SIM {
	return p.model.sims[rapid.SampledFrom(p.iccids).Draw(t, "like")]
}

func (p *population) filter(t *rapid.T, q *sim.Query) {
	s := p.one(t)
	switch rapid.IntRange(0, 20).Draw(t, "filter") {
	case 0:
		q.ICCIDs = []ident.ICCID{s.ICCID, p.one(t).ICCID, "89445385990000"}[:rapid.IntRange(0, 3).Draw(t, "iccids")]
	case 1:
		q.EID, q.IMEI = s.EID, s.IMEI
	case 2:
		q.Number = s.Number
	case 3:
		q.IMSI = s.IMSI
	case 4:
		q.MSISDN = s.MSISDN
	case 5:
		q.Tags = append(q.Tags, tag(rapid.SampledFrom([]string{"pin1", "puk1", "puk2"}).Draw(t, "code"), rapid.SampledFrom(somePINs).Draw(t, "pin")))
	case 6:
		q.Portfolio = rapid.SampledFrom([]ident.PortfolioID{s.Portfolio, p.none.ID, "unknown"}).Draw(t, "portfolio")
	case 7:
		q.Package = &s.Package
	case 8, 9:
		q.Group = &s.Group
	case 10:
		q.Network = rapid.SampledFrom([]string{"lab", "other"}).Draw(t, "network")
	case 11:
		q.MNO = &s.MNO
	case 12:
		q.Spec, q.Part = &s.Spec, &s.Part
	case 13:
		q.RSP = &s.RSP
	case 14, 15:
		q.Statuses = rapid.SliceOfN(rapid.SampledFrom(sim.Statuses()), 1, 3).Draw(t, "statuses")
		q.Suspending = rapid.SampledFrom([]sim.Status{0, sim.StatusSuspended, sim.StatusDeprovisioning}).Draw(t, "suspending")
	case 16:
		q.Held, q.NotHeld = sim.Kinds(rapid.IntRange(0, 3).Draw(t, "held")), sim.Kinds(rapid.IntRange(0, 7).Draw(t, "not held"))
	case 17:
		q.Barred, q.NotBarred = sim.Services(rapid.IntRange(0, 3).Draw(t, "barred")), sim.Services(rapid.IntRange(0, 7).Draw(t, "not barred"))
	case 18:
		q.ActivatedAt, q.TerminatedAt = s.ActivatedAt, s.TerminatedAt
	case 19:
		q.Match = p.search(t)
	case 20:
		q.Match = p.search(t)
		q.Match.How, q.Match.Fields = sim.Starts, []sim.Field{rapid.SampledFrom([]sim.Field{q.Sort, sim.ByName}).Draw(t, "begins")}
	}
}

// search draws a piece of what some SIM has, or a text that only looks so.
func (p *population) search(t *rapid.T) *sim.Match {
	m := &sim.Match{How: rapid.SampledFrom([]sim.How{sim.Contains, sim.Starts, sim.Ends, sim.Whole}).Draw(t, "how"),
		Fields: rapid.SliceOfNDistinct(rapid.SampledFrom(sim.AllFields()), 0, 3, rapid.ID[sim.Field]).Draw(t, "fields")}
	if rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
		m.Text = rapid.SampledFrom(append(someNames, "%", "_", `\`, "%%%", "qqq", "894", "44", "\x00", "\xff", "ALPHA", "ΩMEGA")).Draw(t, "text")
		return m
	}
	runes := []rune(p.one(t).Value(rapid.SampledFrom(sim.AllFields()).Draw(t, "of")))
	if len(runes) > 0 {
		from := rapid.IntRange(0, len(runes)-1).Draw(t, "from")
		m.Text = string(runes[from : from+rapid.IntRange(1, len(runes)-from).Draw(t, "length")])
	}
	return m
}

// testListWalks walks whole lists page by page, by cursor and by offset, and
// finds every SIM once and in order.
func testListWalks(t *testing.T, open func(t *testing.T) *store.DB) {
	p := populate(newWorld(t, open(t)), 200)
	r := rand.New(rand.NewPCG(3, 4))
	for _, in := range []tenant.Sphere{tenant.Everything(), tenant.Below(p.a.Path)} {
		for _, sort := range sim.AllFields() {
			for _, q := range []sim.Query{{}, {Statuses: []sim.Status{sim.StatusProvisioned, sim.StatusAvailable}}, {Network: "lab"},
				{Group: &someGroups[2]}, {Portfolio: p.a.ID}, {Match: &sim.Match{Text: "44"}}, {Match: &sim.Match{Text: "alpha"}},
				{Match: begins("ALPHA", sim.ByName)}, {Match: begins("8944", sim.ByICCID)},
				{Match: begins("2341", sim.ByIMSI), Statuses: []sim.Status{sim.StatusAvailable}}} {
				q.Sort, q.Descending, q.Limit = sort, r.IntN(2) == 0, 1+r.IntN(30)
				whole := q
				whole.Limit = 0
				want := p.list(in, whole).SIMs
				same(t, "by cursor "+show(q), want, p.byCursor(t, in, q))
				same(t, "by offset "+show(q), want, p.byOffset(t, in, q))
			}
		}
	}
}

// begins is a search for what a field begins with.
func begins(text string, f sim.Field) *sim.Match {
	return &sim.Match{Text: text, How: sim.Starts, Fields: []sim.Field{f}}
}

func (p *population) byCursor(t *testing.T, in tenant.Sphere, q sim.Query) []sim.SIM {
	t.Helper()
	var out []sim.SIM
	for {
		page, err := p.db.List(t.Context(), in, q)
		must(t, err)
		out = append(out, page.SIMs...)
		if page.Next == nil {
			return out
		}
		q.After = page.Next
	}
}

func (p *population) byOffset(t *testing.T, in tenant.Sphere, q sim.Query) []sim.SIM {
	t.Helper()
	var out []sim.SIM
	for {
		page, err := p.db.List(t.Context(), in, q)
		must(t, err)
		out = append(out, page.SIMs...)
		if page.Next == nil {
			return out
		}
		q.Offset += q.Limit
	}
}
