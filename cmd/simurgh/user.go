package main

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

type userCmd struct {
	Create userCreate `cmd:"" help:"Let a person in, and print their id."`
	List   userList   `cmd:"" help:"List the people, and where they belong."`
	Set    userSet    `cmd:"" help:"Suspend a person, or lift that."`
}

type userCreate struct {
	Username      string `required:"" help:"Name to sign in with, 6 to 255 characters; letters match in either case."`
	Portfolio     string `required:"" placeholder:"HEX32" help:"Account that the person works in; they see it and those below it."`
	Roles         string `required:"" placeholder:"AEFLTU" help:"Letters: A admin, E engineering, F finance, L logistics, T technical, U standard user."`
	PasswordStdin bool   `help:"Read the password, 6 to 255 characters, from the first line of standard input."`
}

// Help is the detail of the manual.
func (userCreate) Help() string {
	return example(`printf %s "$PASSWORD" | simurgh user create --username ops@acme.example --roles AEF \`,
		"    --portfolio 0123456789abcdef0123456789abcdef --password-stdin")
}

func (c *userCreate) Run(ctx context.Context, sh *shell) error {
	id, err := ident.ParsePortfolioID(c.Portfolio)
	if err := fault.Join(ident.As("portfolio", err), c.asksForPassword()); err != nil {
		return err
	}
	password, err := firstLine(sh.stdin)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		u, err := a.Fleet.CreateUser(ctx, sh.request(), fleet.NewUser{Username: c.Username, Password: password, Portfolio: id, Roles: c.Roles})
		if err != nil {
			return err
		}
		return sh.say(map[string]any{"userId": u.ID}, "%s", u.ID)
	})
}

// asksForPassword refuses a password that would stand in the process list.
func (c *userCreate) asksForPassword() error {
	if c.PasswordStdin {
		return nil
	}
	return fault.InvalidField("passwordStdin", "is missing; a password comes on standard input, never as an argument that other processes can read")
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type userView struct {
	ID        string            `json:"userId"`
	Username  string            `json:"username"`
	Kind      tenant.Kind       `json:"kind"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Roles     string            `json:"roles"`
	Disabled  bool              `json:"disabled"`
	Suspended []string          `json:"suspended"`      // admin, system, customer
	Above     bool              `json:"suspendedAbove"` // its account is, or one above
	ExpiresAt *time.Time        `json:"expiresAt"`
	CreatedAt *time.Time        `json:"createdAt"`
}

func viewUser(a *tenant.Account) userView {
	return userView{a.ID, a.Name, a.Kind, a.Portfolio, a.Roles, a.Disabled, suspensions(a.Suspended), a.Above, at(a.ExpiresAt), at(a.CreatedAt)}
}

type userList struct {
	All bool `help:"Programs, too: service accounts and those of the Terminal API."`
}

// Help is the detail of the manual.
func (userList) Help() string { return example("simurgh user list", "simurgh user list --all") }

func (c *userList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		all, err := a.Fleet.Accounts(ctx, sh.request())
		if err != nil {
			return err
		}
		if !c.All {
			all = slices.DeleteFunc(all, func(u tenant.Account) bool { return u.Kind != tenant.User })
		}
		names, err := portfolioNames(ctx, a, sh.request())
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"users": items(all, viewUser)}, func(w io.Writer) {
			t := newTable(w, "USERNAME", "KIND", "ROLES", "ACCOUNT", "ACCOUNT ID", "STATE", "CREATED", "ID")
			defer t.flush()
			for _, u := range all {
				t.row(u.Name, string(u.Kind), u.Roles, names[u.Portfolio], string(u.Portfolio), standing(&u, string(tenant.Deleted)), clock(u.CreatedAt), u.ID)
			}
		})
	})
}

type userSet struct {
	Username string `arg:"" name:"username" placeholder:"USERNAME" help:"The person; letters match in either case."`
	suspendFlags
}

// Help is the detail of the manual.
func (userSet) Help() string {
	return example("simurgh user set ops@acme.example --suspend-admin")
}

func (c *userSet) Run(ctx context.Context, sh *shell) error {
	s := c.suspending()
	if len(s) == 0 {
		return nothingToSet("--suspend-admin")
	}
	return sh.with(ctx, func(a *app.App) error {
		all, err := a.Fleet.Accounts(ctx, sh.request())
		if err != nil {
			return err
		}
		for _, u := range all {
			if u.Kind != tenant.User || !strings.EqualFold(u.Name, c.Username) {
				continue
			}
			m, err := a.Fleet.ChangeMember(ctx, sh.request(), u.Portfolio, u.ID, fleet.MemberChange{Suspend: s})
			if err != nil {
				return err
			}
			return sh.say(viewUser(&m.Account), "%s is %s", m.Name, standing(&m.Account, string(tenant.Deleted)))
		}
		return fault.Missing("user", c.Username)
	})
}
