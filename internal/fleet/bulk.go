package fleet

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// BulkReader reads bulk jobs. Failures and NextFailing take what the caller has
// found in its sphere.
type BulkReader interface {
	Bulk(ctx context.Context, in tenant.Sphere, id int64) (bulk.Job, error)
	Bulks(ctx context.Context, in tenant.Sphere, q bulk.Query) ([]bulk.Job, error)
	OpenJobs(ctx context.Context, kind string, portfolio ident.PortfolioID) (int64, error)
	JobDepths(ctx context.Context) ([]job.Depth, error)
	Failures(ctx context.Context, id int64, n int) ([]bulk.Failure, error)
	NextFailing(ctx context.Context, id int64, n int) (next int, found bool, err error)
}

// BulkWriter changes bulk jobs.
type BulkWriter interface {
	job.Tx
	LockBulk(ctx context.Context, in tenant.Sphere, id int64) (bulk.Job, error)
	AddBulk(ctx context.Context, b *bulk.Job) error
	SaveBulk(ctx context.Context, b *bulk.Job) error
	SaveFailures(ctx context.Context, id int64, n int, list []bulk.Failure) error
	DropBulk(ctx context.Context, before time.Time, n int) (int64, error)
}

// BulkRope is what Options.Told hears when a bulk job is queued. No network has
// that name.
const BulkRope = "\x00" + bulk.Kind

// Codes of the faults of bulk jobs and their rows.
const (
	BulkLimit     = "job.limit"
	BulkNoneFail  = "job.nothing" // there is nothing to retry
	BulkFile      = "job.file"    // the file does not fit the job
	BulkSuspended = "bulk.suspended"
	BulkAlready   = "bulk.already"
	BulkNothing   = "bulk.nothing" // the row would change nothing
)

// MaxOpenBulks is how many bulk jobs of one portfolio may not be over.
const MaxOpenBulks = 200

// NewBulk is a bulk job to be made.
type NewBulk struct {
	Type      bulk.Type
	Name      string
	Portfolio ident.PortfolioID // its SIMs, and those below; the operator may leave it out
	File      int64
	DryRun    bool
}

// CreateBulk makes a bulk job, which waits to be started. The file may still be
// empty.
func (s *Service) CreateBulk(ctx context.Context, r Request, n NewBulk) (bulk.Job, error) {
	b := bulk.Job{Type: n.Type, Name: strings.TrimSpace(n.Name), DryRun: n.DryRun, File: n.File}
	b.Job = job.Job{Kind: bulk.Kind, Key: "portfolio " + string(n.Portfolio), Portfolio: n.Portfolio, State: job.Setup, CreatedAt: s.now()}
	acts(&b, &r)
	if err := r.Caller.Needs(tenant.JobCreate); err != nil {
		return b, err
	}
	if err := checkName("name", b.Name, maxFileName); err != nil {
		return b, err
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		if err := owner(ctx, tx, &r, n.Portfolio); err != nil {
			return err
		}
		if _, err := jobFile(ctx, tx, &r, &b); err != nil {
			return err
		}
		open, err := tx.OpenJobs(ctx, bulk.Kind, n.Portfolio)
		if err != nil {
			return err
		}
		if open >= MaxOpenBulks {
			return fault.New(fault.Exhausted, BulkLimit, "the portfolio has %d jobs that are not over; at most %d are allowed", open, MaxOpenBulks)
		}
		if err := tx.AddBulk(ctx, &b); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{bulkEvent(&r, &b, b.CreatedAt, "create")})
	})
	return b, err
}

func bulkEvent(r *Request, b *bulk.Job, at time.Time, verb string) event.Event {
	return r.event(event.JobChanged, b.Portfolio, at, event.Data{Subject: subject(b), Verb: verb})
}

func subject(b *bulk.Job) string {
	return "job " + strconv.FormatInt(b.ID, 10) + " " + string(b.Type) + " " + b.Name
}

// jobFile reads the file of a job, and holds it against the job as far as it is
// there.
func jobFile(ctx context.Context, tx Tx, r *Request, b *bulk.Job) (bulk.File, error) {
	f, err := tx.LockFile(ctx, r.Caller.Sphere, b.File)
	if err == nil {
		err = usable(&f)
	}
	switch {
	case err != nil:
		return f, err
	case f.Portfolio != b.Portfolio:
		return f, fault.New(fault.Precondition, BulkFile, "the file belongs to another portfolio than the job")
	case f.Status == bulk.Whole:
		_, err = b.Type.Check(f.Head)
	}
	return f, err
}

