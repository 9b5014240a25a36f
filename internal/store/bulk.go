package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const bulkSelect = "SELECT " + jobColumns + `, b.type, b.name, b.dry_run, b.file_id, b.result_id, b.account_kind, b.account_name, b.via
FROM bulk b JOIN job j ON j.id = b.job_id LEFT JOIN portfolio p ON p.no = j.portfolio_no`

func scanBulk(rows rowScanner) (bulk.Job, error) {
	var b bulk.Job
	var dry int64
	err := scanJob(rows, &b.Job, &b.Type, &b.Name, &dry, &b.File, &b.Result, &b.AccountKind, &b.AccountName, &b.Via)
	b.DryRun = dry != 0
	return b, err
}

// Bulk returns one bulk job, or a NotFound fault when it is missing or outside
// the sphere.
func (r reader) Bulk(ctx context.Context, in tenant.Sphere, id int64) (bulk.Job, error) {
	return r.bulk(ctx, in, id, "")
}

// LockBulk is Bulk, and nobody else changes the job until the transaction ends.
func (tx *Tx) LockBulk(ctx context.Context, in tenant.Sphere, id int64) (bulk.Job, error) {
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE OF j"
	}
	return tx.bulk(ctx, in, id, lock)
}

func (r reader) bulk(ctx context.Context, in tenant.Sphere, id int64, lock string) (b bulk.Job, err error) {
	where, args := sphere("j.portfolio_no", in)
	found := false
	err = r.each(ctx, func(rows rowScanner) (err error) {
		found = true
		b, err = scanBulk(rows)
		return err
	}, bulkSelect+" WHERE b.job_id = ? AND "+where+lock, append([]any{id}, args...)...)
	if err == nil && !found {
		err = fault.Missing("job", itoa(id))
	}
	return b, err
}

// Bulks lists the bulk jobs of the sphere, newest first.
func (r reader) Bulks(ctx context.Context, in tenant.Sphere, q bulk.Query) ([]bulk.Job, error) {
	where, args := sphere("j.portfolio_no", in)
	where, args = narrow(where, args, "j.id", &q)
	if q.Type != "" {
		where, args = where+" AND b.type = ?", append(args, string(q.Type))
	}
	if q.File != 0 {
		where, args = where+" AND b.file_id = ?", append(args, q.File)
	}
	if len(q.States) > 0 {
		states := make([]int64, len(q.States))
		for i, s := range q.States {
			states[i] = int64(s)
		}
		list, arg := r.engine.list("j.state", states)
		where, args = where+" AND "+list, append(args, arg)
	}
	var out []bulk.Job
	err := r.each(ctx, func(rows rowScanner) error {
		b, err := scanBulk(rows)
		out = append(out, b)
		return err
	}, bulkSelect+" WHERE "+where+" ORDER BY j.id DESC LIMIT ?", append(args, q.Limit)...)
	return out, err
}

// AddBulk stores a new job, and gives it its id.
func (tx *Tx) AddBulk(ctx context.Context, b *bulk.Job) error {
	if err := tx.AddJob(ctx, &b.Job); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO bulk (job_id, type, name, dry_run, file_id, result_id, account_kind, account_name, via)
		VALUES (`+placeholders(9)+")", b.ID, string(b.Type), b.Name, flag(b.DryRun), b.File, b.Result, string(b.AccountKind), b.AccountName, b.Via)
	return err
}

// SaveBulk stores what may change of a job.
func (tx *Tx) SaveBulk(ctx context.Context, b *bulk.Job) error {
	if err := tx.SaveJob(ctx, &b.Job); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "UPDATE bulk SET name = ?, file_id = ?, result_id = ?, account_kind = ?, account_name = ?, via = ? WHERE job_id = ?",
		b.Name, b.File, b.Result, string(b.AccountKind), b.AccountName, b.Via, b.ID)
	return err
}

// SaveFailures stores which rows of a chunk were not carried out, in the place
// of what was stored before.
func (tx *Tx) SaveFailures(ctx context.Context, id int64, n int, list []bulk.Failure) error {
	if len(list) == 0 {
		_, err := tx.exec(ctx, "DELETE FROM bulk_failure WHERE job_id = ? AND n = ?", id, n)
		return err
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO bulk_failure (job_id, n, data) VALUES (?, ?, ?)
		ON CONFLICT (job_id, n) DO UPDATE SET data = excluded.data`, id, n, string(data))
	return err
}

// Failures returns the rows of a chunk that were not carried out, of a job that
// the caller has found in its sphere.
func (r reader) Failures(ctx context.Context, id int64, n int) ([]bulk.Failure, error) {
	var data string
	found, err := r.one(ctx, []any{&data}, "SELECT data FROM bulk_failure WHERE job_id = ? AND n = ?", id, n)
	if err != nil || !found {
		return nil, err
	}
	var out []bulk.Failure
	return out, json.Unmarshal([]byte(data), &out)
}

// NextFailing returns the first chunk from n on that has rows which were not
// carried out; found is false when there is none.
func (r reader) NextFailing(ctx context.Context, id int64, n int) (next int, found bool, err error) {
	found, err = r.one(ctx, []any{&next}, "SELECT n FROM bulk_failure WHERE job_id = ? AND n >= ? ORDER BY n LIMIT 1", id, n)
	return next, found, err
}

// DropBulk removes up to n bulk jobs that have been over since before the given
// time, and what was kept of them; and up to n that were made before then and
// never started.
func (tx *Tx) DropBulk(ctx context.Context, before time.Time, n int) (int64, error) {
	over, err := tx.DropJobs(ctx, bulk.Kind, before, n)
	if err != nil {
		return 0, err
	}
	idle, err := tx.exec(ctx, "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE kind = ? AND state = 1 AND created_at < ? LIMIT ?)",
		bulk.Kind, micros(before), n)
	return over + idle, err
}
