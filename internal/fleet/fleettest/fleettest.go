// Package fleettest is what the tests of those who serve a fleet have in common:
// the store and the vault behind its use cases, a clock and a log of the test's own,
// SIMs by name, and what the operator and the network do with them. It panics where
// the making of a fixture fails.
package fleettest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing/fstest"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

// Clock stands still but for what the test lets pass.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that shows a time.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now returns what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Pass puts it forward.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set puts it to a time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// Log keeps what is logged. It may be written and read at once.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Store is a database as the use cases want it.
type Store struct{ *store.DB }

// Write implements [fleet.Store].
func (s Store) Write(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// WriteBulk implements [fleet.Store].
func (s Store) WriteBulk(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.DB.WriteBulk(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// WriteAgain implements [fleet.Store].
func (s Store) WriteAgain(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.DB.WriteAgain(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// Keeper is a vault whose hashes of passwords cost nothing.
type Keeper struct{ *vault.Vault }

// HashPassword implements [fleet.Vault].
func (Keeper) HashPassword(_ context.Context, p string) (string, error) { return "h:" + p, nil }

// CheckPassword implements [fleet.Vault].
func (Keeper) CheckPassword(_ context.Context, hash, p string) (bool, error) {
	return hash == "h:"+p, nil
}

// NewToken implements [fleet.Vault].
func (Keeper) NewToken() string { return vault.NewToken() }

// HashToken implements [fleet.Vault].
func (Keeper) HashToken(t string) []byte { return vault.HashToken(t) }

// Freeze reads the files of a folder, for copies of it (os.CopyFS).
func Freeze(folder string) fs.FS {
	entries, err := os.ReadDir(folder)
	check(err)
	files := fstest.MapFS{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			data, err := os.ReadFile(filepath.Join(folder, e.Name()))
			check(err)
			files[e.Name()] = &fstest.MapFile{Data: data, Mode: 0o600}
		}
	}
	return files
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
