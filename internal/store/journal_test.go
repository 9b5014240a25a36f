package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// take takes batches as whoever counts does, and returns their bodies.
func take(t *testing.T, db *store.DB, reports int) string {
	t.Helper()
	var list []usage.Batch
	err := db.OpenJournal(t.Context())
	if err == nil {
		err = db.WriteAgain(t.Context(), func(tx *store.Tx) (err error) {
			list, err = tx.TakeBatches(t.Context(), 0, reports, time.Hour)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, b := range list {
		out = append(out, string(b.Body))
	}
	if len(list) > 0 {
		db.Counted(list[len(list)-1].ID)
	}
	return strings.Join(out, " ")
}

func part(body string) []usage.Part { return []usage.Part{{Reports: 1, Body: []byte(body)}} }

func keep(t *testing.T, db *store.DB, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := db.Append(t.Context(), part(b), start); err != nil {
			t.Fatal(err)
		}
	}
}

// Batches are taken in order and once; a transaction that fails takes none.
func TestJournal(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		keep(t, db, "a", "b", "c")
		b, err := db.Backlog(t.Context())
		if err != nil || b.Reports != 3 || b.Bytes != 3 {
			t.Errorf("%+v, %v", b, err)
		}
		failed := errors.New("failed")
		if err := db.WriteAgain(t.Context(), func(tx *store.Tx) error {
			if list, err := tx.TakeBatches(t.Context(), 0, 10, time.Hour); err != nil || len(list) != 3 {
				t.Errorf("%v, %v", list, err)
			}
			return failed
		}); !errors.Is(err, failed) {
			t.Error(err)
		}
		for _, want := range []string{"a b", "c", ""} {
			if got := take(t, db, 2); got != want {
				t.Errorf("%q is taken, want %q", got, want)
			}
		}
		if waits, err := db.Backlogged(t.Context(), b.Newest); err != nil || waits {
			t.Errorf("%v, %v", waits, err)
		}
		keep(t, db, "d")
		if waits, err := db.Backlogged(t.Context(), b.Newest); err != nil || waits {
			t.Errorf("what came later is waited for: %v, %v", waits, err)
		}
		if got := take(t, db, 2); got != "d" {
			t.Errorf("%q is taken", got)
		}
	})
}

// On PostgreSQL each share is taken by itself.
func TestSharesOfTheJournal(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	if err := db.Append(t.Context(), []usage.Part{{Share: 1, Reports: 1, Body: []byte("b")}, {Share: 0, Reports: 1, Body: []byte("a")}}, start); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b"} {
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			list, err := tx.TakeBatches(t.Context(), int(want[0]-'a'), 10, time.Hour)
			if err == nil && (len(list) != 1 || string(list[0].Body) != want) {
				t.Errorf("%+v is taken, want %q", list, want)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

// On SQLite an append waits for no other write: neither for a bulk that is under
// way, nor for another process that writes.
func TestAppendsWaitForNoWrite(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		keep(t, db, "a")
		began, gate, over := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			over <- db.WriteBulk(context.Background(), func(tx *store.Tx) error {
				_, err := tx.SetOnce(context.Background(), "x", nil)
				close(began)
				<-gate
				return err
			})
		}()
		<-began
		keep(t, db, "b", "c")
		close(gate)
		if err := <-over; err != nil {
			t.Error(err)
		}
		if got := take(t, db, 10); got != "a b c" {
			t.Errorf("%q is taken", got)
		}
	})
}

// A transaction need not be synced only while it takes from the journal.
func TestOnlyTheJournalsWritesAreNotSynced(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{Dir: sqlitetest.Dir(t)})
	level := func(write func(context.Context, func(*store.Tx) error) error, result error) (n int64) {
		if err := write(t.Context(), func(tx *store.Tx) (err error) {
			n, err = tx.Number(t.Context(), "PRAGMA synchronous")
			return errors.Join(err, result)
		}); !errors.Is(err, result) {
			t.Fatal(err)
		}
		return n
	}
	const normal, full = 1, 2
	level(db.WriteAgain, nil) // every second one is synced
	for range 2 {
		failed := errors.New("failed")
		if n := level(db.WriteAgain, failed); n != normal {
			t.Errorf("a write that can be made again is at level %d", n)
		}
		if n := level(db.Write, nil); n != full {
			t.Errorf("a write behind one that failed is at level %d", n)
		}
		if n := level(db.WriteAgain, nil); n != normal {
			t.Errorf("a write that can be made again is at level %d", n)
		}
		if n := level(db.WriteBulk, nil); n != full {
			t.Errorf("a bulk is at level %d", n)
		}
	}
}

// folder is a database on SQLite that can be closed, changed and opened again.
type folder struct {
	t   *testing.T
	dir string
	log bytes.Buffer
}

