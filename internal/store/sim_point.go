package store

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// points are the reads of single SIMs that many callers do at once, whoever
// they are: whether a SIM is theirs is asked of what was read.
type points struct {
	sims     *gather[ident.ICCID, *sighted]
	labelled *gather[ident.ICCID, *sighted] // with attributes
}

// sighted is a SIM, the path of its portfolio and, where they are asked for, its
// stored attributes.
type sighted struct {
	sim    sim.SIM
	path   string
	stored []sim.Attribute
}

func newPoints(r reader) points {
	return points{sims: &gather[ident.ICCID, *sighted]{read: r.sight}, labelled: &gather[ident.ICCID, *sighted]{read: r.sightLabelled}}
}

// SIM returns one SIM, or found false when it is missing or outside the sphere.
func (db *DB) SIM(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, found bool, err error) {
	got, found, err := db.points.sims.get(ctx, iccid)
	if err != nil || !found || !in.Contains(got.path) {
		return s, false, err
	}
	return got.sim, true, nil // a copy: others may have asked for the same
}

// SIMWithAttributes is SIM, and [Attributes] of that SIM.
func (db *DB) SIMWithAttributes(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, stored []sim.Attribute, found bool, err error) {
	got, found, err := db.points.labelled.get(ctx, iccid)
	if err != nil || !found || !in.Contains(got.path) {
		return s, nil, false, err
	}
	return got.sim, got.stored, true, nil
}

// SIMWithAttributes is SIM, and [Attributes] of that SIM.
func (r reader) SIMWithAttributes(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, stored []sim.Attribute, found bool, err error) {
	if s, found, err = r.SIM(ctx, in, iccid); err != nil || !found {
		return s, nil, found, err
	}
	all, err := r.Attributes(ctx, []int64{s.ID})
	return s, all[s.ID], true, err
}

// simSelect with the number of the portfolio in the place of its id. The second also
// says whether a SIM has attributes stored: most have none, and to look for those
// would be a statement more. With EXISTS in the place of the LIMIT, PostgreSQL would
// collect the attributes of all SIMs first, for as long as it takes them for few.
var (
	simPacked    = packed("SELECT " + simIs + ", t.portfolio_no, " + simStands + "\nFROM sim_state t")
	simAndLabels = strings.Replace(simPacked, ")\nFROM",
		", COALESCE((SELECT 1 FROM sim_attribute a WHERE a.sim_id = t.sim_id AND a.deleted = 0 LIMIT 1), 0))\nFROM", 1)
)

// sight reads SIMs. What is missing is not in the answer.
func (r reader) sight(ctx context.Context, iccids []ident.ICCID) (map[ident.ICCID]*sighted, error) {
	return r.byICCID(ctx, simPacked, iccids, newSIMScan().read)
}

// sightLabelled is sight with the attributes of the SIMs.
func (r reader) sightLabelled(ctx context.Context, iccids []ident.ICCID) (map[ident.ICCID]*sighted, error) {
	var having []int64
	has := int64(0)
	scan := newSIMScan(&has)
	out, err := r.byICCID(ctx, simAndLabels, iccids, func(row rowScanner, s *sim.SIM) error {
		err := scan.read(row, s)
		if has != 0 {
			having = append(having, s.ID)
		}
		return err
	})
	if err != nil || len(having) == 0 {
		return out, err
	}
	stored, err := r.Attributes(ctx, having)
	for _, one := range out {
		one.stored = stored[one.sim.ID]
	}
	return out, err
}

// byICCID runs a packed read of SIMs.
func (r reader) byICCID(ctx context.Context, statement string, iccids []ident.ICCID, scan func(rowScanner, *sim.SIM) error) (map[ident.ICCID]*sighted, error) {
	out := make(map[ident.ICCID]*sighted, len(iccids))
	list, listed := few(r, "t.iccid", iccids)
	err := r.eachPacked(ctx, func(row rowScanner) error {
		s := new(sighted)
		err := scan(row, &s.sim)
		out[s.sim.ICCID] = s
		return err
	}, statement+" WHERE "+list, listed...)
	if err != nil {
		return nil, err
	}
	return out, r.tellOwners(ctx, out)
}

// few is the condition that a column is one of some texts. SQLite is quicker with
// parameters than with a list to take apart; their number is rounded up, so that
// there are few statements to prepare.
func few[T ~string](r reader, column string, values []T) (string, []any) {
	if r.engine.locks() || len(values) > maxFew {
		where, arg := r.engine.list(column, texts(values))
		return where, []any{arg}
	}
	n := 1
	for n < len(values) {
		n *= 2
	}
	args := make([]any, n)
	for i := range args {
		args[i] = string(values[min(i, len(values)-1)])
	}
	return column + " IN (" + placeholders(n) + ")", args
}

// maxFew is how many texts are parameters of their own.
const maxFew = 256
