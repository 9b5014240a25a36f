package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func testBulk(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"files come back": filesRoundTrip, "jobs come back": bulkRoundTrip, "failures are kept by chunk": bulkFailures, "what is old is dropped": bulkDropped,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func (w *world) addFile(f bulk.File) bulk.File {
	w.t.Helper()
	if f.Status == "" {
		f.Status = bulk.Empty
	}
	f.CreatedAt = noon
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddFile(ctx, &f) })
	return f
}

func (w *world) addBulk(b bulk.Job) bulk.Job {
	w.t.Helper()
	b.Kind, b.CreatedAt = bulk.Kind, noon
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddBulk(ctx, &b) })
	return b
}

// content stores chunks under a new upload.
func (w *world) content(at time.Time, chunks int) (upload int64) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		if upload, err = tx.NewUpload(ctx); err != nil {
			return err
		}
		for n := range chunks {
			if err := tx.AddChunk(ctx, upload, bulk.Chunk{N: n, Data: fmt.Appendf(nil, "chunk %d", n)}, at); err != nil {
				return err
			}
		}
		return nil
	})
	return upload
}

func filesRoundTrip(w *world) {
	ctx, all := w.t.Context(), tenant.Everything()
	f := w.addFile(bulk.File{Portfolio: w.a.ID, Name: "rows", Actor: "x"})
	got, err := w.db.File(ctx, all, f.ID)
	must(w.t, err)
	same(w.t, "file", f, got)
	f.Name, f.Status, f.Upload, f.Head, f.Bytes, f.Rows, f.Chunks, f.UploadedAt = "r", bulk.Whole, w.content(noon, 2), "iccId,value", 1, 2, 3, noon
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveFile(ctx, f) })
	got, err = w.db.File(ctx, all, f.ID)
	must(w.t, err)
	same(w.t, "file", f, got)
	data, err := w.db.Chunk(ctx, f.Upload, 1)
	must(w.t, err)
	same(w.t, "chunk", "chunk 1", string(data))
	_, err = w.db.Chunk(ctx, f.Upload, 2)
	wantKind(w.t, err, fault.NotFound)

	own, other := w.addFile(bulk.File{Name: "the operator's"}), w.addFile(bulk.File{Portfolio: w.b.ID, Name: "other"})
	for _, c := range []struct {
		in   tenant.Sphere
		q    bulk.Query
		want []int64
	}{
		{all, bulk.Query{Limit: 10}, []int64{other.ID, own.ID, f.ID}}, {all, bulk.Query{Limit: 1}, []int64{other.ID}},
		{all, bulk.Query{Before: own.ID, Limit: 10}, []int64{f.ID}}, {all, bulk.Query{Portfolio: w.b.ID, Limit: 10}, []int64{other.ID}},
		{tenant.Below(w.a.Path), bulk.Query{Limit: 10}, []int64{f.ID}}, {tenant.Below(w.a1.Path), bulk.Query{Limit: 10}, nil},
	} {
		list, err := w.db.Files(ctx, c.in, c.q)
		must(w.t, err)
		var ids []int64
		for _, f := range list {
			ids = append(ids, f.ID)
		}
		same(w.t, fmt.Sprintf("%+v", c.q), c.want, ids)
	}
	if n, bytes, err := w.db.OpenFiles(ctx, w.a.ID); n != 1 || bytes != 1 || err != nil {
		w.t.Errorf("%d open files, %d bytes, %v", n, bytes, err)
	}
	if n, bytes, err := w.db.OpenFiles(ctx, w.none.ID); n != 0 || bytes != 0 || err != nil {
		w.t.Errorf("%d open files, %d bytes, %v", n, bytes, err)
	}
}

func bulkRoundTrip(w *world) {
	ctx, all := w.t.Context(), tenant.Everything()
	f := w.addFile(bulk.File{Portfolio: w.a.ID, Name: "rows"})
	b := w.addBulk(bulk.Job{Job: job.Job{Portfolio: w.a.ID, Key: "k", State: job.Setup}, Type: bulk.SetName, Name: "n", DryRun: true, File: f.ID,
		AccountKind: tenant.ServiceAccount, AccountName: "abc", Via: "simapi"})
	got, err := w.db.Bulk(ctx, all, b.ID)
	must(w.t, err)
	same(w.t, "job", b, got)
	// Its results are whole once it is over.
	result := w.addFile(bulk.File{Portfolio: w.a.ID, Name: "results", Job: b.ID})
	b.State, b.Result, b.AccountKind, b.AccountName, b.Via, b.Name = job.Running, result.ID, tenant.System, "cli", "cli", "m"
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveBulk(ctx, &b) })
	got, err = w.db.Bulk(ctx, all, b.ID)
	must(w.t, err)
	same(w.t, "job", b, got)
	for _, s := range []struct {
		state job.State
		want  bulk.Status
	}{{job.Waiting, bulk.Empty}, {job.Done, bulk.Whole}, {job.Failed, bulk.Whole}, {job.Cancelled, bulk.Whole}, {job.Paused, bulk.Empty}} {
		b.State, b.Done, b.EndedAt = s.state, 7, noon.Add(time.Hour)
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveBulk(ctx, &b) })
		if got, err := w.db.File(ctx, all, result.ID); got.Status != s.want || (s.want == bulk.Whole) != (got.Rows == 7) || err != nil {
			w.t.Errorf("while the job is %s the results are %+v, %v", s.state, got, err)
		}
	}
	other := w.addBulk(bulk.Job{Job: job.Job{Portfolio: w.b.ID, State: job.Setup}, Type: bulk.SetStatus, Name: "o", File: 99})
	for _, c := range []struct {
		q    bulk.Query
		want int64
	}{{bulk.Query{Type: bulk.SetName}, b.ID}, {bulk.Query{States: []job.State{job.Setup, job.Done}}, other.ID}, {bulk.Query{File: f.ID}, b.ID},
		{bulk.Query{Portfolio: w.b.ID}, other.ID}, {bulk.Query{Before: other.ID}, b.ID}} {
		c.q.Limit = 10
		if list, err := w.db.Bulks(ctx, all, c.q); err != nil || len(list) != 1 || list[0].ID != c.want {
			w.t.Errorf("%+v: %+v, %v", c.q, list, err)
		}
	}
	if list, err := w.db.Bulks(ctx, tenant.Below(w.a1.Path), bulk.Query{Limit: 10}); len(list) > 0 || err != nil {
		w.t.Errorf("from below: %+v, %v", list, err)
	}
}