// Bulk returns one bulk job.
func (s *Service) Bulk(ctx context.Context, r Request, id int64) (bulk.Job, error) {
	if err := r.Caller.Needs(tenant.JobGet); err != nil {
		return bulk.Job{}, err
	}
	return s.store.Bulk(ctx, r.Caller.Sphere, id)
}

// Bulks lists bulk jobs, newest first.
func (s *Service) Bulks(ctx context.Context, r Request, q bulk.Query) ([]bulk.Job, error) {
	if err := r.Caller.Needs(tenant.JobGet); err != nil {
		return nil, err
	}
	q.Limit = limit(q.Limit)
	return s.store.Bulks(ctx, r.Caller.Sphere, q)
}

// JobDepths counts the jobs that are not over, for the operator's gauges.
func (s *Service) JobDepths(ctx context.Context) ([]job.Depth, error) { return s.store.JobDepths(ctx) }

// CommandBulk starts, pauses, resumes, cancels or retries a bulk job. A retry
// does what failed, and what was not reached, and leaves the rest. Who starts or
// retries a job is who acts in it.
func (s *Service) CommandBulk(ctx context.Context, r Request, id int64, v job.Verb) (bulk.Job, error) {
	var b bulk.Job
	if err := r.Caller.Needs(tenant.JobCreate); err != nil {
		return b, err
	}
	err := s.store.Write(ctx, func(tx Tx) (err error) {
		if b, err = tx.LockBulk(ctx, r.Caller.Sphere, id); err != nil {
			return err
		}
		if err := b.Do(v, s.now()); err != nil {
			return err
		}
		if v == job.Start || v == job.Again {
			if err := s.queue(ctx, tx, &r, &b, v); err != nil {
				return err
			}
		}
		if err := tx.SaveBulk(ctx, &b); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{bulkEvent(&r, &b, s.now(), v.String())})
	})
	if err == nil && b.State == job.Waiting {
		s.told(map[string]bool{BulkRope: true})
	}
	return b, err
}

// queue makes a job ready to run.
func (s *Service) queue(ctx context.Context, tx Tx, r *Request, b *bulk.Job, v job.Verb) error {
	f, err := jobFile(ctx, tx, r, b)
	if err == nil {
		err = readable(&f)
	}
	if err != nil {
		return err
	}
	acts(b, r)
	if v == job.Again {
		return again(b)
	}
	b.Total = f.Rows
	result := bulk.File{Portfolio: b.Portfolio, Name: cutName("Results of " + b.Name), Status: bulk.Empty, Job: b.ID, Actor: r.Caller.Actor(), CreatedAt: s.now()}
	err = tx.AddFile(ctx, &result)
	b.Result = result.ID
	return err
}

func cutName(s string) string {
	if r := []rune(s); len(r) > maxFileName {
		return string(r[:maxFileName])
	}
	return s
}

// acts makes the caller the one who acts in a job.
func acts(b *bulk.Job, r *Request) {
	b.AccountKind, b.AccountName, b.Via = r.Caller.Kind, r.Caller.Name, r.Via
}

// progress is the cursor of a bulk job: the next chunk, and in a retry where the
// chunks begin that were never reached.
type progress struct {
	Next    int  `json:"next"`
	Retry   bool `json:"retry,omitempty"`
	Reached int  `json:"reached,omitempty"`
}

func progressOf(b *bulk.Job) (p progress, err error) {
	if b.Cursor != "" {
		err = json.Unmarshal([]byte(b.Cursor), &p)
	}
	return p, err
}

func (p progress) String() string {
	text, _ := json.Marshal(p) // two numbers and a flag
	return string(text)
}

// again sends a job that is over through what failed in it.
func again(b *bulk.Job) error {
	p, err := progressOf(b)
	if err != nil {
		return err
	}
	if !p.Retry {
		p.Reached = p.Next
	}
	if b.Failed == 0 && b.Done == b.Total && b.Total > 0 {
		return fault.New(fault.Precondition, BulkNoneFail, "every row of job %d was carried out; there is nothing to retry", b.ID)
	}
	b.Cursor = progress{Retry: true, Reached: p.Reached}.String()
	b.Done, b.Failed = b.Done-b.Failed, 0
	return nil
}
