package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
)

type bulkCmd struct {
	Run      bulkRun      `cmd:"" help:"Change the SIMs of a CSV file, as a job of the running servers."`
	List     bulkList     `cmd:"" help:"List bulk jobs, newest first."`
	Show     bulkShow     `cmd:"" help:"Show how far a job has come."`
	Results  bulkResults  `cmd:"" help:"Print what became of each row, as CSV."`
	Pause    bulkPause    `cmd:"" help:"Pause a job where it stands."`
	Resume   bulkResume   `cmd:"" help:"Let a paused job go on."`
	Cancel   bulkCancel   `cmd:"" help:"End a job where it stands; what is done stays done."`
	Retry    bulkRetry    `cmd:"" help:"Do again what failed in a job that is over, and what was not reached."`
	Template bulkTemplate `cmd:"" help:"Print a file to start from."`
}

// bulkTypes are said in the manuals.
func bulkTypes() string {
	names := make([]string, 0, 6)
	for _, t := range bulk.Types() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

type bulkView struct {
	ID        int64             `json:"jobId"`
	Type      bulk.Type         `json:"type"`
	Name      string            `json:"name"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	File      int64             `json:"fileId"`
	Status    string            `json:"status"`
	DryRun    bool              `json:"dryRun"`
	Rows      int64             `json:"rows"`
	Done      int64             `json:"done"`
	Failed    int64             `json:"failed"`
	Error     string            `json:"error"`
	Account   string            `json:"account"`
	CreatedAt *time.Time        `json:"createdAt"`
	StartedAt *time.Time        `json:"startedAt"`
	EndedAt   *time.Time        `json:"endedAt"`
}

func viewBulk(b *bulk.Job) bulkView {
	return bulkView{b.ID, b.Type, b.Name, b.Portfolio, b.File, b.State.String(), b.DryRun, b.Total, b.Done, b.Failed, b.LastError,
		string(b.AccountKind) + ":" + b.AccountName, at(b.CreatedAt), at(b.StartedAt), at(b.EndedAt)}
}

func bulkTable(w io.Writer, jobs []bulk.Job) {
	t := newTable(w, "ID", "CREATED", "TYPE", "NAME", "STATUS", "ROWS", "DONE", "FAILED", "REMARK")
	defer t.flush()
	for i := range jobs {
		b := &jobs[i]
		remark := b.LastError
		if b.DryRun {
			remark = strings.TrimSuffix("dry run; "+remark, "; ")
		}
		t.row(fmtInt(b.ID), clock(b.CreatedAt), string(b.Type), b.Name, b.State.String(), fmtInt(b.Total), fmtInt(b.Done), fmtInt(b.Failed), remark)
	}
}

type bulkList struct {
	Portfolio string   `placeholder:"HEX32" help:"Those of this account and the ones below it. Default: all."`
	Type      string   `placeholder:"TYPE" help:"Those of this type."`
	Status    []string `sep:"," placeholder:"STATUS" help:"Those that are setup, queued, processing, paused, completed, failed or cancelled."`
	Before    int64    `placeholder:"ID" help:"Those older than this one: the next page."`
	Limit     int      `default:"50" help:"At most so many, up to 1000."`
}

// Help is the detail of the manual.
func (bulkList) Help() string { return example("simurgh bulk list --status queued,processing") }

func (c *bulkList) query() (bulk.Query, error) {
	q := bulk.Query{Before: c.Before, Limit: c.Limit}
	kind, err := optional(c.Type, "type", bulk.ParseType)
	q.Type = kind
	errs := []error{err}
	for _, word := range c.Status {
		s, ok := job.ParseState(word)
		if !ok {
			errs = append(errs, fault.InvalidField("status", "%q is not one of setup, queued, processing, paused, completed, failed, cancelled", word))
		}
		q.States = append(q.States, s)
	}
	if c.Limit < 1 || c.Limit > maxList {
		errs = append(errs, fault.InvalidField("limit", "is %d; 1 to %d are allowed", c.Limit, maxList))
	}
	return q, fault.Join(errs...)
}

func (c *bulkList) Run(ctx context.Context, sh *shell) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		r, err := narrowed(ctx, a, sh.request(), c.Portfolio)
		if err != nil {
			return err
		}
		jobs, err := a.Fleet.Bulks(ctx, r, q)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"jobs": items(jobs, viewBulk)}, func(w io.Writer) { bulkTable(w, jobs) })
	})
}

type bulkShow struct {
	ID    int64 `arg:"" name:"id" help:"The job."`
	Watch bool  `help:"Wait until it is over."`
}

// Help is the detail of the manual.
func (bulkShow) Help() string { return example("simurgh bulk show 4711 --watch") }

func (c *bulkShow) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		b, err := a.Fleet.Bulk(ctx, sh.request(), c.ID)
		if err != nil {
			return err
		}
		return sh.follow(ctx, a, b, c.Watch)
	})
}

type bulkPause struct {
	ID int64 `arg:"" name:"id" help:"The job."`
}

// Help is the detail of the manual.
func (bulkPause) Help() string { return example("simurgh bulk pause 4711") }

func (c *bulkPause) Run(ctx context.Context, sh *shell) error {
	return sh.commandBulk(ctx, c.ID, job.Pause, false)
}

type bulkResume struct {
	ID    int64 `arg:"" name:"id" help:"The job."`
	Watch bool  `help:"Wait until it is over."`
}

// Help is the detail of the manual.
func (bulkResume) Help() string { return example("simurgh bulk resume 4711") }

func (c *bulkResume) Run(ctx context.Context, sh *shell) error {
	return sh.commandBulk(ctx, c.ID, job.Resume, c.Watch)
}

type bulkCancel struct {
	ID int64 `arg:"" name:"id" help:"The job."`
}

// Help is the detail of the manual.
func (bulkCancel) Help() string { return example("simurgh bulk cancel 4711") }

func (c *bulkCancel) Run(ctx context.Context, sh *shell) error {
	return sh.commandBulk(ctx, c.ID, job.Cancel, false)
}

type bulkRetry struct {
	ID    int64 `arg:"" name:"id" help:"The job."`
	Watch bool  `help:"Wait until it is over."`
}

// Help is the detail of the manual.
func (bulkRetry) Help() string {
	return "Rows that were carried out are left alone.\n\n" + example("simurgh bulk retry 4711 --watch")
}

func (c *bulkRetry) Run(ctx context.Context, sh *shell) error {
	return sh.commandBulk(ctx, c.ID, job.Again, c.Watch)
}

func (sh *shell) commandBulk(ctx context.Context, id int64, v job.Verb, watch bool) error {
	return sh.with(ctx, func(a *app.App) error {
		b, err := a.Fleet.CommandBulk(ctx, sh.request(), id, v)
		if err != nil {
			return err
		}
		if watch {
			return sh.follow(ctx, a, b, true)
		}
		return sh.show(&b)
	})
}

// show prints one job.
func (sh *shell) show(b *bulk.Job) error {
	return sh.print(viewBulk(b), func(w io.Writer) { bulkTable(w, []bulk.Job{*b}) })
}

// Pauses of follow.
const (
	lookEvery = 200 * time.Millisecond
	lonely    = 5 * time.Second // when a job that nobody takes is remarked on
)

// follow prints a job, once it is over when that is to be waited for. The exit
// code says how it went.
func (sh *shell) follow(ctx context.Context, a *app.App, b bulk.Job, watch bool) error {
	p, begun := newProgress(sh.stderr, b.DryRun), time.Now()
	for watch && !b.State.Over() && b.State != job.Paused && b.State != job.Setup {
		select {
		case <-ctx.Done():
			p.end()
			return fault.New(fault.Unavailable, "bulk.left", "the job goes on without being watched; see how far it is with: simurgh bulk show %d", b.ID)
		case <-time.After(lookEvery):
		}
		if b.State == job.Waiting && time.Since(begun) > lonely {
			begun = begun.Add(time.Hour)
			sh.note("No server has taken the job yet. Is one running? It waits.")
		}
		var err error
		if b, err = a.Fleet.Bulk(ctx, sh.request(), b.ID); err != nil && ctx.Err() == nil {
			return err
		}
		p.rows(b.Done, b.Failed)
	}
	p.end()
	if err := sh.show(&b); err != nil || !watch {
		return err
	}
	switch {
	case b.State != job.Done:
		return errShown
	case b.Failed > 0:
		if !sh.JSON {
			sh.note("See the rows that failed with: simurgh bulk results %d --failed", b.ID)
		}
		return errPartly
	}
	return nil
}

type bulkTemplate struct {
	Type string `arg:"" help:"The type."`
}

// Help is the detail of the manual.
func (bulkTemplate) Help() string {
	return "The types: " + bulkTypes() + ".\n\n" + example("simurgh bulk template update-icc-status > rows.csv")
}

func (c *bulkTemplate) Run(_ context.Context, sh *shell) error {
	kind, err := bulk.ParseType(c.Type)
	if err != nil {
		return err
	}
	return sh.print(map[string]string{"type": c.Type, "template": kind.Template()}, func(w io.Writer) { _, _ = io.WriteString(w, kind.Template()) })
}

// jobName is what a job is called when nobody says: its file.
func jobName(file, name string) string {
	if name != "" {
		return name
	}
	if file == "-" {
		return "standard input"
	}
	return filepath.Base(file)
}

// rows shows how far a job has come.
func (p *progress) rows(done, failed int64) {
	if p.to == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	_, _ = fmt.Fprintf(p.to, "\r\x1b[K%d rows done, %d failed", done, failed)
}
