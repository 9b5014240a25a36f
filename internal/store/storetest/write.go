package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/store"
)

func testWrite(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"all commit": allCommit, "a failure undoes itself": failureUndoesItself, "cancelled before": cancelledBefore, "cancelled during": cancelledDuring,
		"read then write": readThenWrite, "bulks let others by": bulksLetOthersBy, "closed": closedDuringUse,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func set(name string) func(ctx context.Context, tx *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetOnce(ctx, name, []byte("x"))
		return err
	}
}

func (w *world) isSet(name string) bool {
	w.t.Helper()
	_, found, err := w.db.Setting(w.t.Context(), name)
	must(w.t, err)
	return found
}

func allCommit(w *world) {
	const n = 200
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := tryWrite(w.t, w.db, set(fmt.Sprint(i))); err != nil {
				w.t.Error(err)
			}
			if !w.isSet(fmt.Sprint(i)) {
				w.t.Errorf("%d was acknowledged and is not there", i)
			}
		})
	}
	wg.Wait()
}

var errMind = errors.New("changed my mind")

// failureUndoesItself mixes transactions that fail in every way with ones that
// do not.
func failureUndoesItself(w *world) {
	fails := []func(ctx context.Context, tx *store.Tx) error{
		func(context.Context, *store.Tx) error { return errMind },
		func(context.Context, *store.Tx) error { panic("out of it") },
		func(ctx context.Context, tx *store.Tx) error { return tx.AddPortfolio(ctx, w.a) },
		func(ctx context.Context, tx *store.Tx) error { // goes on after a statement has failed
			_ = tx.AddPortfolio(ctx, w.a)
			return nil
		},
	}
	var wg sync.WaitGroup
	for i := range 80 {
		wg.Go(func() {
			name := fmt.Sprint(i)
			err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
				if err := set(name)(ctx, tx); err != nil || i%2 == 0 {
					return err
				}
				return fails[i/2%len(fails)](ctx, tx)
			})
			if fine := i%2 == 0; fine != (err == nil) || fine != w.isSet(name) {
				w.t.Errorf("%d: error %v, set %t", i, err, w.isSet(name))
			}
			if i/2%len(fails) == 0 && i%2 == 1 && !errors.Is(err, errMind) {
				w.t.Errorf("error %v, want the one that was returned", err)
			}
		})
	}
	wg.Wait()
}

func cancelledBefore(w *world) {
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	for range 20 {
		err := w.db.Write(ctx, func(*store.Tx) error {
			w.t.Error("a transaction ran whose caller had gone")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			w.t.Errorf("error %v", err)
		}
		if _, err := w.db.Networks(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("reading: error %v", err)
		}
	}
}

// cancelledDuring cancels callers in mid-transaction, next to ones that stay.
// Each hears the truth about its own.
func cancelledDuring(w *world) {
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(w.t.Context())
			defer cancel()
			name := fmt.Sprint(i)
			err := w.db.Write(ctx, func(tx *store.Tx) error {
				if i%4 == 0 {
					cancel()
				}
				if err := set(name)(ctx, tx); err != nil {
					return err
				}
				if i%4 == 1 {
					cancel()
				}
				return nil
			})
			if (err == nil) != w.isSet(name) || (i%4 != 0 && err != nil) {
				w.t.Errorf("%d: error %v, set %t", i, err, w.isSet(name))
			}
		})
	}
	wg.Wait()
}

// readThenWrite holds that transactions which read before they write do not
// fail because others do the same.
func readThenWrite(w *world) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 25 {
				if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
					if _, _, err := tx.Setting(ctx, "0-0"); err != nil {
						return err
					}
					return set(fmt.Sprintf("%d-%d", g, i))(ctx, tx)
				}); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// bulksLetOthersBy holds that small writes get their turn among bulks without
// end.
func bulksLetOthersBy(w *world) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := w.db.WriteBulk(w.t.Context(), func(tx *store.Tx) error {
					return set(fmt.Sprintf("bulk %d-%d", g, i))(w.t.Context(), tx)
				}); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	for i := range 30 {
		must(w.t, tryWrite(w.t, w.db, set(fmt.Sprint(i))))
	}
	close(stop)
	wg.Wait()
}

// closedDuringUse closes the database under readers and writers: they fail with
// kind Unavailable, and what was acknowledged is no matter of chance.
func closedDuringUse(w *world) {
	w.insert(w.a, w.sims(20))
	started := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				var err error
				if g%2 == 0 {
					err = tryWrite(w.t, w.db, set(fmt.Sprintf("%d-%d", g, i)))
				} else {
					_, _, err = w.db.Setting(w.t.Context(), "x")
				}
				if err != nil {
					if fault.KindOf(err) != fault.Unavailable {
						w.t.Errorf("error %v, want one of kind unavailable", err)
					}
					return
				}
				if i == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	for range cap(started) {
		<-started
	}
	must(w.t, w.db.Close())
	wg.Wait()
	_ = w.db.Close() // a second time does no harm
}
