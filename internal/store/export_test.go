package store

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Tune makes few and the walk's budget small, and every count long, so that a
// small database takes the ways of a large one, and tells of the ways that lists
// take.
func (db *DB) Tune(few int64, budget int, taken func(path string)) {
	db.lists.few, db.lists.budget, db.lists.atOnce, db.lists.taken = few, budget, budget/2, taken
	db.lists.totals.long, db.lists.tags = 0, tagBounds{rows: 3, tags: 12}
}

// Exec runs a statement of a test in a transaction.
func (tx *Tx) Exec(ctx context.Context, text string, args ...any) error {
	_, err := tx.exec(ctx, text, args...)
	return err
}

// Plans returns PostgreSQL's plans for the statements that read runs.
func (tx *Tx) Plans(ctx context.Context, read func() error) ([]string, error) {
	plain := tx.q
	rec := &recorder{querier: plain}
	tx.q = rec
	err := read()
	tx.q = plain
	var out []string
	for i := 0; err == nil && i < len(rec.texts); i++ {
		out = append(out, "")
		err = tx.each(ctx, func(rows rowScanner) error {
			var line string
			err := rows.Scan(&line)
			out[i] += line + "\n"
			return err
		}, "EXPLAIN "+rec.texts[i], rec.args[i]...)
	}
	return out, err
}

// Prepared returns the statements that PostgreSQL has prepared after read, which
// runs on a single connection.
func (db *DB) Prepared(ctx context.Context, read func() error) ([]string, error) {
	pool := db.engine.pool()
	pool.SetMaxOpenConns(1)
	if err := read(); err != nil {
		return nil, err
	}
	return column1(ctx, pool, "SELECT statement FROM pg_prepared_statements")
}

// KeyedPlans returns how often PostgreSQL made a plan anew, and how often it
// used one that it had, for what read does by keys on a single connection.
func (db *DB) KeyedPlans(ctx context.Context, read func() error) (anew, kept int, err error) {
	pool := db.engine.keyedPool()
	pool.SetMaxOpenConns(1)
	if err := read(); err != nil {
		return 0, 0, err
	}
	err = pool.QueryRowContext(ctx, "SELECT COALESCE(SUM(custom_plans), 0), COALESCE(SUM(generic_plans), 0) FROM pg_prepared_statements").Scan(&anew, &kept)
	return anew, kept, err
}

// PointPlan returns PostgreSQL's plan for the statement that reads SIMs with
// their attributes, as the connections for keys make it.
func (db *DB) PointPlan(ctx context.Context, iccids []ident.ICCID) (string, error) {
	rec := &recorder{querier: db.q}
	r := db.reader
	r.q = rec
	if _, err := r.sightLabelled(ctx, iccids); err != nil {
		return "", err
	}
	lines, err := column1(ctx, db.engine.keyedPool(), "EXPLAIN "+rec.texts[0], rec.args[0]...)
	return strings.Join(lines, "\n"), err
}

// Number reads one number, with what a transaction has done.
func (tx *Tx) Number(ctx context.Context, text string) (n int64, err error) {
	_, err = tx.one(ctx, []any{&n}, text)
	return n, err
}
