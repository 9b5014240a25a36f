package main

import (
	"context"
	"io"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

type profileCmd struct {
	Add    profileAdd    `cmd:"" help:"Offer a profile to an account and those below it."`
	List   profileList   `cmd:"" help:"List what an account may download."`
	Remove profileRemove `cmd:"" help:"End an offer. What lies on cards stays there."`
}

type profileOf struct {
	Portfolio string `required:"" placeholder:"HEX32" help:"The account."`
}

func (p *profileOf) id() (ident.PortfolioID, error) {
	id, err := ident.ParsePortfolioID(p.Portfolio)
	return id, ident.As("portfolio", err)
}

type profileAdd struct {
	profileOf
	Name string `arg:"" name:"name" help:"Name of the profile, as the Terminal API shows it."`
}

// Help is the detail of the manual.
func (profileAdd) Help() string {
	return example(`simurgh profile add "Europe 1" --portfolio 0123456789abcdef0123456789abcdef`)
}

func (c *profileAdd) Run(ctx context.Context, sh *shell) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.OfferProfile(ctx, sh.request(), id, c.Name); err != nil {
			return err
		}
		return sh.say(map[string]any{"profile": c.Name, "portfolioId": id}, "%s may be downloaded", c.Name)
	})
}

type profileList struct{ profileOf }

// Help is the detail of the manual.
func (profileList) Help() string {
	return example("simurgh profile list --portfolio 0123456789abcdef0123456789abcdef")
}

func (c *profileList) Run(ctx context.Context, sh *shell) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		names, err := a.Fleet.Offered(ctx, sh.request(), id)
		if err != nil {
			return err
		}
		if names == nil {
			names = []string{}
		}
		return sh.print(map[string]any{"profiles": names}, func(w io.Writer) {
			t := newTable(w, "PROFILE")
			defer t.flush()
			for _, n := range names {
				t.row(n)
			}
		})
	})
}

type profileRemove struct {
	profileOf
	Name string `arg:"" name:"name" help:"Name of the profile."`
}

// Help is the detail of the manual.
func (profileRemove) Help() string {
	return example(`simurgh profile remove "Europe 1" --portfolio 0123456789abcdef0123456789abcdef`)
}

func (c *profileRemove) Run(ctx context.Context, sh *shell) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.WithdrawProfile(ctx, sh.request(), id, c.Name); err != nil {
			return err
		}
		return sh.say(map[string]any{"profile": c.Name, "portfolioId": id}, "%s is not offered any more", c.Name)
	})
}
