// Package sqlitetest gives tests SQLite databases that are ready: one is migrated for
// all of a process, and theirs are copies of it.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/store"
)

// Dir returns a folder with a database of the current schema and nothing in it. It is
// removed at the end of the test.
func Dir(t testing.TB) string {
	t.Helper()
	file, err := migrated()
	dir := t.TempDir()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, store.FileName), file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var migrated = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "simurgh-sqlitetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(context.Background(), store.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // what is in files beside it goes into it
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, store.FileName))
})
