package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type queue struct{ *store.DB }

func (q queue) Write(ctx context.Context, fn func(job.Tx) error) error {
	return q.DB.Write(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// toil is a worker of bulk jobs that the test leads step by step.
func (w *world) toil() *job.Worker {
	return &job.Worker{Kind: bulk.Kind, Handler: w.BulkHandler(fleet.BulkRules{}), Store: queue{w.db}, Now: w.clock.Now, Settings: job.Settings{Backoff: time.Nanosecond}}
}

// account stores a program of a portfolio, which can queue jobs.
func (w *world) account(p tenant.Portfolio, role string) (fleet.Request, tenant.Member) {
	m, _, err := w.CreateServiceAccount(w.t.Context(), w.op, fleet.NewServiceAccount{Portfolio: p.ID, Role: role, Detail: tenant.Detail{Email: "x@y"}})
	w.must(err)
	m = got(w.Member(w.t.Context(), w.op, p.ID, m.ID))(w.t)
	return fleet.Request{Caller: m.Principal, Via: "simapi", ID: "req-9"}, m
}

// file uploads lines below the usual header.
func (w *world) file(r fleet.Request, p ident.PortfolioID, lines ...string) bulk.File {
	w.t.Helper()
	f := got(w.CreateFile(w.t.Context(), r, "rows.csv", p))(w.t)
	return got(w.Upload(w.t.Context(), r, f.ID, strings.NewReader("iccId,value\n"+strings.Join(lines, "\n"))))(w.t)
}

func (w *world) bulk(r fleet.Request, t bulk.Type, p ident.PortfolioID, lines ...string) bulk.Job {
	w.t.Helper()
	f := w.file(r, p, lines...)
	b := got(w.CreateBulk(w.t.Context(), r, fleet.NewBulk{Type: t, Name: "job", Portfolio: p, File: f.ID}))(w.t)
	return got(w.CommandBulk(w.t.Context(), r, b.ID, job.Start))(w.t)
}

// ran runs a job to its end and returns what became of each row: nothing, or the
// code why not.
func (w *world) ran(r fleet.Request, b bulk.Job) (bulk.Job, []string) {
	w.t.Helper()
	for range 20 {
		got(w.toil().Step(w.t.Context()))(w.t)
		if b = got(w.Bulk(w.t.Context(), r, b.ID))(w.t); b.State.Over() {
			break
		}
	}
	return b, w.results(r, b)
}

func (w *world) results(r fleet.Request, b bulk.Job) []string {
	w.t.Helper()
	var out []string
	w.must(w.BulkResults(w.t.Context(), r, b.ID, func(row fleet.RowResult) error {
		code := ""
		if row.Failure != nil {
			code = row.Failure.Code
		}
		out = append(out, code)
		return nil
	}))
	return out
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func row(iccid ident.ICCID, value any) string { return fmt.Sprintf("%s,%v", iccid, value) }

// Each type does to its rows what a request on one SIM would, and says why not.
func TestBulkTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	child := got(w.CreatePortfolio(t.Context(), w.op, fleet.NewPortfolio{Name: "C", Parent: w.a.ID}))(t)
	w.link(w.auto.ID, child.ID, 0)
	a, theirs := w.stock(w.a, w.auto, 0, 6), w.stock(w.b, w.auto, 100, 1)[0]
	r, _ := w.account(w.a, "engineer")
	w.apply(w.op, sim.ActivateLive, a[1], a[2])
	w.apply(w.op, sim.SuspendCustomer, a[2])
	w.apply(w.op, sim.SuspendAdmin, a[3])
	missing := iccid(999)
	for _, c := range []struct {
		kind bulk.Type
		rows []string
		want []string
	}{
		{bulk.SetStatus, []string{row(a[0], "active"), row(a[1], "active"), row(a[2], "available"), row(theirs, "active"), row(missing, "active"), row(a[4], "Active"), "x,active", "1,2,3", row(a[0], "available"), row(a[0], "active")},
			[]string{"", fleet.BulkAlready, fleet.BulkSuspended, "sim.not_found", "sim.not_found", "invalid.value", "invalid.iccid", "invalid.row", "", ""}},
		{bulk.SetSuspended, []string{row(a[1], "yes"), row(a[1], "yes"), row(a[2], "no"), row(a[2], "no"), row(a[3], "yes"), row(a[3], "no"), row(a[1], "no"), row(a[1], "maybe")},
			[]string{"", fleet.BulkAlready, "", fleet.BulkAlready, fleet.BulkSuspended, fleet.BulkSuspended, "", "invalid.value"}},
		{bulk.SetPackage, []string{row(a[4], w.manual.ID), row(a[4], w.manual.ID), row(a[3], w.manual.ID), row(a[5], 4711), row(a[5], "")},
			[]string{"", fleet.BulkNothing, fleet.BulkSuspended, "package.not_found", "invalid.value"}},
		{bulk.SetPortfolio, []string{row(a[5], child.ID), row(a[5], w.a.ID), row(a[5], w.a.ID), row(a[5], w.b.ID), row(a[5], "x")},
			[]string{"", "", fleet.BulkNothing, "portfolio.not_found", "invalid.portfolioId"}},
		{bulk.SetName, []string{row(a[0], "Pump 1"), row(a[0], "Pump 2"), row(a[1], ""), row(a[3], "x"), `"` + string(a[2]) + `","a, b"`, string(a[2]) + `,"a`},
			[]string{"", "", "", fleet.BulkSuspended, "invalid.value", "invalid.row"}},
		{bulk.SetOrderID, []string{row(a[0], "5791"), row(a[0], "5792"), row(a[1], ""), row(theirs, 1), fmt.Sprintf(`%s,"a ""b"", c"`, a[2])},
			[]string{"", "", "", "sim.not_found", ""}},
	} {
		b, codes := w.ran(r, w.bulk(r, c.kind, w.a.ID, c.rows...))
		failed := 0
		for _, code := range c.want {
			if code != "" {
				failed++
			}
		}
		equal(t, string(c.kind), codes, c.want)
		equal(t, string(c.kind), []any{b.State, b.Done, b.Failed, b.Total}, []any{job.Done, len(c.rows), failed, len(c.rows)})
	}
	if s := got(w.SIM(t.Context(), r, a[0]))(t); s.Name != "Pump 2" || s.Wanted.State != sim.Provisioning {
		t.Errorf("SIM 0 is %+v", s)
	}
	all := got(w.AttributesOf(t.Context(), r, fleet.SIMAttributes{ICCID: a[2]}, false))(t)
	equal(t, "attributes", all[len(all)-1].Value, `a "b", c`)
	if s := got(w.SIM(t.Context(), w.op, theirs))(t); s.Version != 1 {
		t.Errorf("another's SIM was touched: %+v", s)
	}
	w.must(w.db.Check(t.Context()))
}

// A trial says what would become of every row, and changes nothing.
func TestBulkDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stock(w.a, w.auto, 0, 3)
	f := w.file(w.op, w.a.ID, row(a[0], "active"), row(a[0], "active"), row(a[1], "available"), row(a[2], "active"))
	b := got(w.CreateBulk(t.Context(), w.op, fleet.NewBulk{Type: bulk.SetStatus, Name: "try", Portfolio: w.a.ID, File: f.ID, DryRun: true}))(t)
	b, codes := w.ran(w.op, got(w.CommandBulk(t.Context(), w.op, b.ID, job.Start))(t))
	equal(t, "results", codes, []string{"", fleet.BulkAlready, fleet.BulkAlready, ""})
	equal(t, "job", []any{b.State, b.Done, b.Failed}, []any{job.Done, 4, 2})
	for _, i := range a {
		if s := got(w.SIM(t.Context(), w.op, i))(t); s.Version != 1 {
			t.Errorf("%s was changed: %+v", i, s)
		}
	}
	if n := w.network(nil); n != 0 || w.told["lab"] != 0 {
		t.Errorf("%d SIMs wait for the network", n)
	}
}

// A retry does what failed, and what was not reached, and nothing twice.
func TestBulkRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stock(w.a, w.auto, 0, 3)
	r, m := w.account(w.a, "engineer")
	w.apply(w.op, sim.SuspendAdmin, a[1])
	b, codes := w.ran(r, w.bulk(r, bulk.SetStatus, w.a.ID, row(a[0], "active"), row(a[1], "active"), row(a[2], "active")))
	equal(t, "at first", codes, []string{"", fleet.BulkSuspended, ""})
	if f := got(w.File(t.Context(), r, b.Result))(t); f.Status != bulk.Whole || f.Rows != 3 {
		t.Errorf("the results are %+v", f)
	}
	w.apply(w.op, sim.ResumeAdmin, a[1])
	b = got(w.CommandBulk(t.Context(), r, b.ID, job.Again))(t)
	equal(t, "asked again", []any{b.State, b.Done, b.Failed}, []any{job.Waiting, 2, 0})
	if f := got(w.File(t.Context(), r, b.Result))(t); f.Status != bulk.Empty {
		t.Errorf("meanwhile the results are %+v", f)
	}
	b, codes = w.ran(r, b)
	equal(t, "at last", codes, []string{"", "", ""})
	equal(t, "job", []any{b.State, b.Done, b.Failed}, []any{job.Done, 3, 0})
	for _, i := range a {
		ops := got(w.Operations(t.Context(), w.op, sim.OperationQuery{ICCID: i}))(t)
		active := 0
		for _, o := range ops {
			if o.Verb == sim.ActivateLive {
				active++
			}
		}
		if active != 1 || ops[0].Via != "simapi" && ops[0].Via != "cli" {
			t.Errorf("%s has %d activations", i, active)
		}
	}
	_, err := w.CommandBulk(t.Context(), r, b.ID, job.Again)
	equal(t, "nothing failed", fault.CodeOf(err), fleet.BulkNoneFail)

	// An account that is closed does nothing more; another takes over.
	c := w.bulk(r, bulk.SetStatus, w.a.ID, row(a[0], "available"))
	gone := true
	got(w.ChangeMember(t.Context(), w.op, w.a.ID, m.ID, fleet.MemberChange{Disabled: &gone}))(t)
	c, codes = w.ran(w.op, c)
	equal(t, "a closed account", []any{c.State, len(codes)}, []any{job.Failed, 0})
	if !strings.Contains(c.LastError, "may no longer do this") {
		t.Errorf("the reason is %q", c.LastError)
	}
	c, codes = w.ran(w.op, got(w.CommandBulk(t.Context(), w.op, c.ID, job.Again))(t))
	equal(t, "taken over", []any{c.State, codes}, []any{job.Done, []string{""}})
}

