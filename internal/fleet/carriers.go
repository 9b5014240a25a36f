package fleet

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// CarriedReader reads the attributes of holders that the caller has found in its
// sphere.
type CarriedReader interface {
	Carried(ctx context.Context, of tenant.Holder, deleted bool) ([]sim.Attribute, error)
	CarriedByAll(ctx context.Context, kind tenant.HolderKind, ids []string) (map[string][]sim.Attribute, error)
}

// CarriedWriter changes them.
type CarriedWriter interface {
	LockCarried(ctx context.Context, of tenant.Holder) ([]sim.Attribute, error)
	SaveCarried(ctx context.Context, of tenant.Holder, list []sim.Attribute, at time.Time) error
	PruneCarried(ctx context.Context, of tenant.Holder, keep int) error
}

// holding is a carrier that is no SIM: how it is found, and what that needs.
type holding struct {
	read, write tenant.Permission
	find        func(ctx context.Context, from Reader, r *Request) (holder, error)
}

func (c holding) needs(do attributeVerb) tenant.Permission {
	if do == attributeGet {
		return c.read
	}
	return c.write
}

func (c holding) list(ctx context.Context, s *Service, r *Request, deleted bool) ([]sim.Attribute, error) {
	h, err := c.find(ctx, s.store, r)
	if err != nil {
		return nil, err
	}
	return s.store.Carried(ctx, h.Holder, deleted)
}

func (c holding) open(ctx context.Context, tx Tx, r *Request) (*attributing, error) {
	h, err := c.find(ctx, tx, r)
	if err == nil {
		err = h.no
	}
	if err != nil {
		return nil, err
	}
	active, err := tx.LockCarried(ctx, h.Holder)
	return &attributing{home: &holderHome{tx, h}, active: active}, err
}

// holder is a holder that was found in the caller's sphere.
type holder struct {
	tenant.Holder
	name  string            // "the portfolio"
	value int               // characters of a value, at most
	owner ident.PortfolioID // whose audit trail tells of a change; empty for the operator's
	no    error             // why nothing may change
}

// PortfolioAttributes are those of a portfolio.
func PortfolioAttributes(id ident.PortfolioID) Carrier {
	return holding{tenant.PortfolioGet, tenant.PortfolioWrite, func(ctx context.Context, from Reader, r *Request) (h holder, err error) {
		p, err := from.Portfolio(ctx, r.Caller.Sphere, id)
		h = holder{Holder: tenant.Holder{Kind: tenant.PortfolioHolder, ID: string(id)}, name: "the portfolio", value: sim.MaxAttributeValue, owner: id}
		if p.Status == tenant.Deleted {
			h.no = fault.New(fault.Precondition, "portfolio.deleted", "portfolio %s is deleted", id)
		}
		return h, err
	}}
}

// AttributesOfPortfolios returns the attributes of portfolios that the caller
// has read, without the deleted ones.
func (s *Service) AttributesOfPortfolios(ctx context.Context, r Request, ids []ident.PortfolioID) (map[ident.PortfolioID][]sim.Attribute, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	found, err := s.store.CarriedByAll(ctx, tenant.PortfolioHolder, texts)
	out := make(map[ident.PortfolioID][]sim.Attribute, len(found))
	for id, list := range found {
		out[ident.PortfolioID(id)] = list
	}
	return out, err
}

// PackageAttributes are those of a package.
func PackageAttributes(id int64) Carrier {
	return holding{tenant.PackageGet, tenant.PackageWrite, func(ctx context.Context, from Reader, r *Request) (holder, error) {
		_, err := from.Package(ctx, r.Caller.Offers(), id)
		return holder{Holder: tenant.Holder{Kind: tenant.PackageHolder, ID: strconv.FormatInt(id, 10)}, name: "the package", value: sim.MaxAttributeValue}, err
	}}
}

