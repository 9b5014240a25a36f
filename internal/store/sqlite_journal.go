package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// JournalName is the file beside the SQLite file that keeps what networks
// report until it is counted.
const JournalName = "journal.db"

// sqliteJournal is a file of its own: the main one has one writer, and an append
// must wait for no bulk of it. The first append makes it, and whoever else needs
// it opens it once it is there: a platform without gateways has none.
//
// Batches have growing numbers, which are never used again: the newest is never
// dropped. What is counted is up to the mark in the main file, which moves in the
// transaction that counts. The two know each other by a random name; see [pair].
type sqliteJournal struct {
	e    *sqliteEngine
	path string
	log  *slog.Logger
	main reader // of the main file

	ready  atomic.Bool // it is open
	closed atomic.Bool // it stays shut
	behind reader      // over read, for as long as it is open

	mu    sync.Mutex // of what is below. Its holder may wait for the main file's writer, so nothing that runs there takes it
	files []*sql.DB
	write *connection
	read  *sql.DB
	mark  int64 // what is at or below it is counted
	trim  int64 // what is at or below it is dropped
}

const journalSchema = `CREATE TABLE IF NOT EXISTS name (one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, reports INTEGER NOT NULL, body BLOB NOT NULL) STRICT`

func newSQLiteJournal(e *sqliteEngine, folder string, log *slog.Logger) *sqliteJournal {
	return &sqliteJournal{e: e, path: filepath.Join(folder, JournalName), log: log, main: reader{engine: e, q: newPool(e, e.readers)}}
}

// look is open for who only reads: where no report was ever appended, there is
// no journal, and none is made.
func (j *sqliteJournal) look(ctx context.Context) (there bool, err error) {
	if j.ready.Load() {
		return true, nil
	}
	if _, err := os.Stat(j.path); errors.Is(err, fs.ErrNotExist) {
		var name string
		if known, err := j.main.one(ctx, []any{&name}, "SELECT journal FROM journal_mark"); err != nil || !known {
			return false, err
		}
	}
	return true, j.open(ctx)
}

// open opens the file, unless it is open, and makes it if need be. A failure is
// tried again by the next who needs it.
func (j *sqliteJournal) open(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ready.Load() {
		return nil
	}
	if j.closed.Load() {
		return closedFault()
	}
	err := j.connect(ctx)
	if err == nil {
		err = j.sound(ctx)
	}
	if err == nil {
		err = j.pair(ctx)
	}
	if err != nil {
		_ = j.shut()
		return err
	}
	j.ready.Store(true)
	return nil
}

// connect opens the file. It stays small and is read once, and needs little cache.
func (j *sqliteJournal) connect(ctx context.Context) error {
	if err := private(j.path); err != nil {
		return fault.New(fault.Unavailable, "store.disk", "cannot make the journal %s", j.path).Because(err)
	}
	writers, err := sql.Open("sqlite", dsn(j.path, "cache_size(-4096)", "wal_autocheckpoint(2000)"))
	if err != nil {
		return err
	}
	j.files = append(j.files, writers)
	if j.read, err = openReaders(j.path, 2, "cache_size(-4096)"); err != nil {
		return err
	}
	j.files, j.behind = append(j.files, j.read), reader{engine: j.e, q: newPool(j.e, j.read)}
	conn, err := connect(ctx, writers)
	if err != nil {
		return j.damaged(err)
	}
	j.write = newConnection(conn)
	return nil
}

// sound looks for damage.
func (j *sqliteJournal) sound(ctx context.Context) error {
	found, err := column1(ctx, j.read, "PRAGMA quick_check(3)")
	if err == nil && (len(found) != 1 || found[0] != "ok") {
		err = errors.New(strings.Join(found, "; "))
	}
	return j.damaged(err)
}

func (j *sqliteJournal) damaged(err error) error {
	if err == nil || fault.KindOf(j.e.fault(err)) == fault.Unavailable {
		return j.e.fault(err)
	}
	return fault.New(fault.Internal, "store.journal", "the journal %s is damaged. To go on without the reports that it holds and that are not counted yet, move it away with its -wal and -shm", j.path).Because(errors.New(err.Error())) // it is not the database that is damaged
}

