package fleet

import (
	"context"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// NewPortfolio is an account to be made. Empty fields take their defaults.
type NewPortfolio struct {
	ID         ident.PortfolioID // random
	Parent     ident.PortfolioID // none: a root, which only the operator makes
	Name       string
	Currency   money.Currency // the parent's, or GBP
	BillingDay int            // 1
	Setup      bool           // it is not active yet, see tenant.Portfolio.Ready
}

// defaultCurrency is a root's when it names none.
const defaultCurrency = "GBP"

// CreatePortfolio makes an account below a portfolio of the caller.
func (s *Service) CreatePortfolio(ctx context.Context, r Request, n NewPortfolio) (tenant.Portfolio, error) {
	p := tenant.Portfolio{ID: n.ID, Parent: n.Parent, Name: strings.TrimSpace(n.Name), Currency: n.Currency, BillingDay: n.BillingDay,
		Status: tenant.Active, CreatedAt: s.now()}
	if n.Setup {
		p.Status = tenant.Setup
	}
	if p.ID == "" {
		p.ID = ident.NewPortfolioID()
	}
	if p.BillingDay == 0 {
		p.BillingDay = 1
	}
	if err := fault.Join(r.Caller.Needs(tenant.PortfolioWrite), checkName("name", p.Name, 128), checkBillingDay(p.BillingDay)); err != nil {
		return p, err
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		if err := s.place(ctx, tx, &r, &p); err != nil {
			return err
		}
		if err := tx.AddPortfolio(ctx, p); err != nil {
			return taken(err, "portfolio", string(p.ID))
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioCreated, p.ID, s.now(), event.Data{Subject: p.Name})})
	})
	return p, err
}

// place puts a portfolio into the tree, below its parent.
func (s *Service) place(ctx context.Context, tx Tx, r *Request, p *tenant.Portfolio) error {
	parentPath := ""
	switch {
	case p.Parent != "":
		parent, err := tx.Portfolio(ctx, r.Caller.Sphere, p.Parent)
		if err != nil {
			return err
		}
		if parent.Status == tenant.Deleted {
			return fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", parent.ID)
		}
		if tenant.Depth(parent.Path) >= tenant.MaxDepth {
			return fault.InvalidField("parent", "is at depth %d; the tree goes no deeper", tenant.MaxDepth)
		}
		parentPath = parent.Path
		if p.Currency == "" {
			p.Currency = parent.Currency
		}
	case !r.Caller.Sphere.All():
		return fault.New(fault.Forbidden, "portfolio.root", "only the operator makes a portfolio without a parent")
	case p.Currency == "":
		p.Currency = defaultCurrency
	}
	p.Path = tenant.Path(parentPath, p.ID)
	return nil
}

func checkBillingDay(day int) error {
	if day < 1 || day > 28 {
		return fault.InvalidField("billingDay", "is %d; 1 to 28 are allowed", day)
	}
	return nil
}

func checkName(field, s string, limit int) error {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return fault.InvalidField(field, "is empty")
	case n > limit:
		return fault.InvalidField(field, "has %d characters; at most %d are allowed", n, limit)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fault.InvalidField(field, "has characters that are not text")
	}
	return nil
}

// taken says that an id or a name is in use, in words that fit the caller.
func taken(err error, what, id string) error {
	if fault.KindOf(err) == fault.Conflict {
		return fault.New(fault.Conflict, what+".exists", "%s %s exists already", what, id).Because(err)
	}
	return err
}

// Portfolios lists the caller's part of the tree, parents before children.
func (s *Service) Portfolios(ctx context.Context, r Request) ([]tenant.Portfolio, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return s.store.Portfolios(ctx, r.Caller.Sphere)
}

// Portfolio returns one portfolio of the caller's part of the tree.
func (s *Service) Portfolio(ctx context.Context, r Request, id ident.PortfolioID) (tenant.Portfolio, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return tenant.Portfolio{}, err
	}
	return s.store.Portfolio(ctx, r.Caller.Sphere, id)
}

// ChangePortfolio lets change alter what may change of a portfolio: name,
// billing day, status, allow-list, what is overdue, the stop of activations, and
// its suspensions. Those of the operator and of rules are the operator's.
func (s *Service) ChangePortfolio(ctx context.Context, r Request, id ident.PortfolioID, change func(*tenant.Portfolio) error) (tenant.Portfolio, error) {
	var p tenant.Portfolio
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return p, err
	}
	err := s.store.Write(ctx, func(tx Tx) (err error) {
		if err := tx.LockPortfolio(ctx, id); err != nil {
			return err
		}
		if p, err = tx.Portfolio(ctx, r.Caller.Sphere, id); err != nil {
			return err
		}
		was := p
		if err := change(&p); err != nil {
			return err
		}
		if err := fault.Join(checkName("name", p.Name, 128), checkBillingDay(p.BillingDay), maySuspend(&r.Caller, was.Suspended, p.Suspended)); err != nil {
			return err
		}
		if p.Status == tenant.Active && was.Status != tenant.Active {
			if err := billed(ctx, tx, &p); err != nil {
				return err
			}
		}
		if err := tx.SavePortfolio(ctx, p); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, p.ID, s.now(), event.Data{Subject: p.Name, Changes: portfolioChanges(&was, &p)})})
	})
	s.bearers.forget()
	return p, err
}

