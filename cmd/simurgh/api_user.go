package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type apiUserCmd struct {
	Create   apiUserCreate   `cmd:"" help:"Let a program in, and print its username and its password, once."`
	List     apiUserList     `cmd:"" help:"List the programs, and what they may call on."`
	Set      apiUserSet      `cmd:"" help:"Change what a program may call on, and from where; suspend it, or lift that."`
	Password apiUserPassword `cmd:"" help:"Give a program a new password: its tokens are worth nothing at once."`
	Revoke   apiUserRevoke   `cmd:"" help:"Shut a program out: its password and its tokens are worth nothing at once."`
}

type apiUserCreate struct {
	Portfolio string `required:"" placeholder:"HEX32" help:"Account that the program works in; it sees that and those below it."`
	Features  string `default:"api,diagnostics,esim,sms,imei_lock" placeholder:"LIST" help:"What it may call on: api, diagnostics, esim, sms, imei_lock."`
	Role      string `placeholder:"ROLE" default:"engineer" help:"admin, engineer, support, finance, or viewer, who only reads."`
	Allow     string `placeholder:"CIDR,..." help:"Addresses and networks that the program may call from. Default: any."`
	ExpiresIn string `placeholder:"DURATION" help:"How long the account lasts, such as 2160h. Default: for ever."`
}

// Help is the detail of the manual.
func (apiUserCreate) Help() string {
	return example("simurgh api-user create --portfolio 0123456789abcdef0123456789abcdef", "simurgh api-user create --portfolio 0123456789abcdef0123456789abcdef --features api,sms --role viewer")
}

type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

func (c *apiUserCreate) Run(ctx context.Context, sh *shell) error {
	n := fleet.NewAPIUser{Role: c.Role}
	var errs [5]error
	n.Portfolio, errs[0] = ident.ParsePortfolioID(c.Portfolio)
	n.Detail.AllowList, errs[1] = tenant.ParseAllowList(c.Allow)
	n.ExpiresAt, errs[2] = expiry(c.ExpiresIn)
	_, errs[3] = tenant.ParseRole(c.Role)
	n.Features, errs[4] = tenant.ParseFeatures(c.Features)
	if err := fault.Join(ident.As("portfolio", errs[0]), errs[1], errs[2], errs[3], errs[4]); err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		u, password, err := a.Fleet.CreateAPIUser(ctx, sh.request(), n)
		if err != nil {
			return err
		}
		made := login{u.Username(), password}
		return sh.print(made, func(w io.Writer) { _ = json.NewEncoder(w).Encode(made) })
	})
}

type apiUserView struct {
	Username  string            `json:"username"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Role      string            `json:"role"`
	Features  []string          `json:"features"`
	Allow     []string          `json:"allow"` // empty allows any address
	Revoked   bool              `json:"revoked"`
	Suspended []string          `json:"suspended"`      // admin, system, customer
	Above     bool              `json:"suspendedAbove"` // its account is, or one above
	ExpiresAt *time.Time        `json:"expiresAt"`
	CreatedAt *time.Time        `json:"createdAt"`
}

func viewAPIUser(u *fleet.APIUser) apiUserView {
	v := apiUserView{u.Username(), u.Portfolio, u.Roles, u.Features.Names(), []string{}, u.Disabled, suspensions(u.Suspended), u.Above, at(u.ExpiresAt), at(u.CreatedAt)}
	for _, n := range u.AllowList {
		v.Allow = append(v.Allow, n.String())
	}
	return v
}

type apiUserList struct{}

// Help is the detail of the manual.
func (apiUserList) Help() string { return example("simurgh api-user list") }

func (c *apiUserList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		names, err := portfolioNames(ctx, a, sh.request())
		if err != nil {
			return err
		}
		all, err := a.Fleet.APIUsers(ctx, sh.request())
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"apiUsers": items(all, viewAPIUser)}, func(w io.Writer) {
			t := newTable(w, "USERNAME", "ROLE", "FEATURES", "ACCOUNT", "ALLOWED FROM", "STATE", "EXPIRES")
			defer t.flush()
			for i := range all {
				v := viewAPIUser(&all[i])
				from := "anywhere"
				if len(v.Allow) > 0 {
					from = strings.Join(v.Allow, ",")
				}
				t.row(v.Username, v.Role, strings.Join(v.Features, ","), names[v.Portfolio], from, standing(&all[i].Account, "revoked"), clock(all[i].ExpiresAt))
			}
		})
	})
}

// someUser is the program that a command is about.
type someUser struct {
	Username string `arg:"" name:"username" placeholder:"USERNAME" help:"The program."`
}

func (u *someUser) change(ctx context.Context, sh *shell, c fleet.APIUserChange, say func(*fleet.APIUser, string) error) error {
	return sh.with(ctx, func(a *app.App) error {
		changed, password, err := a.Fleet.ChangeAPIUser(ctx, sh.request(), u.Username, c)
		if err != nil {
			return err
		}
		return say(&changed, password)
	})
}

type apiUserSet struct {
	someUser
	Features *string `placeholder:"LIST" help:"What it may call on: api, diagnostics, esim, sms, imei_lock."`
	Allow    *string `placeholder:"CIDR,..." help:"Addresses and networks that it may call from; empty for any."`
	suspendFlags
}

// Help is the detail of the manual.
func (apiUserSet) Help() string {
	return example("simurgh api-user set API_USER_012345678901 --features api,sms --allow 192.0.2.0/24")
}

func (c *apiUserSet) Run(ctx context.Context, sh *shell) error {
	change := fleet.APIUserChange{Suspend: c.suspending()}
	if c.Features != nil {
		f, err := tenant.ParseFeatures(*c.Features)
		if err != nil {
			return err
		}
		change.Features = &f
	}
	if c.Allow != nil {
		list, err := tenant.ParseAllowList(*c.Allow)
		if err != nil {
			return err
		}
		change.Allow = func(d *tenant.Detail) { d.AllowList = list }
	}
	return c.change(ctx, sh, change, func(u *fleet.APIUser, _ string) error {
		return sh.say(viewAPIUser(u), "%s is changed", u.Username())
	})
}

type apiUserPassword struct{ someUser }

// Help is the detail of the manual.
func (apiUserPassword) Help() string {
	return example("simurgh api-user password API_USER_012345678901")
}

func (c *apiUserPassword) Run(ctx context.Context, sh *shell) error {
	return c.change(ctx, sh, fleet.APIUserChange{Password: true}, func(u *fleet.APIUser, password string) error {
		made := login{u.Username(), password}
		return sh.print(made, func(w io.Writer) { _ = json.NewEncoder(w).Encode(made) })
	})
}

type apiUserRevoke struct{ someUser }

// Help is the detail of the manual.
func (apiUserRevoke) Help() string { return example("simurgh api-user revoke API_USER_012345678901") }

func (c *apiUserRevoke) Run(ctx context.Context, sh *shell) error {
	gone := true
	return c.change(ctx, sh, fleet.APIUserChange{Disabled: &gone}, func(u *fleet.APIUser, _ string) error {
		return sh.say(viewAPIUser(u), "%s is revoked", u.Username())
	})
}
