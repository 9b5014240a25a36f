// Package app is the composition root: it opens what a data folder or a
// database holds, joins the rooms, and runs the server. It is the only room
// that imports everything, and it decides nothing.
package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

// Config says where everything lies.
type Config struct {
	Data     string // folder of the embedded database, the key and what networks keep
	Database string // postgres://..., instead of the embedded database
	KeyFile  string // sealing key; secret.key in Data when empty
	Log      *slog.Logger
	Now      func() time.Time // time.Now when nil
	Rules    fleet.Rules      // the platform's own, on what networks report
}

// App is an open platform: what the server and every command share.
type App struct {
	Config
	DB    *store.DB
	Vault *vault.Vault
	Fleet *fleet.Service

	NewKey string // where a sealing key was made, when there was none

	told     *bell
	cuts     chan struct{} // rung when there are sessions to cut
	errands  *bell         // of what is to be done with SIMs once
	metrics  *metrics
	controls *controls
}

// Open opens the platform, making an empty one where there is none, and brings
// the schema up to date.
func Open(ctx context.Context, c Config) (*App, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	options := store.Options{Dir: c.Data, Log: c.Log}
	if c.Database != "" {
		options = store.Options{URL: c.Database, Log: c.Log}
	}
	db, err := store.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	a := &App{Config: c, DB: db, told: newBell(), errands: newBell(), cuts: make(chan struct{}, 1), metrics: newMetrics()}
	a.controls = &controls{a: a, open: map[string]network.Driver{}}
	if err := a.unlock(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a.Fleet = fleet.New(fleetStore{db, a.metrics}, fleet.Options{Vault: keeper{a.Vault}, Now: c.Now, Told: a.ring,
		Cut: a.ringCuts, Rules: c.Rules, Controls: a.controls, Does: does})
	if err := a.firstNetwork(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

// Close closes the database.
func (a *App) Close() error { return a.DB.Close() }

// unlock loads the sealing key, and refuses one that is not the database's: a
// second key would seal secrets that the other nodes cannot open. One is made for
// a database that has none yet, and not where the database's own is missing: it
// would lie in the place of the one that is to be put back.
func (a *App) unlock(ctx context.Context) error {
	path := a.KeyFile
	if path == "" {
		path = filepath.Join(a.Data, "secret.key")
	}
	known, found, err := a.DB.Setting(ctx, keySetting)
	if err != nil {
		return err
	}
	v, made, err := loadKey(path, found)
	if err != nil {
		return err
	}
	a.Vault = v
	if !found {
		err = a.DB.Write(ctx, func(tx *store.Tx) (err error) {
			known, err = tx.SetOnce(ctx, keySetting, v.Fingerprint())
			return err
		})
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(known, v.Fingerprint()) {
		return fault.New(fault.Precondition, "vault.key",
			"the key file %s is not the one that this database was sealed with; name the right one with --key-file or SIMURGH_KEY_FILE", path)
	}
	a.warnOfReaders(path)
	if made {
		a.NewKey = path
		a.Log.Info("a new sealing key was made; back it up, apart from the database", "file", path)
	}
	return nil
}

// warnOfReaders says that everybody on the machine can read the key, and with it every
// secret in a copy of the database.
func (a *App) warnOfReaders(path string) {
	const others = 0o007
	is, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && is.Mode().Perm()&others != 0 {
		a.Log.Warn("everybody on this machine can read the key that secrets are sealed with: run chmod o= on it", "file", path, "mode", is.Mode().Perm().String())
	}
}

// loadKey loads the key file; a missing one is made unless the database is sealed.
func loadKey(path string, sealed bool) (v *vault.Vault, made bool, err error) {
	if !sealed {
		return vault.Load(path)
	}
	v, err = vault.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fault.New(fault.Precondition, "vault.missing", "there is no key file %s, and this database was sealed with one; "+
			"put it back, or name it with --key-file or SIMURGH_KEY_FILE", path)
	}
	return v, false, err
}

const keySetting = "vault.fingerprint"

// fleetStore hands the store to fleet, which declares what it needs of it, and
// counts the operations that are committed.
type fleetStore struct {
	*store.DB
	metrics *metrics
}

func (s fleetStore) Write(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.counted(ctx, "small", s.DB.Write, fn)
}

func (s fleetStore) WriteBulk(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.counted(ctx, "bulk", s.DB.WriteBulk, fn)
}

func (s fleetStore) WriteAgain(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.counted(ctx, "again", s.DB.WriteAgain, fn)
}

func (s fleetStore) counted(ctx context.Context, lane string, write func(context.Context, func(*store.Tx) error) error, fn func(fleet.Tx) error) error {
	var seen tally
	begun := time.Now()
	err := write(ctx, func(tx *store.Tx) error {
		seen = tally{}
		return fn(countedTx{tx, &seen})
	})
	s.metrics.wrote.WithLabelValues(lane).Observe(time.Since(begun).Seconds())
	if err == nil {
		s.metrics.operated(&seen)
	}
	return err
}

// countedTx notes the operations that begin and end in a transaction.
type countedTx struct {
	*store.Tx
	seen *tally
}

type tally struct {
	begun []sim.Operation
	ended []sim.Ended
}

func (t countedTx) AddOperations(ctx context.Context, ops []sim.Operation) error {
	t.seen.begun = append(t.seen.begun, ops...)
	return t.Tx.AddOperations(ctx, ops)
}

func (t countedTx) Answered(ctx context.Context, ended []sim.Ended) error {
	t.seen.ended = append(t.seen.ended, ended...)
	return t.Tx.Answered(ctx, ended)
}

func (t countedTx) Decided(ctx context.Context, ended []sim.Ended) error {
	t.seen.ended = append(t.seen.ended, ended...)
	return t.Tx.Decided(ctx, ended)
}

// keeper hands the vault to fleet, with the hashes that need no key.
type keeper struct{ *vault.Vault }

func (keeper) HashPassword(ctx context.Context, password string) (string, error) {
	return vault.HashPassword(ctx, password)
}

func (keeper) CheckPassword(ctx context.Context, hash, password string) (bool, error) {
	return vault.CheckPassword(ctx, hash, password)
}

func (keeper) NewToken() string              { return vault.NewToken() }
func (keeper) HashToken(token string) []byte { return vault.HashToken(token) }

// bell wakes whoever waits for a network to have something to hear. Ringing
// never blocks; rings that nobody has heard yet are one.
type bell struct {
	mu    sync.Mutex
	ropes map[string]chan struct{}
}

// ring wakes whoever tells these networks something.
func (a *App) ring(networks map[string]bool) {
	a.told.ring(networks)
	a.errands.ring(networks)
}

func newBell() *bell { return &bell{ropes: map[string]chan struct{}{}} }

func (b *bell) ring(networks map[string]bool) {
	for name := range networks {
		select {
		case b.rope(name) <- struct{}{}:
		default:
		}
	}
}

func (b *bell) rope(network string) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.ropes[network]
	if c == nil {
		c = make(chan struct{}, 1)
		b.ropes[network] = c
	}
	return c
}
