package fleet

import (
	"context"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// AttributeReader reads attributes by the internal ids of SIMs that the caller
// has found in its sphere.
type AttributeReader interface {
	Attributes(ctx context.Context, ids []int64) (map[int64][]sim.Attribute, error)
	SIMWithAttributes(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (s sim.SIM, stored []sim.Attribute, found bool, err error)
	DeletedAttributes(ctx context.Context, simID int64) ([]sim.Attribute, error)
}

// AttributeWriter changes attributes.
type AttributeWriter interface {
	SaveAttributes(ctx context.Context, list []sim.Attribute, at time.Time) error
	MoveAttributes(ctx context.Context, from, to int64, at time.Time) error
	PruneAttributes(ctx context.Context, simID int64, keep int) error
}

// Attributes returns the attributes of SIMs that the caller has read, by their
// internal ids, without the deleted ones. Those of a caller who may not see
// attributes are none.
func (s *Service) Attributes(ctx context.Context, r Request, sims []sim.SIM) (map[int64][]sim.Attribute, error) {
	if len(sims) == 0 || !r.Caller.May.Has(tenant.AttributeGet) {
		return nil, nil
	}
	ids := make([]int64, len(sims))
	for i := range sims {
		ids[i] = sims[i].ID
	}
	stored, err := s.store.Attributes(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[int64][]sim.Attribute, len(sims))
	for i := range sims {
		out[sims[i].ID] = sims[i].Attributes(stored[sims[i].ID], false)
	}
	return out, nil
}

// SIMWithAttributes is SIM and Attributes of one SIM at once.
func (s *Service) SIMWithAttributes(ctx context.Context, r Request, iccid ident.ICCID) (sim.SIM, []sim.Attribute, error) {
	if !r.Caller.May.Has(tenant.AttributeGet) {
		got, err := s.SIM(ctx, r, iccid)
		return got, nil, err
	}
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return sim.SIM{}, nil, err
	}
	got, stored, found, err := s.store.SIMWithAttributes(ctx, r.Caller.Sphere, iccid)
	if err == nil && !found {
		err = missingSIM(iccid)
	}
	return got, got.Attributes(stored, false), err
}

// AttributesOf lists the attributes of one SIM, those that are deleted or those
// that are not.
func (s *Service) AttributesOf(ctx context.Context, r Request, iccid ident.ICCID, deleted bool) ([]sim.Attribute, error) {
	if err := r.Caller.Needs(tenant.AttributeGet); err != nil {
		return nil, err
	}
	got, err := s.SIM(ctx, r, iccid)
	if err != nil {
		return nil, err
	}
	if deleted {
		stored, err := s.store.DeletedAttributes(ctx, got.ID)
		return got.Attributes(stored, true), err
	}
	all, err := s.Attributes(ctx, r, []sim.SIM{got})
	return all[got.ID], err
}

// CreateAttributes adds attributes to a SIM, all or none. May is the dialect's
// own say in it; it may refuse.
func (s *Service) CreateAttributes(ctx context.Context, r Request, iccid ident.ICCID, list []sim.Attribute, may func(*sim.SIM) error) ([]sim.Attribute, error) {
	var out []sim.Attribute
	err := s.attribute(ctx, r, tenant.AttributeCreate, iccid, may, func(b *attributing) error {
		if n := len(b.active) + len(list); n > sim.MaxAttributes {
			return fault.New(fault.Exhausted, sim.AttributeLimit, "the SIM would have %d attributes; at most %d are allowed", n, sim.MaxAttributes)
		}
		for _, a := range list {
			if err := sim.CheckAttribute(a.Name, a.Value); err != nil {
				return err
			}
			if _, there := b.byName(a.Name); there {
				return fault.New(fault.Precondition, sim.AttributeExists, "the SIM has an attribute %s already", a.Name)
			}
			b.put(sim.Attribute{SIM: b.before.ID, Name: a.Name, Value: a.Value})
		}
		return nil
	}, &out)
	return out, err
}

// SetAttribute changes the value of one attribute.
func (s *Service) SetAttribute(ctx context.Context, r Request, iccid ident.ICCID, id int64, value string, may func(*sim.SIM) error) (sim.Attribute, error) {
	var out []sim.Attribute
	err := s.attribute(ctx, r, tenant.AttributeUpdate, iccid, may, func(b *attributing) error {
		a, err := b.byID(ctx, id)
		if err != nil {
			return err
		}
		if err := sim.CheckAttribute(a.Name, value); err != nil {
			return err
		}
		a.Value = value
		b.put(a)
		return nil
	}, &out)
	if err != nil {
		return sim.Attribute{}, err
	}
	return out[0], nil
}

// DeleteAttribute deletes one attribute.
func (s *Service) DeleteAttribute(ctx context.Context, r Request, iccid ident.ICCID, id int64, may func(*sim.SIM) error) error {
	return s.attribute(ctx, r, tenant.AttributeDelete, iccid, may, func(b *attributing) error {
		a, err := b.byID(ctx, id)
		if err != nil {
			return err
		}
		if err := sim.CheckAttribute(a.Name, ""); err != nil {
			return err
		}
		a.Deleted = true
		b.put(a)
		return b.tx.PruneAttributes(ctx, b.before.ID, sim.MaxDeleted-1)
	}, nil)
}

// attributing is one change of a SIM's attributes inside its transaction. The
// labels among them are fields of the SIM.
type attributing struct {
	tx            Tx
	before, after *sim.SIM
	active        []sim.Attribute // as they are now
	made          []sim.Attribute // what was put
	rows          []sim.Attribute // what is to be stored of it
	changes       []event.Change
}

func (b *attributing) byName(name string) (sim.Attribute, bool) {
	for _, a := range b.active {
		if a.Name == name {
			return a, true
		}
	}
	return sim.Attribute{}, false
}

func (b *attributing) byID(ctx context.Context, id int64) (sim.Attribute, error) {
	for _, a := range b.active {
		if a.ID == id {
			return a, nil
		}
	}
	stored, err := b.tx.DeletedAttributes(ctx, b.before.ID)
	if err != nil {
		return sim.Attribute{}, err
	}
	for _, a := range b.before.Attributes(stored, true) {
		if a.ID == id {
			return a, fault.New(fault.Precondition, sim.AttributeDeleted, "attribute %d is deleted", id)
		}
	}
	return sim.Attribute{}, fault.Missing("attribute", strconv.FormatInt(id, 10))
}

// put takes over an attribute as it shall be. A label's value goes into the
// SIM's field; of the label only a mark is stored, so that what another door
// clears is gone here, too.
func (b *attributing) put(a sim.Attribute) {
	from, to := "", a.Value
	if old, there := b.byName(a.Name); there {
		from = old.Value
	}
	if a.Deleted {
		to = ""
	}
	b.changes = append(b.changes, event.Change{Field: a.Name, From: from, To: to})
	row := a
	if id, label := sim.LabelID(b.before.ID, a.Name); label {
		edit := labelEdit(a.Name, to)
		edit.labels(b.after)
		row.ID, row.Deleted = id, a.Deleted || to != ""
	}
	b.active, b.made, b.rows = append(b.active, a), append(b.made, a), append(b.rows, row)
}

func labelEdit(name, value string) Edit {
	switch name {
	case sim.LabelName:
		return Edit{Name: &value}
	case sim.LabelGroup:
		return Edit{Group: &value}
	}
	imei := ident.IMEI(value)
	return Edit{IMEI: &imei}
}

// attribute runs do on a SIM and stores what it put; ids come back in out, in
// the order of the puts.
func (s *Service) attribute(ctx context.Context, r Request, need tenant.Permission, iccid ident.ICCID, may func(*sim.SIM) error, do func(*attributing) error, out *[]sim.Attribute) error {
	if err := r.Caller.Needs(need); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		found, err := tx.Lock(ctx, r.Caller.Sphere, []ident.ICCID{iccid})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return missingSIM(iccid)
		}
		before, after := &found[0], found[0]
		if err := may(before); err != nil {
			return err
		}
		stored, err := tx.Attributes(ctx, []int64{before.ID})
		if err != nil {
			return err
		}
		b := &attributing{tx: tx, before: before, after: &after, active: before.Attributes(stored[before.ID], false)}
		if err := do(b); err != nil {
			return err
		}
		if err := s.saveAttributes(ctx, &r, b); err != nil {
			return err
		}
		for i := range b.made {
			b.made[i].ID = b.rows[i].ID
		}
		if out != nil {
			*out = b.made
		}
		return nil
	})
}

func (s *Service) saveAttributes(ctx context.Context, r *Request, b *attributing) error {
	now := s.now()
	if err := b.tx.SaveAttributes(ctx, b.rows, now); err != nil {
		return err
	}
	b.after.ModifiedAt, b.after.Version = now, b.before.Version+1
	e := r.event(event.SIMAttributed, b.before.Portfolio, now, event.Data{Changes: b.changes})
	e.SIM, e.ICCID, e.Seq = b.before.ID, b.before.ICCID, b.after.Version
	if err := b.tx.AddEvents(ctx, []event.Event{e}); err != nil {
		return err
	}
	return b.tx.Save(ctx, []sim.Change{{Before: b.before, After: b.after}})
}
