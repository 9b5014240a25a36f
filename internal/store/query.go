package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// reader is what a database and a transaction share.
type reader struct {
	engine engine
	q      querier
	lists  *lists
	failed *error // the first failure of a transaction; nil outside one
}

// fault labels an error of the database. In a transaction it sticks: what
// failed half-way is not written, on SQLite as little as on PostgreSQL.
func (r reader) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = r.engine.fault(err)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if r.failed != nil && *r.failed == nil {
		*r.failed = err
	}
	return err
}

// each runs a query and calls scan for every row.
func (r reader) each(ctx context.Context, scan func(rowScanner) error, text string, args ...any) error {
	return r.some(ctx, func(rows rowScanner) (bool, error) { return true, scan(rows) }, text, args...)
}

// some is each until scan wants no more.
func (r reader) some(ctx context.Context, scan func(rowScanner) (more bool, err error), text string, args ...any) error {
	rows, err := r.q.query(ctx, r.engine.rebind(text), args...)
	if err != nil {
		return r.fault(ctx, err)
	}
	defer func() { _ = rows.Close() }() // Err has told of it
	for rows.Next() {
		if more, err := scan(rows); err != nil || !more {
			return r.fault(ctx, err)
		}
	}
	return r.fault(ctx, rows.Err())
}

// one scans the only row; found is false when there is none.
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
		return 0, r.fault(ctx, err)
	}
	n, err := res.RowsAffected()
	return n, r.fault(ctx, err)
}

// rowScanner is the row that a query stands on.
type rowScanner interface{ Scan(dest ...any) error }

// sphere is the condition that a portfolio number lies in s. Every statement on
// tenant data carries it, or [within] where it joins the portfolio as p.
func sphere(column string, s tenant.Sphere) (string, []any) {
	if s.All() {
		return "1 = 1", nil
	}
	from, to := s.Bounds()
	return column + " IN (SELECT no FROM portfolio WHERE path >= ? AND path < ?)", []any{from, to}
}

// within is the condition that the joined portfolio p lies in s: cheaper than
// [sphere] where a handful of rows is looked at.
func within(s tenant.Sphere) (string, []any) {
	if s.All() {
		return "1 = 1", nil
	}
	from, to := s.Bounds()
	return "p.path >= ? AND p.path < ?", []any{from, to}
}

// holding is within for SIMs that are named. No index has such a path: PostgreSQL
// would begin with the portfolios, and look for the SIMs once for each.
func holding(s tenant.Sphere) (string, []any) {
	where, args := within(s)
	return strings.ReplaceAll(where, "p.path", "(p.path || '')"), args
}

// pool runs statements on a connection pool, each text prepared once.
type pool struct {
	db     *sql.DB
	keyed  *sql.DB
	mu     sync.RWMutex
	stmts  map[string]*sql.Stmt
	afresh []any // see engine
}

// Bounds of what is kept prepared: a statement that is made of many parts is
// long and seldom the same, and costs memory on every connection.
const (
	maxPrepared     = 300
	maxPreparedText = 6000
)

func newPool(e engine, db *sql.DB) *pool {
	return &pool{db: db, keyed: e.keyedPool(), afresh: e.afresh(), stmts: map[string]*sql.Stmt{}}
}

// stmt returns the prepared statement, or nil when the text is not to be kept.
func (p *pool) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.RLock()
	s, full := p.stmts[text], len(p.stmts) >= maxPrepared
	p.mu.RUnlock()
	if s != nil || full || len(text) > maxPreparedText {
		return s, nil
	}
	s, err := p.of(text).PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.stmts[text]; first != nil {
		_ = s.Close() //nolint:sqlclosecheck // another's is kept
		return first, nil
	}
	p.stmts[text] = s
	return s, nil
}

func (p *pool) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if len(p.afresh) > 0 && searches(text) {
		return p.db.QueryContext(ctx, text, append(slices.Clone(p.afresh), args...)...)
	}
	s, err := p.stmt(ctx, text) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.of(text).QueryContext(ctx, text, args...)
	}
	return s.QueryContext(ctx, args...)
}

// searches reports whether the best plan of a statement depends on the pattern
// that it is given.
func searches(text string) bool { return strings.Contains(text, " LIKE ") }

// of is where a statement runs: those that name rows by lists of keys apart.
func (p *pool) of(text string) *sql.DB {
	if strings.Contains(text, "= ANY(") {
		return p.keyed
	}
	return p.db
}

func (p *pool) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return p.db.ExecContext(ctx, text, args...)
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

// blob stores bytes; none are not NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// placeholders returns n question marks.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
