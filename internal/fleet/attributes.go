package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
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

// SIMAttributes are those of one SIM. May is the dialect's own say in changes of
// them; it may refuse.
type SIMAttributes struct {
	ICCID ident.ICCID
	May   func(*sim.SIM) error
}

func (SIMAttributes) needs(do attributeVerb) tenant.Permission {
	return [...]tenant.Permission{tenant.AttributeGet, tenant.AttributeCreate, tenant.AttributeUpdate, tenant.AttributeDelete}[do]
}

func (of SIMAttributes) list(ctx context.Context, s *Service, r *Request, deleted bool) ([]sim.Attribute, error) {
	got, err := s.SIM(ctx, *r, of.ICCID)
	if err != nil {
		return nil, err
	}
	if deleted {
		stored, err := s.store.DeletedAttributes(ctx, got.ID)
		return got.Attributes(stored, true), err
	}
	all, err := s.Attributes(ctx, *r, []sim.SIM{got})
	return all[got.ID], err
}

func (of SIMAttributes) open(ctx context.Context, tx Tx, r *Request) (*attributing, error) {
	found, err := tx.Lock(ctx, r.Caller.Sphere, []ident.ICCID{of.ICCID})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, missingSIM(of.ICCID)
	}
	if err := of.May(&found[0]); err != nil {
		return nil, err
	}
	before, after := &found[0], found[0]
	stored, err := tx.Attributes(ctx, []int64{before.ID})
	return &attributing{home: &simHome{tx, before, &after}, active: before.Attributes(stored[before.ID], false)}, err
}

// simHome is a SIM whose attributes change. The labels among them are fields of
// the SIM.
type simHome struct {
	tx            Tx
	before, after *sim.SIM
}

func (h *simHome) String() string                 { return "the SIM" }
func (h *simHome) check(name, value string) error { return sim.CheckAttribute(name, value) }
func (h *simHome) prune(ctx context.Context) error {
	return h.tx.PruneAttributes(ctx, h.before.ID, sim.MaxDeleted-1)
}

func (h *simHome) deleted(ctx context.Context) ([]sim.Attribute, error) {
	stored, err := h.tx.DeletedAttributes(ctx, h.before.ID)
	return h.before.Attributes(stored, true), err
}

// row is what is stored of an attribute. A label's value goes into the SIM's
// field; of the label only a mark is stored, so that what another door clears is
// gone here, too.
func (h *simHome) row(a sim.Attribute, to string) sim.Attribute {
	a.SIM = h.before.ID
	if id, label := sim.LabelID(h.before.ID, a.Name); label {
		edit := labelEdit(a.Name, to)
		edit.labels(h.after)
		a.ID, a.Deleted = id, a.Deleted || to != ""
	}
	return a
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

// touch raises the SIM's version, and returns the event that tells of it.
func (h *simHome) touch(r *Request, changes []event.Change, now time.Time) event.Event {
	h.after.ModifiedAt, h.after.Version = now, h.before.Version+1
	e := r.event(event.SIMAttributed, h.before.Portfolio, now, event.Data{Changes: changes})
	e.SIM, e.ICCID, e.Seq = h.before.ID, h.before.ICCID, h.after.Version
	return e
}

func (h *simHome) save(ctx context.Context, r *Request, b *attributing, now time.Time) error {
	if err := h.tx.SaveAttributes(ctx, b.rows, now); err != nil {
		return err
	}
	if err := h.tx.AddEvents(ctx, []event.Event{h.touch(r, b.changes, now)}); err != nil {
		return err
	}
	return h.tx.Save(ctx, []sim.Change{{Before: h.before, After: h.after}})
}
