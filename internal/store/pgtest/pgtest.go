//go:build unix

// Package pgtest gives tests a PostgreSQL of their own: a throw-away cluster
// that starts with the first test that asks, and is gone, with its folder, when
// the test process ends in whatever way. No server need run and no TestMain is
// needed.
//
// Commits are synced unless SIMURGH_PGTEST_FSYNC is off.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/simurgh-iot/simurgh/internal/store"
)

// URL returns the address of a fresh database with the current schema and
// nothing in it. It is dropped at the end of the test.
func URL(t testing.TB) string {
	t.Helper()
	return shared(t).database(t, template)
}

// Empty is URL without the schema.
func Empty(t testing.TB) string {
	t.Helper()
	return shared(t).database(t, "template0")
}

var process struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// shared returns the cluster of the test process.
func shared(t testing.TB) *Cluster {
	t.Helper()
	need(t)
	process.once.Do(func() {
		process.cluster, process.err = start(os.Getenv("SIMURGH_PGTEST_FSYNC") != "off", "")
		if process.err == nil {
			process.err = process.cluster.migrateTemplate()
		}
	})
	if process.err != nil {
		t.Fatal(process.err)
	}
	return process.cluster
}

// need ends the test when PostgreSQL is not installed: in failure where CI is
// set, so that nobody relies on tests that never ran.
func need(t testing.TB) {
	t.Helper()
	if _, err := binaries(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Start starts a cluster for this test alone, to be killed and restarted.
func Start(t testing.TB) *Cluster {
	t.Helper()
	need(t)
	c, err := start(true, "")
	if err == nil {
		t.Cleanup(c.remove)
		err = c.migrateTemplate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Keep starts a cluster whose data lie in a folder and stay there, for a
// benchmark that is slow to prepare. The folders above must be open to the user
// postgres. It returns the address of a database, which is made if missing.
func Keep(t testing.TB, data, database string) string {
	t.Helper()
	need(t)
	c, err := start(true, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.remove)
	var exists *pgconn.PgError
	if err := c.admin(t.Context(), "CREATE DATABASE "+database); err != nil && (!errors.As(err, &exists) || exists.Code != "42P04") {
		t.Fatal(err)
	}
	return c.address(database)
}

// URL is [URL] on c.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return c.database(t, template)
}

// Empty is [Empty] on c.
func (c *Cluster) Empty(t testing.TB) string {
	t.Helper()
	return c.database(t, "template0")
}

// template is the migrated database that others are cloned from.
const template = "simurgh_template"

func (c *Cluster) migrateTemplate() error {
	ctx := context.Background()
	if err := c.admin(ctx, "CREATE DATABASE "+template+" TEMPLATE template0"); err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{URL: c.address(template)})
	if err != nil {
		return err
	}
	return db.Close()
}

func (c *Cluster) database(t testing.TB, from string) string {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text()[:16])
	if err := c.admin(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It goes with the cluster, should this fail.
		_ = c.admin(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return c.address(name)
}

func (c *Cluster) address(database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", c.user, database, c.dir)
}

// admin runs one statement in the database that every cluster has.
func (c *Cluster) admin(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.address("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, text)
	return err
}
