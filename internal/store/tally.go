package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// tallies collects what a transaction changes in the counters, so that a batch
// writes each counter once, in a fixed order.
type tallies struct {
	slot   int64
	cells  map[cell]int64
	groups map[groupKey]int64
	ranks  map[rankKey]int64
}

type cell struct{ portfolio, pkg, status, flags int64 }

type groupKey struct {
	portfolio int64
	group     string
}

type rankKey struct {
	portfolio, length int64
	prefix            string
}

func newTallies(slot int) *tallies {
	return &tallies{int64(slot), map[cell]int64{}, map[groupKey]int64{}, map[rankKey]int64{}}
}

func (t *tallies) add(s *sim.SIM, portfolio, n int64) {
	t.cells[cell{portfolio, s.Package, int64(s.Status()), packFlags(s.Wanted.Suspended, s.Barred)}] += n
	if s.Group != "" {
		t.groups[groupKey{portfolio, s.Group}] += n
	}
	for _, l := range rankLengths {
		t.ranks[rankKey{portfolio, int64(l), prefix(s.ICCID, l)}] += n
	}
}

var (
	tallyTable = &table{name: "sim_tally", columns: cols("portfolio_no, package_id, status, flags, slot, n"),
		onDup: "ON CONFLICT (portfolio_no, package_id, status, flags, slot) DO UPDATE SET n = sim_tally.n + excluded.n"}
	groupTable = &table{name: "sim_group_tally", columns: cols("portfolio_no, group_name text, slot, n"),
		onDup: "ON CONFLICT (portfolio_no, group_name, slot) DO UPDATE SET n = sim_group_tally.n + excluded.n"}
	rankTable = &table{name: "sim_rank", columns: cols("portfolio_no, length, prefix text, n"),
		onDup: "ON CONFLICT (portfolio_no, length, prefix) DO UPDATE SET n = sim_rank.n + excluded.n"}
)

// save is the last that a transaction does: it keeps the counters' rows locked
// for no longer than the commit takes.
func (t *tallies) save(ctx context.Context, tx *Tx) error {
	var cells, groups, ranks [][]any
	for k, n := range t.cells {
		if n != 0 {
			cells = append(cells, []any{k.portfolio, k.pkg, k.status, k.flags, t.slot, n})
		}
	}
	for k, n := range t.groups {
		if n != 0 {
			groups = append(groups, []any{k.portfolio, k.group, t.slot, n})
		}
	}
	for k, n := range t.ranks {
		if n != 0 {
			ranks = append(ranks, []any{k.portfolio, k.length, k.prefix, n})
		}
	}
	for _, step := range []struct {
		t    *table
		rows [][]any
	}{{tallyTable, cells}, {groupTable, groups}, {rankTable, ranks}} {
		slices.SortFunc(step.rows, compareRows)
		if err := tx.insert(ctx, step.t, step.rows); err != nil {
			return err
		}
	}
	return nil
}

func compareRows(a, b []any) int {
	for i := range a {
		var c int
		switch v := a[i].(type) {
		case int64:
			c = cmp.Compare(v, b[i].(int64))
		case string:
			c = cmp.Compare(v, b[i].(string))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// Tallies returns how many SIMs of each portfolio in the sphere stand where.
func (r reader) Tallies(ctx context.Context, in tenant.Sphere) ([]sim.Tally, error) {
	where, args := sphere("c.portfolio_no", in)
	var out []sim.Tally
	err := r.each(ctx, func(rows rowScanner) error {
		var t sim.Tally
		var status, flags int64
		if err := rows.Scan(&t.Portfolio, &t.Package, &status, &flags, &t.Count); err != nil {
			return err
		}
		t.Status = sim.Status(status)
		t.Held, _ = unflag(flags)
		out = append(out, t)
		return nil
	}, `SELECT p.id, c.package_id, c.status, c.flags, SUM(c.n) FROM sim_tally c JOIN portfolio p ON p.no = c.portfolio_no
		WHERE `+where+` GROUP BY p.id, c.package_id, c.status, c.flags HAVING SUM(c.n) > 0
		ORDER BY p.id, c.package_id, c.status, c.flags`, args...)
	return out, err
}

// Groups returns the names of the groups in use in the sphere, in order.
func (r reader) Groups(ctx context.Context, in tenant.Sphere) ([]string, error) {
	where, args := sphere("portfolio_no", in)
	var out []string
	err := r.each(ctx, func(rows rowScanner) error {
		var g string
		err := rows.Scan(&g)
		out = append(out, g)
		return err
	}, "SELECT group_name FROM sim_group_tally WHERE "+where+" GROUP BY group_name HAVING SUM(n) > 0 ORDER BY group_name", args...)
	return out, err
}

// rankLengths are the prefixes that are counted. Between two of them lie at
// most a thousand values, and real ICCIDs differ in the digits that they part.
var rankLengths = [...]int{7, 10, 13, 16}

func prefix(iccid ident.ICCID, n int) string { return string(iccid[:min(n, len(iccid))]) }

// rankStep is small enough to be walked.
const rankStep = 500

// seek returns an ICCID, and how many SIMs of the sphere lie before it, from
// which the SIM at offset is at most a short walk away.
func (r reader) seek(ctx context.Context, in tenant.Sphere, offset int64) (from string, before int64, err error) {
	where, args := sphere("portfolio_no", in)
	for _, l := range rankLengths {
		var next string
		var inside int64
		found := false
		err := r.each(ctx, func(rows rowScanner) error {
			var p string
			var n int64
			if err := rows.Scan(&p, &n); err != nil || found {
				return err
			}
			if found = before+n > offset; found {
				next, inside = p, n
				return nil
			}
			before += n
			return nil
		}, "SELECT prefix, SUM(n) FROM sim_rank WHERE "+where+" AND length = ? AND prefix >= ? AND prefix < ? GROUP BY prefix ORDER BY prefix",
			append(slices.Clone(args), int64(l), from, from+"~")...)
		if err != nil {
			return "", 0, err
		}
		if !found {
			return "~", before, nil // behind the last
		}
		from = next
		if inside <= rankStep {
			break
		}
	}
	return from, before, nil
}
