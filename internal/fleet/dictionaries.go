package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// CatalogueReader reads dictionaries, and what portfolios are invoiced by.
type CatalogueReader interface {
	Entries(ctx context.Context, d tenant.Dictionary, root string) ([]tenant.Entry, error)
	Terms(ctx context.Context, in tenant.Sphere) (map[ident.PortfolioID]tenant.Terms, error)
	Addresses(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]tenant.Address, error)
}

// CatalogueWriter changes them.
type CatalogueWriter interface {
	SaveEntry(ctx context.Context, e *tenant.Entry) error
	SaveTerms(ctx context.Context, id ident.PortfolioID, t tenant.Terms) error
	SaveAddress(ctx context.Context, a tenant.Address) error
}

// Codes of the faults about dictionaries.
const (
	EntryUnknown = "entry.unknown" // what is referred to is not there, or deleted
	EntryTaken   = "entry.title"
	EntryBuiltIn = "entry.built_in"
	EntryLimit   = "entry.limit"
	EntryForeign = "entry.forbidden" // dictionaries are their tree's root's to change
)

var errForeign = fault.New(fault.Forbidden, EntryForeign, "only an account without a parent changes dictionaries")

// maxEntries bounds the entries that a tree adds to a dictionary.
const maxEntries = 1000

// Entries lists a dictionary as the caller's tree has it: what is built in, and
// its own.
func (s *Service) Entries(ctx context.Context, r Request, d tenant.Dictionary) ([]tenant.Entry, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return entries(ctx, s.store, &r, d)
}

func entries(ctx context.Context, from CatalogueReader, r *Request, d tenant.Dictionary) ([]tenant.Entry, error) {
	root, _ := r.Caller.Sphere.Root()
	own, err := from.Entries(ctx, d, root)
	return append(tenant.BuiltIn(d), own...), err
}

// Entry returns one entry of a dictionary.
func (s *Service) Entry(ctx context.Context, r Request, d tenant.Dictionary, id int64) (tenant.Entry, error) {
	all, err := s.Entries(ctx, r, d)
	if err != nil {
		return tenant.Entry{}, err
	}
	return entryIn(all, d, id)
}

func entryIn(all []tenant.Entry, d tenant.Dictionary, id int64) (tenant.Entry, error) {
	if i := slices.IndexFunc(all, func(e tenant.Entry) bool { return e.ID == id }); i >= 0 {
		return all[i], nil
	}
	return tenant.Entry{}, fault.Missing(string(d), strconv.FormatInt(id, 10))
}

// CreateEntry adds an entry to a dictionary of the caller's tree. Only callers at
// its root may.
func (s *Service) CreateEntry(ctx context.Context, r Request, e tenant.Entry) (tenant.Entry, error) {
	if e.ID, e.Status = 0, tenant.Active; e.Dictionary == tenant.UserTypes && e.Role == "" {
		e.Role = tenant.StandardUser
	}
	return s.changeEntry(ctx, r, e.Dictionary, nil, func(to *tenant.Entry) { *to = e })
}

// ChangeEntry changes the name, the title or the status of an entry, and the role
// of a user type, which its users have then. Those that are built in stay as they
// are.
func (s *Service) ChangeEntry(ctx context.Context, r Request, d tenant.Dictionary, id int64, change func(*tenant.Entry)) (tenant.Entry, error) {
	return s.changeEntry(ctx, r, d, &id, change)
}

// changeEntry makes an entry where no id is given.
func (s *Service) changeEntry(ctx context.Context, r Request, d tenant.Dictionary, id *int64, change func(*tenant.Entry)) (e tenant.Entry, err error) {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return e, err
	}
	root, top := r.Caller.Sphere.Root()
	if !top {
		return e, errForeign
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := lockTree(ctx, tx, &r); err != nil {
			return err
		}
		all, err := entries(ctx, tx, &r, d)
		if err != nil {
			return err
		}
		e = tenant.Entry{}
		if id != nil {
			if e, err = entryIn(all, d, *id); err != nil {
				return err
			}
		} else if len(all) >= maxEntries {
			return fault.New(fault.Exhausted, EntryLimit, "the dictionary has %d entries; no more are allowed", len(all))
		}
		was := e
		change(&e)
		if err := checkEntry(&e, all); err != nil {
			return err
		}
		changes, err := retyped(ctx, tx, &r, &was, &e)
		if err != nil {
			return err
		}
		e.Dictionary, e.Root, e.ModifiedAt = d, root, s.now()
		if err := tx.SaveEntry(ctx, &e); err != nil {
			return entryTaken(err, &e)
		}
		subject := string(d) + " " + strconv.FormatInt(e.ID, 10) + " " + e.Title
		return tx.AddEvents(ctx, []event.Event{r.event(event.DictionaryChanged, r.Caller.Portfolio, e.ModifiedAt, event.Data{Subject: subject, To: string(e.Status), Changes: changes})})
	})
	return e, err
}

