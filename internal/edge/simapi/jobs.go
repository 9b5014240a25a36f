package simapi

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
)

func jobOf(b *bulk.Job) Job {
	out := Job{JobId: b.ID, Type: JobType(b.Type), Name: b.Name, PortfolioId: string(b.Portfolio), FileId: b.File, Status: JobStatus(b.State.String()),
		DryRun: flag(b.DryRun), RowCount: b.Total, DoneCount: b.Done, FailedCount: b.Failed, Error: orNull(b.LastError), CreatedDate: Moment{b.CreatedAt},
		StartedDate: at(b.StartedAt), CompletedDate: at(b.EndedAt)}
	if b.State.Over() {
		out.ResponseFileId = idOrNull(b.Result)
	}
	return out
}

// ListJobs implements StrictServerInterface.
func (h *handler) ListJobs(ctx context.Context, _ ListJobsRequestObject) (ListJobsResponseObject, error) {
	x := of(ctx)
	q, err := x.older(ctx)
	if err != nil {
		return nil, err
	}
	q.Type = bulk.Type(x.query.text("type"))
	if s, ok := job.ParseState(x.query.text("status")); ok {
		q.States = []job.State{s}
	}
	all, err := x.fleet.Bulks(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	page, next, err := newest(ctx, x, all, func(b *bulk.Job) int64 { return b.ID })
	return ListJobs200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: each(page, jobOf)}, err
}

// CreateJob implements StrictServerInterface.
func (h *handler) CreateJob(ctx context.Context, r CreateJobRequestObject) (CreateJobResponseObject, error) {
	x := of(ctx)
	n := fleet.NewBulk{Type: bulk.Type(r.Body.Type), Name: r.Body.Name, DryRun: r.Body.DryRun != nil && *r.Body.DryRun == FlagYes}
	var err1, err2 error
	n.Portfolio, err1 = ident.ParsePortfolioID(r.Body.PortfolioId)
	n.File, err2 = r.Body.FileId.id("fileId")
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	b, err := x.fleet.CreateBulk(ctx, x.request, n)
	if err != nil && fault.CodeOf(err) == "portfolio.not_found" {
		err = notInSphere(n.Portfolio)
	}
	return CreateJob200JSONResponse(jobOf(&b)), err
}

// GetJob implements StrictServerInterface.
func (h *handler) GetJob(ctx context.Context, r GetJobRequestObject) (GetJobResponseObject, error) {
	x := of(ctx)
	b, err := x.fleet.Bulk(ctx, x.request, r.JobId)
	return GetJob200JSONResponse(jobOf(&b)), err
}

// ChangeJob implements StrictServerInterface.
func (h *handler) ChangeJob(ctx context.Context, r ChangeJobRequestObject) (ChangeJobResponseObject, error) {
	x := of(ctx)
	b, err := x.fleet.Bulk(ctx, x.request, r.JobId)
	if err != nil {
		return nil, err
	}
	verb := job.Start
	switch r.Body.Status {
	case JobChangeStatusQueued:
		if b.State == job.Paused {
			verb = job.Resume
		}
	case JobChangeStatusPaused:
		verb = job.Pause
	case JobChangeStatusCancelled:
		verb = job.Cancel
	}
	b, err = x.fleet.CommandBulk(ctx, x.request, r.JobId, verb)
	return ChangeJob200JSONResponse(jobOf(&b)), err
}

// RetryJob implements StrictServerInterface.
func (h *handler) RetryJob(ctx context.Context, r RetryJobRequestObject) (RetryJobResponseObject, error) {
	x := of(ctx)
	b, err := x.fleet.CommandBulk(ctx, x.request, r.JobId, job.Again)
	return RetryJob200JSONResponse(jobOf(&b)), err
}