// A job of many chunks can be stopped between any two, and goes on there.
func TestBulkPauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 3500
	a := w.stock(w.a, w.auto, 0, n)
	lines := make([]string, n)
	for i, iccid := range a {
		lines[i] = row(iccid, "active")
	}
	b := w.bulk(w.op, bulk.SetStatus, w.a.ID, lines...)
	// The handler is stopped after its first chunk by pausing the job from within.
	slow := w.toil()
	slow.Handler = func(ctx context.Context, j job.Job) error {
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			for range 500 {
				if at, err := w.Bulk(ctx, w.op, b.ID); err == nil && at.Done > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			_, _ = w.CommandBulk(context.WithoutCancel(ctx), w.op, b.ID, job.Pause)
			cancel()
		}()
		return w.BulkHandler(fleet.BulkRules{})(ctx, j)
	}
	got(slow.Step(t.Context()))(t)
	b = got(w.Bulk(t.Context(), w.op, b.ID))(t)
	if b.State != job.Paused || b.Done == 0 || b.Done == n || b.Done%1000 != 0 {
		t.Fatalf("paused as %+v", b.Job)
	}
	equal(t, "results so far", len(w.results(w.op, b)), b.Done)
	if ran := got(w.toil().Step(t.Context()))(t); ran {
		t.Error("a paused job ran")
	}
	got(w.CommandBulk(t.Context(), w.op, b.ID, job.Cancel))(t)
	if f := got(w.File(t.Context(), w.op, b.Result))(t); f.Status != bulk.Whole || f.Rows != b.Done {
		t.Errorf("after the cancellation the results are %+v", f)
	}
	b, codes := w.ran(w.op, got(w.CommandBulk(t.Context(), w.op, b.ID, job.Again))(t))
	equal(t, "job", []any{b.State, b.Done, b.Failed, len(codes)}, []any{job.Done, n, 0, n})
	ops := got(w.Tallies(t.Context(), w.op))(t)
	equal(t, "tallies", len(ops), 1)
	if claims := w.network(nil); claims != 1000 {
		t.Errorf("the network hears of %d", claims)
	}
}

