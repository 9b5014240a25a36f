package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

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

type groupKey struct {
	portfolio int64
	group     string
}

type rankKey struct {
	portfolio, length int64
	prefix            string
}

// slots spread the writers of one cell over rows where rows are locked, so that
// commits of one portfolio do not queue behind each other.
const slots = 8

func newTallies(d dialect) *tallies {
	t := &tallies{cells: map[cell]int64{}, groups: map[groupKey]int64{}, ranks: map[rankKey]int64{}}
	t.slot = newSlot(d)
	return t
}

// newSlot is the slot that a transaction writes its counters in.
func newSlot(d dialect) int64 {
	if d.locks() {
		return rand.Int64N(slots)
	}
	return 0
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

// counter is a table of counts: the last column is added to, and a row that
// comes to nothing goes.
type counter struct{ add, sweep *table }

func newCounter(name, keys string) counter {
	columns := cols(keys)
	conflict, found := names(columns), make([]string, len(columns))
	for i, c := range columns {
		found[i] = fmt.Sprintf("%s.%s = :%s", name, c.name, c.name)
	}
	columns = append(columns, column{"n", "bigint"})
	return counter{
		&table{name: name, columns: columns,
			onDup: fmt.Sprintf("ON CONFLICT (%s) DO UPDATE SET n = %s.n + excluded.n", conflict, name)},
		&table{name: name, columns: columns, where: strings.Join(found, " AND ") + " AND " + name + ".n = 0", deletes: true},
	}
}

var (
	cellCounter  = newCounter("sim_tally", "portfolio_no, package_id, status, flags, slot")
	groupCounter = newCounter("sim_group_tally", "portfolio_no, group_name text")
	rankCounter  = newCounter("sim_rank", "portfolio_no, length, prefix text")
)

// save is the last that a transaction does: it keeps the counters' rows locked
// for no longer than the commit takes.
func (t *tallies) save(ctx context.Context, tx *Tx) error {
	var cells, groups, ranks [][]any
	for k, n := range t.cells {
		cells = append(cells, []any{k.portfolio, k.pkg, k.status, k.flags, t.slot, n})
	}
	for k, n := range t.groups {
		groups = append(groups, []any{k.portfolio, k.group, n})
	}
	for k, n := range t.ranks {
		ranks = append(ranks, []any{k.portfolio, k.length, k.prefix, n})
	}
	for _, step := range []struct {
		counter
		rows [][]any
	}{{cellCounter, cells}, {groupCounter, groups}, {rankCounter, ranks}} {
		if err := step.save(ctx, tx, step.rows); err != nil {
			return err
		}
	}
	return nil
}

// save adds rows in a fixed order, so that two transactions wait for each other
// instead of deadlocking.
func (c counter) save(ctx context.Context, tx *Tx, rows [][]any) error {
	last := len(c.add.columns) - 1
	rows = slices.DeleteFunc(rows, func(r []any) bool { return r[last].(int64) == 0 })
	slices.SortFunc(rows, compareRows)
	if err := tx.insert(ctx, c.add, rows); err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r []any) bool { return r[last].(int64) > 0 })
	_, err := tx.change(ctx, c.sweep, rows)
	return err
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
	}, "SELECT group_name FROM sim_group_tally WHERE "+where+" GROUP BY group_name ORDER BY group_name", args...)
	return out, err
}
