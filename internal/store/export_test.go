package store

import "context"

// Tune makes few and the walk's budget small, so that a small database takes
// the ways of a large one, and tells of the ways that lists take.
func (db *DB) Tune(few int64, budget int, taken func(path string)) {
	db.lists.few, db.lists.budget, db.lists.taken = few, budget, taken
}

// Exec runs a statement of a test in a transaction.
func (tx *Tx) Exec(ctx context.Context, text string, args ...any) error {
	_, err := tx.exec(ctx, text, args...)
	return err
}
