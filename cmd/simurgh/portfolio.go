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
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type portfolioCmd struct {
	Create portfolioCreate `cmd:"" help:"Make an account that is active at once, and print its id."`
	List   portfolioList   `cmd:"" help:"List the accounts, parents before children."`
	Set    portfolioSet    `cmd:"" help:"Change an account: name, allow-list, debt, stop of activations, suspension."`
}

type portfolioCreate struct {
	Name       string `required:"" help:"Name of the account."`
	ID         string `name:"id" placeholder:"HEX32" help:"Its id: 32 hexadecimal digits. Default: a random one."`
	Parent     string `placeholder:"HEX32" help:"The account that it belongs to. Default: none, it is a root."`
	Currency   string `placeholder:"CODE" help:"ISO 4217 code of what it pays in. Default: the parent's, or GBP."`
	BillingDay int    `default:"1" help:"Day of the month on which a billing cycle starts, 1 to 28."`
}

// Help is the detail of the manual.
func (portfolioCreate) Help() string {
	return example(`simurgh portfolio create --name "Acme" --currency EUR`)
}

func (c *portfolioCreate) Run(ctx context.Context, sh *shell) error {
	n := fleet.NewPortfolio{Name: c.Name, BillingDay: c.BillingDay}
	var errs [3]error
	n.ID, errs[0] = optional(c.ID, "id", ident.ParsePortfolioID)
	n.Parent, errs[1] = optional(c.Parent, "parent", ident.ParsePortfolioID)
	n.Currency, errs[2] = optional(c.Currency, "currency", money.ParseCurrency)
	if err := fault.Join(errs[:]...); err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		p, err := a.Fleet.CreatePortfolio(ctx, sh.request(), n)
		if err != nil {
			return err
		}
		return sh.say(map[string]any{"portfolioId": p.ID}, "%s", p.ID)
	})
}

// optional parses a flag that may be left out; an error names the flag.
func optional[T ~string](value, flag string, parse func(string) (T, error)) (T, error) {
	if value == "" {
		return "", nil
	}
	v, err := parse(value)
	return v, ident.As(flag, err)
}

// example is the detail of a command's manual: commands that work as they are.
func example(lines ...string) string {
	return "Example:\n\n    " + strings.Join(lines, "\n    ") + "\n"
}

type portfolioView struct {
	ID            ident.PortfolioID `json:"portfolioId"`
	Parent        ident.PortfolioID `json:"parentId"` // empty for a root
	Name          string            `json:"name"`
	Currency      money.Currency    `json:"currency"`
	BillingDay    int               `json:"billingDay"`
	Status        tenant.Status     `json:"status"`
	Allow         []string          `json:"allow"` // empty allows any address
	Overdue       string            `json:"overdue"`
	NoActivations bool              `json:"stopActivations"`
	Suspended     []string          `json:"suspended"` // admin, system, customer
	SuspendedBy   bool              `json:"suspendedAbove"`
	CreatedAt     *time.Time        `json:"createdAt"`
}

func viewPortfolio(p *tenant.Portfolio) portfolioView {
	v := portfolioView{p.ID, p.Parent, p.Name, p.Currency, p.BillingDay, p.Status, []string{}, p.Overdue.Format(2), p.NoActivations,
		suspensions(p.Suspended), p.Above, at(p.CreatedAt)}
	for _, n := range p.AllowList {
		v.Allow = append(v.Allow, n.String())
	}
	return v
}

type portfolioList struct{}

// Help is the detail of the manual.
func (portfolioList) Help() string { return example("simurgh portfolio list --json") }

func (c *portfolioList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		all, err := a.Fleet.Portfolios(ctx, sh.request())
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"portfolios": items(all, viewPortfolio)}, func(w io.Writer) {
			t := newTable(w, "ID", "NAME", "CURRENCY", "BILLING DAY", "ALLOWED FROM", "OVERDUE", "ACTIVATIONS")
			defer t.flush()
			for i := range all {
				p := &all[i]
				portfolioRow(t, p, strings.Repeat("  ", tenant.Depth(p.Path)-1))
			}
		})
	})
}

