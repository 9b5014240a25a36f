package store

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// points are the reads of single SIMs that many callers do at once.
type points struct {
	sims     *gather[simKey, *sim.SIM]
	labelled *gather[simKey, *labelled] // with attributes
}

// simKey is a SIM as a caller asks for it.
type simKey struct {
	in    tenant.Sphere
	iccid ident.ICCID
}

// labelled is a SIM with its stored attributes.
type labelled struct {
	sim    sim.SIM
	stored []sim.Attribute
}

func newPoints(r reader) points {
	return points{sims: &gather[simKey, *sim.SIM]{read: r.simsByKey}, labelled: &gather[simKey, *labelled]{read: r.labelledByKey}}
}

// SIM returns one SIM, or found false when it is missing or outside the sphere.
func (db *DB) SIM(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, found bool, err error) {
	got, found, err := db.points.sims.get(ctx, simKey{in, iccid})
	if err != nil || !found {
		return s, false, err
	}
	return *got, true, nil // a copy: others may have asked for the same
}

// SIMWithAttributes is SIM, and [Attributes] of that SIM.
func (db *DB) SIMWithAttributes(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, stored []sim.Attribute, found bool, err error) {
	got, found, err := db.points.labelled.get(ctx, simKey{in, iccid})
	if err != nil || !found {
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

// Packed reads of SIMs; the second also says whether one has attributes stored:
// most have none, and to look for those would be a statement more.
var (
	simPacked    = packed(simSelect)
	simAndLabels = packed(strings.Replace(simSelect, "\nFROM",
		", CASE WHEN EXISTS (SELECT 1 FROM sim_attribute a WHERE a.sim_id = s.id AND a.deleted = 0) THEN 1 ELSE 0 END\nFROM", 1))
)

// simsByKey reads SIMs. What is missing, or outside its sphere, is not in the
// answer.
func (r reader) simsByKey(ctx context.Context, keys []simKey) (map[simKey]*sim.SIM, error) {
	out := make(map[simKey]*sim.SIM, len(keys))
	return out, r.byKey(ctx, simPacked, keys, func(in tenant.Sphere, row rowScanner) error {
		s := new(sim.SIM)
		err := scanSIM(row, s)
		out[simKey{in, s.ICCID}] = s
		return err
	})
}

// labelledByKey is simsByKey with the attributes of the SIMs.
func (r reader) labelledByKey(ctx context.Context, keys []simKey) (map[simKey]*labelled, error) {
	out := make(map[simKey]*labelled, len(keys))
	var having []int64
	err := r.byKey(ctx, simAndLabels, keys, func(in tenant.Sphere, row rowScanner) error {
		l, has := new(labelled), int64(0)
		err := scanSIM(oneMore{row, &has}, &l.sim)
		out[simKey{in, l.sim.ICCID}] = l
		if has != 0 {
			having = append(having, l.sim.ID)
		}
		return err
	})
	if err != nil || len(having) == 0 {
		return out, err
	}
	stored, err := r.Attributes(ctx, having)
	for _, l := range out {
		l.stored = stored[l.sim.ID]
	}
	return out, err
}

// oneMore is a row with one column more than is asked for.
type oneMore struct {
	rowScanner
	last *int64
}

// Scan implements rowScanner.
func (m oneMore) Scan(dest ...any) error { return m.rowScanner.Scan(append(dest, m.last)...) }

// byKey runs a packed read of SIMs, for those of each sphere once.
func (r reader) byKey(ctx context.Context, statement string, keys []simKey, scan func(tenant.Sphere, rowScanner) error) error {
	spheres := map[tenant.Sphere][]ident.ICCID{}
	for _, k := range keys {
		spheres[k.in] = append(spheres[k.in], k.iccid)
	}
	for in, iccids := range spheres {
		list, listed := r.fewICCIDs(iccids)
		where, args := within(in)
		err := r.eachPacked(ctx, func(row rowScanner) error { return scan(in, row) },
			statement+" WHERE "+list+" AND "+where, append(listed, args...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// fewICCIDs is the condition that a SIM is one of some. SQLite is quicker with
// parameters than with a list to take apart; their number is rounded up, so that
// there are few statements to prepare.
func (r reader) fewICCIDs(iccids []ident.ICCID) (string, []any) {
	if r.engine.locks() {
		where, arg := r.engine.list("s.iccid", texts(iccids))
		return where, []any{arg}
	}
	n := 1
	for n < len(iccids) {
		n *= 2
	}
	args := make([]any, n)
	for i := range args {
		args[i] = string(iccids[min(i, len(iccids)-1)])
	}
	return "s.iccid IN (" + placeholders(n) + ")", args
}
