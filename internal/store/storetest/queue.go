package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
)

func testQueue(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"a claim is settled": claimSettled, "a lease runs out": leaseRunsOut, "commanded anew": commandedAnew, "tried again": triedAgain,
		"claimers share nothing": claimersShareNothing, "requeue": requeued, "hurry": hurried,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

var activation = sim.Command{Verb: sim.ActivateLive, Actor: "user:tester", At: noon}

// pending inserts n SIMs and activates them.
func (w *world) pending(n int) []ident.ICCID {
	w.t.Helper()
	iccids := w.insert(w.a, w.sims(n))
	for i, iccid := range iccids {
		c := activation
		c.At = noon.Add(time.Duration(i) * time.Millisecond)
		w.command(iccid, c)
	}
	return iccids
}

func (w *world) claim(n int, now time.Time) []sim.Claim {
	w.t.Helper()
	var out []sim.Claim
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = tx.Claim(ctx, "lab", n, now, now.Add(time.Minute))
		return err
	})
	return out
}

// held asks, and answers with, one transaction, as a worker does.
func (w *world) held(claims []sim.Claim, answers []sim.Answer, now time.Time) map[int64]bool {
	w.t.Helper()
	var held map[int64]bool
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		if held, err = tx.Held(ctx, claims); err != nil {
			return err
		}
		return tx.Dequeue(ctx, answers, now)
	})
	return held
}

func (w *world) depth() sim.QueueDepth {
	w.t.Helper()
	depths, err := w.db.QueueDepths(w.t.Context())
	must(w.t, err)
	if len(depths) == 0 {
		return sim.QueueDepth{}
	}
	return depths[0]
}

func agreed(claims []sim.Claim) []sim.Answer {
	out := make([]sim.Answer, len(claims))
	for i, c := range claims {
		out[i] = sim.Answer{Claim: c}
	}
	return out
}

func claimSettled(w *world) {
	iccids := w.pending(3)
	same(w.t, "depth", sim.QueueDepth{Network: "lab", Waiting: 3, Oldest: noon}, w.depth())
	if early := w.claim(10, noon.Add(-time.Second)); len(early) != 0 {
		w.t.Fatalf("claimed %d before they were due", len(early))
	}
	claims := w.claim(2, noon.Add(time.Second))
	if len(claims) != 2 || claims[0].Profile.ICCID != iccids[0] || claims[1].Profile.ICCID != iccids[1] {
		w.t.Fatalf("claimed %+v, want the two that were due first", claims)
	}
	s := w.sim(iccids[0])
	same(w.t, "profile", s.Profile(), claims[0].Profile)
	if string(claims[0].Sealed) != "sealed "+string(iccids[0]) {
		w.t.Errorf("sealed %q", claims[0].Sealed)
	}
	if rest := w.claim(10, noon.Add(time.Second)); len(rest) != 1 || rest[0].Profile.ICCID != iccids[2] {
		w.t.Fatalf("then claimed %+v, want the third alone", rest)
	}
	if held := w.held(claims, agreed(claims), noon); !held[claims[0].Profile.SIM] || !held[claims[1].Profile.SIM] {
		w.t.Errorf("held %v", held)
	}
	if d := w.depth(); d.Waiting != 1 {
		w.t.Errorf("%d wait, want 1", d.Waiting)
	}
}

func leaseRunsOut(w *world) {
	w.pending(1)
	first := w.claim(1, noon)
	if again := w.claim(1, noon.Add(59*time.Second)); len(again) != 0 {
		w.t.Fatal("claimed during the lease")
	}
	second := w.claim(1, noon.Add(time.Minute))
	if len(second) != 1 {
		w.t.Fatal("not claimed after the lease")
	}
	if held := w.held(first, agreed(first), noon); held[first[0].Profile.SIM] {
		w.t.Error("the first worker still holds it")
	}
	if d := w.depth(); d.Waiting != 1 {
		w.t.Error("the first worker ended the second one's claim")
	}
	if held := w.held(second, agreed(second), noon); !held[second[0].Profile.SIM] {
		w.t.Error("the second worker does not hold it")
	}
	if d := w.depth(); d.Waiting != 0 {
		w.t.Error("it still waits")
	}
}

// commandedAnew holds that a command during a lease waits for it, and is not
// lost with the answer to the older one.
func commandedAnew(w *world) {
	iccid := w.pending(1)[0]
	claims := w.claim(1, noon)
	w.command(iccid, sim.Command{Verb: sim.SuspendAdmin, Actor: "x", At: noon.Add(time.Second)})
	if early := w.claim(1, noon.Add(10*time.Second)); len(early) != 0 {
		w.t.Fatal("claimed during the lease")
	}
	w.held(claims, agreed(claims), noon.Add(20*time.Second))
	claims = w.claim(1, noon.Add(20*time.Second))
	if len(claims) != 1 || claims[0].Profile.Generation != 2 || claims[0].Attempts != 0 {
		w.t.Fatalf("claimed %+v, want the newer command at once", claims)
	}
}

