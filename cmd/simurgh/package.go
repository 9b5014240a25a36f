package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type packageCmd struct {
	Create packageCreate `cmd:"" help:"Make a package, offer it to accounts, and print its id."`
	Link   packageLink   `cmd:"" help:"Offer a package to one more account, or stop offering it."`
	List   packageList   `cmd:"" help:"List the packages and whom they are offered to."`
}

type packageCreate struct {
	Name              string   `required:"" help:"Name of the package."`
	Portfolio         []string `required:"" sep:"," placeholder:"HEX32" help:"Accounts that it is offered to; they all pay in one currency."`
	ID                int64    `name:"id" placeholder:"N" help:"Its number. Default: the next free one."`
	Price             string   `default:"0" placeholder:"1.50" help:"Price per SIM and billing period."`
	Currency          string   `placeholder:"CODE" help:"ISO 4217 code of the prices. Default: that of the accounts."`
	ActivationPrice   string   `default:"0" placeholder:"0.50" help:"Price of an activation."`
	TerminationPrice  string   `default:"0" placeholder:"0.50" help:"Price of a termination."`
	BillingMonths     int      `default:"1" help:"Length of a billing period."`
	ContractMonths    int      `default:"0" help:"Minimum term; 0 for none."`
	Activation        string   `enum:"auto,manual" default:"auto" help:"auto, or manual: a person approves every activation."`
	TerminationReview string   `enum:"auto,manual" default:"auto" help:"auto, or manual: a person approves every termination."`
	Network           string   `placeholder:"NAME" help:"Network that its SIMs live on. Default: the only one there is."`
	MNO               int64    `name:"mno" placeholder:"N" help:"Number of the operator whose SIMs it fits. Default: any."`
}

// Help is the detail of the manual.
func (packageCreate) Help() string {
	return example("simurgh package create --name M2M-10 --portfolio 0123456789abcdef0123456789abcdef --price 1.50 --contract-months 36")
}

func (c *packageCreate) Run(ctx context.Context, sh *shell) error {
	p, links, err := c.parse()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		if p.Network == "" {
			if p.Network, err = a.OnlyNetwork(ctx); err != nil {
				return err
			}
		}
		made, err := a.Fleet.CreatePackage(ctx, sh.request(), p, links)
		if err != nil {
			return err
		}
		return sh.say(map[string]any{"packageId": made.ID}, "%d", made.ID)
	})
}

func (c *packageCreate) parse() (plan.Package, []ident.PortfolioID, error) {
	p := plan.Package{ID: c.ID, Name: c.Name, BillingMonths: c.BillingMonths, ContractMonths: c.ContractMonths,
		Activation: plan.Review(c.Activation), Termination: plan.Review(c.TerminationReview), Network: c.Network, MNO: c.MNO}
	var errs []error
	for flag, amount := range map[string]struct {
		text string
		to   *money.Amount
	}{"price": {c.Price, &p.Price}, "activationPrice": {c.ActivationPrice, &p.ActivationPrice}, "terminationPrice": {c.TerminationPrice, &p.TerminationPrice}} {
		v, err := money.Parse(amount.text)
		*amount.to = v
		errs = append(errs, ident.As(flag, err))
	}
	currency, err := optional(c.Currency, "currency", money.ParseCurrency)
	p.Currency = currency
	errs = append(errs, err)
	var links []ident.PortfolioID
	for _, text := range c.Portfolio {
		id, err := ident.ParsePortfolioID(text)
		errs = append(errs, ident.As("portfolio", err))
		links = append(links, id)
	}
	return p, links, fault.Join(errs...)
}

type packageLink struct {
	Package   int64  `required:"" placeholder:"N" help:"The package."`
	Portfolio string `required:"" placeholder:"HEX32" help:"The account."`
	Suspended bool   `help:"Take no new SIMs; those on the package stay. Without it, that is lifted."`
}

// Help is the detail of the manual.
func (packageLink) Help() string {
	return example("simurgh package link --package 1000 --portfolio 0123456789abcdef0123456789abcdef")
}

