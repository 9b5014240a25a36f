package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

func openWriter(t *testing.T) (*DB, *writer) {
	t.Helper()
	db, err := Open(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "odd #1? 100%")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, db.engine.(*sqliteEngine).w
}

// blocked starts a bulk that waits, so that a test can see what queues behind
// it.
func blocked(t *testing.T, db *DB, ran func(name string)) (release func()) {
	t.Helper()
	started, gate := make(chan struct{}), make(chan struct{})
	go func() {
		if err := db.WriteBulk(context.Background(), func(*Tx) error {
			close(started)
			<-gate
			ran("first bulk")
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	<-started
	return func() { close(gate) }
}

// until waits for something that another goroutine is about to do.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

// TestSmallWritesPassBulks holds that a small write waits for one bulk at most.
func TestSmallWritesPassBulks(t *testing.T) {
	t.Parallel()
	db, w := openWriter(t)
	var mu sync.Mutex
	var order []string
	ran := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, name)
	}
	release := blocked(t, db, ran)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _ = db.WriteBulk(t.Context(), func(*Tx) error { ran("bulk"); return nil }) })
	}
	for range 5 {
		wg.Go(func() { _ = db.Write(t.Context(), func(*Tx) error { ran("small"); return nil }) })
	}
	until(func() bool { return len(w.bulk) == 3 && len(w.small) == 5 })
	release()
	wg.Wait()
	if len(order) != 9 || order[0] != "first bulk" || slices.Contains(order[1:6], "bulk") {
		t.Errorf("order: %q", order)
	}
}

// TestQueuedCallerGivesUp holds that a caller who leaves the queue is not
// carried out, and that closing answers those who wait.
func TestQueuedCallerGivesUp(t *testing.T) {
	t.Parallel()
	db, w := openWriter(t)
	release := blocked(t, db, func(string) {})
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() {
		results <- db.Write(ctx, func(*Tx) error {
			t.Error("ran")
			return nil
		})
	}()
	until(func() bool { return len(w.small) == 1 })
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	go func() { results <- db.Write(t.Context(), func(*Tx) error { return nil }) }()
	until(func() bool { return len(w.small) == 2 })
	w.once.Do(func() { close(w.quit) }) // as Close does first
	release()
	if err := <-results; err != nil && fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v", err)
	}
}

// TestFullDisk holds that a transaction which the database takes back is a
// failure to everybody in its group, and that writing goes on when there is
// room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db, w := openWriter(t)
	pages := func(n int) {
		if err := db.Write(t.Context(), func(tx *Tx) error {
			return tx.each(t.Context(), func(rowScanner) error { return nil }, fmt.Sprintf("PRAGMA max_page_count = %d", n))
		}); err != nil {
			t.Fatal(err)
		}
	}
	pages(1) // no more than there are
	release := blocked(t, db, func(string) {})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			name := fmt.Sprint(i)
			err := db.Write(t.Context(), func(tx *Tx) error {
				_, err := tx.SetOnce(t.Context(), name, make([]byte, 1+i%2*10_000_000))
				return err
			})
			if _, found, _ := db.Setting(t.Context(), name); found != (err == nil) || (err != nil && fault.KindOf(err) != fault.Unavailable) {
				t.Errorf("%d: error %v, stored %t", i, err, found)
			}
			if i%2 == 1 && err == nil {
				t.Error("ten megabytes found room")
			}
		})
	}
	until(func() bool { return len(w.small) == 6 })
	release()
	wg.Wait()
	pages(1_000_000)
	if err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.SetOnce(t.Context(), "large", make([]byte, 1_000_000))
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGoneGoroutine holds that a request which ends the writer's goroutine is a
// failure, as are all after it.
func TestGoneGoroutine(t *testing.T) {
	t.Parallel()
	db, _ := openWriter(t)
	for range 2 {
		err := db.Write(t.Context(), func(tx *Tx) error {
			if _, err := tx.SetOnce(t.Context(), "x", nil); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("error %v, want one of kind unavailable", err)
		}
	}
	if _, found, err := db.Setting(t.Context(), "x"); found || err != nil {
		t.Errorf("stored %t, %v", found, err)
	}
}

// TestPragmasReachEveryConnection holds one of the traps of a pool: a pragma
// that is run reaches one connection.
func TestPragmasReachEveryConnection(t *testing.T) {
	t.Parallel()
	db, _ := openWriter(t)
	e := db.engine.(*sqliteEngine)
	for mapped, pool := range map[string]*sql.DB{"0": e.readers, "2147418112": e.keyed} {
		for range pool.Stats().MaxOpenConnections {
			conn, err := pool.Conn(t.Context()) // kept, so that the next is another
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for pragma, want := range map[string]string{"foreign_keys": "1", "journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "query_only": "1", "mmap_size": mapped} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
				}
			}
		}
	}
	if err := db.Write(t.Context(), func(tx *Tx) error {
		var keys, sync, readOnly int
		for pragma, dest := range map[string]*int{"foreign_keys": &keys, "synchronous": &sync, "query_only": &readOnly} {
			if _, err := tx.one(t.Context(), []any{dest}, "PRAGMA "+pragma); err != nil {
				return err
			}
		}
		if keys != 1 || sync != 2 || readOnly != 0 {
			t.Errorf("the writer has foreign_keys %d, synchronous %d, query_only %d", keys, sync, readOnly)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