// What does not fit is refused before anything is queued.
func TestBulkRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	r, _ := w.account(w.a, "engineer")
	viewer, _ := w.account(w.a, "viewer")
	other, _ := w.account(w.b, "engineer")
	a := w.stock(w.a, w.auto, 0, 1)[0]
	code := func(what string, err error, want string) {
		t.Helper()
		if fault.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	empty := got(w.CreateFile(ctx, r, "empty", w.a.ID))(t)
	f := w.file(r, w.a.ID, row(a, "active"))
	_, err := w.Upload(ctx, r, f.ID, strings.NewReader("iccId,value\n1,2\n"))
	code("uploaded twice", err, fleet.FileUploaded)
	_, err = w.Upload(ctx, r, empty.ID, failing{})
	if err == nil || got(w.File(ctx, r, empty.ID))(t).Status != bulk.Empty {
		t.Errorf("a broken upload: %v", err)
	}
	for name, c := range map[string]struct {
		r    fleet.Request
		n    fleet.NewBulk
		want string
	}{
		"no permission":       {viewer, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.a.ID, File: f.ID}, "permission.jobCreate"},
		"another's portfolio": {r, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.b.ID, File: f.ID}, "portfolio.not_found"},
		"no portfolio":        {r, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", File: f.ID}, "portfolio.not_found"},
		"another's file":      {other, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.b.ID, File: f.ID}, "file.not_found"},
		"a file elsewhere":    {w.op, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.b.ID, File: f.ID}, fleet.BulkFile},
		"no file":             {r, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.a.ID, File: 4711}, "file.not_found"},
		"no name":             {r, fleet.NewBulk{Type: bulk.SetStatus, Portfolio: w.a.ID, File: f.ID}, "invalid.name"},
	} {
		_, err := w.CreateBulk(ctx, c.r, c.n)
		code(name, err, c.want)
	}
	b := got(w.CreateBulk(ctx, r, fleet.NewBulk{Type: bulk.SetStatus, Name: "x", Portfolio: w.a.ID, File: empty.ID}))(t)
	_, err = w.CommandBulk(ctx, r, b.ID, job.Start)
	code("an empty file", err, fleet.FileEmpty)
	code("a file in use", w.DeleteFile(ctx, r, empty.ID), fleet.FileInUse)
	_, err = w.Upload(ctx, r, empty.ID, strings.NewReader("iccId,packageId\n1,2\n"))
	w.must(err)
	_, err = w.CommandBulk(ctx, r, b.ID, job.Start)
	code("a file of another template", err, "invalid.file")
	_, err = w.CommandBulk(ctx, other, b.ID, job.Cancel)
	code("another's job", err, "job.not_found")
	_, err = w.Bulk(ctx, other, b.ID)
	code("another's job", err, "job.not_found")
	code("another's results", w.BulkResults(ctx, other, b.ID, nil), "job.not_found")
	if list := got(w.Bulks(ctx, other, bulk.Query{}))(t); len(list) > 0 {
		t.Errorf("another sees %+v", list)
	}
	got(w.CommandBulk(ctx, r, b.ID, job.Cancel))(t)
	_, err = w.CommandBulk(ctx, r, b.ID, job.Cancel)
	code("cancelled twice", err, job.Already)
	spare := got(w.CreateFile(ctx, r, "spare", w.a.ID))(t)
	w.must(w.DeleteFile(ctx, r, spare.ID))
	code("deleted twice", w.DeleteFile(ctx, r, spare.ID), fleet.FileDeleted)
}

