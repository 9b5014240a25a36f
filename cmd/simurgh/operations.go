package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type operationView struct {
	ID          int64             `json:"operationId"`
	ICCID       ident.ICCID       `json:"iccid"`
	Portfolio   ident.PortfolioID `json:"portfolioId"`
	Command     string            `json:"command"`
	Progress    string            `json:"progress"`
	Reason      string            `json:"reason"`
	Actor       string            `json:"actor"`
	Via         string            `json:"via"`
	Request     string            `json:"requestId"`
	Attempts    int               `json:"attempts"`
	LastError   string            `json:"lastError"`
	RequestedAt *time.Time        `json:"requestedAt"`
	NextTry     *time.Time        `json:"nextTry"`
	DoneAt      *time.Time        `json:"doneAt"`
}

func viewOperation(o *sim.Operation) operationView {
	return operationView{o.ID, o.ICCID, o.Portfolio, o.Verb.String(), o.Progress.String(), o.Reason, o.Actor, o.Via, o.Request, o.Attempts,
		o.LastError, at(o.RequestedAt), at(o.NextTry), at(o.DoneAt)}
}

// operationTable lists operations; wide adds whose they are.
func operationTable(w io.Writer, ops []sim.Operation, wide bool) {
	heads := []string{"ID", "REQUESTED", "COMMAND", "PROGRESS", "TRIES", "BY", "REMARK"}
	if wide {
		heads = append([]string{"ID", "ICCID"}, heads[1:]...)
	}
	t := newTable(w, heads...)
	defer t.flush()
	for i := range ops {
		o := &ops[i]
		cells := []string{fmtInt(o.ID), clock(o.RequestedAt), o.Verb.String(), o.Progress.String(), yes(o.Attempts > 0, fmtInt(o.Attempts)), o.Actor, remark(o)}
		if wide {
			cells = append([]string{cells[0], string(o.ICCID)}, cells[1:]...)
		}
		t.row(cells...)
	}
}

// remark is what a person wants to know of an operation next.
func remark(o *sim.Operation) string {
	var out []string
	if o.Reason != "" {
		out = append(out, o.Reason)
	}
	if o.LastError != "" {
		out = append(out, o.LastError)
	}
	if o.Progress == sim.OpPending && o.Attempts > 0 {
		out = append(out, "next try "+clock(o.NextTry))
	}
	return strings.Join(out, "; ")
}

type eventView struct {
	ID      int64       `json:"eventId"`
	At      *time.Time  `json:"at"`
	Kind    event.Kind  `json:"kind"`
	ICCID   ident.ICCID `json:"iccid"`
	Seq     int64       `json:"seq"`
	Actor   string      `json:"actor"`
	Via     string      `json:"via"`
	Request string      `json:"requestId"`
	Data    event.Data  `json:"data"`
}

func viewEvent(e *event.Event) eventView {
	return eventView{e.ID, at(e.At), e.Kind, e.ICCID, e.Seq, e.Actor, e.Via, e.Request, e.Data}
}

func eventTable(w io.Writer, events []event.Event) {
	t := newTable(w, "AT", "EVENT", "WHAT", "BY")
	defer t.flush()
	for i := range events {
		e := &events[i]
		t.row(clock(e.At), string(e.Kind), eventWords(&e.Data), e.Actor)
	}
}

func eventWords(d *event.Data) string {
	var out []string
	if d.Verb != "" {
		out = append(out, d.Verb)
	}
	if d.From != "" || d.To != "" {
		out = append(out, d.From+" -> "+d.To)
	}
	for _, c := range d.Changes {
		out = append(out, fmt.Sprintf("%s %q -> %q", c.Field, c.From, c.To))
	}
	if d.Reason != "" {
		out = append(out, d.Reason)
	}
	return strings.Join(out, "; ")
}

type operationsCmd struct {
	List operationsList `cmd:"" help:"List operations, newest first."`
}

