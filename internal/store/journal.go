package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// The journal keeps what networks report until it is counted. On PostgreSQL it
// is a table, which whoever counts takes rows from in the same transaction. On
// SQLite it is a file of its own, so that an append waits for no other write, and
// the transaction that counts moves a mark in the main one; see sqlite_journal.go.
//
// Either way each batch is counted by exactly one transaction, or waits.

// OpenJournal opens the journal, unless it is open or there is none yet, and holds
// it against the database: a journal of another one, or a damaged one, is refused.
// Whoever takes batches calls it first.
func (db *DB) OpenJournal(ctx context.Context) error {
	_, err := db.engine.journal().look(ctx)
	return db.fault(ctx, err)
}

// Shares is how many can count at once.
func (db *DB) Shares() int { return db.engine.journal().shares() }

// Append keeps batches of reports, one for each share that they are of; on return
// they are durable, or none is. It waits for no other write on this node.
func (db *DB) Append(ctx context.Context, parts []usage.Part, at time.Time) error {
	return db.fault(ctx, db.engine.journal().add(ctx, parts, micros(at)))
}

// Backlog tells what waits to be counted, whichever node has kept it. The newest
// id is that of the newest batch that there was.
func (db *DB) Backlog(ctx context.Context) (usage.Backlog, error) {
	b, err := db.engine.journal().backlog(ctx)
	return b, db.fault(ctx, err)
}

// Backlogged reports whether a batch waits that is not newer than id.
func (db *DB) Backlogged(ctx context.Context, id int64) (bool, error) {
	there, err := db.engine.journal().waits(ctx, id)
	return there, db.fault(ctx, err)
}

// TakeBatches takes the oldest batches of a share out of the journal, until they
// have as many reports as wanted or more: this node's own, and those of others
// that have lain there for so long that their node must be gone. Those that
// another transaction is taking are left to it.
func (tx *Tx) TakeBatches(ctx context.Context, share, reports int, left time.Duration) ([]usage.Batch, error) {
	list, err := tx.engine.journal().take(ctx, tx.q, share, reports, left.Microseconds())
	return list, tx.fault(ctx, err)
}

// Counted is called once the transaction is durable that took batches, the last
// of which had this id: they need no room any more.
func (db *DB) Counted(id int64) { db.engine.journal().counted(id) }

var setAsideTable = &table{name: "set_aside", columns: cols("id, at, why text, body bytea")}

// SetAside keeps what cannot be counted.
func (tx *Tx) SetAside(ctx context.Context, list []usage.SetAside) error {
	ids, err := tx.nextIDs(ctx, len(list))
	if err != nil {
		return err
	}
	rows := make([][]any, len(list))
	for i, s := range list {
		rows[i] = []any{ids[i], micros(s.At), s.Why, blob(s.Body)}
	}
	return tx.insert(ctx, setAsideTable, rows)
}

// journal is what the two databases do differently.
type journal interface {
	look(ctx context.Context) (there bool, err error)
	shares() int
	add(ctx context.Context, parts []usage.Part, at int64) error
	take(ctx context.Context, q querier, share, reports int, left int64) ([]usage.Batch, error)
	backlog(ctx context.Context) (usage.Backlog, error)
	waits(ctx context.Context, id int64) (bool, error)
	counted(id int64)
}
