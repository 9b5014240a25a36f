package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// A session goes on unseen by the rules up to its ceiling, so whatever changes what
// they say of a SIM takes the ceilings of its open sessions away. SQLite has one
// writer, who does so at once. On PostgreSQL those who count hold sessions first and
// then SIMs, and those who change SIMs hold these: to wait for each other would end
// in deadlocks. So the SIMs are noted, and whoever counts next sees to them.

// unrule takes the ceilings away from the open sessions of the SIMs that a statement
// selects, or notes those SIMs. The caller holds them.
func (tx *Tx) unrule(ctx context.Context, sims string, args ...any) error {
	text := "UPDATE data_session SET ceiling = -1 WHERE phase IN (1, 4) AND sim_id IN (" + sims + ")"
	if tx.engine.locks() {
		// SIM by SIM: it may walk through all open sessions else.
		text = "INSERT INTO reruled (sim_id) SELECT k.sim_id FROM (" + sims + ` ORDER BY 1) AS k (sim_id)
			CROSS JOIN LATERAL (SELECT 1 FROM data_session x WHERE x.sim_id = k.sim_id AND x.phase IN (1, 4) LIMIT 1) AS x
			ON CONFLICT (sim_id) DO UPDATE SET sim_id = excluded.sim_id` // which waits for who is seeing to it
	}
	_, err := tx.exec(ctx, text, args...)
	return err
}

// unruleSIMs is unrule of those SIMs of a change that the rules may see otherwise.
func (tx *Tx) unruleSIMs(ctx context.Context, changes []sim.Change) error {
	var ids []int64
	for _, c := range changes {
		if unlabelled(c.Before) != unlabelled(c.After) {
			ids = append(ids, c.After.ID)
		}
	}
	switch {
	case len(ids) == 0:
		return nil
	case tx.engine.locks():
		return tx.unrule(ctx, "SELECT unnest(?::bigint[])", ids)
	}
	return tx.unrule(ctx, "SELECT value FROM json_each(?)", toJSON(ids))
}

// unlabelled is a SIM without what no rule looks at.
func unlabelled(s *sim.SIM) sim.SIM {
	out := *s
	out.Name, out.Group, out.Device, out.Version = "", "", "", 0
	out.ModifiedAt = out.CreatedAt
	return out
}

// Unrule has the rules look at the next report of each session of the SIMs of a
// portfolio that have a data limit.
func (tx *Tx) Unrule(ctx context.Context, portfolio ident.PortfolioID) error {
	no, err := tx.number(ctx, portfolio)
	if err != nil {
		return err
	}
	return tx.unrule(ctx, "SELECT sim_id FROM sim_state WHERE portfolio_no = ? AND data_limit > 0", no)
}

// maxRerule bounds how many SIMs one transaction sees to.
const maxRerule = 1000

// Rerule takes the ceilings away from the open sessions of SIMs that were noted, for
// whoever counts reports. It waits for nobody: what another holds stays noted.
func (db *DB) Rerule(ctx context.Context) error {
	if !db.engine.locks() {
		return nil
	}
	if noted, err := db.one(ctx, []any{new(int64)}, "SELECT 1 FROM reruled LIMIT 1"); err != nil || !noted {
		return err
	}
	return db.Write(ctx, func(tx *Tx) error {
		var ids []int64
		if err := tx.each(ctx, func(rows rowScanner) error {
			ids = append(ids, 0)
			return rows.Scan(&ids[len(ids)-1])
		}, "SELECT sim_id FROM reruled ORDER BY sim_id LIMIT ? FOR UPDATE SKIP LOCKED", maxRerule); err != nil || len(ids) == 0 {
			return err
		}
		if _, err := tx.exec(ctx, `UPDATE data_session SET ceiling = -1 WHERE id IN (SELECT x.id FROM unnest(?::bigint[]) AS k (sim_id) CROSS JOIN LATERAL (
			SELECT y.id FROM data_session y WHERE y.sim_id = k.sim_id AND y.phase IN (1, 4) FOR UPDATE SKIP LOCKED) AS x)`, ids); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `DELETE FROM reruled r WHERE r.sim_id = ANY(?) AND NOT EXISTS (
			SELECT 1 FROM data_session x WHERE x.sim_id = r.sim_id AND x.phase IN (1, 4) AND x.ceiling >= 0)`, ids)
		return err
	})
}

// Reconsider is Unrule of these SIMs, at once on either database: reports that
// [Tx.Advance] is taking are waited for.
func (tx *Tx) Reconsider(ctx context.Context, ids []int64) error {
	if !tx.engine.locks() { // one writer: nothing is being taken
		return nil
	}
	_, err := tx.exec(ctx, `UPDATE data_session SET ceiling = -1 WHERE id IN (SELECT x.id FROM data_session x
		WHERE x.sim_id IN (SELECT unnest(?::bigint[])) AND x.phase IN (1, 4) ORDER BY x.id FOR UPDATE)`, ids)
	return err
}
