package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

type simsShow struct {
	ICCID string `arg:"" name:"iccid" help:"The SIM."`
}

// Help is the detail of the manual.
func (simsShow) Help() string { return example("simurgh sims show 8944538599000000017") }

// lastShown is how many operations and events of a SIM are shown.
const lastShown = 10

func (c *simsShow) Run(ctx context.Context, sh *shell) error {
	iccid, err := ident.ParseICCID(c.ICCID)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		p, err := portrayed(ctx, a, sh.request(), iccid)
		if err != nil {
			return err
		}
		return sh.print(p.view(), p.words)
	})
}

// portrait is everything that there is to say of one SIM.
type portrait struct {
	sim     sim.SIM
	account string
	tariff  string
	why     []cause
	options []sim.Option
	ops     []sim.Operation
	events  []event.Event

	sessions []usage.Session
	answers  []usage.AccessRecord
	cuts     []usage.CutRecord
}

func portrayed(ctx context.Context, a *app.App, r fleet.Request, iccid ident.ICCID) (*portrait, error) {
	p := &portrait{}
	var err error
	if p.sim, p.options, err = a.Fleet.Options(ctx, r, iccid); err != nil {
		return nil, err
	}
	if p.ops, err = a.Fleet.Operations(ctx, r, sim.OperationQuery{ICCID: iccid, Limit: lastShown}); err != nil {
		return nil, err
	}
	if p.events, err = a.Fleet.Events(ctx, r, event.Query{ICCID: iccid, Limit: lastShown}); err != nil {
		return nil, err
	}
	if err := p.heard(ctx, a, r); err != nil {
		return nil, err
	}
	folio, err := a.Fleet.Portfolio(ctx, r, p.sim.Portfolio)
	if err != nil {
		return nil, err
	}
	p.account = folio.Name
	packages, err := a.Fleet.Packages(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, k := range packages {
		if k.ID == p.sim.Package {
			p.tariff = k.Name
		}
	}
	networks, err := a.Fleet.Networks(ctx, r)
	p.why = explain(&p.sim, p.ops, &folio, networks)
	return p, err
}

type optionView struct {
	Command string       `json:"command"`
	NoOp    bool         `json:"noOp"`
	Refusal *refusalView `json:"refusal"` // null when it would be carried out
}

type refusalView struct {
	Code  string `json:"code"`
	Why   string `json:"why"`
	Lifts string `json:"lifts"`
}

func viewOption(o *sim.Option) optionView {
	v := optionView{Command: o.Verb.String(), NoOp: o.NoOp}
	if o.Refusal != nil {
		v.Refusal = &refusalView{"sim." + o.Refusal.Code, o.Refusal.Why, o.Refusal.Lifts}
	}
	return v
}

func (p *portrait) view() any {
	return map[string]any{"sim": viewSIM(&p.sim), "why": p.why, "options": items(p.options, viewOption),
		"operations": items(p.ops, viewOperation), "events": items(p.events, viewEvent),
		"sessions": items(p.sessions, p.viewSession), "answers": items(p.answers, viewAnswer)}
}

func (p *portrait) words(w io.Writer) {
	s := &p.sim
	_, _ = fmt.Fprintf(w, "SIM %s is %s\n", s.ICCID, state(s))
	for _, c := range p.why {
		_, _ = fmt.Fprintf(w, "  %s\n", c.sentence())
	}
	_, _ = fmt.Fprintln(w)
	p.facts(w)
	heading(w, "Possible now")
	_, _ = fmt.Fprintf(w, "%s\n", p.possible())
	if len(p.ops) > 0 {
		heading(w, "Last operations")
		operationTable(w, p.ops, false)
	}
	if len(p.events) > 0 {
		heading(w, "Last events")
		eventTable(w, p.events)
	}
	p.network(w)
}

func heading(w io.Writer, text string) {
	_, _ = fmt.Fprintf(w, "\n%s\n%s\n", text, strings.Repeat("-", len(text)))
}

// facts lists what is known; what is not is left out.
func (p *portrait) facts(w io.Writer) {
	s := &p.sim
	t := newTable(w)
	defer t.flush()
	for _, f := range [][2]string{
		{"name", s.Name}, {"group", s.Group}, {"device", s.Device},
		{"account", p.account + "  " + string(s.Portfolio)},
		{"package", strings.TrimSpace(fmtInt(s.Package) + "  " + p.tariff)}, {"network", s.Network},
		{"IMSI", string(s.IMSI)}, {"MSISDN", string(s.MSISDN)}, {"IMEI", string(s.IMEI)}, {"EID", string(s.EID)},
		{"address", s.Value(sim.ByIP)}, {"APN", s.APN}, {"type", strings.TrimSpace(s.Type + " " + s.Form)},
		{"barred", s.Barred.String()}, {"data limit", yes(s.DataLimit > 0, fmtInt(s.DataLimit)+" MB a month")},
		{"activated", clock(s.ActivatedAt)}, {"terminated", clock(s.TerminatedAt)},
		{"contract", strings.TrimSpace(clock(s.ContractStart) + yes(!s.ContractEnd.IsZero(), " to "+clock(s.ContractEnd)))},
		{"in stock since", clock(s.CreatedAt)}, {"modified", clock(s.ModifiedAt)},
	} {
		if f[1] != "" {
			t.row(f[0], f[1])
		}
	}
}

// commands are what an operator types for each verb.
var commands = map[sim.Verb]string{
	sim.ActivateTest: "activate --phase test", sim.ActivateReady: "activate --phase ready", sim.ActivateLive: "activate",
	sim.SuspendAdmin: "suspend", sim.SuspendSystem: "suspend --kind system", sim.SuspendCustomer: "suspend --kind customer",
	sim.ResumeAdmin: "resume", sim.ResumeSystem: "resume --kind system", sim.ResumeCustomer: "resume --kind customer",
	sim.Terminate: "terminate", sim.Close: "close",
}

// possible lists the commands that would change something.
func (p *portrait) possible() string {
	var out []string
	for _, o := range p.options {
		if o.Refusal == nil && !o.NoOp {
			out = append(out, commands[o.Verb])
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ") + "\n(simurgh sims COMMAND " + string(p.sim.ICCID) + ")"
}