// pair holds the file against the main one. The journal is written first: when
// that is all, the next who opens it goes on from there.
func (j *sqliteJournal) pair(ctx context.Context) error {
	var name string
	var mark int64
	err := j.inTransaction(func() (err error) {
		for text := range strings.SplitSeq(journalSchema, ";") {
			if _, err := j.write.exec(ctx, text); err != nil {
				return err
			}
		}
		name, mark, err = j.match(ctx)
		return err
	})
	if err != nil {
		return j.e.fault(err)
	}
	j.mark = mark
	return j.e.write(ctx, laneSmall, func(q querier) error {
		_, err := q.exec(ctx, `INSERT INTO journal_mark (one, journal, position) VALUES (1, ?, ?)
			ON CONFLICT (one) DO UPDATE SET journal = excluded.journal, position = excluded.position WHERE journal <> excluded.journal`, name, mark)
		return j.e.fault(err)
	})
}

// match decides what the file is to the main one, and names it if it is new.
func (j *sqliteJournal) match(ctx context.Context) (name string, mark int64, err error) {
	var known string
	var newest, reports int64
	own := reader{engine: j.e, q: j.write}
	_, err1 := own.one(ctx, []any{&name}, "SELECT journal FROM name")
	_, err2 := own.one(ctx, []any{&newest, &reports}, "SELECT COALESCE(MAX(id), 0), COALESCE(SUM(reports), 0) FROM batch")
	_, err3 := j.main.one(ctx, []any{&known, &mark}, "SELECT journal, position FROM journal_mark")
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", 0, err
	}
	switch {
	case name != known && name != "" && reports > 0:
		return "", 0, fault.New(fault.Precondition, "store.journal", "the journal %s is of another database, and holds %d reports. Put this database's own in its place, "+
			"or move it away to go on without the reports that it holds", j.path, reports)
	case name != known && known != "":
		j.log.Warn("the journal of this database is missing; reports that were answered and not counted are lost, if there were any. A new one begins", "file", j.path)
	case newest < mark:
		j.log.Warn("the journal is older than its database; reports that were answered and not counted are lost, if there were any", "file", j.path)
	}
	if name != known {
		mark = newest
	}
	if name == "" {
		name = rand.Text()
		_, err = j.write.exec(ctx, "INSERT INTO name (one, journal) VALUES (1, ?)", name)
	}
	if newest < mark && err == nil { // numbers go on behind the mark
		_, err = j.write.exec(ctx, "INSERT INTO batch (id, at, reports, body) VALUES (?, 0, 0, x'')", mark)
	}
	return name, mark, err
}

// inTransaction runs fn in a transaction of the journal. The caller has mu.
func (j *sqliteJournal) inTransaction(fn func() error) error {
	if _, err := j.write.exec(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		_, err = j.write.exec(context.Background(), "COMMIT")
	}
	if err != nil {
		_, _ = j.write.exec(context.Background(), "ROLLBACK") // fails where SQLite has done it
	}
	return err
}

// shares is one: the main file has one writer.
func (j *sqliteJournal) shares() int { return 1 }

