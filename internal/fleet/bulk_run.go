package fleet

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// turnTime is how long a job runs before it lets others have their turn.
const turnTime = 20 * time.Second

// BulkRules are the points of bulk jobs that an operator chooses.
type BulkRules struct {
	LabelSuspended bool // rows that set an attribute of a suspended SIM are carried out; else refused with BulkSuspended
}

// BulkHandler returns what carries bulk jobs out. Each chunk of rows is done in
// one transaction with its results and the progress.
func (s *Service) BulkHandler(rules BulkRules) job.Handler {
	return func(ctx context.Context, j job.Job) error { return s.runBulk(ctx, j, rules) }
}

func (s *Service) runBulk(ctx context.Context, j job.Job, rules BulkRules) error {
	b, err := s.store.Bulk(ctx, tenant.Everything(), j.ID)
	if err != nil {
		return err
	}
	b.Job = j
	run := &bulkRun{s: s, b: b, rules: rules}
	for begun := time.Now(); ; {
		over, err := run.step(ctx)
		switch {
		case err != nil || over:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(begun) > turnTime:
			return job.Snooze(0)
		}
	}
}

// bulkRun is one bulk job under way.
type bulkRun struct {
	s     *Service
	b     bulk.Job
	rules BulkRules
	r     Request
	// in is where the job's SIMs are; what they may be moved to is the caller's
	// sphere.
	in tenant.Sphere
}

// part is a chunk to be carried out.
type part struct {
	cursor string // of the job, while this is the next part
	n      int    // -1 when there is nothing left
	next   progress
	over   bool // it is the last
	rows   []bulk.Row
	todo   []int // which of them
}

// outcome is what became of a part.
type outcome struct {
	failures []bulk.Failure
	batches  []*batch
}

// errUndone takes back what a dry run did.
var errUndone = errors.New("it was only a trial")

// step carries out the next part, and says whether it was the last.
func (run *bulkRun) step(ctx context.Context) (over bool, err error) {
	if err := run.enter(ctx); err != nil {
		return false, err
	}
	p, err := run.part(ctx)
	if err != nil {
		return false, err
	}
	var out outcome
	err = run.s.store.WriteBulk(ctx, func(tx Tx) error {
		out = outcome{}
		if mine, err := run.hold(ctx, tx, p); err != nil || !mine {
			return err
		}
		if err := run.carryOut(ctx, tx, p, &out); err != nil {
			return err
		}
		if run.b.DryRun {
			return errUndone
		}
		return run.record(ctx, tx, p, &out)
	})
	if errors.Is(err, errUndone) {
		err = run.s.store.WriteBulk(ctx, func(tx Tx) error {
			if mine, err := run.hold(ctx, tx, p); err != nil || !mine {
				return err
			}
			return run.record(ctx, tx, p, &out)
		})
		out.batches = nil
	}
	if err != nil {
		return false, err
	}
	for _, b := range out.batches {
		run.s.after(b)
	}
	return run.b.State.Over(), nil
}

// hold begins a transaction. Mine is false when the part was done before, by a
// commit of which nobody knew whether it had come about.
func (run *bulkRun) hold(ctx context.Context, tx Tx, p *part) (mine bool, err error) {
	if err := job.Hold(ctx, tx, &run.b.Job); err != nil {
		return false, err
	}
	return run.b.Cursor == p.cursor, nil
}

// enter finds out who acts, and whether they still may. It is asked before every
// part, so that an account that is closed does nothing more.
func (run *bulkRun) enter(ctx context.Context) error {
	b := &run.b
	caller := tenant.Operator(b.AccountName)
	if b.AccountKind != tenant.System {
		a, found, err := run.s.store.AccountByName(ctx, b.AccountKind, b.AccountName)
		if err != nil {
			return err
		}
		if !found || !a.Live(run.s.now()) || a.Shut() != nil || !a.May.Has(tenant.JobCreate) {
			return job.Stop(fault.New(fault.Forbidden, "job.account", "%s %s may no longer do this; somebody who may can retry the job", b.AccountKind, b.AccountName))
		}
		caller = a.Principal
	}
	run.r = Request{Caller: caller, Via: b.Via, ID: "job-" + strconv.FormatInt(b.ID, 10)}
	run.in = caller.Sphere
	if b.Portfolio == "" {
		return nil
	}
	p, err := run.s.store.Portfolio(ctx, caller.Sphere, b.Portfolio)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return job.Stop(err)
	}
	run.in = tenant.Below(p.Path)
	return err
}

