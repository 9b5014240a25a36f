package store

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

//go:embed schema/sqlite/*.sql schema/postgres/*.sql
var schema embed.FS

// Bounds of the wait for another process that migrates: three seconds in all.
const (
	migrateTries = 10
	migratePause = 60 * time.Millisecond
)

// Migrate brings the schema up to date. Migrations only go forward; several
// processes that start at once wait for each other. A schema that is newer than
// this program is left alone, and the fault is of kind Precondition.
func (db *DB) Migrate(ctx context.Context) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		have, newest, err := p.GetVersions(ctx)
		switch {
		case err == nil && have > newest:
			return fault.New(fault.Precondition, "store.newer",
				"the database schema is at version %d, this program knows up to %d; start a newer program", have, newest)
		case err == nil && have == newest:
			return db.moveTags(ctx)
		case err == nil:
			if _, err = p.Up(ctx); err == nil {
				return db.moveTags(ctx)
			}
		}
		// SQLite has no lock around migrations: another process that was first
		// makes ours fail, and leaves less to do.
		if try == migrateTries || ctx.Err() != nil {
			return fault.New(fault.Unavailable, "store.migrate", "the database schema cannot be brought up to date").Because(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * migratePause):
		}
	}
}

// Version returns the schema's version, and the newest that this program knows.
func (db *DB) Version(ctx context.Context) (have, newest int64, err error) {
	p, err := db.migrations()
	if err != nil {
		return 0, 0, err
	}
	have, newest, err = p.GetVersions(ctx)
	return have, newest, db.fault(ctx, err)
}

// Schema writes the schema as it stands, to be compared with the committed one.
func (db *DB) Schema(ctx context.Context) (string, error) { return db.engine.schemaDump(ctx) }

func (db *DB) migrations() (*goose.Provider, error) {
	folder, err := fs.Sub(schema, "schema/"+db.engine.name())
	if err != nil {
		return nil, err
	}
	if e, ok := db.engine.(*sqliteEngine); ok {
		return goose.NewProvider(goose.DialectSQLite3, e.writers, folder)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db.engine.pool(), folder, goose.WithSessionLocker(locker))
}
