package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func testAdmin(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"networks": networks, "expected": expected, "quarantine": quarantine, "settings": settings, "answers": answers, "held keys": heldKeys, "one answer": oneAnswer,
		"what is well": well, "a network that is held": heldNetwork,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func networks(w *world) {
	n := plan.Network{Name: "a2", Driver: "osmohlr", Config: `{"x": "ü?"}`, Sealed: []byte{0, 1, 255}, QuarantineDays: 90, CreatedAt: noon}
	add := func(ctx context.Context, tx *store.Tx) error { return tx.AddNetwork(ctx, n) }
	w.write(add)
	wantKind(w.t, tryWrite(w.t, w.db, add), fault.Conflict)
	start := func(now, since time.Time) (ok bool) {
		w.write(func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = tx.StartReconcile(ctx, "a2", now, since)
			return err
		})
		return ok
	}
	if !start(noon, noon.Add(-time.Hour)) || start(noon.Add(time.Minute), noon.Add(-time.Hour)) || !start(noon.Add(2*time.Hour), noon.Add(time.Hour)) {
		w.t.Error("the wrong nodes reconcile")
	}
	n.ReconciledAt = noon.Add(2 * time.Hour)
	all, err := w.db.Networks(w.t.Context())
	must(w.t, err)
	same(w.t, "networks", n, all[0])

	changed := n
	changed.Config, changed.Sealed, changed.QuarantineDays = `{"y":1}`, []byte{7}, 0
	w.write(func(ctx context.Context, tx *store.Tx) error {
		also := changed
		also.Driver, also.ReconciledAt = "other", noon // are not its to change
		return tx.SaveNetwork(ctx, also)
	})
	all, err = w.db.Networks(w.t.Context())
	must(w.t, err)
	same(w.t, "the changed network", changed, all[0])
	user := func(name string) (what string) {
		w.write(func(ctx context.Context, tx *store.Tx) (err error) {
			what, err = tx.NetworkUser(ctx, name)
			return err
		})
		return what
	}
	w.insert(w.a, w.sims(1))
	if got := []string{user("lab"), user("a2")}; got[0] == "" || got[1] != "" {
		w.t.Errorf("lab has %q, a2 has %q", got[0], got[1])
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.DropNetwork(ctx, "a2") })
	all, err = w.db.Networks(w.t.Context())
	must(w.t, err)
	if len(all) != 1 || all[0].Name != "lab" {
		w.t.Errorf("the networks are %+v", all)
	}
}

// heldNetwork holds that a network which is held stays until the holder has
// ended, and that one which is removed cannot be held.
func heldNetwork(w *world) {
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.AddNetwork(ctx, plan.Network{Name: "goes", Driver: "simulated", Config: "{}"})
	})
	held, done := make(chan bool), make(chan error, 1)
	batch := w.sims(1)
	batch[0].SIM.Network = "goes"
	go func() {
		done <- w.db.WriteBulk(w.t.Context(), func(tx *store.Tx) error {
			if err := tx.HoldNetwork(w.t.Context(), "goes"); err != nil {
				return err
			}
			close(held)
			time.Sleep(100 * time.Millisecond) // the remover comes meanwhile
			return tx.Insert(w.t.Context(), w.a.ID, batch)
		})
	}()
	<-held
	var user string
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		if err = tx.LockNetwork(ctx, "goes"); err == nil {
			user, err = tx.NetworkUser(ctx, "goes")
		}
		return err
	})
	must(w.t, <-done)
	if user != "SIMs" {
		w.t.Errorf("the remover finds %q on it", user)
	}
	drop := func(ctx context.Context, tx *store.Tx) error {
		if err := tx.LockNetwork(ctx, "goes"); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond) // the holder comes meanwhile
		return tx.DropNetwork(ctx, "goes")
	}
	go func() { done <- tryWrite(w.t, w.db, drop) }()
	time.Sleep(20 * time.Millisecond)
	late := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.HoldNetwork(ctx, "goes") })
	must(w.t, <-done)
	if late != nil { // else it came first
		wantKind(w.t, late, fault.NotFound)
	}
	for _, pin := range []func(*store.Tx) error{
		func(tx *store.Tx) error { return tx.HoldNetwork(w.t.Context(), "goes") },
		func(tx *store.Tx) error { return tx.LockNetwork(w.t.Context(), "goes") },
	} {
		wantKind(w.t, tryWrite(w.t, w.db, func(_ context.Context, tx *store.Tx) error { return pin(tx) }), fault.NotFound)
	}
}

