package fleet

import (
	"context"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Carrier is something that carries attributes: [SIMAttributes], or what
// [PortfolioAttributes], [PackageAttributes], [ItemAttributes],
// [UserAttributes], [AddressAttributes] and [EntryAttributes] return.
type Carrier interface {
	needs(do attributeVerb) tenant.Permission
	list(ctx context.Context, s *Service, r *Request, deleted bool) ([]sim.Attribute, error)
	open(ctx context.Context, tx Tx, r *Request) (*attributing, error)
}

// attributeVerb is what is done with attributes.
type attributeVerb int

const (
	attributeGet attributeVerb = iota
	attributeCreate
	attributeUpdate
	attributeDelete
)

// AttributesOf lists attributes, those that are deleted or those that are not.
func (s *Service) AttributesOf(ctx context.Context, r Request, of Carrier, deleted bool) ([]sim.Attribute, error) {
	if err := r.Caller.Needs(of.needs(attributeGet)); err != nil {
		return nil, err
	}
	return of.list(ctx, s, &r, deleted)
}

// CreateAttributes adds attributes, all or none.
func (s *Service) CreateAttributes(ctx context.Context, r Request, of Carrier, list []sim.Attribute) ([]sim.Attribute, error) {
	return s.attribute(ctx, r, attributeCreate, of, func(b *attributing) error {
		if n := len(b.active) + len(list); n > sim.MaxAttributes {
			return fault.New(fault.Exhausted, sim.AttributeLimit, "%s would have %d attributes; at most %d are allowed", b.home, n, sim.MaxAttributes)
		}
		for _, a := range list {
			if err := b.home.check(a.Name, a.Value); err != nil {
				return err
			}
			if _, there := b.byName(a.Name); there {
				return b.taken(a.Name)
			}
			b.put(sim.Attribute{Name: a.Name, Value: a.Value})
		}
		return nil
	})
}

// SetAttribute changes the value of one attribute.
func (s *Service) SetAttribute(ctx context.Context, r Request, of Carrier, id int64, value string) (sim.Attribute, error) {
	out, err := s.attribute(ctx, r, attributeUpdate, of, func(b *attributing) error {
		a, err := b.byID(ctx, id)
		if err != nil {
			return err
		}
		if err := b.home.check(a.Name, value); err != nil {
			return err
		}
		a.Value = value
		b.put(a)
		return nil
	})
	if err != nil {
		return sim.Attribute{}, err
	}
	return out[0], nil
}

// DeleteAttribute deletes one attribute.
func (s *Service) DeleteAttribute(ctx context.Context, r Request, of Carrier, id int64) error {
	_, err := s.attribute(ctx, r, attributeDelete, of, func(b *attributing) error {
		a, err := b.byID(ctx, id)
		if err != nil {
			return err
		}
		if err := b.home.check(a.Name, ""); err != nil {
			return err
		}
		a.Deleted = true
		b.put(a)
		return b.home.prune(ctx)
	})
	return err
}

// home is where attributes are kept, inside a transaction. It is printed as what
// it is: "the SIM".
type home interface {
	String() string
	check(name, value string) error
	deleted(ctx context.Context) ([]sim.Attribute, error)
	row(a sim.Attribute, to string) sim.Attribute // what is to be stored of an attribute
	save(ctx context.Context, r *Request, b *attributing, now time.Time) error
	prune(ctx context.Context) error // forgets the oldest of the deleted ones
}

// attributing is one change of attributes inside its transaction.
type attributing struct {
	home    home
	active  []sim.Attribute // as they are now
	made    []sim.Attribute // what was put
	rows    []sim.Attribute // what is to be stored of it
	changes []event.Change
}

func (b *attributing) byName(name string) (sim.Attribute, bool) {
	for _, a := range b.active {
		if a.Name == name {
			return a, true
		}
	}
	return sim.Attribute{}, false
}

func (b *attributing) taken(name string) error {
	return fault.New(fault.Precondition, sim.AttributeExists, "%s has an attribute %s already", b.home, name)
}

func (b *attributing) byID(ctx context.Context, id int64) (sim.Attribute, error) {
	for _, a := range b.active {
		if a.ID == id {
			return a, nil
		}
	}
	gone, err := b.home.deleted(ctx)
	if err != nil {
		return sim.Attribute{}, err
	}
	for _, a := range gone {
		if a.ID == id {
			return a, fault.New(fault.Precondition, sim.AttributeDeleted, "attribute %d is deleted", id)
		}
	}
	return sim.Attribute{}, fault.Missing("attribute", strconv.FormatInt(id, 10))
}

// put takes over an attribute as it shall be.
func (b *attributing) put(a sim.Attribute) {
	from, to := "", a.Value
	if old, there := b.byName(a.Name); there {
		from = old.Value
	}
	if a.Deleted {
		to = ""
	}
	b.changes = append(b.changes, event.Change{Field: a.Name, From: from, To: to})
	b.active, b.made, b.rows = append(b.active, a), append(b.made, a), append(b.rows, b.home.row(a, to))
}

// attribute runs do on what carries attributes, stores what it put, and returns
// that in the order of the puts.
func (s *Service) attribute(ctx context.Context, r Request, need attributeVerb, of Carrier, do func(*attributing) error) (out []sim.Attribute, err error) {
	if err := r.Caller.Needs(of.needs(need)); err != nil {
		return nil, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		b, err := of.open(ctx, tx, &r)
		if err != nil {
			return err
		}
		if err := do(b); err != nil {
			return err
		}
		if err := b.home.save(ctx, &r, b, s.now()); err != nil {
			return err
		}
		for i := range b.made {
			b.made[i].ID = b.rows[i].ID
		}
		out = b.made
		return nil
	})
	return out, err
}
