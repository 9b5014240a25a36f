// Package simulated is a network that lives in one file: it takes subscribers,
// bars them, forgets them and refuses them as a real one does, and it can be
// told to be slow, to fail, to refuse and to go away. It is what a fresh
// installation runs on and what tests break.
//
// Several processes may have the same file open. What one of them changes,
// subscribers and [Settings] alike, holds for all of them at once.
//
// It knows profiles and nothing of what they are for. It keeps no keys.
package simulated

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Network is one simulated network. It implements [network.Driver] and
// [network.Lister].
type Network struct {
	read  *sql.DB // several connections that cannot write
	write *sql.DB // one connection: batches of this process queue here, not on the file's lock
	statements

	salt    []byte // of the key fingerprints; part of the file
	now     func() time.Time
	random  func() float64 // in [0, 1); safe for concurrent use
	obeyed  atomic.Pointer[rules]
	closing sync.Once
	closed  chan struct{}
}

var (
	_ network.Driver = (*Network)(nil)
	_ network.Lister = (*Network)(nil)
)

// Option adjusts how a network is opened. It is not kept in the file; what
// holds for everyone who has it open is in [Settings].
type Option func(*options)

type options struct {
	now    func() time.Time
	random func() float64
	busy   time.Duration
}

// WithClock sets the clock that dates the changes; time.Now by default.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.now = now }
}

// WithRand sets the source that jitter and failures are drawn from, so that a
// seed repeats them. The network serialises its use.
func WithRand(r *rand.Rand) Option {
	var mu sync.Mutex
	return func(o *options) {
		o.random = func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return r.Float64()
		}
	}
}

// WithBusyTimeout sets how long a batch waits while another process writes,
// before it fails with an error that may be retried; 20 seconds by default.
func WithBusyTimeout(d time.Duration) Option {
	return func(o *options) { o.busy = d }
}

// Open opens the network in the file at path. A missing file is made, with
// default [Settings] and no subscribers; its folder must exist.
func Open(path string, opts ...Option) (*Network, error) {
	o := options{now: time.Now, random: rand.Float64, busy: 20 * time.Second}
	for _, opt := range opts {
		opt(&o)
	}
	ctx := context.Background() // a local file: opening it is not waited for
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("simulated network: %w", err)
	}
	if err := create(ctx, path); err != nil {
		return nil, fmt.Errorf("simulated network %s: %w", path, err)
	}
	n := &Network{now: o.now, random: o.random, closed: make(chan struct{})}
	if err := n.open(ctx, path, o.busy); err != nil {
		return nil, errors.Join(fmt.Errorf("simulated network %s: %w", path, err), n.Close())
	}
	return n, nil
}

func (n *Network) open(ctx context.Context, path string, busy time.Duration) error {
	var err error
	if n.write, err = sql.Open("sqlite", source(path, busy)); err != nil {
		return err
	}
	n.write.SetMaxOpenConns(1)
	if n.read, err = sql.Open("sqlite", source(path, busy, "query_only(1)")); err != nil {
		return err
	}
	n.read.SetMaxOpenConns(4)
	n.read.SetMaxIdleConns(4)

	if n.salt, err = identify(ctx, n.write); err != nil {
		return err
	}
	if _, err := n.write.ExecContext(ctx, errands); err != nil {
		return err
	}
	return n.prepare(ctx, n.read, n.write)
}

// Close releases the file. A call that a silent outage or the latency holds
// ends with an error. Closing twice is harmless.
func (n *Network) Close() error {
	var errs []error
	n.closing.Do(func() {
		close(n.closed)
		for _, db := range []*sql.DB{n.read, n.write} {
			if db != nil {
				errs = append(errs, db.Close())
			}
		}
	})
	return errors.Join(errs...)
}

// unreachable is what a caller hears when the network does not answer.
func unreachable(cause error) error {
	return fault.New(fault.Unavailable, "network.unreachable", "the network does not answer").Because(cause)
}

// unusable is what a caller hears when the file does not let it through:
// another process holds it for too long, the disk is full; or its own context
// has ended, which the file reports in several ways.
func unusable(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return unreachable(err)
	}
	return fault.New(fault.Unavailable, "network.busy", "the network cannot take this now").Because(cause)
}