func bulkFailures(w *world) {
	ctx := w.t.Context()
	b := w.addBulk(bulk.Job{Job: job.Job{State: job.Setup}, Type: bulk.SetStatus})
	list := []bulk.Failure{{Row: 3, Kind: fault.NotFound, Code: "sim.not_found", Message: "SIM „x“ not found"}, {Row: 9, Kind: fault.Invalid}}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		for _, n := range []int{2, 5} {
			if err := tx.SaveFailures(ctx, b.ID, n, list); err != nil {
				return err
			}
		}
		return tx.SaveFailures(ctx, b.ID, 5, list[:1])
	})
	got, err := w.db.Failures(ctx, b.ID, 2)
	must(w.t, err)
	same(w.t, "failures", list, got)
	got, err = w.db.Failures(ctx, b.ID, 5)
	must(w.t, err)
	same(w.t, "replaced", list[:1], got)
	next := func(from, want int, there bool) {
		w.t.Helper()
		if n, found, err := w.db.NextFailing(ctx, b.ID, from); n != want || found != there || err != nil {
			w.t.Errorf("from %d: %d, %t, %v", from, n, found, err)
		}
	}
	next(0, 2, true)
	next(3, 5, true)
	next(6, 0, false)
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveFailures(ctx, b.ID, 2, nil) })
	next(0, 5, true)
}

func bulkDropped(w *world) {
	ctx, all := w.t.Context(), tenant.Everything()
	old, young := noon.Add(-time.Hour), noon.Add(time.Hour)
	used := w.addFile(bulk.File{Name: "used", Status: bulk.Whole, Upload: w.content(old, 2)})
	spare := w.addFile(bulk.File{Name: "spare", Status: bulk.Whole, Upload: w.content(old, 2)})
	deleted := w.addFile(bulk.File{Name: "deleted", Status: bulk.Deleted, Upload: w.content(young, 2)})
	w.addBulk(bulk.Job{Job: job.Job{State: job.Done, EndedAt: young}, Type: bulk.SetStatus, File: deleted.ID})
	cut, fresh := w.content(old, 2), w.content(young, 1)
	b := w.addBulk(bulk.Job{Job: job.Job{State: job.Done, EndedAt: noon}, Type: bulk.SetStatus, File: used.ID})
	idle := w.addBulk(bulk.Job{Job: job.Job{State: job.Setup}, Type: bulk.SetStatus, File: 99})
	waits := w.addBulk(bulk.Job{Job: job.Job{State: job.Waiting}, Type: bulk.SetStatus, File: 99})
	result := w.addFile(bulk.File{Name: "results", Job: b.ID})
	w.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveFailures(ctx, b.ID, 0, []bulk.Failure{{Row: 1}})
	})
	drop := func(before time.Time) {
		w.write(func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.DropBulk(ctx, before, 10); err != nil {
				return err
			}
			_, err := tx.DropContents(ctx, before, noon, 10)
			return err
		})
	}
	there := func(what string, upload int64, want bool) {
		w.t.Helper()
		if _, err := w.db.Chunk(ctx, upload, 0); (err == nil) != want {
			w.t.Errorf("%s: %v", what, err)
		}
	}
	drop(noon)
	there("the used", used.Upload, true)
	there("the spare", spare.Upload, true)
	there("the cut off", cut, false)
	there("the deleted", deleted.Upload, false)
	there("what still comes", fresh, true)
	drop(noon.Add(time.Second))
	there("the used", used.Upload, false)
	there("the spare", spare.Upload, false)
	for _, id := range []int64{used.ID, spare.ID, result.ID} {
		if f, err := w.db.File(ctx, all, id); err == nil {
			w.t.Errorf("still there: %+v", f)
		}
	}
	for id, want := range map[int64]bool{b.ID: false, idle.ID: false, waits.ID: true} {
		if _, err := w.db.Bulk(ctx, all, id); (err == nil) != want {
			w.t.Errorf("job %d: %v", id, err)
		}
	}
	w.check()
}
