// Package store keeps everything, on SQLite (the embedded default) or on
// PostgreSQL. The SQL is written by hand and is the same text for both wherever
// it can be; sqlite.go and postgres.go hold what differs.
//
// Every read of tenant data takes the caller's sphere and sees nothing outside
// it. Methods without one are in admin.go and serve Simurgh itself.
//
// It decides nothing: rules live in the words, use cases in fleet.
package store

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	reader
	engine engine
	log    *slog.Logger
	pages  *pager
}

// Options opens a database. Exactly one of Dir and URL is set.
type Options struct {
	Dir string // folder of the SQLite file; it is made if missing
	URL string // postgres://...
	Log *slog.Logger
}

// Open opens the database and, unless it is up to date, migrates it. Any
// number of processes may open one database at once.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := OpenAsIs(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// OpenAsIs opens the database without migrating it, for tools that check it.
func OpenAsIs(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	open := openSQLite
	if o.URL != "" {
		open = openPostgres
	}
	e, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	db := &DB{engine: e, log: o.Log, pages: newPager()}
	db.reader = reader{engine: e, q: newPool(e.pool()), pages: db.pages}
	return db, nil
}

// Close waits for the writes under way and closes the database.
func (db *DB) Close() error { return db.engine.close() }

// Ping returns nil when the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.engine.fault(db.engine.pool().PingContext(ctx))
}

// EngineName returns "sqlite" or "postgres".
func (db *DB) EngineName() string { return db.engine.name() }

// Write runs fn in a transaction and returns once that is durable. fn may run
// more than once and must have no effect but on tx. It makes no network call.
//
// Failing with what fn returned, or with a fault of kind Unavailable when the
// database is, means that nothing was written.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return db.engine.write(ctx, false, func(q querier) error {
		return fn(db.tx(q))
	})
}

// WriteBulk is Write for transactions that touch thousands of rows: they yield
// to small ones, so that these wait for one bulk at most.
func (db *DB) WriteBulk(ctx context.Context, fn func(tx *Tx) error) error {
	return db.engine.write(ctx, true, func(q querier) error {
		return fn(db.tx(q))
	})
}

func (db *DB) tx(q querier) *Tx {
	return &Tx{reader: reader{engine: db.engine, q: q, pages: db.pages}, numbers: map[ident.PortfolioID]int64{}}
}

// Tx is a transaction. It reads what it has written.
type Tx struct {
	reader
	numbers map[ident.PortfolioID]int64
}

// insert and change run one bulk statement each; nothing for no rows.
func (tx *Tx) insert(ctx context.Context, t *table, rows [][]any) error {
	_, err := tx.engine.insertMany(ctx, tx.q, t, rows)
	return err
}

func (tx *Tx) change(ctx context.Context, t *table, rows [][]any) error {
	_, err := tx.engine.changeMany(ctx, tx.q, t, rows)
	return err
}

// number returns the number of a portfolio, remembered for the transaction;
// 0 for no portfolio.
func (tx *Tx) number(ctx context.Context, id ident.PortfolioID) (int64, error) {
	if no, ok := tx.numbers[id]; ok || id == "" {
		return no, nil
	}
	no, err := tx.portfolioNo(ctx, id)
	if err == nil {
		tx.numbers[id] = no
	}
	return no, err
}

// reader is what a database and a transaction share.
type reader struct {
	engine engine
	q      querier
	pages  *pager
}

// querier runs one statement, written with ? for its parameters.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	exec(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// engine is what the two databases do differently.
type engine interface {
	name() string
	pool() *sql.DB
	write(ctx context.Context, bulk bool, fn func(querier) error) error
	fault(err error) error // labels what the driver returned
	rebind(text string) string
	lock() string                                 // ends a SELECT whose rows are to be changed
	list(column string, values any) (string, any) // column is one of values: a slice of text or integers
	slot() int                                    // spreads the writers of a counter
	insertMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error)
	changeMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error)
	nextIDs(ctx context.Context, q querier, n int) ([]int64, error)
	search(m match) (where string, args []any)
	indexText(ctx context.Context, q querier, rows []searchRow, replace bool) error
	schemaDump(ctx context.Context) (string, error)
	check(ctx context.Context) error
	close() error
}

// sphere is the condition that a portfolio number lies in s. Every statement on
// tenant data carries it.
func sphere(column string, s tenant.Sphere) (string, []any) {
	if s.All() {
		return "1 = 1", nil
	}
	from, to := s.Bounds()
	return column + " IN (SELECT no FROM portfolio WHERE path >= ? AND path < ?)", []any{from, to}
}

// pool runs statements on a connection pool, each text prepared once.
type pool struct {
	db    *sql.DB
	stmts sync.Map // text -> *sql.Stmt
	n     sync.Mutex
	count int
}

// maxPrepared bounds the texts that are kept: those with lists of arms vary.
const maxPrepared = 500

func newPool(db *sql.DB) *pool { return &pool{db: db} }

func (p *pool) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := p.stmts.Load(text); ok {
		return s.(*sql.Stmt), nil
	}
	p.n.Lock()
	defer p.n.Unlock()
	if s, ok := p.stmts.Load(text); ok {
		return s.(*sql.Stmt), nil
	}
	if p.count >= maxPrepared {
		return nil, nil
	}
	s, err := p.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.stmts.Store(text, s)
	p.count++
	return s, nil
}

func (p *pool) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.db.QueryContext(ctx, text, args...)
	}
	return s.QueryContext(ctx, args...)
}

func (p *pool) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.db.ExecContext(ctx, text, args...)
	}
	return s.ExecContext(ctx, args...)
}

// each runs a query and calls scan for every row.
func (r reader) each(ctx context.Context, scan func(rowScanner) error, text string, args ...any) error {
	rows, err := r.q.query(ctx, r.engine.rebind(text), args...)
	if err != nil {
		return r.engine.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return r.engine.fault(err)
		}
	}
	return r.engine.fault(rows.Err())
}

// one scans the first row; found is false when there is none.
func (r reader) one(ctx context.Context, dest []any, text string, args ...any) (found bool, err error) {
	err = r.each(ctx, func(rows rowScanner) error {
		found = true
		return rows.Scan(dest...)
	}, text, args...)
	return found, err
}

// exec runs a statement and returns how many rows it changed.
func (r reader) exec(ctx context.Context, text string, args ...any) (int64, error) {
	res, err := r.q.exec(ctx, r.engine.rebind(text), args...)
	if err != nil {
		return 0, r.engine.fault(err)
	}
	n, err := res.RowsAffected()
	return n, r.engine.fault(err)
}

// micros stores a time; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment reads a time.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// placeholders returns n question marks.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// rowScanner is the row that a query stands on.
type rowScanner interface{ Scan(dest ...any) error }
