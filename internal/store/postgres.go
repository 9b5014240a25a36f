package store

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// postgresEngine is any number of equal nodes on one database.
type postgresEngine struct {
	postgresDialect
	db     *sql.DB       // for lists, whose plan depends on what is asked for
	keyed  *sql.DB       // for writes, and for reads of what is named
	bulk   chan struct{} // a token per bulk under way
	kept   *postgresJournal
	closed atomic.Bool
}

// Connections per process. A write holds one for a commit, so a few more than
// the cores keep the disk busy; bulks leave most of them to small writes.
const (
	maxLists = 8
	maxKeyed = 12
	maxBulks = 4
)

// keyedPlans are for statements that find rows by their keys, as all do that
// write. They have one good plan, so it is made once per connection: by itself
// PostgreSQL makes a new one for every execution, which takes more time than
// what it plans. Made so early, a plan must not depend on how small a table was;
// nested loops over indexes suit a table of any size. To compile one to machine
// code (jit) takes longer than to run it.
const keyedPlans = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"

// planByKeys sets a new connection up so. It is asked for in a statement, as
// poolers refuse such settings when a connection is opened; a database that only
// speaks like PostgreSQL may not know them, and plans as it does.
func planByKeys(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, keyedPlans).ReadAll()
	if pe := (*pgconn.PgError)(nil); errors.As(err, &pe) {
		return nil
	}
	return err
}

func openPostgres(ctx context.Context, o Options) (engine, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		// The driver's text repeats the address, which may hold a password.
		return nil, fault.InvalidField("database", "is not a PostgreSQL address such as postgres://user@host/name")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "simurgh"
	}
	e := &postgresEngine{db: stdlib.OpenDB(*config), keyed: stdlib.OpenDB(*config, stdlib.OptionAfterConnect(planByKeys)), bulk: make(chan struct{}, maxBulks)}
	e.kept = &postgresJournal{db: e.keyed, node: crand.Text()}
	e.db.SetMaxOpenConns(maxLists)
	e.db.SetMaxIdleConns(maxLists)
	e.keyed.SetMaxOpenConns(maxKeyed)
	e.keyed.SetMaxIdleConns(maxKeyed)
	if err := e.db.PingContext(ctx); err != nil {
		_ = e.db.Close()
		return nil, fault.New(fault.Unavailable, "store.open", "cannot reach PostgreSQL at %s:%d", config.Host, config.Port).Because(err)
	}
	return e, nil
}

func (e *postgresEngine) pool() *sql.DB      { return e.db }
func (e *postgresEngine) keyedPool() *sql.DB { return e.keyed }
func (e *postgresEngine) journal() journal   { return e.kept }

// afresh describes a statement once and plans it with its values every time.
// PostgreSQL would settle for a plan that fits any pattern after a few runs: one
// that looks through the table.
func (e *postgresEngine) afresh() []any { return []any{pgx.QueryExecModeCacheDescribe} }

func (e *postgresEngine) close() error {
	e.closed.Store(true)
	return errors.Join(e.keyed.Close(), e.db.Close())
}

// maxTries bounds how often a transaction that lost a deadlock is run again.
const maxTries = 8

func (e *postgresEngine) write(ctx context.Context, l lane, fn func(querier) error) error {
	if l != laneSmall {
		select {
		case e.bulk <- struct{}{}:
			defer func() { <-e.bulk }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for try := 1; ; try++ {
		err := e.attempt(ctx, fn)
		if err == nil || try == maxTries || !lostRace(err) {
			return e.fault(err)
		}
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(try) * int64(10*time.Millisecond))))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// attempt runs fn once. The caller's context bounds the wait for a connection
// and the statements of fn, but not the commit: cut short, nobody would know
// what became of it.
func (e *postgresEngine) attempt(ctx context.Context, fn func(querier) error) error {
	tx, free, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer free()
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(txQuerier{tx}); err != nil {
		return err
	}
	err = tx.Commit()
	var pe *pgconn.PgError
	if err == nil || errors.As(err, &pe) || errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err) {
		return err
	}
	return fault.New(fault.Unavailable, UnknownCommit, "the connection to the database was lost during a commit").Because(err)
}

// begin starts a transaction. A connection that died while it was idle, as all
// do when the server restarts, is replaced.
func (e *postgresEngine) begin(ctx context.Context) (tx *sql.Tx, free func(), err error) {
	for range maxKeyed + 1 {
		var conn *sql.Conn
		if conn, err = e.keyed.Conn(ctx); err != nil {
			return nil, nil, err
		}
		if tx, err = conn.BeginTx(context.WithoutCancel(ctx), nil); err == nil {
			return tx, func() { _ = conn.Close() }, nil
		}
		_ = conn.Close()
		if !gone(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, nil, err
}

// lostRace reports a serialization failure or a deadlock.
func lostRace(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// gone reports that a connection was lost or could not be made.
func gone(err error) bool {
	var ce *pgconn.ConnectError
	var ne net.Error
	return errors.As(err, &ce) || errors.As(err, &ne) || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn)
}

type txQuerier struct{ tx *sql.Tx }

func (t txQuerier) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if searches(text) {
		if _, err := t.tx.ExecContext(ctx, "SET LOCAL plan_cache_mode = force_custom_plan"); err != nil {
			return nil, err
		}
	}
	return t.tx.QueryContext(ctx, text, args...)
}

func (t txQuerier) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, text, args...)
}