func expected(w *world) {
	batch := w.sims(5)
	batch[1].SIM.IMSI, batch[2].SIM.Network = "", "other"
	iccids := w.insert(w.a, batch)
	w.command(iccids[3], activation) // has something to hear
	got, err := w.db.Expected(w.t.Context(), "lab", "", 10)
	must(w.t, err)
	same(w.t, "expected", []sim.SIM{w.sim(iccids[0]), w.sim(iccids[4])}, got)
	got, err = w.db.Expected(w.t.Context(), "lab", batch[0].SIM.IMSI, 1)
	must(w.t, err)
	same(w.t, "expected after the first", []sim.SIM{w.sim(iccids[4])}, got)
}

func quarantine(w *world) {
	batch := w.sims(4)
	for i := range batch {
		s := batch[i].SIM
		s.Wanted.State, s.Settled.State, s.TerminatedAt = sim.Unprovisioned, sim.Unprovisioned, noon.Add(-time.Duration(i)*time.Hour)
	}
	batch[3].SIM.Wanted.State, batch[3].SIM.Settled.State = sim.Available, sim.Available
	w.insert(w.a, batch)
	ids, err := w.db.QuarantineOver(w.t.Context(), "lab", noon.Add(-time.Hour), 10)
	must(w.t, err)
	if !slices.Equal(ids, []int64{batch[2].SIM.ID, batch[1].SIM.ID}) {
		w.t.Errorf("over for %v", ids)
	}
}

// settings holds that the first of many callers sets a fact, and all hear what
// it set.
func settings(w *world) {
	if _, found, err := w.db.Setting(w.t.Context(), "key"); found || err != nil {
		w.t.Errorf("found %t, %v before it was set", found, err)
	}
	got := make([]string, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
				v, err := tx.SetOnce(ctx, "key", fmt.Append(nil, i))
				got[i] = string(v)
				return err
			}); err != nil {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
	v, found, err := w.db.Setting(w.t.Context(), "key")
	must(w.t, err)
	for _, g := range got {
		if !found || g != string(v) {
			w.t.Fatalf("callers heard %q, and %q is set", got, v)
		}
	}
}

// held keys are taken before there is an answer.
func heldKeys(w *world) {
	ctx, until := w.t.Context(), noon.Add(time.Minute)
	hold := func(key string, now time.Time) error {
		return tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
			return tx.HoldKey(ctx, "user:x", key, []byte("asked"), now.Add(time.Minute), now, now.Add(time.Hour))
		})
	}
	look := func(key string, answer string, held time.Time, found bool) {
		w.t.Helper()
		_, a, h, f, err := w.db.StoredAnswer(ctx, "user:x", key, noon.Add(30*time.Minute))
		if string(a) != answer || !h.Equal(held) || f != found || err != nil {
			w.t.Errorf("%s: %q, held until %s, %t, %v", key, a, h, f, err)
		}
	}
	must(w.t, hold("k", noon))
	wantKind(w.t, hold("k", until), fault.Conflict) // over, and not free
	look("k", "", until, true)
	change := func(do func(ctx context.Context, tx *store.Tx) error) { w.write(do) }
	change(func(ctx context.Context, tx *store.Tx) error {
		return tx.FreeKey(ctx, "user:x", "k", until.Add(time.Second))
	})
	change(func(ctx context.Context, tx *store.Tx) error { return tx.FreeKey(ctx, "user:y", "k", until) })
	change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AnswerHeld(ctx, "user:x", "k", until.Add(time.Second), []byte("another's"))
	})
	look("k", "", until, true)
	change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AnswerHeld(ctx, "user:x", "k", until, []byte("answer"))
	})
	look("k", "answer", time.Time{}, true)
	change(func(ctx context.Context, tx *store.Tx) error { return tx.FreeKey(ctx, "user:x", "k", until) })
	look("k", "answer", time.Time{}, true) // what is answered stays
	must(w.t, hold("l", noon))
	change(func(ctx context.Context, tx *store.Tx) error { return tx.FreeKey(ctx, "user:x", "l", until) })
	look("l", "", time.Time{}, false)
	must(w.t, hold("k", noon.Add(time.Hour))) // when its time is over
}

