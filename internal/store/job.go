package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const jobColumns = `j.id, j.kind, j.key, COALESCE(p.id, ''), j.state, j.place, j.payload, j.cursor, j.done, j.failed, j.total, j.attempts, j.last_error,
	j.due_at, j.lease, j.created_at, j.started_at, j.ended_at`

const jobFrom = ` FROM job j LEFT JOIN portfolio p ON p.no = j.portfolio_no`

// scanJob scans jobColumns, and more that follow them.
func scanJob(rows rowScanner, j *job.Job, more ...any) error {
	var due, created, started, ended int64
	err := rows.Scan(append([]any{&j.ID, &j.Kind, &j.Key, &j.Portfolio, &j.State, &j.Place, &j.Payload, &j.Cursor, &j.Done, &j.Failed, &j.Total,
		&j.Attempts, &j.LastError, &due, &j.Lease, &created, &started, &ended}, more...)...)
	j.DueAt, j.CreatedAt, j.StartedAt, j.EndedAt = moment(due), moment(created), moment(started), moment(ended)
	return err
}

// AddJob stores a new job and gives it its id and, when it waits, the last place
// in the line. It is there for others once the transaction is committed.
func (tx *Tx) AddJob(ctx context.Context, j *job.Job) error {
	no, err := tx.number(ctx, j.Portfolio)
	if err != nil {
		return err
	}
	ids, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return err
	}
	if j.ID = ids[0]; j.State == job.Waiting {
		j.Place = j.ID
	}
	_, err = tx.exec(ctx, `INSERT INTO job (id, kind, key, portfolio_no, state, place, payload, cursor, done, failed, total, attempts, last_error,
		due_at, lease, created_at, started_at, ended_at) VALUES (`+placeholders(18)+")", j.ID, j.Kind, j.Key, no, int64(j.State), j.Place, j.Payload,
		j.Cursor, j.Done, j.Failed, j.Total, j.Attempts, j.LastError, micros(j.DueAt), j.Lease, micros(j.CreatedAt), micros(j.StartedAt), micros(j.EndedAt))
	return err
}

// ClaimJobs takes up to n jobs of a kind that are due at now, and leases them
// until the given time: those that wait, and those whose holder let its lease
// run out, which counts as an attempt. Of jobs that share a key only one is
// taken, which is the one that was begun or else the first in the line: should another transaction take
// one of the same key at the same moment, the fault is of kind Conflict.
func (tx *Tx) ClaimJobs(ctx context.Context, kind string, n int, now, until time.Time) ([]job.Job, error) {
	skip := ""
	if tx.engine.locks() {
		skip = " FOR UPDATE OF j SKIP LOCKED"
	}
	var out []job.Job
	var ids []int64
	err := tx.each(ctx, func(rows rowScanner) error {
		out = append(out, job.Job{})
		j := &out[len(out)-1]
		err := scanJob(rows, j)
		if ids = append(ids, j.ID); j.State == job.Running {
			j.Attempts++
		}
		return err
	}, "SELECT "+jobColumns+jobFrom+` WHERE j.kind = ? AND j.state IN (2, 3) AND j.due_at <= ? AND (j.key = '' OR j.state = 3 OR NOT EXISTS
		(SELECT 1 FROM job e WHERE e.kind = j.kind AND e.key = j.key AND e.state IN (2, 3) AND e.key <> '' AND e.id <> j.id
		AND (e.place < j.place OR e.state = 3))) ORDER BY j.due_at, j.place LIMIT ?`+skip, kind, micros(now), n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lease, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	for i := range out {
		j := &out[i]
		j.State, j.Lease, j.DueAt = job.Running, lease[0], until
		if j.StartedAt.IsZero() {
			j.StartedAt = now
		}
	}
	list, arg := tx.engine.list("id", ids)
	_, err = tx.exec(ctx, `UPDATE job SET attempts = CASE WHEN state = 3 THEN attempts + 1 ELSE attempts END, state = 3, lease = ?, due_at = ?,
		started_at = CASE WHEN started_at = 0 THEN ? ELSE started_at END WHERE `+list, lease[0], micros(until), micros(now), arg)
	return out, err
}

// LockJob reads a job of the sphere, which nobody else changes until the
// transaction ends; found is false when it is missing or outside.
func (tx *Tx) LockJob(ctx context.Context, in tenant.Sphere, id int64) (job.Job, bool, error) {
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE OF j"
	}
	return tx.job(ctx, in, id, lock)
}

func (r reader) job(ctx context.Context, in tenant.Sphere, id int64, lock string) (j job.Job, found bool, err error) {
	where, args := sphere("j.portfolio_no", in)
	err = r.each(ctx, func(rows rowScanner) error {
		found = true
		return scanJob(rows, &j)
	}, "SELECT "+jobColumns+jobFrom+" WHERE j.id = ? AND "+where+lock, append([]any{id}, args...)...)
	return j, found, err
}

// SaveJob stores what may change of a job; one that waits without a place in
// the line gets the last one.
func (tx *Tx) SaveJob(ctx context.Context, j *job.Job) error {
	if j.State == job.Waiting && j.Place == 0 {
		ids, err := tx.nextIDs(ctx, 1)
		if err != nil {
			return err
		}
		j.Place = ids[0]
	}
	_, err := tx.exec(ctx, `UPDATE job SET state = ?, place = ?, payload = ?, cursor = ?, done = ?, failed = ?, total = ?, attempts = ?, last_error = ?,
		due_at = ?, lease = ?, started_at = ?, ended_at = ? WHERE id = ?`, int64(j.State), j.Place, j.Payload, j.Cursor, j.Done, j.Failed, j.Total,
		j.Attempts, j.LastError, micros(j.DueAt), j.Lease, micros(j.StartedAt), micros(j.EndedAt), j.ID)
	return err
}

// OpenJobs counts the jobs of a kind in one portfolio that are not over.
func (r reader) OpenJobs(ctx context.Context, kind string, portfolio ident.PortfolioID) (n int64, err error) {
	_, err = r.one(ctx, []any{&n}, `SELECT count(*) FROM job WHERE kind = ? AND state IN (1, 2, 3, 4)
		AND portfolio_no = COALESCE((SELECT no FROM portfolio WHERE id = ?), 0)`, kind, string(portfolio))
	return n, err
}

// JobDepths counts the jobs that are not over, by kind and state.
func (r reader) JobDepths(ctx context.Context) ([]job.Depth, error) {
	var out []job.Depth
	err := r.each(ctx, func(rows rowScanner) error {
		var d job.Depth
		err := rows.Scan(&d.Kind, &d.State, &d.Count)
		out = append(out, d)
		return err
	}, "SELECT kind, state, count(*) FROM job WHERE state IN (2, 3) GROUP BY kind, state ORDER BY kind, state")
	return out, err
}

// DropJobs removes up to n jobs of a kind that have been over since before the
// given time, and returns how many.
func (tx *Tx) DropJobs(ctx context.Context, kind string, before time.Time, n int) (int64, error) {
	return tx.exec(ctx, `DELETE FROM job WHERE id IN (SELECT id FROM job WHERE kind = ? AND state IN (5, 6, 7) AND ended_at < ?
		ORDER BY ended_at LIMIT ?)`, kind, micros(before), n)
}
