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

type serviceAccountCmd struct {
	Create serviceAccountCreate `cmd:"" help:"Let a program in, and print its id and its secret, once."`
	List   serviceAccountList   `cmd:"" help:"List the programs, and where they belong."`
	Set    serviceAccountSet    `cmd:"" help:"Suspend a program, or lift that."`
	Revoke serviceAccountRevoke `cmd:"" help:"Shut a program out: its secret is worth nothing at once, its tokens within a second."`
}

type serviceAccountCreate struct {
	Portfolio string `required:"" placeholder:"HEX32" help:"Account that the program works in; it sees that and those below it."`
	Email     string `required:"" placeholder:"ADDRESS" help:"Whom to write to about the program."`
	Role      string `placeholder:"ROLE" default:"engineer" help:"admin, engineer, support, finance, viewer, or operator, who may do everything in the account and below."`
	Allow     string `placeholder:"CIDR,..." help:"Addresses and networks that the program may call from. Default: any."`
	ExpiresIn string `placeholder:"DURATION" help:"How long the account lasts, such as 2160h. Default: for ever."`
}

// Help is the detail of the manual.
func (serviceAccountCreate) Help() string {
	return example("simurgh service-account create --portfolio 0123456789abcdef0123456789abcdef --email ops@acme.example")
}

type credentials struct {
	ID     string `json:"clientId"`
	Secret string `json:"clientSecret"`
}

func (c *serviceAccountCreate) Run(ctx context.Context, sh *shell) error {
	n := fleet.NewServiceAccount{Role: c.Role, Detail: tenant.Detail{Email: c.Email}}
	var errs [4]error
	n.Portfolio, errs[0] = ident.ParsePortfolioID(c.Portfolio)
	n.Detail.AllowList, errs[1] = tenant.ParseAllowList(c.Allow)
	n.ExpiresAt, errs[2] = expiry(c.ExpiresIn)
	_, errs[3] = tenant.ParseRole(c.Role)
	if err := fault.Join(ident.As("portfolio", errs[0]), errs[1], errs[2], errs[3]); err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		m, secret, err := a.Fleet.CreateServiceAccount(ctx, sh.request(), n)
		if err != nil {
			return err
		}
		made := credentials{m.Name, secret}
		return sh.print(made, func(w io.Writer) { _ = json.NewEncoder(w).Encode(made) })
	})
}

// expiry returns when something that lasts so long is over; the zero time when
// it lasts for ever.
func expiry(lasts string) (time.Time, error) {
	if lasts == "" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(lasts)
	if err != nil || d <= 0 {
		return time.Time{}, fault.InvalidField("expiresIn", "%q is not a time such as 2160h", lasts)
	}
	return time.Now().Add(d), nil
}

type serviceAccountView struct {
	ID        string            `json:"clientId"`
	Email     string            `json:"email"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Role      string            `json:"role"`
	Allow     []string          `json:"allow"` // empty allows any address
	Revoked   bool              `json:"revoked"`
	Suspended []string          `json:"suspended"`      // admin, system, customer
	Above     bool              `json:"suspendedAbove"` // its account is, or one above
	ExpiresAt *time.Time        `json:"expiresAt"`
	CreatedAt *time.Time        `json:"createdAt"`
}

func viewServiceAccount(m *tenant.Member) serviceAccountView {
	v := serviceAccountView{m.Name, m.Email, m.Portfolio, m.Roles, []string{}, m.Disabled, suspensions(m.Suspended), m.Above, at(m.ExpiresAt), at(m.CreatedAt)}
	for _, n := range m.AllowList {
		v.Allow = append(v.Allow, n.String())
	}
	return v
}

type serviceAccountList struct{}

// Help is the detail of the manual.
func (serviceAccountList) Help() string { return example("simurgh service-account list") }

func (c *serviceAccountList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		names, err := portfolioNames(ctx, a, sh.request())
		if err != nil {
			return err
		}
		all, err := serviceAccounts(ctx, a, sh.request())
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"serviceAccounts": items(all, viewServiceAccount)}, func(w io.Writer) {
			t := newTable(w, "CLIENT ID", "EMAIL", "ROLE", "ACCOUNT", "ALLOWED FROM", "STATE", "EXPIRES", "CREATED")
			defer t.flush()
			for i := range all {
				v := viewServiceAccount(&all[i])
				from := "anywhere"
				if len(v.Allow) > 0 {
					from = strings.Join(v.Allow, ",")
				}
				t.row(v.ID, v.Email, v.Role, names[v.Portfolio], from, standing(&all[i].Account, "revoked"), clock(all[i].ExpiresAt), clock(all[i].CreatedAt))
			}
		})
	})
}

// serviceAccounts lists the programs of every account.
func serviceAccounts(ctx context.Context, a *app.App, r fleet.Request) ([]tenant.Member, error) {
	folios, err := a.Fleet.Portfolios(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []tenant.Member
	for _, p := range folios {
		members, err := a.Fleet.Members(ctx, r, p.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if m.Kind == tenant.ServiceAccount {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

type serviceAccountRevoke struct {
	ID string `arg:"" name:"id" placeholder:"CLIENT-ID" help:"The program's id."`
}

// Help is the detail of the manual.
func (serviceAccountRevoke) Help() string {
	return example("simurgh service-account revoke 0123456789abcdef0123456789abcdef")
}

func (c *serviceAccountRevoke) Run(ctx context.Context, sh *shell) error {
	gone := true
	return changeServiceAccount(ctx, sh, c.ID, fleet.MemberChange{Disabled: &gone})
}

// changeServiceAccount changes a program that is known by its id.
func changeServiceAccount(ctx context.Context, sh *shell, id string, c fleet.MemberChange) error {
	return sh.with(ctx, func(a *app.App) error {
		all, err := serviceAccounts(ctx, a, sh.request())
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.Name != strings.ToLower(id) {
				continue
			}
			m, err := a.Fleet.ChangeMember(ctx, sh.request(), m.Portfolio, m.ID, c)
			if err != nil {
				return err
			}
			return sh.say(viewServiceAccount(&m), "%s is %s", m.Name, standing(&m.Account, "revoked"))
		}
		return fault.New(fault.NotFound, "service.not_found", "service account %s not found", id)
	})
}

type serviceAccountSet struct {
	ID string `arg:"" name:"id" placeholder:"CLIENT-ID" help:"The program's id."`
	suspendFlags
}

// Help is the detail of the manual.
func (serviceAccountSet) Help() string {
	return example("simurgh service-account set 0123456789abcdef0123456789abcdef --suspend-admin")
}

func (c *serviceAccountSet) Run(ctx context.Context, sh *shell) error {
	s := c.suspending()
	if len(s) == 0 {
		return nothingToSet("--suspend-admin")
	}
	return changeServiceAccount(ctx, sh, c.ID, fleet.MemberChange{Suspend: s})
}
