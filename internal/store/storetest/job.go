package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func testJobs(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"come back as they were stored": jobsRoundTrip, "are there with their transaction": jobsWithTransaction, "are claimed in order": jobsInOrder,
		"are taken over": jobsTakenOver, "keep the order of their key": jobsByKey, "are claimed once": jobsOnce, "are the tenant's": jobsOfTenants,
		"are counted and dropped": jobsDropped, "are never held twice by key": jobsNeverTwice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func (w *world) addJob(j job.Job) job.Job {
	w.t.Helper()
	if j.Kind == "" {
		j.Kind = "sweep"
	}
	if j.State == 0 {
		j.State = job.Waiting
	}
	if j.DueAt.IsZero() {
		j.DueAt = noon
	}
	j.CreatedAt = noon
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddJob(ctx, &j) })
	return j
}

func (w *world) claimJobs(n int, now time.Time) []job.Job {
	w.t.Helper()
	var out []job.Job
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = tx.ClaimJobs(ctx, "sweep", n, now, now.Add(time.Minute))
		return err
	})
	return out
}

func (w *world) lockJob(in tenant.Sphere, id int64) (j job.Job, found bool) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		j, found, err = tx.LockJob(ctx, in, id)
		return err
	})
	return j, found
}

// do carries out a verb, as a use case would.
func (w *world) do(id int64, v job.Verb, now time.Time) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		j, _, err := tx.LockJob(ctx, tenant.Everything(), id)
		if err == nil {
			err = j.Do(v, now)
		}
		if err != nil {
			return err
		}
		return tx.SaveJob(ctx, &j)
	})
}

// end has the holder end a job.
func (w *world) end(j job.Job, now time.Time) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) error {
		if err := job.Hold(ctx, tx, &j); err != nil {
			return err
		}
		j.End(nil, now)
		return tx.SaveJob(ctx, &j)
	})
}

func idsOf(jobs []job.Job) []int64 {
	out := make([]int64, len(jobs))
	for i, j := range jobs {
		out[i] = j.ID
	}
	return out
}

func jobsRoundTrip(w *world) {
	j := w.addJob(job.Job{Key: "kéy", Portfolio: w.a.ID, Payload: `{"x":"ü"}`, Total: 7})
	got, found := w.lockJob(tenant.Everything(), j.ID)
	if !found || j.Place == 0 {
		w.t.Fatalf("found %t, place %d", found, j.Place)
	}
	same(w.t, "job", j, got)
	j.State, j.Place, j.Payload, j.Cursor, j.Done, j.Failed, j.Total = job.Failed, 3, "p", "c", 4, 5, 6
	j.Attempts, j.LastError, j.DueAt, j.Lease, j.StartedAt, j.EndedAt = 7, "why", noon.Add(1), noon.UnixMicro(), noon.Add(time.Hour), noon.Add(2*time.Hour)
	j.DueAt = noon.Add(time.Minute)
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveJob(ctx, &j) })
	got, _ = w.lockJob(tenant.Everything(), j.ID)
	same(w.t, "job", j, got)
	if _, found := w.lockJob(tenant.Everything(), j.ID+1000); found {
		w.t.Error("found a job that there is not")
	}
}

func jobsWithTransaction(w *world) {
	no := errors.New("no")
	j := job.Job{Kind: "sweep", State: job.Waiting, DueAt: noon}
	if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddJob(ctx, &j); err != nil {
			return err
		}
		return no
	}); !errors.Is(err, no) {
		w.t.Fatal(err)
	}
	if got := w.claimJobs(10, noon); len(got) > 0 {
		w.t.Errorf("claimed %v of a transaction that was undone", got)
	}
	if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
		return tx.AddJob(ctx, &job.Job{Kind: "sweep", State: job.Waiting, Portfolio: ident.NewPortfolioID()})
	}); fault.KindOf(err) != fault.NotFound {
		w.t.Errorf("a job of no portfolio: %v", err)
	}
}

