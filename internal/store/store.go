// Package store keeps everything, on SQLite (the embedded default) or on
// PostgreSQL. The SQL is written by hand and is the same text for both wherever
// it can be; sqlite*.go and postgres*.go hold what differs.
//
// Every read of tenant data takes the caller's sphere and sees nothing outside
// it. Methods without one are in admin.go and serve Simurgh itself.
//
// It decides nothing: rules live in the words, use cases in fleet.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	reader
	named  reader // for single SIMs
	points points
	log    *slog.Logger
}

// Options opens a database. Exactly one of Dir and URL is set.
type Options struct {
	Dir string // folder of the SQLite file; it is made if missing
	URL string // postgres://...
	Log *slog.Logger
}

// Open opens the database and, unless it is up to date, migrates it. Any
// number of processes may open one database at once. A database that a newer
// program has migrated is refused with kind Precondition.
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
	r := reader{engine: e, q: newPool(e, e.pool()), lists: newLists()}
	named := reader{engine: e, q: newPool(e, e.keyedPool()), lists: r.lists}
	return &DB{reader: r, named: named, points: newPoints(named), log: o.Log}, nil
}

// Close waits for the writes under way and closes the database. Calls that come
// later, and reads that are under way, fail with kind Unavailable.
func (db *DB) Close() error { return db.engine.close() }

// Ping returns nil when the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.fault(ctx, db.engine.pool().PingContext(ctx))
}

// EngineName returns "sqlite" or "postgres".
func (db *DB) EngineName() string { return db.engine.name() }

// Write runs fn in a transaction and returns once that is durable. fn may run
// more than once and must have no effect but on tx. It makes no network call,
// and does not write by itself.
// A context that ends before fn starts keeps it from running; one that ends
// later does not end the wait for what became of fn.
//
// An error means that nothing was written: it is what fn returned, the first
// failure of a statement even if fn went on, or a fault of kind Unavailable.
// There is one exception, PostgreSQL going away between taking a commit and
// confirming it: then the code is [UnknownCommit].
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return db.write(ctx, laneSmall, fn)
}

// WriteBulk is Write for transactions that touch thousands of rows: they yield
// to small ones, so that these wait for one bulk at most.
func (db *DB) WriteBulk(ctx context.Context, fn func(tx *Tx) error) error {
	return db.write(ctx, laneBulk, fn)
}

// WriteAgain is WriteBulk for what takes batches out of the journal: when the
// machine loses power, what was written may be undone, and the batches are back.
// The end of the process, or of the database's, undoes nothing.
func (db *DB) WriteAgain(ctx context.Context, fn func(tx *Tx) error) error {
	return db.write(ctx, laneAgain, fn)
}

// lane is how a write goes along with others.
type lane int

const (
	laneSmall lane = iota
	laneBulk       // alone, yielding to small ones
	laneAgain      // a bulk that is not lost if it is not durable
)

// UnknownCommit is the code of a fault of kind Unavailable after which it is
// not known whether a transaction was written.
const UnknownCommit = "store.unknown"

func (db *DB) write(ctx context.Context, l lane, fn func(tx *Tx) error) error {
	var changed changes
	defer func() { db.lists.totals.after(changed) }() // and before the caller hears
	return db.engine.write(ctx, l, func(q querier) (err error) {
		tx := &Tx{reader: db.reader, numbers: map[ident.PortfolioID]int64{}, homes: map[int64]int64{}}
		tx.q, tx.failed = q, new(error)
		defer func() {
			changed = tx.changed
			if p := recover(); p != nil {
				err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
			}
		}()
		if err := fn(tx); err != nil {
			return err
		}
		return *tx.failed
	})
}

// Tx is a transaction. It reads what it has written. One goroutine uses it.
type Tx struct {
	reader
	numbers map[ident.PortfolioID]int64
	homes   map[int64]int64 // of SIMs that this transaction holds, the numbers of their portfolios
	changed changes
}

// insert, change and number serve every file that writes.

// insert adds rows; nothing for no rows.
func (tx *Tx) insert(ctx context.Context, t *table, rows [][]any) error {
	_, err := tx.engine.insertMany(ctx, tx.q, t, rows)
	return tx.fault(ctx, err)
}

// change runs t's change for each row and returns how many it found.
func (tx *Tx) change(ctx context.Context, t *table, rows [][]any) (int64, error) {
	n, err := tx.engine.changeMany(ctx, tx.q, t, rows)
	return n, tx.fault(ctx, err)
}

func (tx *Tx) nextIDs(ctx context.Context, n int) ([]int64, error) {
	ids, err := tx.engine.nextIDs(ctx, tx.q, n)
	return ids, tx.fault(ctx, err)
}

// number returns the number of a portfolio, remembered for the transaction;
// 0 for no portfolio, a NotFound fault for an unknown one.
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

// querier runs one statement, written as the engine writes it.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	exec(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// engine is what the two databases do differently.
type engine interface {
	dialect
	pool() *sql.DB
	keyedPool() *sql.DB // for statements that find rows by their keys
	// afresh are arguments that go before those of a search, whose plan depends
	// on what is looked for: they keep the driver from using a former one.
	afresh() []any
	write(ctx context.Context, l lane, fn func(querier) error) error
	fault(err error) error // labels what the driver returned
	insertMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error)
	changeMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error)
	nextIDs(ctx context.Context, q querier, n int) ([]int64, error)
	indexText(ctx context.Context, q querier, rows []searchRow, replace bool) error
	schemaDump(ctx context.Context) (string, error)
	check(ctx context.Context) error
	journal() journal
	close() error
}

// dialect is what the two databases write differently.
type dialect interface {
	name() string
	rebind(text string) string // numbers the question marks where that is needed
	locks() bool               // rows are locked one by one; else there is one writer at a time
	like() string              // follows a column: LIKE the next parameter, as escapeLike writes it
	nest() string              // joins so that what stands left is the outer loop

	using(index string) string // follows a table: read it by this index, where the engine has to be told
	laterals() bool            // a statement can take a few rows of each range of an index

	// list is the condition that a column is one of values, a slice of texts or
	// integers.
	list(column string, values any) (string, any)
	// relation defines rows as the table a, to stand behind WITH.
	relation(columns []column, rows [][]any) (string, []any)
	// first joins to each row of what stands left the rows of a table that
	// " FROM table x ..." finds. The table comes with the alias. The keys tell
	// apart the rows for which the condition on, with the alias, holds.
	first(table, alias, on string, keys []string, from string) string
	// hits selects the ids of the SIMs that may contain a text of at least
	// trigram characters, and all of those that do.
	hits(text string) (string, []any)
}
