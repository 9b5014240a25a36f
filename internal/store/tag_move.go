package store

import (
	"context"
	"encoding/binary"
	"slices"
)

// moveTags brings the tags that were written before there were buckets to where
// they are looked for now: a row in a transaction, so that it goes on where it was
// interrupted.
func (db *DB) moveTags(ctx context.Context) error {
	for _, code := range codeNames {
		for {
			found, err := db.one(ctx, []any{new(int64)}, "SELECT 1 FROM sim_tag WHERE code = ? AND bucket = ? LIMIT 1", code, int64(former))
			if err != nil {
				return err
			}
			if !found {
				break
			}
			if err := db.WriteBulk(ctx, func(tx *Tx) error { return tx.moveTags(ctx, code) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveTags moves a row of a code, unless another has moved the last.
func (tx *Tx) moveTags(ctx context.Context, code string) error {
	var tags []byte
	_, err := tx.one(ctx, []any{&tags}, `DELETE FROM sim_tag WHERE code = ? AND bucket = ? AND first =
		(SELECT min(first) FROM sim_tag WHERE code = ? AND bucket = ?) RETURNING tags`, code, int64(former), code, int64(former))
	if err != nil || len(tags) < tagSize {
		return err
	}
	var ids []int64
	hashes := map[int64][]byte{}
	for b := tags; len(b) >= tagSize; b = b[tagSize:] {
		id := int64(binary.BigEndian.Uint64(b))
		ids, hashes[id] = append(ids, id), b[hashSize:tagSize]
	}
	rows := [][]any{}
	list, arg := tx.engine.list("sim_id", ids)
	err = tx.each(ctx, func(r rowScanner) error {
		var id int64
		var own []byte
		err := r.Scan(&id, &own)
		own = append(own, make([]byte, hashSize*len(codeNames)-len(own))...)
		copy(own[slices.Index(codeNames, code)*hashSize:], hashes[id])
		rows = append(rows, []any{id, own})
		return err
	}, "SELECT sim_id, tags FROM sim_secret WHERE "+list, arg)
	if err != nil {
		return err
	}
	if _, err := tx.change(ctx, ownTagsTable, rows); err != nil {
		return err
	}
	return tx.addTags(ctx, tagRows{codes: []string{code}, tags: map[string][]byte{code: tags}})
}

// ownTagsTable changes the tags that lie with their SIM.
var ownTagsTable = &table{name: "sim_secret", columns: cols("sim_id, tags bytea"), where: "sim_secret.sim_id = :sim_id"}