func jobsInOrder(w *world) {
	later, first, second := w.addJob(job.Job{DueAt: noon.Add(time.Hour)}), w.addJob(job.Job{}), w.addJob(job.Job{})
	w.addJob(job.Job{Kind: "other"})
	w.addJob(job.Job{State: job.Setup})
	w.addJob(job.Job{State: job.Paused})
	got := w.claimJobs(10, noon)
	same(w.t, "claimed", []int64{first.ID, second.ID}, idsOf(got))
	if j := got[0]; j.State != job.Running || j.Lease == 0 || !j.StartedAt.Equal(noon) || !j.DueAt.Equal(noon.Add(time.Minute)) {
		w.t.Errorf("claimed %+v", j)
	}
	stored, _ := w.lockJob(tenant.Everything(), first.ID)
	same(w.t, "stored", got[0], stored)
	if again := w.claimJobs(10, noon.Add(30*time.Second)); len(again) > 0 {
		w.t.Errorf("claimed %v during their lease", idsOf(again))
	}
	w.end(got[0], noon)
	w.end(got[1], noon)
	same(w.t, "then", []int64{later.ID}, idsOf(w.claimJobs(10, noon.Add(time.Hour))))
}

// jobsTakenOver holds that a dead holder's job goes to another, and that the
// dead one cannot touch it any more.
func jobsTakenOver(w *world) {
	w.addJob(job.Job{Key: "k"})
	first := w.claimJobs(1, noon)[0]
	if got := w.claimJobs(1, noon.Add(59*time.Second)); len(got) != 0 {
		w.t.Fatal("claimed during the lease")
	}
	second := w.claimJobs(1, noon.Add(time.Minute))
	if len(second) != 1 || second[0].Attempts != 1 || second[0].Lease == first.Lease || !second[0].StartedAt.Equal(noon) {
		w.t.Fatalf("after the lease claimed %+v", second)
	}
	err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return job.Hold(ctx, tx, &first) })
	if !errors.Is(err, job.ErrLost) {
		w.t.Errorf("the first holder: %v", err)
	}
	w.end(second[0], noon)
}

func jobsByKey(w *world) {
	one, two, three := w.addJob(job.Job{Key: "k"}), w.addJob(job.Job{Key: "k"}), w.addJob(job.Job{Key: "k"})
	other := w.addJob(job.Job{Key: "l"})
	got := w.claimJobs(10, noon)
	same(w.t, "claimed", []int64{one.ID, other.ID}, idsOf(got))
	// One that is to be tried again later keeps its place.
	w.write(func(ctx context.Context, tx *store.Tx) error {
		j := got[0]
		j.State, j.Lease, j.DueAt = job.Waiting, 0, noon.Add(time.Hour)
		return tx.SaveJob(ctx, &j)
	})
	if got := w.claimJobs(10, noon.Add(time.Second)); len(got) != 0 {
		w.t.Errorf("%v overtook", idsOf(got))
	}
	// A paused one steps out of the line, and comes back into its place.
	w.do(one.ID, job.Pause, noon)
	got = w.claimJobs(10, noon.Add(time.Second))
	same(w.t, "past the paused one", []int64{two.ID}, idsOf(got))
	w.do(one.ID, job.Resume, noon)
	if got := w.claimJobs(10, noon.Add(time.Second)); len(got) != 0 {
		w.t.Errorf("%v runs beside another of its key", idsOf(got))
	}
	// Its holder dies: what was begun goes on, before what stands first.
	got = w.claimJobs(10, noon.Add(2*time.Minute))
	same(w.t, "taken over", []int64{other.ID, two.ID}, idsOf(got))
	w.end(got[0], noon)
	w.end(got[1], noon)
	got = w.claimJobs(10, noon.Add(time.Second))
	same(w.t, "then", []int64{one.ID}, idsOf(got))
	// What is queued anew comes last.
	w.end(got[0], noon)
	w.do(one.ID, job.Again, noon)
	same(w.t, "at last", []int64{three.ID}, idsOf(w.claimJobs(10, noon.Add(time.Second))))
}

