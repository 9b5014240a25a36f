package main

import (
	"context"
	"io"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type portalCmd struct {
	Create portalCreate `cmd:"" help:"Make a portal that belongs to an account, and print its id."`
	List   portalList   `cmd:"" help:"List the portals of all trees, each tree's own first."`
	Set    portalSet    `cmd:"" help:"Change a portal: name, title; or bring back one that was removed."`
	Put    portalPut    `cmd:"" help:"Put an account into a portal, and those below it that were put nowhere else."`
	Remove portalRemove `cmd:"" help:"Let no more accounts into a portal; those in it stay."`
}

type portalCreate struct {
	Name      string `required:"" help:"Name of the portal."`
	Title     string `required:"" help:"Its short name, without blanks: its own in the tree."`
	Portfolio string `required:"" placeholder:"HEX32" help:"Account that it belongs to: that one and those below it can be put into it."`
}

// Help is the detail of the manual.
func (portalCreate) Help() string {
	return example(`simurgh portal create --name "Acme IoT" --title acme --portfolio 0123456789abcdef0123456789abcdef`)
}

func (c *portalCreate) Run(ctx context.Context, sh *shell) error {
	owner, err := ident.ParsePortfolioID(c.Portfolio)
	if err != nil {
		return ident.As("portfolio", err)
	}
	return sh.with(ctx, func(a *app.App) error {
		p, err := a.Fleet.CreatePortal(ctx, sh.request(), tenant.Portal{Name: c.Name, Title: c.Title, Owner: owner})
		if err != nil {
			return err
		}
		return sh.say(map[string]any{"portalId": p.ID}, "%s", p.ID)
	})
}

type portalView struct {
	ID        string            `json:"portalId"`
	Owner     ident.PortfolioID `json:"portfolioId"` // whose it is
	Name      string            `json:"name"`
	Title     string            `json:"title"`
	Status    tenant.Status     `json:"status"`
	Accounts  int               `json:"accounts"` // in it
	CreatedAt *time.Time        `json:"createdAt"`
}

type portalList struct{}

// Help is the detail of the manual.
func (portalList) Help() string { return example("simurgh portal list") }

func (c *portalList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		r := sh.request()
		all, err := a.Fleet.Portals(ctx, r)
		if err != nil {
			return err
		}
		inside, names, err := residents(ctx, a, r)
		if err != nil {
			return err
		}
		views := items(all, func(p *tenant.Portal) portalView { return viewPortal(p, inside) })
		return sh.print(map[string]any{"portals": views}, func(w io.Writer) {
			t := newTable(w, "ID", "TITLE", "NAME", "OF ACCOUNT", "ACCOUNTS", "STATE")
			defer t.flush()
			for _, v := range views {
				t.row(v.ID, v.Title, v.Name, names[v.Owner], fmtInt(v.Accounts), string(v.Status))
			}
		})
	})
}

func viewPortal(p *tenant.Portal, inside map[string]int) portalView {
	return portalView{p.ID, p.Owner, p.Name, p.Title, p.Status, inside[p.ID], at(p.CreatedAt)}
}

// residents counts the accounts in each portal, and names the accounts.
func residents(ctx context.Context, a *app.App, r fleet.Request) (map[string]int, map[ident.PortfolioID]string, error) {
	folios, err := a.Fleet.Portfolios(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	steps, err := a.Fleet.PortalSteps(ctx, r)
	inside, names := map[string]int{}, map[ident.PortfolioID]string{}
	for i := range folios {
		inside[steps.Of(folios[i].Path)]++
		names[folios[i].ID] = folios[i].Name
	}
	return inside, names, err
}

// somePortal is the portal that a command is about.
type somePortal struct {
	ID string `arg:"" name:"id" placeholder:"HEX32" help:"The portal."`
}

func (s *somePortal) id() (string, error) {
	id, err := ident.ParsePortfolioID(s.ID) // of the same form
	return string(id), ident.As("id", err)
}

func (s *somePortal) change(ctx context.Context, sh *shell, change func(*tenant.Portal)) error {
	id, err := s.id()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		p, err := a.Fleet.ChangePortal(ctx, sh.request(), id, change)
		if err != nil {
			return err
		}
		inside, _, err := residents(ctx, a, sh.request())
		if err != nil {
			return err
		}
		return sh.say(viewPortal(&p, inside), "Portal %s (%s) is %s.", p.Title, p.Name, p.Status)
	})
}

type portalSet struct {
	somePortal
	Name    *string `help:"Its name."`
	Title   *string `help:"Its short name, without blanks."`
	Restore bool    `help:"Let accounts into it again after it was removed."`
}

// Help is the detail of the manual.
func (portalSet) Help() string {
	return example(`simurgh portal set 0123456789abcdef0123456789abcdef --name "Acme Things"`)
}

func (c *portalSet) Run(ctx context.Context, sh *shell) error {
	if c.Name == nil && c.Title == nil && !c.Restore {
		return nothingToSet("--name")
	}
	return c.change(ctx, sh, func(p *tenant.Portal) {
		if c.Name != nil {
			p.Name = *c.Name
		}
		if c.Title != nil {
			p.Title = *c.Title
		}
		if c.Restore {
			p.Status = tenant.Active
		}
	})
}

type portalRemove struct{ somePortal }

// Help is the detail of the manual.
func (portalRemove) Help() string {
	return example("simurgh portal remove 0123456789abcdef0123456789abcdef")
}

func (c *portalRemove) Run(ctx context.Context, sh *shell) error {
	return c.change(ctx, sh, func(p *tenant.Portal) { p.Status = tenant.Deleted })
}

type portalPut struct {
	somePortal
	Portfolio string `required:"" placeholder:"HEX32" help:"The account."`
}

// Help is the detail of the manual.
func (portalPut) Help() string {
	return example("simurgh portal put 0123456789abcdef0123456789abcdef --portfolio 11000000000000000000000000000000")
}

func (c *portalPut) Run(ctx context.Context, sh *shell) error {
	id, err1 := c.id()
	folio, err2 := ident.ParsePortfolioID(c.Portfolio)
	if err := fault.Join(err1, ident.As("portfolio", err2)); err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.SetPortal(ctx, sh.request(), folio, id); err != nil {
			return err
		}
		return sh.say(map[string]any{"portalId": id, "portfolioId": folio}, "Account %s is in portal %s.", folio, id)
	})
}