func (c *packageLink) Run(ctx context.Context, sh *shell) error {
	id, err := ident.ParsePortfolioID(c.Portfolio)
	if err != nil {
		return ident.As("portfolio", err)
	}
	return sh.with(ctx, func(a *app.App) error {
		l, err := a.Fleet.LinkPackage(ctx, sh.request(), c.Package, id, func(l *plan.Link, _ bool) error {
			l.Status, l.Suspended = tenant.Active, l.Suspended.Set(tenant.AdminSuspension, c.Suspended)
			return nil
		})
		if err != nil {
			return err
		}
		return sh.say(viewLink(&l), "Package %d is %s to %s.", c.Package, offered(&l), id)
	})
}

func offered(l *plan.Link) string {
	if l.Suspended != 0 {
		return "not offered (suspended: " + l.Suspended.String() + ")"
	}
	return "offered"
}

type linkView struct {
	Package   int64             `json:"packageId"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Suspended []string          `json:"suspended"` // admin, customer
}

func viewLink(l *plan.Link) linkView {
	return linkView{l.Package, l.Portfolio, suspensions(l.Suspended)}
}

type packageView struct {
	ID               int64          `json:"packageId"`
	Name             string         `json:"name"`
	Status           tenant.Status  `json:"status"`
	Currency         money.Currency `json:"currency"`
	Price            string         `json:"price"`
	ActivationPrice  string         `json:"activationPrice"`
	TerminationPrice string         `json:"terminationPrice"`
	BillingMonths    int            `json:"billingMonths"`
	ContractMonths   int            `json:"contractMonths"`
	Activation       plan.Review    `json:"activation"`
	Termination      plan.Review    `json:"terminationReview"`
	Network          string         `json:"network"`
	MNO              int64          `json:"mno"` // 0 for any
	CreatedAt        *time.Time     `json:"createdAt"`
	Links            []linkView     `json:"links"`
}

func viewPackage(p *plan.Package, links []plan.Link) packageView {
	return packageView{p.ID, p.Name, p.Status, p.Currency, p.Price.String(), p.ActivationPrice.String(), p.TerminationPrice.String(),
		p.BillingMonths, p.ContractMonths, p.Activation, p.Termination, p.Network, p.MNO, at(p.CreatedAt), items(links, viewLink)}
}

type packageList struct{}

// Help is the detail of the manual.
func (packageList) Help() string { return example("simurgh package list") }

func (c *packageList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		r := sh.request()
		all, err := a.Fleet.Packages(ctx, r)
		if err != nil {
			return err
		}
		views := make([]packageView, len(all))
		for i := range all {
			links, err := a.Fleet.Links(ctx, r, all[i].ID)
			if err != nil {
				return err
			}
			views[i] = viewPackage(&all[i], links)
		}
		names, err := portfolioNames(ctx, a, r)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"packages": views}, func(w io.Writer) { packageTable(w, views, names) })
	})
}

func portfolioNames(ctx context.Context, a *app.App, r fleet.Request) (map[ident.PortfolioID]string, error) {
	all, err := a.Fleet.Portfolios(ctx, r)
	out := make(map[ident.PortfolioID]string, len(all))
	for _, p := range all {
		out[p.ID] = p.Name
	}
	return out, err
}

func packageTable(w io.Writer, packages []packageView, names map[ident.PortfolioID]string) {
	t := newTable(w, "ID", "NAME", "PRICE", "TERM", "ACTIVATION", "TERMINATION", "NETWORK", "OFFERED TO")
	defer t.flush()
	for _, p := range packages {
		term, to := "", make([]string, 0, len(p.Links))
		if p.ContractMonths > 0 {
			term = strconv.Itoa(p.ContractMonths) + " months"
		}
		for _, l := range p.Links {
			to = append(to, names[l.Portfolio]+yes(len(l.Suspended) > 0, " (suspended)"))
		}
		t.row(fmtInt(p.ID), p.Name, p.Price+" "+string(p.Currency), term, string(p.Activation), string(p.Termination), p.Network, strings.Join(to, ", "))
	}
}

func fmtInt[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }
