package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// FileName is the SQLite file in its folder.
const FileName = "simurgh.db"

// sqliteEngine has one writer, which commits whatever has queued (writer.go),
// and a small pool of readers. Several processes may share the file.
type sqliteEngine struct {
	sqliteDialect
	readers *sql.DB
	keyed   *sql.DB
	writers *sql.DB
	w       *writer
	kept    *sqliteJournal
	closed  atomic.Bool
}

// readerCache is what all readers keep of the file together, in kilobytes.
const readerCache = 32 << 10

// Reads of single SIMs go anywhere in the file: of a large one little is in a
// cache, and to fetch it was a sixth of their cost. So they see the file, as far
// as SQLite maps one, through a mapping, from connections that are closed when
// there are no such reads for a while: what is mapped counts as memory of the
// process, although the system takes it back when there is need.
const (
	mapped  = "mmap_size(2147418112)" // bytes; the most that SQLite takes
	mapTime = 30 * time.Second
)

// dsn puts every pragma where each new connection gets it; one run by Exec
// would reach a single connection. The busy timeout comes first, so that the
// others wait for a lock too.
func dsn(path string, extra ...string) string {
	pragmas := append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"journal_size_limit(67108864)"}, extra...)
	v := url.Values{"_txlock": {"immediate"}, "_pragma": pragmas}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
}

func openSQLite(ctx context.Context, o Options) (engine, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "store.folder", "cannot make the data folder %s", o.Dir).Because(err)
	}
	path, err := filepath.Abs(filepath.Join(o.Dir, FileName))
	if err != nil {
		return nil, err
	}
	e := &sqliteEngine{}
	if err := private(path); err != nil {
		return nil, e.openFault(path, err)
	}
	if e.writers, err = sql.Open("sqlite", dsn(path, "cache_size(-32768)", "wal_autocheckpoint(8000)")); err != nil {
		return nil, err
	}
	n := max(2, runtime.GOMAXPROCS(0))
	if e.readers, err = openReaders(path, n, "cache_size(-"+strconv.Itoa(readerCache/n)+")"); err != nil {
		return nil, err
	}
	if e.keyed, err = openReaders(path, n, "cache_size(-2000)", mapped); err != nil {
		return nil, err
	}
	e.keyed.SetConnMaxIdleTime(mapTime)
	e.writers.SetMaxOpenConns(2) // the writer keeps one; migrations take the other
	conn, err := connect(ctx, e.writers)
	if err != nil {
		_ = e.readers.Close()
		_ = e.writers.Close()
		return nil, e.openFault(path, err)
	}
	e.w = newWriter(newConnection(conn), e.fault)
	e.kept = newSQLiteJournal(e, filepath.Dir(path), o.Log)
	return e, nil
}

// private makes a database's file, unless it is there, for its owner alone: SQLite
// would let all read it, and the folder may be one that all may enter. The files
// beside it get its rights. A file that is there is not opened: closing it would
// end the locks that this process has on it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return f.Close()
}

// openFault says that a file cannot be opened, with the code of what is in the way.
func (e *sqliteEngine) openFault(path string, err error) error {
	code := fault.CodeOf(e.fault(err))
	if code != "store.busy" && code != "store.damaged" {
		code = "store.disk"
	}
	return fault.New(fault.Unavailable, code, "cannot open the database %s", path).Because(err)
}

// openReaders opens up to n connections that only read, each when it is needed.
func openReaders(path string, n int, pragmas ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, append(pragmas, "query_only(1)")...))
	if err == nil {
		db.SetMaxOpenConns(n)
		db.SetMaxIdleConns(n)
	}
	return db, err
}

// openTime is how long opening waits for others that open the same new file.
const openTime = 20 * time.Second

// connect opens a connection. While several processes turn a new file to WAL,
// SQLite tells one that it is busy without waiting, lest they wait for each
// other; that one tries again.
func connect(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	for begun := time.Now(); ; {
		conn, err := db.Conn(ctx)
		var se *sqlite.Error
		if !errors.As(err, &se) || se.Code()&0xff != sqlite3.SQLITE_BUSY || time.Since(begun) > openTime {
			return conn, err
		}
		select {
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (e *sqliteEngine) pool() *sql.DB      { return e.readers }
func (e *sqliteEngine) keyedPool() *sql.DB { return e.keyed }
func (e *sqliteEngine) journal() journal   { return e.kept }
func (e *sqliteEngine) afresh() []any      { return nil } // there is one plan for all

func (e *sqliteEngine) write(ctx context.Context, l lane, fn func(querier) error) error {
	return e.w.do(ctx, l, fn)
}

func (e *sqliteEngine) close() error {
	err := e.kept.close()
	e.w.stop()
	e.closed.Store(true)
	return errors.Join(err, e.keyed.Close(), e.readers.Close(), e.writers.Close())
}

func (e *sqliteEngine) fault(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		if e.closed.Load() {
			return closedFault().Because(err)
		}
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.New(fault.Unavailable, "store.busy", "the database is busy; try again").Because(err)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return fault.New(fault.Unavailable, "store.disk", "the database cannot be written").Because(err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.New(fault.Internal, "store.damaged", "the database file is damaged").Because(err)
	case sqlite3.SQLITE_CONSTRAINT:
		if c := se.Code(); c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fault.New(fault.Conflict, "store.exists", "it exists already").Because(err)
		}
	}
	return err
}

func closedFault() *fault.Error {
	return fault.New(fault.Unavailable, "store.closed", "the database is closing")
}

// insertMany and changeMany run row by row: one statement for many rows is
// slower here. What counts is the number of values, so columns that no row sets
// are left to their defaults.
func (e *sqliteEngine) insertMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	set := t.set(rows)
	text := t.cached(string(set), func() string {
		columns := make([]column, len(set))
		for i, c := range set {
			columns[i] = t.columns[c]
		}
		return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) %s", t.name, names(columns), placeholders(len(columns)), t.onDup)
	})
	if len(set) < len(t.columns) {
		rows = pick(rows, set)
	}
	return eachRow(ctx, q, text, rows, nil)
}

