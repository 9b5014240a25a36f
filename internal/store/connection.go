package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// connection runs statements on the writer's one connection, each text
// prepared once. Only the writer's goroutine uses it.
//
// It ignores the caller's context: interrupting a write makes SQLite roll back
// the whole transaction, and with it everybody else's in the group.
type connection struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	bare  map[string]driver.Stmt // of repeat
}

func newConnection(conn *sql.Conn) *connection {
	return &connection{conn: conn, stmts: map[string]*sql.Stmt{}, bare: map[string]driver.Stmt{}}
}

// stmt returns the prepared statement, or nil when the text is not to be kept.
func (c *connection) stmt(text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil || len(c.stmts) >= maxPrepared || len(text) > maxPreparedText {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), text)
	if err == nil {
		c.stmts[text] = s
	}
	return s, err
}

func (c *connection) query(_ context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := c.stmt(text) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.conn.QueryContext(context.Background(), text, args...)
	}
	return s.QueryContext(context.Background(), args...)
}

func (c *connection) exec(_ context.Context, text string, args ...any) (sql.Result, error) {
	s, err := c.stmt(text) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.conn.ExecContext(context.Background(), text, args...)
	}
	return s.ExecContext(context.Background(), args...)
}

// repeat runs a statement for each row, and returns how many rows it changed.
// It speaks to the driver itself: what database/sql does for every call is a
// tenth of a batch's time.
func (c *connection) repeat(text string, rows [][]any, seen func(i int, n int64)) (changed int64, err error) {
	err = c.conn.Raw(func(dc any) error {
		s, err := c.prepare(dc, text)
		if err != nil {
			return err
		}
		if !c.keeps(s, text) {
			defer func() { _ = s.Close() }()
		}
		var args []driver.NamedValue
		for i, row := range rows {
			if args, err = bind(args[:0], row); err != nil {
				return err
			}
			res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), args)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if changed += n; seen != nil {
				seen(i, n)
			}
		}
		return nil
	})
	return changed, err
}

func (c *connection) prepare(dc any, text string) (driver.Stmt, error) {
	if s := c.bare[text]; s != nil {
		return s, nil
	}
	return dc.(driver.ConnPrepareContext).PrepareContext(context.Background(), text)
}

// keeps reports whether a statement of repeat stays prepared.
func (c *connection) keeps(s driver.Stmt, text string) bool {
	if c.bare[text] == nil {
		if len(c.bare) >= maxPrepared {
			return false
		}
		c.bare[text] = s
	}
	return true
}

// bind adds a row's values, as a driver takes them.
func bind(args []driver.NamedValue, row []any) ([]driver.NamedValue, error) {
	for i, v := range row {
		switch v.(type) {
		case int64, string, []byte:
		default:
			var err error
			if v, err = driver.DefaultParameterConverter.ConvertValue(v); err != nil {
				return nil, err
			}
		}
		args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return args, nil
}

func (c *connection) close() {
	for _, s := range c.bare {
		_ = s.Close()
	}
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.conn.Close()
}