func (e *postgresEngine) fault(err error) error {
	var pe *pgconn.PgError
	switch {
	case err == nil, fault.CodeOf(err) != "":
		return err
	case errors.As(err, &pe):
		return e.refused(pe, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case e.closed.Load():
		return closedFault().Because(err)
	case gone(err):
		return fault.New(fault.Unavailable, "store.lost", "the connection to the database was lost; try again").Because(err)
	}
	return err
}

// refused labels what the server said, by the class of its code (PostgreSQL,
// appendix A).
func (e *postgresEngine) refused(pe *pgconn.PgError, err error) error {
	if len(pe.Code) != 5 {
		return err
	}
	switch pe.Code[:2] {
	case "08", "40", "53", "57", "58":
		return fault.New(fault.Unavailable, "store.busy", "the database is busy or restarting; try again").Because(err)
	case "22":
		if pe.Code == "22021" {
			return fault.New(fault.Invalid, "store.text", "a text is not valid UTF-8, or holds a zero byte").Because(err)
		}
	case "23":
		if pe.Code == "23505" {
			return fault.New(fault.Conflict, "store.exists", "it exists already").Because(err)
		}
	case "25":
		if pe.Code == "25006" {
			return fault.New(fault.Unavailable, "store.readonly", "the database only takes reads now; try again").Because(err)
		}
	}
	return err
}

// insertMany and changeMany are one statement each, whatever the number of rows.
func (e *postgresEngine) insertMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	return e.many(ctx, q, t, rows, t.cached("pg insert", func() string {
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s %s", t.name, names(t.columns), unnest(t.columns), t.onDup)
	}))
}

func (e *postgresEngine) changeMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	return e.many(ctx, q, t, rows, t.cached("pg change", func() string {
		return t.change(func(_ int, c column) string { return "v." + c.name }, unnest(t.columns)+" AS v ("+names(t.columns)+")")
	}))
}

func (e *postgresEngine) many(ctx context.Context, q querier, t *table, rows [][]any, text string) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	res, err := q.exec(ctx, text, arrays(t.columns, rows)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (e *postgresEngine) nextIDs(ctx context.Context, q querier, n int) ([]int64, error) {
	if n == 0 {
		return nil, nil
	}
	rows, err := q.query(ctx, "SELECT nextval('id_sequence') FROM generate_series(1, $1::int)", n)
	if err != nil {
		return nil, e.fault(err)
	}
	defer func() { _ = rows.Close() }() // Err has told of it
	ids := make([]int64, 0, n)
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, e.fault(err)
		}
		ids = append(ids, id)
	}
	return ids, e.fault(rows.Err())
}

// indexText does nothing: the index is on the table itself.
func (e *postgresEngine) indexText(context.Context, querier, []searchRow, bool) error { return nil }

func (e *postgresEngine) check(ctx context.Context) error {
	var n int
	err := e.db.QueryRowContext(ctx, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`).Scan(&n)
	if err == nil && n > 0 {
		return fault.New(fault.Internal, "store.damaged", "%d indexes are invalid: REINDEX them", n)
	}
	return e.fault(err)
}

// schemaDump lists tables, columns and indexes from the catalogue: enough to
// tell two schemas apart, and the same on every minor version.
func (e *postgresEngine) schemaDump(ctx context.Context) (string, error) {
	const text = `
SELECT line FROM (
SELECT 'table ' || c.table_name || ' ' || c.ordinal_position || ' ' || c.column_name || ' ' || c.data_type
  || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END || COALESCE(' collate ' || c.collation_name, '') AS line,
  c.table_name::text COLLATE "C" AS a, c.ordinal_position AS b
FROM information_schema.columns c WHERE c.table_schema = current_schema() AND c.table_name NOT LIKE 'goose%'
UNION ALL
SELECT 'index ' || replace(indexdef, current_schema() || '.', ''), tablename, 1000 FROM pg_indexes
WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose%'
UNION ALL
SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid), conrelid::regclass::text, 2000 FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype = 'f'
) AS lines ORDER BY a, b, line COLLATE "C"`
	found, err := column1(ctx, e.db, text)
	if err != nil {
		return "", e.fault(err)
	}
	var out []byte
	for _, line := range found {
		out = append(append(out, line...), '\n')
	}
	return string(out), nil
}