// errNoise is what a network says that has lost its mind: far too much, in no
// alphabet. PostgreSQL takes none of that.
var errNoise = errors.New("no route \x00\xff\xfe" + strings.Repeat("noise ", 1<<20))

func triedAgain(w *world) {
	w.pending(1)
	fail := func(claims []sim.Claim, now time.Time) {
		w.held(claims, []sim.Answer{{Claim: claims[0], Err: errNoise, RetryAt: now.Add(time.Hour)}}, now)
	}
	fail(w.claim(1, noon), noon)
	same(w.t, "depth", sim.QueueDepth{Network: "lab", Waiting: 1, Failing: 1, Oldest: noon.Add(time.Hour)}, w.depth())
	if early := w.claim(1, noon.Add(59*time.Minute)); len(early) != 0 {
		w.t.Fatal("tried again too early")
	}
	again := w.claim(1, noon.Add(time.Hour))
	if len(again) != 1 || again[0].Attempts != 1 {
		w.t.Fatalf("claimed %+v, want one after one attempt", again)
	}
	w.held(again, []sim.Answer{{Claim: again[0], Err: errors.New("unknown subscriber"), Refused: true}}, noon)
	if d := w.depth(); d.Waiting != 0 {
		w.t.Error("a final refusal still waits")
	}
}

// claimersShareNothing holds that two claimers at once never get one SIM.
func claimersShareNothing(w *world) {
	const n = 60
	w.pending(n)
	var mu sync.Mutex
	seen := map[int64]int{}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for {
				var claims []sim.Claim
				err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) (err error) {
					claims, err = tx.Claim(ctx, "lab", 4, noon.Add(time.Hour), noon.Add(2*time.Hour))
					return err
				})
				if err != nil {
					w.t.Error(err)
				}
				mu.Lock()
				for _, c := range claims {
					seen[c.Profile.SIM]++
				}
				done := len(claims) == 0 && len(seen) == n
				mu.Unlock()
				if done || err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for id, times := range seen {
		if times != 1 {
			w.t.Errorf("SIM %d was claimed %d times", id, times)
		}
	}
}

// hurried makes due what waits after a failure; what a worker holds, what is due
// anyway and what waits for another network stays as it is.
func hurried(w *world) {
	w.pending(4)
	failed := w.claim(2, noon.Add(time.Hour))
	later := noon.Add(9 * time.Hour)
	answers := agreed(failed)
	for i := range answers {
		answers[i].Err, answers[i].RetryAt = errors.New("away"), later
	}
	w.held(failed, answers, noon.Add(time.Hour))
	kept := w.claim(1, noon.Add(time.Hour)) // of the two that were not tried
	now := noon.Add(time.Hour + time.Second)
	hurry := func(network string, n int) (done int64) {
		w.write(func(ctx context.Context, tx *store.Tx) (err error) {
			done, err = tx.Hurry(ctx, network, now, n)
			return err
		})
		return done
	}
	if got := hurry("other", 10); got != 0 {
		w.t.Errorf("%d SIMs of another network were hurried", got)
	}
	if first, second, third := hurry("lab", 1), hurry("lab", 10), hurry("lab", 10); first != 1 || second != 1 || third != 0 {
		w.t.Errorf("hurried %d, %d and %d SIMs", first, second, third)
	}
	if due := w.claim(10, now); len(due) != 3 || slices.ContainsFunc(due, func(c sim.Claim) bool { return c.Profile.SIM == kept[0].Profile.SIM }) {
		w.t.Errorf("%d SIMs are due, among them the one that a worker holds", len(due))
	}
}

func requeued(w *world) {
	w.pending(2)
	claims := w.claim(2, noon.Add(time.Second))
	w.held(claims, agreed(claims), noon)
	ids := []int64{claims[0].Profile.SIM, claims[1].Profile.SIM}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		sims, err := tx.LockIDs(ctx, ids)
		if err != nil {
			return err
		}
		return tx.Requeue(ctx, sims, noon.Add(time.Hour))
	})
	same(w.t, "depth", sim.QueueDepth{Network: "lab", Waiting: 2, Oldest: noon.Add(time.Hour)}, w.depth())
	again := w.claim(2, noon.Add(time.Hour))
	slices.SortFunc(again, func(a, b sim.Claim) int { return int(a.Profile.SIM - b.Profile.SIM) })
	for i, c := range again {
		if c.Profile.Generation != claims[i].Profile.Generation {
			w.t.Errorf("requeued with generation %d, want %d", c.Profile.Generation, claims[i].Profile.Generation)
		}
	}
}
