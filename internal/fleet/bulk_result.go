package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// RowResult is what became of one row.
type RowResult struct {
	Row     int64  // from 1, the header not counted
	ICCID   string // as it stands in the file
	Value   string
	Failure *bulk.Failure // nil when it was carried out
}

// BulkResults reads what became of the rows of a job, in order, as far as it has
// come; rows that were not reached are left out. An error of each ends it.
func (s *Service) BulkResults(ctx context.Context, r Request, id int64, each func(RowResult) error) error {
	if err := r.Caller.Needs(tenant.JobGet); err != nil {
		return err
	}
	b, err := s.store.Bulk(ctx, r.Caller.Sphere, id)
	if err != nil {
		return err
	}
	at, err := progressOf(&b)
	if err != nil || b.Total == 0 {
		return err
	}
	f, err := s.store.File(ctx, tenant.Everything(), b.File)
	if err == nil {
		err = readable(&f)
	}
	if err != nil {
		return err
	}
	sep, err := b.Type.Check(f.Head)
	if err != nil {
		return err
	}
	row := int64(0)
	for n := range min(max(at.Next, at.Reached), f.Chunks) {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := s.store.Chunk(ctx, f.Upload, n)
		if err != nil {
			return err
		}
		failures, err := s.store.Failures(ctx, id, n)
		if err != nil {
			return err
		}
		if err := results(b.Type.Rows(sep, data), failures, &row, each); err != nil {
			return err
		}
	}
	return nil
}

// results joins the rows of a chunk with those that failed, which are in order.
func results(rows []bulk.Row, failures []bulk.Failure, row *int64, each func(RowResult) error) error {
	for i := range rows {
		*row++
		out := RowResult{Row: *row}
		out.ICCID, out.Value = rows[i].Cells()
		if len(failures) > 0 && failures[0].Row == i {
			out.Failure, failures = &failures[0], failures[1:]
		}
		if err := each(out); err != nil {
			return err
		}
	}
	return nil
}
