package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type simsCmd struct {
	Import    simsImport    `cmd:"" help:"Take a batch file into stock."`
	List      simsList      `cmd:"" help:"List and search SIMs."`
	Show      simsShow      `cmd:"" help:"Explain one SIM: why it is as it is, what lifts it, what is possible, what happened."`
	Export    simsExport    `cmd:"" help:"Write every SIM as CSV, without secrets."`
	Activate  simsActivate  `cmd:"" help:"Bring SIMs onto the network, all or none."`
	Suspend   simsSuspend   `cmd:"" help:"Cut SIMs off, all or none."`
	Resume    simsResume    `cmd:"" help:"Lift a suspension, all or none."`
	Terminate simsTerminate `cmd:"" help:"Remove SIMs from the network, all or none."`
	Close     simsClose     `cmd:"" help:"Close SIMs for good, all or none."`
	Sessions  simsSessions  `cmd:"" help:"Ask a SIM's network which data sessions are open right now."`
	Control   simsControl   `cmd:"" help:"Do something with SIMs on their network at once: disconnect, ping, ..."`
	Limit     simsLimit     `cmd:"" help:"Set the data limit of SIMs, all or none."`
	Lock      simsLock      `cmd:"" help:"Keep customers from changing the state of SIMs, all or none."`
	Unlock    simsUnlock    `cmd:"" help:"Let customers change it again, all or none."`
}

// simView is a SIM for programs. Empty texts are none, as are null times.
type simView struct {
	ICCID         ident.ICCID       `json:"iccid"`
	Number        string            `json:"number"`
	EID           ident.EID         `json:"eid"`
	IMSI          ident.IMSI        `json:"imsi"`
	MSISDN        ident.MSISDN      `json:"msisdn"`
	IMEI          ident.IMEI        `json:"imei"`
	IP            string            `json:"ip"`
	APN           string            `json:"apn"`
	Name          string            `json:"name"`
	Group         string            `json:"group"`
	Device        string            `json:"device"`
	Type          string            `json:"type"`
	Form          string            `json:"form"`
	MNO           int64             `json:"mno"`
	Portfolio     ident.PortfolioID `json:"portfolioId"`
	Package       int64             `json:"packageId"`
	Network       string            `json:"network"`
	State         string            `json:"state"`
	Phase         string            `json:"phase"`
	Suspended     []string          `json:"suspended"` // the kinds that are wanted
	Barred        []string          `json:"barred"`
	DataLimit     int64             `json:"dataLimit"` // megabytes per month; 0 for none
	Pending       bool              `json:"pending"`   // the network has still to answer
	Failure       string            `json:"failure"`   // why the last change did not happen
	FailedAt      *time.Time        `json:"failedAt"`
	ActivatedAt   *time.Time        `json:"activatedAt"`
	TerminatedAt  *time.Time        `json:"terminatedAt"`
	ContractStart *time.Time        `json:"contractStart"`
	ContractEnd   *time.Time        `json:"contractEnd"`
	CreatedAt     *time.Time        `json:"createdAt"`
	ModifiedAt    *time.Time        `json:"modifiedAt"`
}

func viewSIM(s *sim.SIM) simView {
	return simView{ICCID: s.ICCID, Number: s.Number, EID: s.EID, IMSI: s.IMSI, MSISDN: s.MSISDN, IMEI: s.IMEI, IP: s.Value(sim.ByIP), APN: s.APN,
		Name: s.Name, Group: s.Group, Device: s.Device, Type: s.Type, Form: s.Form, MNO: s.MNO,
		Portfolio: s.Portfolio, Package: s.Package, Network: s.Network,
		State: s.Status().String(), Phase: s.Wanted.Phase.String(), Suspended: kinds(s.Wanted.Suspended), Barred: split(s.Barred.String()),
		DataLimit: s.DataLimit, Pending: s.Pending(), Failure: s.Failure, FailedAt: at(s.FailedAt), ActivatedAt: at(s.ActivatedAt), TerminatedAt: at(s.TerminatedAt),
		ContractStart: at(s.ContractStart), ContractEnd: at(s.ContractEnd), CreatedAt: at(s.CreatedAt), ModifiedAt: at(s.ModifiedAt)}
}

func kinds(k sim.Kinds) []string { return split(k.String()) }

func plus(words []string) string { return strings.Join(words, "+") }

func split(joined string) []string {
	if joined == "" {
		return []string{}
	}
	return strings.Split(joined, "+")
}