// lockTree makes others wait who change what is the whole of the caller's tree's:
// two at once would each begin with what was before both.
func lockTree(ctx context.Context, tx Tx, r *Request) error {
	root, _ := r.Caller.Sphere.Root()
	return tx.LockPortfolio(ctx, ident.PortfolioID(root))
}

// retyped gives the users of a type the roles that it names now. Nobody names
// more than they have, or takes it away.
func retyped(ctx context.Context, tx Tx, r *Request, before, after *tenant.Entry) ([]event.Change, error) {
	if before.Role == after.Role {
		return nil, nil
	}
	rights, err := tenant.ParseLetters(after.Role)
	if err != nil {
		return nil, err
	}
	if err := r.Caller.Gives(rights | tenant.Rights(before.Role)); err != nil {
		return nil, err
	}
	if after.ID != 0 {
		_, err = tx.SaveRoles(ctx, after.ID, after.Role)
	}
	return []event.Change{{Field: "roles", From: before.Role, To: after.Role}}, err
}

func entryTaken(err error, e *tenant.Entry) error {
	if fault.KindOf(err) == fault.Conflict {
		return fault.New(fault.Conflict, EntryTaken, "the title %s exists already", e.Title).Because(err)
	}
	return err
}

// checkEntry checks an entry as it shall be, among the others.
func checkEntry(e *tenant.Entry, all []tenant.Entry) error {
	if e.ID != 0 && e.ID < tenant.FirstEntry {
		return fault.New(fault.Forbidden, EntryBuiltIn, "entry %d is built in, and stays as it is", e.ID)
	}
	e.Name = strings.TrimSpace(e.Name)
	if err := fault.Join(checkName("name", e.Name, 128), checkTitle(e.Title)); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(o tenant.Entry) bool { return o.Title == e.Title && o.ID != e.ID }) {
		return entryTaken(fault.New(fault.Conflict, "", "taken"), e)
	}
	return nil
}

// refers refuses a reference to an entry that is not there, or deleted; 0 refers
// to nothing.
func refers(ctx context.Context, from CatalogueReader, r *Request, d tenant.Dictionary, id int64) error {
	if id == 0 {
		return nil
	}
	all, err := entries(ctx, from, r, d)
	if err != nil {
		return err
	}
	if e, err := entryIn(all, d, id); err != nil || e.Status != tenant.Active {
		return fault.New(fault.Precondition, EntryUnknown, "there is no active %s %d", d, id)
	}
	return nil
}

// Terms returns what the caller's portfolios are invoiced by, of those that have
// something.
func (s *Service) Terms(ctx context.Context, r Request) (map[ident.PortfolioID]tenant.Terms, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return s.store.Terms(ctx, r.Caller.Sphere)
}

// ChangeTerms changes what a portfolio is invoiced by.
func (s *Service) ChangeTerms(ctx context.Context, r Request, id ident.PortfolioID, change func(*tenant.Terms)) (t tenant.Terms, err error) {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return t, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPortfolio(ctx, id); err != nil {
			return err
		}
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, id)
		if err != nil {
			return err
		}
		all, err := tx.Terms(ctx, tenant.Below(p.Path))
		if err != nil {
			return err
		}
		before := all[id]
		t = before
		change(&t)
		was := before.Refs()
		for d, ref := range t.Refs() {
			if *ref == *was[d] {
				continue
			}
			if err := refers(ctx, tx, &r, d, *ref); err != nil {
				return err
			}
		}
		if err := tx.SaveTerms(ctx, id, t); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, id, s.now(), event.Data{Subject: p.Name, Reason: "terms"})})
	})
	return t, err
}
