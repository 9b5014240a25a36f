package simulated

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schemaVersion is the file's user_version. There are no migrations: a
// simulated network of another version is made anew and the reconciler fills
// it.
const schemaVersion = 1

//go:embed schema.sql
var schema string

// source is the data source name of the file at path. Pragmas stand in it
// because one that is run on a pool reaches a single connection.
//
// The file stands in for a network, so a power cut may cost it the last
// transactions, as the reconciler brings them back: synchronous=NORMAL does
// not sync at every commit. OFF would be a little faster, but a power cut
// could break the file itself. A killed process loses nothing with either,
// since the operating system has the pages.
//
// The log is allowed 32 MB before it is copied back, so that a page that many
// batches touch is written once for all of them.
func source(path string, busy time.Duration, pragmas ...string) string {
	q := url.Values{
		"_txlock": {"immediate"},
		"_pragma": append([]string{
			fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()),
			"journal_mode(WAL)", "synchronous(NORMAL)",
			"temp_store(MEMORY)", "cache_size(-8000)", "wal_autocheckpoint(8000)",
		}, pragmas...),
	}
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: q.Encode()}).String()
}

// create makes the file at path unless it is there. It appears complete and
// readable by its owner only, or not at all: processes that open a new network
// at once must not see one another's half-made file, nor race to make it WAL.
func create(ctx context.Context, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".simulated-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return err
	}
	if err := fill(ctx, f.Name()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func fill(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", source(path, time.Second))
	if err != nil {
		return err
	}
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	_, err = db.ExecContext(ctx, schema)
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO network (id, salt, settings) VALUES (1, ?, '{}')`, salt)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	}
	return errors.Join(err, db.Close())
}

// identify checks that db is a simulated network of this version and returns
// its salt.
func identify(ctx context.Context, db *sql.DB) (salt []byte, err error) {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, err
	}
	if version != schemaVersion {
		return nil, fmt.Errorf("the file has format %d where %d is needed; "+
			"it belongs to another program or version", version, schemaVersion)
	}
	err = db.QueryRowContext(ctx, "SELECT salt FROM network").Scan(&salt)
	return salt, err
}
