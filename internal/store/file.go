package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// A result is whole while its job is over; so its row never has to change.
const fileSelect = `SELECT f.id, COALESCE(p.id, ''), f.name, f.status, f.job_id, f.upload_id, f.head, f.bytes, f.line_count, f.chunks, f.actor,
	f.created_at, f.uploaded_at, COALESCE(j.state, 0), COALESCE(j.done, 0), COALESCE(j.ended_at, 0)
FROM file f LEFT JOIN portfolio p ON p.no = f.portfolio_no LEFT JOIN job j ON f.job_id <> 0 AND j.id = f.job_id`

var fileStatuses = [...]bulk.Status{bulk.Empty, bulk.Whole, bulk.Deleted}

func fileStatus(s bulk.Status) int64 {
	for i, known := range fileStatuses {
		if s == known {
			return int64(i)
		}
	}
	return 0
}

func scanFile(rows rowScanner) (bulk.File, error) {
	var f bulk.File
	var status, created, uploaded, done, ended int64
	var state job.State
	err := rows.Scan(&f.ID, &f.Portfolio, &f.Name, &status, &f.Job, &f.Upload, &f.Head, &f.Bytes, &f.Rows, &f.Chunks, &f.Actor, &created, &uploaded,
		&state, &done, &ended)
	f.Status, f.CreatedAt, f.UploadedAt = fileStatuses[status], moment(created), moment(uploaded)
	if f.Job != 0 && f.Status != bulk.Deleted && state.Over() {
		f.Status, f.Rows, f.UploadedAt = bulk.Whole, done, moment(ended)
	}
	return f, err
}

// File returns one file, or a NotFound fault when it is missing or outside the
// sphere.
func (r reader) File(ctx context.Context, in tenant.Sphere, id int64) (bulk.File, error) {
	return r.file(ctx, in, id, "")
}

// LockFile is File, and nobody else changes the file until the transaction ends.
func (tx *Tx) LockFile(ctx context.Context, in tenant.Sphere, id int64) (bulk.File, error) {
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE OF f"
	}
	return tx.file(ctx, in, id, lock)
}

func (r reader) file(ctx context.Context, in tenant.Sphere, id int64, lock string) (f bulk.File, err error) {
	where, args := sphere("f.portfolio_no", in)
	found := false
	err = r.each(ctx, func(rows rowScanner) (err error) {
		found = true
		f, err = scanFile(rows)
		return err
	}, fileSelect+" WHERE f.id = ? AND "+where+lock, append([]any{id}, args...)...)
	if err == nil && !found {
		err = fault.Missing("file", itoa(id))
	}
	return f, err
}

// Files lists the files of the sphere, newest first.
func (r reader) Files(ctx context.Context, in tenant.Sphere, q bulk.Query) ([]bulk.File, error) {
	where, args := sphere("f.portfolio_no", in)
	where, args = narrow(where, args, "f.id", &q)
	var out []bulk.File
	err := r.each(ctx, func(rows rowScanner) error {
		f, err := scanFile(rows)
		out = append(out, f)
		return err
	}, fileSelect+" WHERE "+where+" ORDER BY f.id DESC LIMIT ?", append(args, q.Limit)...)
	return out, err
}

// narrow adds what jobs and files have in common; the portfolio is p.
func narrow(where string, args []any, id string, q *bulk.Query) (string, []any) {
	if q.Portfolio != "" {
		where, args = where+" AND p.id = ?", append(args, string(q.Portfolio))
	}
	if q.Before != 0 {
		where, args = where+" AND "+id+" < ?", append(args, q.Before)
	}
	return where, args
}

// AddFile stores a new file and gives it its id.
func (tx *Tx) AddFile(ctx context.Context, f *bulk.File) error {
	no, err := tx.number(ctx, f.Portfolio)
	if err != nil {
		return err
	}
	ids, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return err
	}
	f.ID = ids[0]
	_, err = tx.exec(ctx, `INSERT INTO file (id, portfolio_no, name, status, job_id, upload_id, head, bytes, line_count, chunks, actor, created_at,
		uploaded_at) VALUES (`+placeholders(13)+")", f.ID, no, f.Name, fileStatus(f.Status), f.Job, f.Upload, f.Head, f.Bytes, f.Rows, f.Chunks, f.Actor,
		micros(f.CreatedAt), micros(f.UploadedAt))
	return err
}