func (f *folder) open() *store.DB {
	f.t.Helper()
	f.log.Reset()
	return open(f.t, store.Options{Dir: f.dir, Log: slog.New(slog.NewTextHandler(&f.log, nil))})
}

// files reads the journal, or the database, as it lies there.
func (f *folder) files(name string) map[string][]byte {
	f.t.Helper()
	out := map[string][]byte{}
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join(f.dir, name+end))
		if err != nil && !os.IsNotExist(err) {
			f.t.Fatal(err)
		}
		if err == nil {
			out[name+end] = b
		}
	}
	return out
}

// put makes these the files of that name; none for nil.
func (f *folder) put(name string, files map[string][]byte) {
	f.t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(f.dir, name+end)); err != nil && !os.IsNotExist(err) {
			f.t.Fatal(err)
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(f.dir, name), b, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *folder) close(db *store.DB) {
	f.t.Helper()
	if err := db.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// What is not counted when the database is closed is when it is open again; what
// is counted is not kept.
func TestTheJournalOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	db := f.open()
	keep(t, db, "a", "b", "c")
	if got := take(t, db, 1); got != "a" {
		t.Errorf("%q is taken", got)
	}
	f.close(db)
	db = f.open()
	if got := take(t, db, 10); got != "b c" {
		t.Errorf("%q is taken", got)
	}
	f.close(db)
	db = f.open()
	if b, err := db.Backlog(t.Context()); err != nil || b.Reports != 0 || f.log.Len() > 0 {
		t.Errorf("%+v, %v, %s", b, err, &f.log)
	}
	keep(t, db, "d")
	if got := take(t, db, 10); got != "d" {
		t.Errorf("%q is taken", got)
	}
}

// A database that was put back counts what it has not counted, as far as the
// journal still has it.
func TestAnOlderDatabaseWithItsJournal(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	db := f.open()
	keep(t, db, "a")
	take(t, db, 10)
	f.close(db)
	older := f.files(store.FileName)
	db = f.open()
	keep(t, db, "b", "c")
	f.close(db)
	f.put(store.FileName, older)
	if got := take(t, f.open(), 10); got != "b c" {
		t.Errorf("%q is taken", got)
	}
}

// A journal that is older than its database is said to be, and what is appended
// to it is not taken for what was counted already.
func TestAnOlderJournal(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	db := f.open()
	keep(t, db, "a")
	f.close(db)
	older := f.files(store.JournalName)
	db = f.open()
	keep(t, db, "b", "c")
	take(t, db, 10)
	f.close(db)
	f.put(store.JournalName, older)
	db = f.open()
	keep(t, db, "d")
	if got := take(t, db, 10); got != "d" || !strings.Contains(f.log.String(), "older than its database") {
		t.Errorf("%q is taken; %s", got, &f.log)
	}
}

// Without its journal, or with an empty file, a database begins a new one and
// says what that means.
func TestAMissingJournal(t *testing.T) {
	t.Parallel()
	for _, files := range []map[string][]byte{nil, {store.JournalName: {}}} {
		f := &folder{t: t, dir: sqlitetest.Dir(t)}
		db := f.open()
		keep(t, db, "a", "b")
		take(t, db, 1)
		f.close(db)
		lost := f.files(store.JournalName)
		f.put(store.JournalName, files)
		db = f.open()
		keep(t, db, "c")
		if got := take(t, db, 10); got != "c" || !strings.Contains(f.log.String(), "is missing") {
			t.Errorf("%q is taken; %s", got, &f.log)
		}
		f.close(db)
		f.put(store.JournalName, lost) // it turns up again
		db = f.open()
		if err := db.Append(t.Context(), part("d"), start); fault.KindOf(err) != fault.Precondition || !strings.Contains(err.Error(), "of another database") {
			t.Errorf("a journal that was replaced: %v", err)
		}
	}
}

// The first report makes the journal: whoever looks for reports before finds none,
// and leaves no file behind. Another process finds it then, too.
func TestTheFirstReportMakesTheJournal(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	db, other := f.open(), f.open()
	for _, d := range []*store.DB{db, other} {
		got := take(t, d, 10)
		b, err1 := d.Backlog(t.Context())
		there, err2 := d.Backlogged(t.Context(), 1)
		if err := errors.Join(err1, err2); err != nil || got != "" || there || b.Reports != 0 {
			t.Errorf("before there is any report: %q, %+v, %t, %v", got, b, there, err)
		}
	}
	f.close(db)
	if files := f.files(store.JournalName); len(files) > 0 {
		t.Fatalf("a journal was made for nobody: %d files", len(files))
	}
	db = f.open()
	keep(t, db, "a")
	if b, err := other.Backlog(t.Context()); err != nil || b.Reports != 1 {
		t.Errorf("the other process sees %+v, %v", b, err)
	}
	if got := take(t, other, 10) + take(t, db, 10); got != "a" || f.log.Len() > 0 {
		t.Errorf("%q is taken; %s", got, &f.log)
	}
	f.close(db)
	f.close(other)
	if err := db.OpenJournal(t.Context()); err == nil {
		t.Error("the journal of a closed database opens")
	}
}