// add appends batches and, now and then, drops those that are counted. Its caller's
// context does not end it: nobody would know what became of them.
func (j *sqliteJournal) add(ctx context.Context, parts []usage.Part, at int64) error {
	if err := j.open(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.ready.Load() {
		return closedFault()
	}
	trimmed := j.trim
	err := j.inTransaction(func() error {
		for _, p := range parts {
			if _, err := j.write.exec(ctx, "INSERT INTO batch (at, reports, body) VALUES (?, ?, ?)", at, int64(p.Reports), p.Body); err != nil {
				return err
			}
		}
		if j.mark > j.trim {
			_, err := j.write.exec(ctx, "DELETE FROM batch WHERE id <= ?", j.mark)
			trimmed = j.mark
			return err
		}
		return nil
	})
	if err == nil {
		j.trim = trimmed
	}
	return err
}

// take reads what is behind the mark and moves it. It runs on the one writer of
// the main file: whoever else counts, in another process too, comes before or
// after.
func (j *sqliteJournal) take(ctx context.Context, q querier, _, reports int, _ int64) ([]usage.Batch, error) {
	if there, err := j.takeable(); err != nil || !there {
		return nil, err
	}
	main := reader{engine: j.e, q: q}
	var mark int64
	if found, err := main.one(ctx, []any{&mark}, "SELECT position FROM journal_mark"); err != nil || !found {
		return nil, err
	}
	var out []usage.Batch
	n := 0
	err := j.behind.some(ctx, func(rows rowScanner) (bool, error) {
		var b usage.Batch
		var at int64
		var some int
		err := rows.Scan(&b.ID, &at, &some, &b.Body)
		b.At, n = moment(at), n+some
		if some > 0 {
			out = append(out, b)
		}
		return n < reports, err
	}, "SELECT id, at, reports, body FROM batch WHERE id > ? ORDER BY id", mark)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	_, err = q.exec(ctx, "UPDATE journal_mark SET position = ?", out[len(out)-1].ID)
	return out, err
}

// takeable reports whether there is something to take from. Whoever takes has
// looked: a file that was made since then is found the next time.
func (j *sqliteJournal) takeable() (bool, error) {
	if j.closed.Load() {
		return false, closedFault()
	}
	return j.ready.Load(), nil
}

// counted lets the next append drop what was counted, if that cannot be undone
// any more.
func (j *sqliteJournal) counted(id int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.e.w.synced.Load() {
		j.mark = max(j.mark, id)
	}
}

// position reads the mark, if there is a journal.
func (j *sqliteJournal) position(ctx context.Context) (mark int64, there bool, err error) {
	if there, err = j.look(ctx); err == nil && there {
		_, err = j.main.one(ctx, []any{&mark}, "SELECT position FROM journal_mark")
	}
	return mark, there, err
}

func (j *sqliteJournal) backlog(ctx context.Context) (b usage.Backlog, err error) {
	mark, there, err := j.position(ctx)
	if err != nil || !there {
		return b, err
	}
	var oldest int64
	_, err = j.behind.one(ctx, []any{&b.Reports, &b.Bytes, &oldest, &b.Newest}, `SELECT COALESCE(SUM(reports), 0), COALESCE(SUM(length(body)), 0),
		COALESCE(MIN(at), 0), COALESCE(MAX(id), 0) FROM batch WHERE id > ?`, mark)
	b.Oldest = moment(oldest)
	return b, err
}

func (j *sqliteJournal) waits(ctx context.Context, id int64) (bool, error) {
	mark, there, err := j.position(ctx)
	return there && mark < id, err
}

// close drops what is counted, but for the number of the newest. What was counted
// last need not be durable yet: a write that is makes it so.
func (j *sqliteJournal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed.Store(true)
	if !j.ready.Load() {
		return nil
	}
	var mark int64
	err := j.e.write(context.Background(), laneSmall, func(q querier) error {
		_, err := q.exec(context.Background(), "UPDATE journal_mark SET position = position")
		return err
	})
	if err == nil {
		_, err = j.main.one(context.Background(), []any{&mark}, "SELECT position FROM journal_mark")
	}
	if err == nil {
		err = j.inTransaction(func() error {
			if _, err := j.write.exec(context.Background(), "DELETE FROM batch WHERE id <= ? AND id < (SELECT MAX(id) FROM batch)", mark); err != nil {
				return err
			}
			_, err := j.write.exec(context.Background(), "UPDATE batch SET at = 0, reports = 0, body = x'' WHERE id <= ?", mark)
			return err
		})
	}
	return errors.Join(err, j.shut())
}

func (j *sqliteJournal) shut() error {
	j.ready.Store(false)
	if j.write != nil {
		j.write.close()
	}
	var err error
	for _, f := range j.files {
		err = errors.Join(err, f.Close())
	}
	j.write, j.read, j.files = nil, nil, nil
	return err
}