// jobsOnce has several claimers at once: each job goes to one of them.
func jobsOnce(w *world) {
	const jobs = 60
	for i := range jobs {
		w.addJob(job.Job{Key: fmt.Sprint("k", i%20)})
	}
	var mu sync.Mutex
	var all []int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 40 {
				var got []job.Job
				err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) (err error) {
					got, err = tx.ClaimJobs(ctx, "sweep", 3, noon, noon.Add(time.Hour))
					return err
				})
				if err != nil && fault.KindOf(err) != fault.Conflict {
					w.t.Error(err)
					return
				}
				if err != nil {
					continue
				}
				mu.Lock()
				all = append(all, idsOf(got)...)
				mu.Unlock()
				if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
					for _, j := range got {
						j.End(nil, noon)
						if err := tx.SaveJob(ctx, &j); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); n != jobs || len(all) != jobs {
		w.t.Errorf("%d jobs were claimed %d times", n, len(all))
	}
}

// jobsNeverTwice holds that the database itself refuses two holders of a key.
func jobsNeverTwice(w *world) {
	w.addJob(job.Job{Key: "k"})
	two := w.addJob(job.Job{Key: "k"})
	w.claimJobs(1, noon)
	two.State, two.Lease = job.Running, 99
	err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.SaveJob(ctx, &two) })
	wantKind(w.t, err, fault.Conflict)
}

func jobsOfTenants(w *world) {
	j := w.addJob(job.Job{Portfolio: w.a1.ID})
	ours := w.addJob(job.Job{})
	for _, c := range []struct {
		in         tenant.Sphere
		seen, ours bool
	}{
		{tenant.Below(w.a.Path), true, false}, {tenant.Below(w.a1.Path), true, false}, {tenant.Below(w.a2.Path), false, false},
		{tenant.Below(w.b.Path), false, false}, {tenant.Everything(), true, true}, {tenant.Sphere{}, false, false},
	} {
		if _, found := w.lockJob(c.in, j.ID); found != c.seen {
			w.t.Errorf("%v: found %t", c.in, found)
		}
		if _, found := w.lockJob(c.in, ours.ID); found != c.ours {
			w.t.Errorf("%v: the operator's: found %t", c.in, found)
		}
	}
}

func jobsDropped(w *world) {
	old, young, open := w.addJob(job.Job{Portfolio: w.a.ID}), w.addJob(job.Job{Portfolio: w.a.ID}), w.addJob(job.Job{Portfolio: w.a.ID})
	w.addJob(job.Job{Portfolio: w.a.ID, State: job.Paused})
	w.addJob(job.Job{Portfolio: w.b.ID, State: job.Setup})
	claimed := w.claimJobs(2, noon)
	depths, err := w.db.JobDepths(w.t.Context())
	must(w.t, err)
	same(w.t, "depths", []job.Depth{{Kind: "sweep", State: job.Waiting, Count: 1}, {Kind: "sweep", State: job.Running, Count: 2}}, depths)
	w.end(claimed[0], noon.Add(-48*time.Hour))
	w.end(claimed[1], noon)
	for id, want := range map[ident.PortfolioID]int64{w.a.ID: 2, w.b.ID: 1, w.a1.ID: 0, "": 0} {
		if n, err := w.db.OpenJobs(w.t.Context(), "sweep", id); n != want || err != nil {
			w.t.Errorf("%q has %d open jobs, %v", id, n, err)
		}
	}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DropJobs(ctx, "sweep", noon.Add(-24*time.Hour), 10)
		if n != 1 {
			w.t.Errorf("dropped %d", n)
		}
		return err
	})
	for id, want := range map[int64]bool{old.ID: false, young.ID: true, open.ID: true} {
		if _, found := w.lockJob(tenant.Everything(), id); found != want {
			w.t.Errorf("job %d: found %t", id, found)
		}
	}
}