// pick takes some columns of rows.
func pick(rows [][]any, columns []byte) [][]any {
	out, room := make([][]any, len(rows)), make([]any, len(rows)*len(columns))
	for i, row := range rows {
		out[i], room = room[:len(columns):len(columns)], room[len(columns):]
		for n, c := range columns {
			out[i][n] = row[c]
		}
	}
	return out
}

func (e *sqliteEngine) changeMany(ctx context.Context, q querier, t *table, rows [][]any) (int64, error) {
	text := t.cached("change", func() string {
		return t.change(func(i int, _ column) string { return "?" + strconv.Itoa(i+1) }, "")
	})
	return eachRow(ctx, q, text, rows, nil)
}

// eachRow runs a statement for each row, and returns how many rows it changed. It
// tells seen, which may be nil, how many each did.
func eachRow(ctx context.Context, q querier, text string, rows [][]any, seen func(i int, n int64)) (int64, error) {
	if c, ok := q.(*connection); ok {
		return c.repeat(text, rows, seen)
	}
	var changed int64
	for i, row := range rows {
		res, err := q.exec(ctx, text, row...)
		if err != nil {
			return changed, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return changed, err
		}
		if changed += n; seen != nil {
			seen(i, n)
		}
	}
	return changed, nil
}

// nextIDs counts up inside the transaction: there is one writer at a time.
func (e *sqliteEngine) nextIDs(ctx context.Context, q querier, n int) ([]int64, error) {
	if n == 0 {
		return nil, nil
	}
	rows, err := q.query(ctx, "UPDATE counter SET next = next + ? WHERE name = 'id' RETURNING next", n)
	if err != nil {
		return nil, e.fault(err)
	}
	defer func() { _ = rows.Close() }() // Err has told of it
	var next int64
	for rows.Next() {
		if err := rows.Scan(&next); err != nil {
			return nil, e.fault(err)
		}
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = next - int64(n) + int64(i)
	}
	return ids, e.fault(rows.Err())
}

var (
	searchTable = &table{name: "sim_search", defaults: true, columns: cols("rowid, iccid text, name text, imei text, imsi text, ip text, msisdn text")}
	searchGone  = &table{name: "sim_search", columns: cols("rowid"), where: "rowid = :rowid", deletes: true}
)

func (e *sqliteEngine) indexText(ctx context.Context, q querier, rows []searchRow, replace bool) error {
	gone, texts := make([][]any, len(rows)), make([][]any, len(rows))
	for i, r := range rows {
		gone[i], texts[i] = []any{r.id}, []any{r.id, r.iccid, r.name, r.imei, r.imsi, r.ip, r.msisdn}
	}
	if replace {
		if _, err := e.changeMany(ctx, q, searchGone, gone); err != nil {
			return err
		}
	}
	_, err := e.insertMany(ctx, q, searchTable, texts)
	return err
}

func (e *sqliteEngine) check(ctx context.Context) error {
	found, err := column1(ctx, e.readers, "PRAGMA integrity_check(20)")
	if err != nil {
		return e.fault(err)
	}
	if len(found) != 1 || found[0] != "ok" {
		return fault.New(fault.Internal, "store.damaged", "the database file is damaged: %s", strings.Join(found, "; "))
	}
	return nil
}

func (e *sqliteEngine) schemaDump(ctx context.Context) (string, error) {
	found, err := column1(ctx, e.readers, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL
		AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'sim_search_%' ORDER BY type DESC, name`)
	if err != nil {
		return "", e.fault(err)
	}
	return strings.Join(found, ";\n\n") + ";\n", nil
}

// column1 reads the first column of a statement.
func column1(ctx context.Context, db *sql.DB, text string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err has told of it
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, rows.Err()
}
