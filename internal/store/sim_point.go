package store

import (
	"context"

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
	*sim.SIM
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
	return *got.SIM, got.stored, true, nil
}

// SIMWithAttributes is SIM, and [Attributes] of that SIM.
func (r reader) SIMWithAttributes(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, stored []sim.Attribute, found bool, err error) {
	if s, found, err = r.SIM(ctx, in, iccid); err != nil || !found {
		return s, nil, found, err
	}
	all, err := r.Attributes(ctx, []int64{s.ID})
	return s, all[s.ID], true, err
}

func (r reader) labelledByKey(ctx context.Context, keys []simKey) (map[simKey]*labelled, error) {
	sims, err := r.simsByKey(ctx, keys)
	if err != nil || len(sims) == 0 {
		return nil, err
	}
	ids := make([]int64, 0, len(sims))
	for _, s := range sims {
		ids = append(ids, s.ID)
	}
	stored, err := r.Attributes(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[simKey]*labelled, len(sims))
	for k, s := range sims {
		out[k] = &labelled{s, stored[s.ID]}
	}
	return out, nil
}

// simPacked is simSelect, packed.
var simPacked = packed(simSelect)

// simsByKey reads SIMs, those of each sphere in one statement. What is missing,
// or outside its sphere, is not in the answer.
func (r reader) simsByKey(ctx context.Context, keys []simKey) (map[simKey]*sim.SIM, error) {
	spheres := map[tenant.Sphere][]ident.ICCID{}
	for _, k := range keys {
		spheres[k.in] = append(spheres[k.in], k.iccid)
	}
	out := make(map[simKey]*sim.SIM, len(keys))
	for in, iccids := range spheres {
		list, listed := r.fewICCIDs(iccids)
		where, args := within(in)
		err := r.eachPacked(ctx, func(row rowScanner) error {
			s := new(sim.SIM)
			err := scanSIM(row, s)
			out[simKey{in, s.ICCID}] = s
			return err
		}, simPacked+" WHERE "+list+" AND "+where, append(listed, args...)...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
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
