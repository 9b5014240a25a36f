package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const carriedSelect = "SELECT id, 0, name, value, deleted FROM attribute WHERE kind = ? AND holder = ? AND deleted = ? ORDER BY id"

func (r reader) carried(ctx context.Context, of tenant.Holder, deleted bool, end string) ([]sim.Attribute, error) {
	var out []sim.Attribute
	err := r.each(ctx, func(rows rowScanner) error {
		a, err := scanAttribute(rows)
		out = append(out, a)
		return err
	}, carriedSelect+end, int(of.Kind), of.ID, flag(deleted))
	return out, err
}

// Carried returns the attributes of a holder that the caller has found in its
// sphere, by their ids: those that are deleted, or those that are not.
func (r reader) Carried(ctx context.Context, of tenant.Holder, deleted bool) ([]sim.Attribute, error) {
	return r.carried(ctx, of, deleted, "")
}

// CarriedByAll returns the attributes of several holders of one kind, by the
// holders' ids, without the deleted ones.
func (r reader) CarriedByAll(ctx context.Context, kind tenant.HolderKind, ids []string) (map[string][]sim.Attribute, error) {
	list, arg := r.engine.list("holder", ids)
	out := map[string][]sim.Attribute{}
	err := r.each(ctx, func(rows rowScanner) error {
		var id string
		var a sim.Attribute
		err := rows.Scan(&id, &a.ID, &a.Name, &a.Value)
		out[id] = append(out[id], a)
		return err
	}, "SELECT holder, id, name, value FROM attribute WHERE kind = ? AND "+list+" AND deleted = 0 ORDER BY holder, id", int(kind), arg)
	return out, err
}

// LockCarried returns the attributes of a holder that are not deleted, and keeps
// others from changing those.
func (tx *Tx) LockCarried(ctx context.Context, of tenant.Holder) ([]sim.Attribute, error) {
	if tx.engine.locks() {
		return tx.carried(ctx, of, false, " FOR UPDATE")
	}
	return tx.carried(ctx, of, false, "")
}

var carriedTable = &table{name: "attribute", columns: cols("id, kind, holder text, name text, value text, deleted, modified_at"),
	onDup: `ON CONFLICT (id) DO UPDATE SET value = excluded.value, deleted = excluded.deleted, modified_at = excluded.modified_at`}

// SaveCarried stores attributes of a holder, and gives an id to those that have
// none. A name that is there already is a Conflict.
func (tx *Tx) SaveCarried(ctx context.Context, of tenant.Holder, list []sim.Attribute, at time.Time) error {
	if err := tx.nameAttributes(ctx, list); err != nil {
		return err
	}
	rows := make([][]any, len(list))
	for i := range list {
		a := &list[i]
		rows[i] = []any{a.ID, int(of.Kind), of.ID, a.Name, a.Value, flag(a.Deleted), micros(at)}
	}
	return tx.insert(ctx, carriedTable, rows)
}

// PruneCarried forgets the deleted attributes of a holder beyond the newest.
func (tx *Tx) PruneCarried(ctx context.Context, of tenant.Holder, keep int) error {
	_, err := tx.exec(ctx, `DELETE FROM attribute WHERE kind = ? AND holder = ? AND deleted = 1 AND id NOT IN
		(SELECT id FROM attribute WHERE kind = ? AND holder = ? AND deleted = 1 ORDER BY modified_at DESC, id DESC LIMIT ?)`,
		int(of.Kind), of.ID, int(of.Kind), of.ID, keep)
	return err
}
