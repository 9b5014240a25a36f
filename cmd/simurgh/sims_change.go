package main

import (
	"context"
	"fmt"
	"io"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// chosen are the SIMs that a command is about.
type chosen struct {
	ICCIDs []string `arg:"" name:"iccid" help:"The SIMs; - reads more from standard input."`
	Reason string   `help:"Why; the SIM's timeline keeps it."`
}

type simsActivate struct {
	chosen
	Package *int64 `placeholder:"N" help:"Package to put them on. Default: the one that they have."`
	Phase   string `enum:"test,ready,live" default:"live" help:"test, ready or live."`
}

// Help is the detail of the manual.
func (simsActivate) Help() string {
	return example("simurgh sims activate 8944538599000000017 --phase test")
}

func (c *simsActivate) Run(ctx context.Context, sh *shell) error {
	phase := map[string]sim.Phase{"test": sim.Test, "ready": sim.Ready, "live": sim.Live}[c.Phase]
	return c.apply(ctx, sh, fleet.Edit{Verb: sim.Activate(phase), Reason: c.Reason, Package: c.Package})
}

type simsSuspend struct {
	chosen
	Kind string `enum:"admin,customer,system" default:"admin" help:"Whose suspension: admin (only the operator lifts it), customer (the customer lifts it) or system (it lifts at the next billing cycle)."`
}

// Help is the detail of the manual.
func (simsSuspend) Help() string {
	return example(`simurgh sims suspend 8944538599000000017 --reason "stolen"`)
}

func (c *simsSuspend) Run(ctx context.Context, sh *shell) error {
	return c.apply(ctx, sh, fleet.Edit{Verb: sim.Suspend(kindOf(c.Kind)), Reason: c.Reason})
}

type simsResume struct {
	chosen
	Kind string `enum:"admin,customer,system" default:"admin" help:"Whose suspension to lift: admin, customer or system."`
}

// Help is the detail of the manual.
func (simsResume) Help() string { return example("simurgh sims resume 8944538599000000017") }

func (c *simsResume) Run(ctx context.Context, sh *shell) error {
	return c.apply(ctx, sh, fleet.Edit{Verb: sim.Resume(kindOf(c.Kind)), Reason: c.Reason})
}

func kindOf(name string) sim.Kind {
	return map[string]sim.Kind{"admin": sim.Admin, "customer": sim.Customer, "system": sim.System}[name]
}

type simsTerminate struct{ chosen }

// Help is the detail of the manual.
func (simsTerminate) Help() string { return example("simurgh sims terminate 8944538599000000017") }

func (c *simsTerminate) Run(ctx context.Context, sh *shell) error {
	return c.apply(ctx, sh, fleet.Edit{Verb: sim.Terminate, Reason: c.Reason})
}

type simsClose struct{ chosen }

// Help is the detail of the manual.
func (simsClose) Help() string {
	return example("simurgh sims close 8944538599000000017 --reason destroyed")
}

func (c *simsClose) Run(ctx context.Context, sh *shell) error {
	return c.apply(ctx, sh, fleet.Edit{Verb: sim.Close, Reason: c.Reason})
}

type simsLock struct{ chosen }

// Help is the detail of the manual.
func (simsLock) Help() string {
	return example(`simurgh sims lock 8944538599000000017 --reason "under investigation"`)
}

func (c *simsLock) Run(ctx context.Context, sh *shell) error {
	lock := true
	return c.apply(ctx, sh, fleet.Edit{Lock: &lock, Reason: c.Reason})
}

type simsUnlock struct{ chosen }

// Help is the detail of the manual.
func (simsUnlock) Help() string { return example("simurgh sims unlock 8944538599000000017") }

func (c *simsUnlock) Run(ctx context.Context, sh *shell) error {
	lock := false
	return c.apply(ctx, sh, fleet.Edit{Lock: &lock, Reason: c.Reason})
}

type simsLimit struct {
	chosen
	Megabytes int64 `required:"" placeholder:"N" help:"Megabytes (1,048,576 bytes) per calendar month, UTC; 0 for no limit."`
}

// Help is the detail of the manual.
func (simsLimit) Help() string {
	return example("simurgh sims limit 8944538599000000017 --megabytes 50") +
		"\n\nIt acts at once: SIMs that have used as much in this month are suspended, and those that a\nlower limit had suspended come back."
}

func (c *simsLimit) Run(ctx context.Context, sh *shell) error {
	return c.apply(ctx, sh, fleet.Edit{DataLimit: &c.Megabytes, Reason: c.Reason})
}

type outcomeView struct {
	ICCID     ident.ICCID `json:"iccid"`
	State     string      `json:"state"` // as it is now; empty for a SIM that is missing
	Changed   bool        `json:"changed"`
	Progress  string      `json:"progress"` // of the operation; empty when nothing was to be done
	Operation int64       `json:"operationId"`
	Error     *errorView  `json:"error"`
}

type errorView struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func viewOutcome(o *fleet.Outcome) outcomeView {
	v := outcomeView{ICCID: o.ICCID, Changed: o.Changed, Operation: o.Operation}
	if o.SIM.ID != 0 {
		v.State = o.SIM.Status().String()
	}
	if o.Progress != 0 {
		v.Progress = o.Progress.String()
	}
	if o.Err != nil {
		v.Error = &errorView{fault.CodeOf(o.Err), o.Err.Error()}
	}
	return v
}

// apply gives one command to the SIMs and prints what became of each.
func (c *chosen) apply(ctx context.Context, sh *shell, edit fleet.Edit) error {
	iccids, err := c.parse(sh)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		done, err := a.Fleet.Apply(ctx, sh.request(), iccids, func(fleet.Facts) (fleet.Edit, error) { return edit, nil }, nil)
		if err != nil {
			return err
		}
		answer := map[string]any{"refused": done.Refused, "sims": items(done.Outcomes, viewOutcome)}
		if err := sh.print(answer, func(w io.Writer) { outcomeTable(w, done) }); err != nil || !done.Refused {
			return err
		}
		return refusedFault(done)
	})
}