// SaveFile stores what may change of an uploaded file.
func (tx *Tx) SaveFile(ctx context.Context, f bulk.File) error {
	_, err := tx.exec(ctx, `UPDATE file SET name = ?, status = ?, upload_id = ?, head = ?, bytes = ?, line_count = ?, chunks = ?, uploaded_at = ?
		WHERE id = ?`, f.Name, fileStatus(f.Status), f.Upload, f.Head, f.Bytes, f.Rows, f.Chunks, micros(f.UploadedAt), f.ID)
	return err
}

// NewUpload returns an id for the content of a file.
func (tx *Tx) NewUpload(ctx context.Context) (int64, error) {
	ids, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// AddChunk stores a part of a content.
func (tx *Tx) AddChunk(ctx context.Context, upload int64, c bulk.Chunk, at time.Time) error {
	_, err := tx.exec(ctx, "INSERT INTO file_chunk (upload_id, n, at, data) VALUES (?, ?, ?, ?)", upload, c.N, micros(at), blob(c.Data))
	return err
}

// Chunk reads a part of a content, by what the caller has found in a file of its
// sphere.
func (r reader) Chunk(ctx context.Context, upload int64, n int) (data []byte, err error) {
	found, err := r.one(ctx, []any{&data}, "SELECT data FROM file_chunk WHERE upload_id = ? AND n = ?", upload, n)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "file.content", "the content of the file is no longer kept")
	}
	return data, err
}

// OpenFiles counts the files of one portfolio that are not deleted, results not
// among them, and their bytes.
func (r reader) OpenFiles(ctx context.Context, portfolio ident.PortfolioID) (n, bytes int64, err error) {
	_, err = r.one(ctx, []any{&n, &bytes}, `SELECT count(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM file WHERE status <> 2 AND job_id = 0
		AND portfolio_no = COALESCE((SELECT no FROM portfolio WHERE id = ?), 0)`, string(portfolio))
	return n, bytes, err
}

// DropContents removes the contents of up to n files that are deleted, or that
// are older than before and that no job needs; files without a content that no
// job knows; results whose job is gone; and contents that were begun before cut
// and are nobody's. It returns how many files went.
func (tx *Tx) DropContents(ctx context.Context, before, cut time.Time, n int) (int64, error) {
	const unused = "NOT EXISTS (SELECT 1 FROM bulk b WHERE b.file_id = f.id)"
	if _, err := tx.exec(ctx, `DELETE FROM file_chunk WHERE upload_id IN (SELECT f.upload_id FROM file f WHERE f.upload_id <> 0
		AND (f.status = 2 OR f.created_at < ? AND `+unused+") AND EXISTS (SELECT 1 FROM file_chunk c WHERE c.upload_id = f.upload_id) ORDER BY f.id LIMIT ?)",
		micros(before), n); err != nil {
		return 0, err
	}
	files, err := tx.exec(ctx, `DELETE FROM file WHERE id IN (SELECT f.id FROM file f WHERE f.job_id = 0 AND (f.status = 2 OR f.created_at < ?)
		AND NOT EXISTS (SELECT 1 FROM file_chunk c WHERE c.upload_id = f.upload_id) AND `+unused+" ORDER BY f.id LIMIT ?)", micros(before), n)
	if err != nil {
		return 0, err
	}
	results, err := tx.exec(ctx, `DELETE FROM file WHERE id IN (SELECT f.id FROM file f WHERE f.job_id <> 0
		AND NOT EXISTS (SELECT 1 FROM job j WHERE j.id = f.job_id) LIMIT ?)`, n)
	if err != nil {
		return 0, err
	}
	_, err = tx.exec(ctx, `DELETE FROM file_chunk WHERE upload_id IN (SELECT c.upload_id FROM file_chunk c WHERE c.n = 0 AND c.at < ?
		AND NOT EXISTS (SELECT 1 FROM file f WHERE f.upload_id = c.upload_id) ORDER BY c.at LIMIT ?)`, micros(cut), n)
	return files + results, err
}