// ItemAttributes are those of an item of a package.
func ItemAttributes(pkg, id int64) Carrier {
	return holding{tenant.PackageGet, tenant.PackageWrite, func(ctx context.Context, from Reader, r *Request) (h holder, err error) {
		if _, err := from.Package(ctx, r.Caller.Offers(), pkg); err != nil {
			return h, err
		}
		items, err := from.Items(ctx, r.Caller.Offers(), pkg)
		h = holder{Holder: tenant.Holder{Kind: tenant.ItemHolder, ID: strconv.FormatInt(id, 10)}, name: "the item", value: sim.MaxAttributeValue}
		if err == nil && !slices.ContainsFunc(items, func(i plan.Item) bool { return i.ID == id }) {
			err = fault.Missing("item", h.ID)
		}
		return h, err
	}}
}

// AddressAttributes are those of an address of a portfolio.
func AddressAttributes(portfolio ident.PortfolioID, id string) Carrier {
	return holding{tenant.PortfolioGet, tenant.PortfolioWrite, func(ctx context.Context, from Reader, r *Request) (h holder, err error) {
		if _, err := from.Portfolio(ctx, r.Caller.Sphere, portfolio); err != nil {
			return h, err
		}
		all, err := from.Addresses(ctx, r.Caller.Sphere, portfolio)
		if err == nil {
			_, err = addressIn(all, id)
		}
		return holder{Holder: tenant.Holder{Kind: tenant.AddressHolder, ID: id}, name: "the address", value: sim.MaxAttributeValue, owner: portfolio}, err
	}}
}

// EntryAttributes are those of an entry of a dictionary, which each tree of
// portfolios has for itself.
func EntryAttributes(d tenant.Dictionary, id int64) Carrier {
	return holding{tenant.PortfolioGet, tenant.PortfolioWrite, func(ctx context.Context, from Reader, r *Request) (h holder, err error) {
		all, err := entries(ctx, from, r, d)
		if err == nil {
			_, err = entryIn(all, d, id)
		}
		root, top := r.Caller.Sphere.Root()
		h = holder{Holder: tenant.Holder{Kind: tenant.EntryHolder, ID: root + "/" + string(d) + "/" + strconv.FormatInt(id, 10)}, name: "the entry",
			value: sim.MaxAttributeValue, owner: r.Caller.Portfolio}
		if !top {
			h.no = errForeign
		}
		return h, err
	}}
}

// maxUserValue is how long a value of a user may be, in characters.
const maxUserValue = 1024

// UserAttributes are those of a person or a program of a portfolio. Of one who
// holds more than the caller they are not the caller's to change.
func UserAttributes(portfolio ident.PortfolioID, id string) Carrier {
	return holding{tenant.UserGet, tenant.UserWrite, func(ctx context.Context, from Reader, r *Request) (holder, error) {
		m, err := member(ctx, from, r, portfolio, id)
		return holder{Holder: tenant.Holder{Kind: tenant.UserHolder, ID: id}, name: "the user", value: maxUserValue, owner: portfolio, no: r.Caller.Gives(m.May)}, err
	}}
}

// holderHome is a holder whose attributes change.
type holderHome struct {
	tx Tx
	holder
}

func (h *holderHome) String() string { return h.name }

func (h *holderHome) check(name, value string) error { return sim.CheckPair(name, value, h.value) }

func (h *holderHome) deleted(ctx context.Context) ([]sim.Attribute, error) {
	return h.tx.Carried(ctx, h.Holder, true)
}

func (h *holderHome) row(a sim.Attribute, _ string) sim.Attribute { return a }

func (h *holderHome) prune(ctx context.Context) error {
	return h.tx.PruneCarried(ctx, h.Holder, sim.MaxDeleted-1)
}

func (h *holderHome) save(ctx context.Context, r *Request, b *attributing, now time.Time) error {
	if err := h.tx.SaveCarried(ctx, h.Holder, b.rows, now); err != nil {
		if fault.KindOf(err) == fault.Conflict { // somebody else has just added it
			return b.taken(b.made[0].Name)
		}
		return err
	}
	subject := h.name[len("the "):] + " " + h.ID
	return h.tx.AddEvents(ctx, []event.Event{r.event(event.Attributed, h.owner, now, event.Data{Subject: subject, Changes: b.changes})})
}
