package storetest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// model is the store without a database: every SIM in memory, every list a
// filter and a sort.
type model struct {
	sims  map[ident.ICCID]*sim.SIM
	tags  map[ident.ICCID][]sim.Tag
	paths map[ident.PortfolioID]string
}

func newModel(portfolios []tenant.Portfolio) *model {
	m := &model{sims: map[ident.ICCID]*sim.SIM{}, tags: map[ident.ICCID][]sim.Tag{}, paths: map[ident.PortfolioID]string{}}
	for _, p := range portfolios {
		m.paths[p.ID] = p.Path
	}
	return m
}

// list is what List must return.
func (m *model) list(in tenant.Sphere, q sim.Query) sim.Page {
	all := m.match(in, q)
	page := sim.Page{}
	if q.Count {
		page.Total = int64(len(all))
	}
	switch {
	case q.After != nil:
		at := place{folded(q.After.Value, q.Sort), string(q.After.ICCID)}
		if q.Sort == sim.ByICCID {
			at.value = at.iccid
		}
		first := slices.IndexFunc(all, func(s *sim.SIM) bool { return compare(placeOf(s, q.Sort), at, q.Descending) > 0 })
		if first < 0 {
			first = len(all)
		}
		all = all[first:]
	default:
		all = all[min(max(q.Offset, 0), len(all)):]
	}
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
		last := all[len(all)-1]
		page.Next = &sim.Cursor{Value: placeOf(last, q.Sort).value, ICCID: last.ICCID}
	}
	for _, s := range all {
		page.SIMs = append(page.SIMs, *s)
	}
	return page
}

// match is the whole list, in order.
func (m *model) match(in tenant.Sphere, q sim.Query) []*sim.SIM {
	var out []*sim.SIM
	for _, s := range m.sims {
		if in.Contains(m.paths[s.Portfolio]) && m.named(s, &q) && labelled(s, &q) && stands(s, &q) && found(s, q.Match) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *sim.SIM) int { return compare(placeOf(a, q.Sort), placeOf(b, q.Sort), q.Descending) })
	return out
}

type place struct{ value, iccid string }

func placeOf(s *sim.SIM, by sim.Field) place { return place{folded(s.Value(by), by), string(s.ICCID)} }

// folded is a value as the order takes it: names are in one order in any case.
func folded(value string, by sim.Field) string {
	if by == sim.ByName {
		return strings.ToLower(value)
	}
	return value
}

func compare(a, b place, descending bool) int {
	c := cmp.Or(strings.Compare(a.value, b.value), strings.Compare(a.iccid, b.iccid))
	if descending {
		return -c
	}
	return c
}

// named tests the filters that name a handful of SIMs.
func (m *model) named(s *sim.SIM, q *sim.Query) bool {
	return (q.ICCIDs == nil || slices.Contains(q.ICCIDs, s.ICCID)) && any0(q.EID, s.EID) && any0(q.Number, s.Number) &&
		any0(q.IMSI, s.IMSI) && any0(q.MSISDN, s.MSISDN) && any0(q.IMEI, s.IMEI) &&
		!slices.ContainsFunc(q.Tags, func(t sim.Tag) bool {
			return !slices.ContainsFunc(m.tags[s.ICCID], func(has sim.Tag) bool { return has.Code == t.Code && string(has.Hash) == string(t.Hash) })
		})
}

func labelled(s *sim.SIM, q *sim.Query) bool {
	return any0(q.Portfolio, s.Portfolio) && any0(q.Network, s.Network) && optional(q.Package, s.Package) && optional(q.Group, s.Group) &&
		optional(q.MNO, s.MNO) && optional(q.Spec, s.Spec) && optional(q.Part, s.Part) && optional(q.RSP, s.RSP)
}

func stands(s *sim.SIM, q *sim.Query) bool {
	held := s.Wanted.Suspended
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, q.Shows(s.Status(), held))) &&
		held&q.Held == q.Held && held&q.NotHeld == 0 && s.Barred&q.Barred == q.Barred && s.Barred&q.NotBarred == 0 &&
		(q.ActivatedAt.IsZero() || q.ActivatedAt.Unix() == s.ActivatedAt.Unix()) &&
		(q.TerminatedAt.IsZero() || q.TerminatedAt.Unix() == s.TerminatedAt.Unix())
}

func found(s *sim.SIM, m *sim.Match) bool {
	if m == nil {
		return true
	}
	fields := m.Fields
	if len(fields) == 0 {
		fields = sim.AllFields()
	}
	text := strings.ToLower(m.Text)
	return slices.ContainsFunc(fields, func(f sim.Field) bool {
		v := strings.ToLower(s.Value(f))
		switch m.How {
		case sim.Starts:
			return strings.HasPrefix(v, text)
		case sim.Ends:
			return strings.HasSuffix(v, text)
		case sim.Whole:
			return v == text
		case sim.Contains:
		}
		return strings.Contains(v, text)
	})
}

// any0 tests a filter whose zero value asks for nothing.
func any0[T comparable](want, has T) bool {
	var zero T
	return want == zero || want == has
}

func optional[T comparable](want *T, has T) bool { return want == nil || *want == has }
