package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// ICCIDOf returns the ICCID of a SIM by its internal id; found is false when it
// is missing or outside the sphere.
func (r reader) ICCIDOf(ctx context.Context, in tenant.Sphere, id int64) (iccid ident.ICCID, found bool, err error) {
	where, args := sphere("portfolio_no", in)
	found, err = r.one(ctx, []any{&iccid}, "SELECT iccid FROM sim WHERE id = ? AND "+where, append([]any{id}, args...)...)
	return iccid, found, err
}

// Assigned returns since when a SIM, which the caller has found in its sphere,
// has been where it is. Zero times mean: since it was taken into stock.
func (r reader) Assigned(ctx context.Context, simID int64) (sim.Assigned, error) {
	a := sim.Assigned{SIM: simID}
	var portfolio, pkg int64
	_, err := r.one(ctx, []any{&portfolio, &pkg}, "SELECT portfolio_at, package_at FROM sim_assigned WHERE sim_id = ?", simID)
	a.PortfolioAt, a.PackageAt = moment(portfolio), moment(pkg)
	return a, err
}

var assignedTable = &table{name: "sim_assigned", columns: cols("sim_id, portfolio_at, package_at"),
	onDup: `ON CONFLICT (sim_id) DO UPDATE SET
		portfolio_at = CASE WHEN excluded.portfolio_at = 0 THEN sim_assigned.portfolio_at ELSE excluded.portfolio_at END,
		package_at = CASE WHEN excluded.package_at = 0 THEN sim_assigned.package_at ELSE excluded.package_at END`}

// SaveAssigned stores since when SIMs have been where they are; a zero time
// leaves what is stored.
func (tx *Tx) SaveAssigned(ctx context.Context, list []sim.Assigned) error {
	rows := make([][]any, len(list))
	for i, a := range list {
		rows[i] = []any{a.SIM, micros(a.PortfolioAt), micros(a.PackageAt)}
	}
	return tx.insert(ctx, assignedTable, rows)
}

// PartTallies counts the SIMs of the sphere by portfolio, package and part
// number; with statuses, those that stand there. It reads every SIM.
func (r reader) PartTallies(ctx context.Context, in tenant.Sphere, statuses []sim.Status) ([]sim.PartTally, error) {
	where, args := sphere("s.portfolio_no", in)
	if len(statuses) > 0 {
		where += " AND t.status IN (" + placeholders(len(statuses)) + ")"
		for _, s := range statuses {
			args = append(args, int64(s))
		}
	}
	var out []sim.PartTally
	err := r.each(ctx, func(rows rowScanner) error {
		var t sim.PartTally
		err := rows.Scan(&t.Portfolio, &t.Package, &t.Part, &t.Count)
		out = append(out, t)
		return err
	}, `SELECT p.id, c.package_id, c.part, c.n FROM (SELECT s.portfolio_no, t.package_id, s.part, count(*) AS n
		FROM sim s JOIN sim_state t ON t.sim_id = s.id WHERE `+where+` GROUP BY s.portfolio_no, t.package_id, s.part) c
		JOIN portfolio p ON p.no = c.portfolio_no ORDER BY p.id, c.package_id, c.part`, args...)
	return out, err
}
