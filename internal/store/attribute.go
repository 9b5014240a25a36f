package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Attributes are read by the ids of SIMs that the caller has found in its
// sphere.

// Attributes returns the stored attributes of SIMs by the SIMs' ids: those that
// are not deleted, and the marks of labels that are not. See sim.Attributes.
func (r reader) Attributes(ctx context.Context, ids []int64) (map[int64][]sim.Attribute, error) {
	list, arg := r.engine.list("sim_id", ids)
	out := map[int64][]sim.Attribute{}
	err := r.each(ctx, func(rows rowScanner) error {
		a, err := scanAttribute(rows)
		out[a.SIM] = append(out[a.SIM], a)
		return err
	}, "SELECT id, sim_id, name, value, deleted FROM sim_attribute WHERE "+list+" AND deleted = 0 ORDER BY sim_id, id", arg)
	return out, err
}

// DeletedAttributes returns the deleted attributes of a SIM, by their ids, and
// the marks of deleted labels.
func (r reader) DeletedAttributes(ctx context.Context, simID int64) ([]sim.Attribute, error) {
	var out []sim.Attribute
	err := r.each(ctx, func(rows rowScanner) error {
		a, err := scanAttribute(rows)
		out = append(out, a)
		return err
	}, "SELECT id, sim_id, name, value, deleted FROM sim_attribute WHERE sim_id = ? AND deleted = 1 ORDER BY id", simID)
	return out, err
}

func scanAttribute(rows rowScanner) (sim.Attribute, error) {
	var a sim.Attribute
	var deleted int64
	err := rows.Scan(&a.ID, &a.SIM, &a.Name, &a.Value, &deleted)
	a.Deleted = deleted != 0
	return a, err
}

var attributeTable = &table{name: "sim_attribute", columns: cols("id, sim_id, name text, value text, deleted, modified_at"),
	onDup: `ON CONFLICT (id) DO UPDATE SET value = excluded.value, deleted = excluded.deleted, modified_at = excluded.modified_at`}

// SaveAttributes stores attributes, and gives an id to those that have none.
func (tx *Tx) SaveAttributes(ctx context.Context, list []sim.Attribute, at time.Time) error {
	if err := tx.nameAttributes(ctx, list); err != nil {
		return err
	}
	rows := make([][]any, len(list))
	for i := range list {
		a := &list[i]
		rows[i] = []any{a.ID, a.SIM, a.Name, a.Value, flag(a.Deleted), micros(at)}
	}
	return tx.insert(ctx, attributeTable, rows)
}

// nameAttributes gives an id to those attributes that have none.
func (tx *Tx) nameAttributes(ctx context.Context, list []sim.Attribute) error {
	var fresh []*sim.Attribute
	for i := range list {
		if list[i].ID == 0 {
			fresh = append(fresh, &list[i])
		}
	}
	ids, err := tx.nextIDs(ctx, len(fresh))
	for i, a := range fresh {
		if err == nil {
			a.ID = ids[i]
		}
	}
	return err
}

// MoveAttributes gives the attributes of one SIM, all but the deleted ones, to
// another, which loses those that it had under the same names. Marks of labels
// stay.
func (tx *Tx) MoveAttributes(ctx context.Context, from, to int64, at time.Time) error {
	if _, err := tx.exec(ctx, `UPDATE sim_attribute SET deleted = 1, modified_at = ? WHERE sim_id = ? AND deleted = 0 AND id < ?
		AND name IN (SELECT name FROM sim_attribute WHERE sim_id = ? AND deleted = 0)`, micros(at), to, sim.FirstLabelID, from); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "UPDATE sim_attribute SET sim_id = ?, modified_at = ? WHERE sim_id = ? AND deleted = 0 AND id < ?",
		to, micros(at), from, sim.FirstLabelID)
	return err
}

// PruneAttributes forgets the deleted attributes of a SIM beyond the newest.
func (tx *Tx) PruneAttributes(ctx context.Context, simID int64, keep int) error {
	_, err := tx.exec(ctx, `DELETE FROM sim_attribute WHERE sim_id = ? AND deleted = 1 AND id NOT IN
		(SELECT id FROM sim_attribute WHERE sim_id = ? AND deleted = 1 ORDER BY modified_at DESC, id DESC LIMIT ?)`, simID, simID, keep)
	return err
}