// A file can go before its time: the results of its jobs go with it.
func TestBulkFileIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a := w.stock(w.a, w.auto, 0, 1)[0]
	b, _ := w.ran(w.op, w.bulk(w.op, bulk.SetStatus, w.a.ID, row(a, "x")))
	w.must(w.DeleteFile(ctx, w.op, b.File))
	err := w.BulkResults(ctx, w.op, b.ID, func(fleet.RowResult) error { return nil })
	if fault.CodeOf(err) != fleet.FileDeleted {
		t.Errorf("the results: %v", err)
	}
	if _, err := w.CommandBulk(ctx, w.op, b.ID, job.Again); fault.CodeOf(err) != fleet.FileDeleted {
		t.Errorf("a retry: %v", err)
	}
	f := got(w.File(ctx, w.op, b.File))(t)
	w.must(w.DropOld(ctx))
	if _, err := w.db.Chunk(ctx, f.Upload, 0); err == nil {
		t.Error("the content is still there")
	}
	got(w.Bulk(ctx, w.op, b.ID))(t)
}

// Of two uploads to one file at once one is taken, whole.
func TestTwoUploadsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := got(w.CreateFile(t.Context(), w.op, "rows", w.a.ID))(t)
	var errs [4]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = w.Upload(t.Context(), w.op, f.ID, strings.NewReader("iccId,value\n"+strings.Repeat(fmt.Sprintf("%d,x\n", i), 5000)))
		})
	}
	all.Wait()
	taken := -1
	for i, err := range errs {
		if err == nil && taken >= 0 || err != nil && fault.CodeOf(err) != fleet.FileUploaded {
			t.Errorf("upload %d: %v", i, err)
		} else if err == nil {
			taken = i
		}
	}
	var b strings.Builder
	w.must(w.Content(t.Context(), w.op, f.ID, &b))
	if b.String() != "iccId,value\n"+strings.Repeat(fmt.Sprintf("%d,x\n", taken), 5000) {
		t.Errorf("upload %d was taken, and reads %.40q", taken, b.String())
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the line went dead") }

// What is over is kept for a while, and goes with everything of it.
func TestBulkIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a := w.stock(w.a, w.auto, 0, 1)[0]
	b, _ := w.ran(w.op, w.bulk(w.op, bulk.SetStatus, w.a.ID, row(a, "x")))
	unused, waiting := w.file(w.op, w.a.ID, "1,2"), w.bulk(w.op, bulk.SetStatus, w.a.ID, row(a, "active"))
	w.clock.Pass(fleet.JobLife - time.Hour)
	w.must(w.DropOld(ctx))
	got(w.Bulk(ctx, w.op, b.ID))(t)
	w.clock.Pass(2 * time.Hour)
	w.must(w.DropOld(ctx))
	for _, id := range []int64{b.File, b.Result, unused.ID} {
		if f, err := w.File(ctx, w.op, id); fault.CodeOf(err) != "file.not_found" {
			t.Errorf("still there: %+v, %v", f, err)
		}
	}
	if _, err := w.Bulk(ctx, w.op, b.ID); fault.CodeOf(err) != "job.not_found" {
		t.Errorf("the job: %v", err)
	}
	if _, codes := w.ran(w.op, waiting); len(codes) != 1 || codes[0] != "" {
		t.Errorf("the one that waited: %v", codes)
	}
}

// link offers a package, as suspended as that.
func (w *world) link(pkg int64, to ident.PortfolioID, suspended tenant.Suspension) {
	w.t.Helper()
	_, err := w.LinkPackage(w.t.Context(), w.op, pkg, to, func(l *plan.Link, _ bool) error {
		l.Suspended = tenant.Suspensions(suspended)
		return nil
	})
	w.must(err)
}
