package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const collectionSelect = `SELECT c.id, p.id, c.name, c.title, c.criteria, c.n, c.deleted, c.created_at
FROM collection c JOIN portfolio p ON p.no = c.portfolio_no`

func scanCollection(rows rowScanner) (sim.Collection, error) {
	var c sim.Collection
	var deleted, created int64
	err := rows.Scan(&c.ID, &c.Portfolio, &c.Name, &c.Title, &c.Criteria, &c.Count, &deleted, &created)
	c.Deleted, c.CreatedAt = deleted != 0, moment(created)
	return c, err
}

// Collections lists the collections of the sphere, by their ids.
func (r reader) Collections(ctx context.Context, in tenant.Sphere) ([]sim.Collection, error) {
	where, args := sphere("c.portfolio_no", in)
	var out []sim.Collection
	err := r.each(ctx, func(rows rowScanner) error {
		c, err := scanCollection(rows)
		out = append(out, c)
		return err
	}, collectionSelect+" WHERE "+where+" ORDER BY c.id", args...)
	return out, err
}

// Collection returns one collection, or a NotFound fault when it is missing or
// outside the sphere.
func (r reader) Collection(ctx context.Context, in tenant.Sphere, id int64) (sim.Collection, error) {
	where, args := sphere("c.portfolio_no", in)
	var c sim.Collection
	found := false
	err := r.each(ctx, func(rows rowScanner) (err error) {
		found = true
		c, err = scanCollection(rows)
		return err
	}, collectionSelect+" WHERE c.id = ? AND "+where, append([]any{id}, args...)...)
	if err == nil && !found {
		err = fault.Missing("collection", itoa(id))
	}
	return c, err
}

// Collected lists up to n SIMs of a static collection after the given ICCID,
// those of the sphere, in order.
func (r reader) Collected(ctx context.Context, in tenant.Sphere, id int64, after ident.ICCID, n int) ([]ident.ICCID, error) {
	where, args := sphere("s.portfolio_no", in)
	var out []ident.ICCID
	err := r.each(ctx, func(rows rowScanner) error {
		var iccid ident.ICCID
		err := rows.Scan(&iccid)
		out = append(out, iccid)
		return err
	}, `SELECT m.iccid FROM collection_sim m JOIN sim s ON s.id = m.sim_id WHERE m.collection_id = ? AND m.iccid > ? AND `+where+
		" ORDER BY m.iccid LIMIT ?", append(append([]any{id, string(after)}, args...), n)...)
	return out, err
}

// InSphere returns the internal ids of those of the SIMs that lie in the sphere.
func (r reader) InSphere(ctx context.Context, in tenant.Sphere, iccids []ident.ICCID) (map[ident.ICCID]int64, error) {
	where, args := sphere("portfolio_no", in)
	list, arg := r.engine.list("iccid", texts(iccids))
	out := make(map[ident.ICCID]int64, len(iccids))
	err := r.each(ctx, func(rows rowScanner) error {
		var iccid ident.ICCID
		var id int64
		err := rows.Scan(&iccid, &id)
		out[iccid] = id
		return err
	}, "SELECT iccid, id FROM sim WHERE "+list+" AND "+where, append([]any{arg}, args...)...)
	return out, err
}

// SaveCollection stores a collection, and gives it an id unless it has one. A
// title that is taken in the portfolio is a Conflict.
func (tx *Tx) SaveCollection(ctx context.Context, c *sim.Collection) error {
	no, err := tx.number(ctx, c.Portfolio)
	if err != nil {
		return err
	}
	if c.ID == 0 {
		ids, err := tx.engine.nextIDs(ctx, tx.q, 1)
		if err != nil {
			return err
		}
		c.ID = ids[0]
	}
	_, err = tx.exec(ctx, `INSERT INTO collection (id, portfolio_no, name, title, criteria, n, deleted, created_at) VALUES (`+placeholders(8)+`)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, title = excluded.title, criteria = excluded.criteria, n = excluded.n,
		deleted = excluded.deleted`, c.ID, no, c.Name, c.Title, c.Criteria, c.Count, flag(c.Deleted), micros(c.CreatedAt))
	return err
}

var collectedTable = &table{name: "collection_sim", columns: cols("collection_id, iccid text, sim_id"), onDup: "ON CONFLICT DO NOTHING"}

// Collect adds SIMs to a collection; those that it has stay.
func (tx *Tx) Collect(ctx context.Context, id int64, sims map[ident.ICCID]int64) error {
	rows := make([][]any, 0, len(sims))
	for iccid, simID := range sims {
		rows = append(rows, []any{id, string(iccid), simID})
	}
	return tx.insert(ctx, collectedTable, rows)
}

// Discard removes SIMs from a collection, every one of them when iccids is nil,
// and says how many there were.
func (tx *Tx) Discard(ctx context.Context, id int64, iccids []ident.ICCID) (int64, error) {
	if iccids == nil {
		return tx.exec(ctx, "DELETE FROM collection_sim WHERE collection_id = ?", id)
	}
	list, arg := tx.engine.list("iccid", texts(iccids))
	return tx.exec(ctx, "DELETE FROM collection_sim WHERE collection_id = ? AND "+list, id, arg)
}

// DiscardOutside removes the SIMs that do not lie in the sphere.
func (tx *Tx) DiscardOutside(ctx context.Context, in tenant.Sphere, id int64) error {
	where, args := sphere("s.portfolio_no", in)
	_, err := tx.exec(ctx, "DELETE FROM collection_sim WHERE collection_id = ? AND sim_id NOT IN (SELECT s.id FROM sim s WHERE "+where+
		" AND s.id IN (SELECT sim_id FROM collection_sim WHERE collection_id = ?))", append(append([]any{id}, args...), id)...)
	return err
}

// CountCollected counts the SIMs of a collection, wherever they are.
func (tx *Tx) CountCollected(ctx context.Context, id int64) (n int64, err error) {
	_, err = tx.one(ctx, []any{&n}, "SELECT count(*) FROM collection_sim WHERE collection_id = ?", id)
	return n, err
}