func answers(w *world) {
	ctx := w.t.Context()
	keep := func(key, answer string, now time.Time) error {
		return tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
			return tx.StoreAnswer(ctx, "user:x", key, []byte("asked"), []byte(answer), now, now.Add(time.Hour))
		})
	}
	must(w.t, keep("k", "first", noon))
	wantKind(w.t, keep("k", "second", noon.Add(59*time.Minute)), fault.Conflict)
	asked, answer, held, found, err := w.db.StoredAnswer(ctx, "user:x", "k", noon.Add(59*time.Minute))
	if string(asked) != "asked" || string(answer) != "first" || !found || !held.IsZero() || err != nil {
		w.t.Errorf("stored %q for %q, %t, %v", answer, asked, found, err)
	}
	for _, none := range []struct {
		principal, key string
		at             time.Time
	}{{"user:y", "k", noon}, {"user:x", "K", noon}, {"user:x", "k", noon.Add(time.Hour)}} {
		if _, _, _, found, err := w.db.StoredAnswer(ctx, none.principal, none.key, none.at); found || err != nil {
			w.t.Errorf("found %+v, %v", none, err)
		}
	}
	must(w.t, keep("k", "second", noon.Add(time.Hour)))
	must(w.t, keep("l", "third", noon.Add(time.Hour)))
	for _, want := range []int64{0, 1, 1, 0} {
		at := noon.Add(time.Hour)
		if want > 0 {
			at = noon.Add(2 * time.Hour)
		}
		w.write(func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.DropExpired(ctx, at, 1)
			if n != want {
				w.t.Errorf("dropped %d, want %d", n, want)
			}
			return err
		})
	}
}

// oneAnswer holds that of many callers with one key one is carried out, and
// the others leave nothing behind.
func oneAnswer(w *world) {
	iccid := w.insert(w.a, w.sims(1))[0]
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
				before, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{iccid})
				if err != nil {
					return err
				}
				after := before[0]
				after.Group = fmt.Sprint("g", i)
				if err := tx.Save(ctx, []sim.Change{{Before: &before[0], After: &after}}); err != nil {
					return err
				}
				return tx.StoreAnswer(ctx, "user:x", "k", nil, []byte(after.Group), noon, noon.Add(time.Hour))
			})
			if err == nil {
				won.Add(1)
			} else if fault.KindOf(err) != fault.Conflict {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
	_, answer, _, _, err := w.db.StoredAnswer(w.t.Context(), "user:x", "k", noon)
	must(w.t, err)
	if won.Load() != 1 || w.sim(iccid).Group != string(answer) || w.sim(iccid).Version != 2 {
		w.t.Errorf("%d callers won, the group is %q, the answer %q", won.Load(), w.sim(iccid).Group, answer)
	}
	w.check()
}

// well covers what says that all is well.
func well(w *world) {
	must(w.t, w.db.Ping(w.t.Context()))
	have, newest, err := w.db.Version(w.t.Context())
	if err != nil || have != newest || have == 0 {
		w.t.Errorf("version %d of %d, %v", have, newest, err)
	}
	must(w.t, w.db.Migrate(w.t.Context()))
	if name := w.db.EngineName(); name != "sqlite" && name != "postgres" {
		w.t.Errorf("engine %q", name)
	}
	w.check()
}
