package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// TestServerGoesAway kills the server under writers. All that was acknowledged
// is there when it is back, the rest was Unavailable, and writing goes on by
// itself.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	db := open(t, store.Options{URL: cluster.URL(t)})
	addRoot(t, db)
	var mu sync.Mutex
	acked := map[string]bool{}
	failed, enough := make(chan struct{}), make(chan struct{})
	var fail, reach sync.Once
	stop, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := 0; stop.Err() == nil; i++ {
				name := fmt.Sprintf("%d-%d", g, i)
				err := db.Write(t.Context(), func(tx *store.Tx) error {
					_, err := tx.SetOnce(t.Context(), name, nil)
					return err
				})
				mu.Lock()
				if err == nil {
					acked[name] = true
				} else if fail.Do(func() { close(failed) }); fault.KindOf(err) != fault.Unavailable {
					t.Errorf("error %v, want one of kind unavailable", err)
				}
				if len(acked) > 100 {
					reach.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	if err := cluster.Kill(); err != nil {
		t.Error(err)
	}
	<-failed
	if err := cluster.Start(); err != nil {
		t.Error(err)
	}
	cancel()
	wg.Wait()
	for name := range acked {
		if _, found, err := db.Setting(t.Context(), name); !found || err != nil {
			t.Fatalf("%s was acknowledged; found %t, %v", name, found, err)
		}
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.SetOnce(t.Context(), "after", nil); return err }); err != nil {
		t.Error(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestIdleConnectionsDie holds that a restart that nobody was writing during is
// noticed by nobody.
func TestIdleConnectionsDie(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	db := open(t, store.Options{URL: cluster.URL(t)})
	var wg, all sync.WaitGroup
	all.Add(10)
	for range 10 { // at once, so that there are ten connections
		wg.Go(func() {
			if err := db.Write(t.Context(), func(*store.Tx) error { all.Done(); all.Wait(); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.SetOnce(t.Context(), fmt.Sprint(i), nil); return err }); err != nil {
			t.Error(err)
		}
	}
}

// TestDeadlock lets two transactions lock each other's SIM. Both are carried
// out: the one that loses is run again.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	root := addRoot(t, db)
	iccids := []ident.ICCID{"89440000000001", "89440000000002"}
	for _, i := range iccids {
		insert(t, db, root, i)
	}
	var both sync.WaitGroup
	both.Add(2)
	runs := make([]int, 2)
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			if err := db.Write(t.Context(), func(tx *store.Tx) error {
				runs[g]++
				for step, i := range []int{g, 1 - g} {
					if err := rename(t.Context(), tx, iccids[i]); err != nil {
						return err
					}
					if step == 0 && runs[g] == 1 {
						both.Done()
						both.Wait()
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs[0]+runs[1] < 3 {
		t.Errorf("the transactions ran %v times, want one of them again at least", runs)
	}
	for _, i := range iccids {
		if s, _, err := db.SIM(t.Context(), tenant.Everything(), i); err != nil || s.Version != 3 {
			t.Errorf("%s is at version %d, want 3; %v", i, s.Version, err)
		}
	}
}

func rename(ctx context.Context, tx *store.Tx, iccid ident.ICCID) error {
	before, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{iccid})
	if err != nil || len(before) == 0 {
		return errors.Join(err, errors.New("no SIM"))
	}
	after := before[0]
	after.Name += "x"
	return tx.Save(ctx, []sim.Change{{Before: &before[0], After: &after}})
}