// Others on the machine may enter the folder, where its owner lets them, and read
// no database in it.
func TestTheFilesAreTheirOwners(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	if err := os.Chmod(f.dir, 0o755); err != nil { //nolint:gosec // that it is open is what is tried
		t.Fatal(err)
	}
	db := f.open()
	keep(t, db, "a")
	for _, name := range []string{store.FileName, store.FileName + "-wal", store.JournalName, store.JournalName + "-wal"} {
		if info, err := os.Stat(filepath.Join(f.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	f.close(db)
}

// Whoever opens the journal or shuts it waits for the writer of the main file; a
// transaction that takes from it runs there, and must wait for neither.
func TestWhoTakesWaitsForNobodyAtTheJournal(t *testing.T) {
	t.Parallel()
	f := &folder{t: t, dir: sqlitetest.Dir(t)}
	db := f.open()
	meanwhile := func(other func() error, enough func(error) bool) error {
		done := make(chan error, 1)
		defer func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		return db.Write(t.Context(), func(tx *store.Tx) error {
			go func() { done <- other() }()
			for {
				list, err := tx.TakeBatches(t.Context(), 0, 10, time.Hour)
				if err == nil && len(list) > 0 {
					t.Errorf("%d batches are there", len(list))
				}
				if enough(err) {
					return nil
				}
			}
		})
	}
	err := meanwhile(func() error { return db.Append(context.Background(), part("a"), start) }, func(err error) bool {
		_, missing := os.Stat(filepath.Join(f.dir, store.JournalName))
		return err != nil || missing == nil
	})
	if got := take(t, db, 10); err != nil || got != "a" {
		t.Errorf("%q is taken, %v", got, err)
	}
	if err := meanwhile(db.Close, func(err error) bool { return err != nil }); !strings.Contains(fmt.Sprint(err), "is closing") {
		t.Errorf("taken from a journal that is being shut: %v", err)
	}
}

// The journal of another database is refused for as long as it holds reports, and
// nothing of it is counted.
func TestTheJournalOfAnother(t *testing.T) {
	t.Parallel()
	f, g := &folder{t: t, dir: sqlitetest.Dir(t)}, &folder{t: t, dir: sqlitetest.Dir(t)}
	db := f.open()
	keep(t, db, "a")
	take(t, db, 10)
	f.close(db)
	db = g.open()
	keep(t, db, "x", "y")
	g.close(db)
	f.put(store.JournalName, g.files(store.JournalName))
	db = f.open()
	for range 2 {
		err := db.OpenJournal(t.Context())
		if fault.KindOf(err) != fault.Precondition || !strings.Contains(err.Error(), "of another database, and holds 2 reports") {
			t.Errorf("%v", err)
		}
	}
	if err := db.Append(t.Context(), part("b"), start); fault.KindOf(err) != fault.Precondition {
		t.Errorf("%v", err)
	}
	f.close(db)
	db = g.open()
	take(t, db, 10)
	g.close(db)
	f.put(store.JournalName, g.files(store.JournalName)) // all of it is counted: it is as good as new
	db = f.open()
	keep(t, db, "c")
	if got := take(t, db, 10); got != "c" {
		t.Errorf("%q is taken", got)
	}
}

// A damaged journal is refused with what can be done about it.
func TestADamagedJournal(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func([]byte) []byte { return bytes.Repeat([]byte("no"), 4096) },
		"truncated":   func(b []byte) []byte { return b[:len(b)-4096-100] },
		"overwritten": func(b []byte) []byte { return append(b[:4096:4096], bytes.Repeat([]byte{0xa5}, len(b)-4096)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &folder{t: t, dir: sqlitetest.Dir(t)}
			db := f.open()
			for range 20 {
				keep(t, db, strings.Repeat("a", 3000))
			}
			f.close(db)
			files := f.files(store.JournalName)
			f.put(store.JournalName, map[string][]byte{store.JournalName: damage(files[store.JournalName])})
			db = f.open()
			err := db.OpenJournal(t.Context())
			if fault.CodeOf(err) != "store.journal" || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("%v", err)
			}
			f.close(db)
			f.put(store.JournalName, nil)
			db = f.open()
			keep(t, db, "b")
			if got := take(t, db, 10); got != "b" {
				t.Errorf("%q is taken", got)
			}
		})
	}
}