func portfolioRow(t *table, p *tenant.Portfolio, indent string) {
	v := viewPortfolio(p)
	from, overdue, activations := "anywhere", "", "allowed"
	if len(v.Allow) > 0 {
		from = strings.Join(v.Allow, ",")
	}
	if p.Overdue != 0 {
		overdue = price(p.Overdue, p.Currency)
	}
	if p.NoActivations {
		activations = "stopped"
	}
	switch {
	case p.Suspended != 0:
		activations = "suspended (" + p.Suspended.String() + ")"
	case p.Above:
		activations = "suspended above"
	}
	if p.Status == tenant.Deleted {
		activations = "deleted"
	}
	t.row(string(p.ID), indent+p.Name, string(p.Currency), fmtInt(p.BillingDay), from, overdue, activations)
}

type portfolioSet struct {
	ID              string  `arg:"" name:"id" placeholder:"HEX32" help:"The account."`
	Name            *string `help:"Its name."`
	BillingDay      *int    `help:"Day of the month on which a billing cycle starts, 1 to 28."`
	Allow           *string `placeholder:"CIDR,..." help:"Addresses and networks that its API callers may come from; any allows all."`
	Overdue         *string `placeholder:"12.50" help:"What it owes past its due date: nothing is activated while this is positive. 0 when it is paid."`
	StopActivations *bool   `negatable:"" help:"Stop, or allow, new activations."`
	SuspendAdmin    *bool   `negatable:"" help:"Suspend the account and those below it, or lift that: nobody of them comes in, and nothing more is activated. SIMs in service stay so."`
	SuspendCustomer *bool   `negatable:"" help:"Likewise, in the name of the account above it."`
	SuspendSystem   *bool   `negatable:"" help:"Likewise, for a rule of your own, such as a limit of what it may owe: none is built in."`
}

// Help is the detail of the manual.
func (portfolioSet) Help() string {
	return example("simurgh portfolio set 0123456789abcdef0123456789abcdef --allow 192.0.2.0/24,203.0.113.7")
}

func (c *portfolioSet) Run(ctx context.Context, sh *shell) error {
	id, err := ident.ParsePortfolioID(c.ID)
	if err != nil {
		return ident.As("id", err)
	}
	change, err := c.change()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		p, err := a.Fleet.ChangePortfolio(ctx, sh.request(), id, change)
		if err != nil {
			return err
		}
		return sh.print(viewPortfolio(&p), func(w io.Writer) {
			t := newTable(w, "ID", "NAME", "CURRENCY", "BILLING DAY", "ALLOWED FROM", "OVERDUE", "ACTIVATIONS")
			defer t.flush()
			portfolioRow(t, &p, "")
		})
	})
}

// change parses the flags once; what it returns may run more than once.
func (c *portfolioSet) change() (func(*tenant.Portfolio) error, error) {
	var sets []func(*tenant.Portfolio)
	var errs []error
	if c.Name != nil {
		sets = append(sets, func(p *tenant.Portfolio) { p.Name = strings.TrimSpace(*c.Name) })
	}
	if c.BillingDay != nil {
		sets = append(sets, func(p *tenant.Portfolio) { p.BillingDay = *c.BillingDay })
	}
	if c.Allow != nil {
		list, err := tenant.ParseAllowList(anyIsEmpty(*c.Allow))
		errs = append(errs, err)
		sets = append(sets, func(p *tenant.Portfolio) { p.AllowList = list })
	}
	if c.Overdue != nil {
		owed, err := money.Parse(*c.Overdue)
		errs = append(errs, ident.As("overdue", err))
		sets = append(sets, func(p *tenant.Portfolio) { p.Overdue = owed })
	}
	if c.StopActivations != nil {
		sets = append(sets, func(p *tenant.Portfolio) { p.NoActivations = *c.StopActivations })
	}
	if s := toSuspend(c.SuspendAdmin, c.SuspendSystem, c.SuspendCustomer); len(s) > 0 {
		sets = append(sets, func(p *tenant.Portfolio) { p.Suspended = s.Of(p.Suspended) })
	}
	if len(sets) == 0 {
		return nil, nothingToSet("--allow")
	}
	return func(p *tenant.Portfolio) error {
		for _, set := range sets {
			set(p)
		}
		return nil
	}, fault.Join(errs...)
}

// nothingToSet refuses a change that names no flag.
func nothingToSet(such string) error {
	return fault.New(fault.Invalid, "set.nothing", "nothing to change; name at least one flag, such as %s", such)
}

func anyIsEmpty(s string) string {
	if s == "any" {
		return ""
	}
	return s
}
