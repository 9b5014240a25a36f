package store

import (
	"context"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// rankLengths are the prefixes of ICCIDs that are counted. Between two of them
// lie at most a thousand values, and real ICCIDs differ in the digits that they
// part.
var rankLengths = [...]int{7, 10, 13, 16}

func prefix(iccid ident.ICCID, n int) string { return string(iccid[:min(n, len(iccid))]) }

// rankStep is small enough to be walked.
const rankStep = 500

// rank is a counted prefix: so many SIMs stand before those that have it, and
// so many have it.
type rank struct {
	prefix         string
	before, inside int64
}

// rank finds, among the portfolios of a condition, the prefix of the SIM that
// so many others stand before. Behind the last it returns a prefix that sorts
// behind all.
func (r reader) rank(ctx context.Context, where string, args []any, position int64) (rank, error) {
	var at rank
	for _, length := range rankLengths {
		in := rank{prefix: "~", before: at.before}
		err := r.each(ctx, func(rows rowScanner) error {
			var p string
			var n int64
			if err := rows.Scan(&p, &n); err != nil || in.inside > 0 {
				return err
			}
			if in.before+n > position {
				in.prefix, in.inside = p, n
			} else {
				in.before += n
			}
			return nil
		}, "SELECT prefix, SUM(n) FROM sim_rank WHERE "+where+" AND length = ? AND prefix >= ? AND prefix < ? GROUP BY prefix ORDER BY prefix",
			append(slices.Clone(args), length, at.prefix, at.prefix+"~")...)
		if err != nil {
			return rank{}, err
		}
		if in.inside == 0 && at.prefix != "" {
			break // changed since the shorter prefix was read
		}
		at = in
		if at.inside <= rankStep {
			break
		}
	}
	return at, nil
}

// front is a cursor right before the first SIM with the prefix; nil for the
// start.
func (r rank) front() *sim.Cursor {
	if r.prefix == "" {
		return nil
	}
	last := len(r.prefix) - 1
	return &sim.Cursor{ICCID: ident.ICCID(r.prefix[:last] + string(r.prefix[last]-1) + "~")}
}