// state is how a table shows where a SIM stands.
func state(s *sim.SIM) string {
	text := s.Status().String()
	if p := s.Wanted.Phase; p != sim.NoPhase && p != sim.Live {
		text += "/" + p.String()
	}
	if s.Wanted.Suspended != 0 && s.Status() != sim.StatusSuspended {
		text += ", suspended by " + s.Wanted.Suspended.String()
	}
	return text + yes(s.Pending() && s.Wanted == s.Wanted.Agreed(), ", pending")
}

type simsList struct {
	State     []string `sep:"," placeholder:"STATE" help:"Those in these states: available, awaitingApproval, provisioning, provisioned, suspended, awaitingReview, deprovisioning, unprovisioned, closed."`
	Portfolio string   `placeholder:"HEX32" help:"Those of this account and the ones below it."`
	Package   *int64   `placeholder:"N" help:"Those on this package."`
	Group     *string  `help:"Those of this group."`
	Network   string   `placeholder:"NAME" help:"Those of this network."`
	Search    string   `placeholder:"TEXT" help:"Those with this text in ICCID, name, IMEI, IMSI, address or number."`
	Limit     int      `default:"50" help:"At most so many, up to 1000."`
	After     string   `placeholder:"ICCID" help:"Those behind this ICCID: the next page."`
}

// Help is the detail of the manual.
func (simsList) Help() string {
	return example("simurgh sims list --state suspended,awaitingReview --limit 20", "simurgh sims list --search pump --json")
}

const maxList = 1000

func (c *simsList) Run(ctx context.Context, sh *shell) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		r, err := narrowed(ctx, a, sh.request(), c.Portfolio)
		if err != nil {
			return err
		}
		page, err := a.Fleet.SIMs(ctx, r, q)
		if err != nil {
			return err
		}
		answer := map[string]any{"sims": items(page.SIMs, viewSIM), "total": page.Total}
		if page.Next != nil {
			answer["after"] = page.Next.ICCID
		}
		return sh.print(answer, func(w io.Writer) {
			simTable(w, page.SIMs)
			if page.Next != nil {
				sh.note("%d of %d. The next page: --after %s", len(page.SIMs), page.Total, page.Next.ICCID)
			}
		})
	})
}

func (c *simsList) query() (sim.Query, error) {
	q := sim.Query{Package: c.Package, Group: c.Group, Network: c.Network, Limit: c.Limit, Count: true}
	var errs []error
	for _, text := range c.State {
		s, ok := sim.ParseStatus(text)
		if !ok {
			errs = append(errs, fault.InvalidField("state", "%q is not a state; there are: %s", text, stateNames()))
		}
		q.Statuses = append(q.Statuses, s)
	}
	if c.Search != "" {
		q.Match = &sim.Match{Text: c.Search, Fields: sim.AllFields()}
	}
	if c.Limit < 1 || c.Limit > maxList {
		errs = append(errs, fault.InvalidField("limit", "is %d; 1 to %d are allowed", c.Limit, maxList))
	}
	if c.After != "" {
		iccid, err := ident.ParseICCID(c.After)
		errs = append(errs, ident.As("after", err))
		q.After = &sim.Cursor{Value: string(iccid), ICCID: iccid}
	}
	return q, fault.Join(errs...)
}

func stateNames() string {
	var names []string
	for _, s := range sim.Statuses() {
		names = append(names, s.String())
	}
	return strings.Join(names, ", ")
}

// narrowed narrows a request to an account and those below it.
func narrowed(ctx context.Context, a *app.App, r fleet.Request, portfolio string) (fleet.Request, error) {
	if portfolio == "" {
		return r, nil
	}
	id, err := ident.ParsePortfolioID(portfolio)
	if err != nil {
		return r, ident.As("portfolio", err)
	}
	p, err := a.Fleet.Portfolio(ctx, r, id)
	r.Caller.Sphere = tenant.Below(p.Path)
	return r, err
}

func simTable(w io.Writer, sims []sim.SIM) {
	t := newTable(w, "ICCID", "STATE", "NAME", "GROUP", "IMSI", "MSISDN", "PACKAGE", "ACTIVATED")
	defer t.flush()
	for i := range sims {
		s := &sims[i]
		t.row(string(s.ICCID), state(s), s.Name, s.Group, string(s.IMSI), string(s.MSISDN), fmtInt(s.Package), clock(s.ActivatedAt))
	}
}