func (c *chosen) parse(sh *shell) ([]ident.ICCID, error) {
	words, err := sh.words(c.ICCIDs)
	if err != nil {
		return nil, err
	}
	iccids, errs := make([]ident.ICCID, len(words)), make([]error, len(words))
	for i, w := range words {
		iccids[i], err = ident.ParseICCID(w)
		errs[i] = ident.As(w, err)
	}
	if len(words) == 0 {
		errs = append(errs, fault.InvalidField("iccid", "is missing; standard input named none"))
	}
	return iccids, fault.Join(errs...)
}

func refusedFault(done *fleet.Applied) error {
	n := 0
	for _, o := range done.Outcomes {
		if o.Err != nil {
			n++
		}
	}
	return fault.New(fault.Precondition, "sims.refused", "%d of %s refused", n, plural(len(done.Outcomes), "SIM"))
}

func outcomeTable(w io.Writer, done *fleet.Applied) {
	t := newTable(w, "ICCID", "STATE", "RESULT")
	defer t.flush()
	for i := range done.Outcomes {
		o := &done.Outcomes[i]
		v := viewOutcome(o)
		t.row(string(o.ICCID), v.State, resultWords(o, done.Refused))
	}
}

// resultWords says what became of one SIM.
func resultWords(o *fleet.Outcome, refused bool) string {
	switch {
	case o.Err != nil:
		return o.Err.Error()
	case refused:
		return "left as it was, because of the others"
	case !o.Changed:
		return "nothing to do"
	case o.Progress == sim.OpWaiting:
		return fmt.Sprintf("waits for a person: simurgh tasks approve %d", o.Operation)
	case o.Progress == sim.OpPending:
		return "accepted; a running server tells the network " + o.SIM.Network
	}
	return "done"
}
