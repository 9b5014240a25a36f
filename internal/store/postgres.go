package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// postgresEngine is any number of equal nodes on one database.
type postgresEngine struct {
	db    *sql.DB
	texts sync.Map // with ? -> with $n
}

// maxConnections is per process. A write holds one for a commit, so a few more
// than the cores keep the disk busy.
const maxConnections = 20

func openPostgres(ctx context.Context, o Options) (engine, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		// The driver's text repeats the address, which may hold a password.
		return nil, fault.InvalidField("database", "is not a PostgreSQL address such as postgres://user@host/name")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "simurgh"
	}
	e := &postgresEngine{db: stdlib.OpenDB(*config)}
	e.db.SetMaxOpenConns(maxConnections)
	e.db.SetMaxIdleConns(maxConnections)
	if err := e.db.PingContext(ctx); err != nil {
		_ = e.db.Close()
		return nil, fault.New(fault.Unavailable, "store.open", "cannot reach PostgreSQL at %s:%d", config.Host, config.Port).Because(err)
	}
	return e, nil
}

func (e *postgresEngine) name() string  { return "postgres" }
func (e *postgresEngine) pool() *sql.DB { return e.db }
func (e *postgresEngine) close() error  { return e.db.Close() }
func (e *postgresEngine) lock() string  { return " FOR UPDATE OF t" }

// slots spread the writers of one counter over rows, so that commits of one
// portfolio do not queue behind each other.
const slots = 8

func (e *postgresEngine) slot() int { return rand.IntN(slots) }

// maxTries bounds how often a transaction that lost a deadlock is run again.
const maxTries = 8

func (e *postgresEngine) write(ctx context.Context, _ bool, fn func(querier) error) error {
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

func (e *postgresEngine) attempt(ctx context.Context, fn func(querier) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(txQuerier{tx}); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// lostRace reports a serialization failure or a deadlock.
func lostRace(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

type txQuerier struct{ tx *sql.Tx }

func (t txQuerier) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
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
		switch pe.Code[:2] {
		case "23":
			if pe.Code == "23505" {
				return fault.New(fault.Conflict, "store.exists", "it exists already").Because(err)
			}
		case "08", "53", "57", "40":
			return fault.New(fault.Unavailable, "store.busy", "the database is busy or restarting; try again").Because(err)
		}
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	var ce *pgconn.ConnectError
	var ne interface{ Timeout() bool }
	if errors.As(err, &ce) || errors.As(err, &ne) || errors.Is(err, sql.ErrConnDone) || strings.Contains(err.Error(), "conn closed") {
		return fault.New(fault.Unavailable, "store.lost", "the connection to the database was lost; try again").Because(err)
	}
	return err
}

// rebind numbers the question marks. No statement of ours has one in a literal.
func (e *postgresEngine) rebind(text string) string {
	if s, ok := e.texts.Load(text); ok {
		return s.(string)
	}
	var b strings.Builder
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	if len(text) < 4096 {
		e.texts.Store(text, b.String())
	}
	return b.String()
}

func (e *postgresEngine) list(column string, values any) (string, any) {
	return column + " = ANY(?)", values
}

func (e *postgresEngine) insertMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	text := t.cached("pg insert", func() string {
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s %s", t.name, t.names(""), unnest(t), t.onDup)
	})
	res, err := q.exec(ctx, text, arrays(t, rows)...)
	if err != nil {
		return 0, e.fault(err)
	}
	n, err := res.RowsAffected()
	return n, e.fault(err)
}

func (e *postgresEngine) changeMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	text := t.cached("pg change", func() string {
		return t.change(func(_ int, c column) string { return "v." + c.name }, " FROM "+unnest(t)+" AS v ("+t.names("")+")")
	})
	res, err := q.exec(ctx, text, arrays(t, rows)...)
	if err != nil {
		return 0, e.fault(err)
	}
	n, err := res.RowsAffected()
	return n, e.fault(err)
}

func unnest(t *table) string {
	parts := make([]string, len(t.columns))
	for i, c := range t.columns {
		parts[i] = fmt.Sprintf("$%d::%s[]", i+1, c.kind)
	}
	return "unnest(" + strings.Join(parts, ", ") + ")"
}

// arrays turns rows into one array per column.
func arrays(t *table, rows [][]any) []any {
	out := make([]any, len(t.columns))
	for c, col := range t.columns {
		switch col.kind {
		case "text":
			out[c] = columnOf[string](rows, c)
		case "bytea":
			out[c] = columnOf[[]byte](rows, c)
		default:
			out[c] = columnOf[int64](rows, c)
		}
	}
	return out
}

func columnOf[T any](rows [][]any, c int) []T {
	want := reflect.TypeFor[T]()
	out := make([]T, len(rows))
	for i, row := range rows {
		if v, ok := row[c].(T); ok {
			out[i] = v
		} else {
			out[i] = reflect.ValueOf(row[c]).Convert(want).Interface().(T)
		}
	}
	return out
}

func (e *postgresEngine) nextIDs(ctx context.Context, q querier, n int) ([]int64, error) {
	if n == 0 {
		return nil, nil
	}
	rows, err := q.query(ctx, "SELECT nextval('id_sequence') FROM generate_series(1, $1::int)", n)
	if err != nil {
		return nil, e.fault(err)
	}
	defer rows.Close()
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

// search uses the trigram index of the columns. Letters fold as ASCII does.
func (e *postgresEngine) search(m match) (string, []any) {
	pattern := "%" + escapeLike(m.text) + "%"
	parts := make([]string, len(m.columns))
	args := make([]any, len(m.columns))
	for i, c := range m.columns {
		parts[i], args[i] = "s."+c+" ILIKE ?", pattern
	}
	return "(" + strings.Join(parts, " OR ") + ")", args
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
SELECT 'table ' || c.table_name || ' ' || c.ordinal_position || ' ' || c.column_name || ' ' || c.data_type
  || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END || COALESCE(' collate ' || c.collation_name, '') AS line,
  c.table_name AS a, c.ordinal_position AS b
FROM information_schema.columns c WHERE c.table_schema = current_schema() AND c.table_name NOT LIKE 'goose%'
UNION ALL
SELECT 'index ' || replace(indexdef, current_schema() || '.', ''), tablename, 1000 FROM pg_indexes
WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose%'
UNION ALL
SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid), conrelid::regclass::text, 2000 FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype = 'f'
ORDER BY 2, 3, 1`
	rows, err := e.db.QueryContext(ctx, text)
	if err != nil {
		return "", e.fault(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line, name string
		var n int
		if err := rows.Scan(&line, &name, &n); err != nil {
			return "", e.fault(err)
		}
		b.WriteString(line + "\n")
	}
	return b.String(), e.fault(rows.Err())
}