// part reads the next part. Files do not change, so that this needs no
// transaction.
func (run *bulkRun) part(ctx context.Context) (*part, error) {
	b := &run.b
	f, err := run.s.store.File(ctx, tenant.Everything(), b.File)
	if err != nil {
		return nil, err
	}
	at, err := progressOf(b)
	if err != nil {
		return nil, err
	}
	p := &part{cursor: b.Cursor, n: -1, next: at}
	if at.Retry {
		n, found, err := run.s.store.NextFailing(ctx, b.ID, at.Next)
		switch {
		case err != nil:
			return nil, err
		case found && n < at.Reached:
			p.n, p.next.Next = n, n+1
		default:
			p.next = progress{Next: at.Reached}
			at = p.next
		}
	}
	if !at.Retry && at.Next < f.Chunks {
		p.n, p.next.Next = at.Next, at.Next+1
	}
	p.over = !p.next.Retry && p.next.Next >= f.Chunks
	if p.n < 0 {
		return p, nil
	}
	return p, run.read(ctx, &f, at.Retry, p)
}

// read reads the rows of a part, and which of them are to be done.
func (run *bulkRun) read(ctx context.Context, f *bulk.File, retry bool, p *part) error {
	sep, err := run.b.Type.Check(f.Head)
	if err != nil {
		return job.Stop(err)
	}
	data, err := run.s.store.Chunk(ctx, f.Upload, p.n)
	if err != nil {
		return job.Stop(err)
	}
	p.rows = run.b.Type.Rows(sep, data)
	if !retry {
		p.todo = make([]int, len(p.rows))
		for i := range p.todo {
			p.todo[i] = i
		}
		return nil
	}
	failed, err := run.s.store.Failures(ctx, run.b.ID, p.n)
	for _, f := range failed {
		p.todo = append(p.todo, f.Row)
	}
	return err
}

// record stores the results of a part with the progress.
func (run *bulkRun) record(ctx context.Context, tx Tx, p *part, out *outcome) error {
	b := &run.b
	if p.n >= 0 {
		if err := tx.SaveFailures(ctx, b.ID, p.n, out.failures); err != nil {
			return err
		}
	}
	b.Advance(p.next.String())
	b.Done, b.Failed = b.Done+int64(len(p.todo)), b.Failed+int64(len(out.failures))
	if p.over {
		now := run.s.now()
		b.End(nil, now)
		e := run.r.event(event.JobEnded, b.Portfolio, now, event.Data{Subject: subject(b), To: b.State.String(),
			Reason: strconv.FormatInt(b.Done-b.Failed, 10) + " rows carried out, " + strconv.FormatInt(b.Failed, 10) + " not"})
		if err := tx.AddEvents(ctx, []event.Event{e}); err != nil {
			return err
		}
	}
	return tx.SaveJob(ctx, &b.Job)
}

// carryOut does the rows of a part. A SIM that stands in several rows goes
// through them one after another, as they stand.
func (run *bulkRun) carryOut(ctx context.Context, tx Tx, p *part, out *outcome) error {
	errs := make(map[int]error, len(p.todo))
	var left []int
	for _, i := range p.todo {
		if err := p.rows[i].Err; err != nil {
			errs[i] = err
		} else {
			left = append(left, i)
		}
	}
	for len(left) > 0 {
		var later []int
		turn := &turn{of: make(map[ident.ICCID]int, len(left)), rows: p.rows, errs: errs}
		for _, i := range left {
			if !turn.add(i) {
				later = append(later, i)
			}
		}
		if err := run.turn(ctx, tx, turn, out); err != nil {
			return err
		}
		left = later
	}
	for _, i := range p.todo {
		if errs[i] == nil {
			continue
		}
		f, ok := bulk.NewFailure(i, errs[i])
		if !ok {
			return errs[i]
		}
		out.failures = append(out.failures, f)
	}
	return nil
}

// turn is rows of different SIMs.
type turn struct {
	iccids []ident.ICCID
	of     map[ident.ICCID]int
	rows   []bulk.Row
	errs   map[int]error
}

func (t *turn) add(i int) bool {
	iccid := t.rows[i].ICCID
	if _, there := t.of[iccid]; there {
		return false
	}
	t.of[iccid] = i
	t.iccids = append(t.iccids, iccid)
	return true
}

// value is what the row of a SIM asks for.
func (t *turn) value(iccid ident.ICCID) string { return t.rows[t.of[iccid]].Value }

func (run *bulkRun) turn(ctx context.Context, tx Tx, t *turn, out *outcome) error {
	if name := attributeOf(run.b.Type); name != "" {
		return run.labelMany(ctx, tx, name, t)
	}
	b := &batch{r: &run.r, known: newKnown(tx, run.r.Caller.Sphere), tx: tx, at: run.s.now(), rules: &run.s.rules, partly: true, within: &run.in}
	if err := b.run(ctx, t.iccids, run.choose(t)); err != nil {
		return err
	}
	for i := range b.result.Outcomes {
		o := &b.result.Outcomes[i]
		switch {
		case o.Err != nil:
			t.errs[t.of[o.ICCID]] = o.Err
		case !o.Changed:
			t.errs[t.of[o.ICCID]] = fault.New(fault.Precondition, BulkNothing, "nothing would change")
		}
	}
	out.batches = append(out.batches, b)
	return nil
}