// maySuspend checks a change of the suspensions of a portfolio, an account or a
// link. No rule here sets the system's: the operator does, whose rules are
// elsewhere.
func maySuspend(caller *tenant.Principal, before, after tenant.Suspensions) error {
	const operators = tenant.Suspensions(tenant.AdminSuspension | tenant.SystemSuspension)
	if before&operators != after&operators {
		return caller.Needs(tenant.SIMAdminSuspend)
	}
	return nil
}

// portfolioChanges says what of a change the audit trail shows.
func portfolioChanges(before, after *tenant.Portfolio) []event.Change {
	var out []event.Change
	add := func(field, from, to string) {
		if from != to {
			out = append(out, event.Change{Field: field, From: from, To: to})
		}
	}
	add("name", before.Name, after.Name)
	add("billingDay", strconv.Itoa(before.BillingDay), strconv.Itoa(after.BillingDay))
	add("status", string(before.Status), string(after.Status))
	add("allow", allowed(before.AllowList), allowed(after.AllowList))
	add("overdue", before.Overdue.String(), after.Overdue.String())
	add("noActivations", strconv.FormatBool(before.NoActivations), strconv.FormatBool(after.NoActivations))
	return append(out, suspensionChanges(before.Suspended, after.Suspended)...)
}

// suspensionChanges says which suspensions were set and lifted.
func suspensionChanges(before, after tenant.Suspensions) []event.Change {
	var out []event.Change
	for _, k := range tenant.AllSuspensions {
		if was, is := before.Has(k.Suspension), after.Has(k.Suspension); was != is {
			out = append(out, event.Change{Field: k.Name + "Suspend", From: strconv.FormatBool(was), To: strconv.FormatBool(is)})
		}
	}
	return out
}

// NewUser is a person to be let in.
type NewUser struct {
	Username  string
	Password  string
	Portfolio ident.PortfolioID
	Roles     string // letters of AEFLTU; tenant.StandardUser when empty, with a type none
	Type      int64  // a user type of the tree's own, which names the roles; 0 for none
	Detail    tenant.Detail
}

// CreateUser makes a user of a portfolio.
func (s *Service) CreateUser(ctx context.Context, r Request, n NewUser) (tenant.Account, error) {
	a := tenant.Account{Roles: n.Roles, Type: ownType(n.Type), CreatedAt: s.now()}
	a.ID, a.Kind, a.Name, a.Portfolio = string(ident.NewPortfolioID()), tenant.User, strings.TrimSpace(n.Username), n.Portfolio
	if n.Roles == "" {
		a.Roles = tenant.StandardUser
	}
	_, roles := tenant.ParseLetters(a.Roles)
	if a.Type != 0 && n.Roles != "" {
		roles = fault.InvalidField("roles", "come from the type")
	}
	if err := fault.Join(r.Caller.Needs(tenant.UserWrite), checkLength("username", a.Name), checkName("username", a.Name, 255),
		checkLength("password", n.Password), roles, checkDetail(&n.Detail, false)); err != nil {
		return a, err
	}
	hash, err := s.vault.HashPassword(ctx, n.Password)
	if err != nil {
		return a, err
	}
	a.Hash = hash
	err = s.store.Write(ctx, func(tx Tx) error {
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, n.Portfolio)
		if err != nil {
			return err
		}
		if a.Type != 0 {
			if err := lockTree(ctx, tx, &r); err != nil {
				return err
			}
			e, err := userType(ctx, tx, &r, a.Type)
			if err != nil {
				return err
			}
			a.Roles = e.Role
		}
		a.Sphere, a.May = tenant.Below(p.Path), tenant.Rights(a.Roles)
		if err := r.Caller.Gives(a.May); err != nil {
			return err
		}
		if err := tx.AddAccount(ctx, a); err != nil {
			return taken(err, "user", a.Name)
		}
		if err := tx.SaveDetail(ctx, a.ID, n.Detail); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.AccountCreated, p.ID, s.now(), event.Data{Subject: a.Actor(), To: a.Roles})})
	})
	return a, err
}

// NewPassword returns a password for somebody who is to be told it once.
func (s *Service) NewPassword() string { return s.vault.NewToken() }

// checkLength holds user names and passwords to what every contract takes.
func checkLength(field, s string) error {
	if n := utf8.RuneCountInString(s); n < 6 || n > 255 {
		return fault.InvalidField(field, "has %d characters; 6 to 255 are needed", n)
	}
	return nil
}

// Accounts lists the people and programs of the caller's part of the tree.
func (s *Service) Accounts(ctx context.Context, r Request) ([]tenant.Account, error) {
	if err := r.Caller.Needs(tenant.UserGet); err != nil {
		return nil, err
	}
	return s.store.Accounts(ctx, r.Caller.Sphere)
}