type operationsList struct {
	ICCID    string   `name:"iccid" placeholder:"ICCID" help:"Those of this SIM."`
	Progress []string `sep:"," placeholder:"PROGRESS" help:"Those that are waiting (for a person), pending (for the network), done, refused, rejected, superseded or withdrawn."`
	Before   int64    `placeholder:"ID" help:"Those older than this one: the next page."`
	Limit    int      `default:"50" help:"At most so many, up to 1000."`
}

// Help is the detail of the manual.
func (operationsList) Help() string {
	return example("simurgh operations list --progress pending,refused")
}

func (c *operationsList) Run(ctx context.Context, sh *shell) error {
	q := sim.OperationQuery{Before: c.Before, Limit: c.Limit}
	iccid, err := optional(c.ICCID, "iccid", ident.ParseICCID)
	q.ICCID = iccid
	errs := []error{err}
	for _, text := range c.Progress {
		p, ok := sim.ParseProgress(text)
		if !ok {
			errs = append(errs, fault.InvalidField("progress", "%q is not one of waiting, pending, done, refused, rejected, superseded, withdrawn", text))
		}
		q.Progress = append(q.Progress, p)
	}
	if c.Limit < 1 || c.Limit > maxList {
		errs = append(errs, fault.InvalidField("limit", "is %d; 1 to %d are allowed", c.Limit, maxList))
	}
	if err := fault.Join(errs...); err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		ops, err := a.Fleet.Operations(ctx, sh.request(), q)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"operations": items(ops, viewOperation)}, func(w io.Writer) { operationTable(w, ops, true) })
	})
}

type tasksCmd struct {
	List    tasksList    `cmd:"" help:"List what waits for a person."`
	Approve tasksApprove `cmd:"" help:"Approve a task: the network is told."`
	Reject  tasksReject  `cmd:"" help:"Reject a task: the SIM goes back to where it was."`
}

type tasksList struct {
	Before int64 `placeholder:"ID" help:"Those older than this one: the next page."`
	Limit  int   `default:"50" help:"At most so many, up to 1000."`
}

// Help is the detail of the manual.
func (tasksList) Help() string { return example("simurgh tasks list") }

func (c *tasksList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		ops, err := a.Fleet.Tasks(ctx, sh.request(), c.Before, c.Limit)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"tasks": items(ops, viewOperation)}, func(w io.Writer) {
			operationTable(w, ops, true)
			if len(ops) > 0 {
				sh.note("Decide with: simurgh tasks approve ID, or simurgh tasks reject ID --reason R")
			}
		})
	})
}

type tasksApprove struct {
	ID     int64  `arg:"" name:"id" help:"The task."`
	Reason string `help:"Why; the SIM's timeline keeps it."`
}

// Help is the detail of the manual.
func (tasksApprove) Help() string { return example("simurgh tasks approve 4711") }

func (c *tasksApprove) Run(ctx context.Context, sh *shell) error {
	return decide(ctx, sh, c.ID, true, c.Reason)
}

type tasksReject struct {
	ID     int64  `arg:"" name:"id" help:"The task."`
	Reason string `required:"" help:"Why; the customer is told."`
}

// Help is the detail of the manual.
func (tasksReject) Help() string {
	return example(`simurgh tasks reject 4711 --reason "contract not signed"`)
}

func (c *tasksReject) Run(ctx context.Context, sh *shell) error {
	return decide(ctx, sh, c.ID, false, c.Reason)
}

func decide(ctx context.Context, sh *shell, id int64, approve bool, reason string) error {
	return sh.with(ctx, func(a *app.App) error {
		op, err := a.Fleet.DecideTask(ctx, sh.request(), id, approve, reason)
		if err != nil {
			return err
		}
		word := "rejected; the SIM is as it was before"
		if approve {
			word = "approved; a running server tells the network"
		}
		return sh.say(viewOperation(&op), "Task %d, %s of SIM %s: %s.", id, op.Verb, op.ICCID, word)
	})
}
