package fleet

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// CollectionReader reads collections.
type CollectionReader interface {
	Collections(ctx context.Context, in tenant.Sphere) ([]sim.Collection, error)
	Collection(ctx context.Context, in tenant.Sphere, id int64) (sim.Collection, error)
	Collected(ctx context.Context, in tenant.Sphere, id int64, after ident.ICCID, n int) ([]ident.ICCID, error)
	InSphere(ctx context.Context, in tenant.Sphere, iccids []ident.ICCID) (map[ident.ICCID]int64, error)
}

// CollectionWriter changes collections.
type CollectionWriter interface {
	SaveCollection(ctx context.Context, c *sim.Collection) error
	LockCollection(ctx context.Context, id int64) error
	Collect(ctx context.Context, id int64, sims map[ident.ICCID]int64) error
	Discard(ctx context.Context, id int64, iccids []ident.ICCID) (int64, error)
	DiscardOutside(ctx context.Context, in tenant.Sphere, id int64) error
	CountCollected(ctx context.Context, id int64) (int64, error)
}

// Search turns the criteria of a dynamic collection into a query. Its dialect
// knows how.
type Search func(criteria string) (sim.Query, error)

// Collections lists the caller's collections, deleted ones too.
func (s *Service) Collections(ctx context.Context, r Request) ([]sim.Collection, error) {
	if err := r.Caller.Needs(tenant.CollectionGet); err != nil {
		return nil, err
	}
	return s.store.Collections(ctx, r.Caller.Sphere)
}

// Collection returns one collection.
func (s *Service) Collection(ctx context.Context, r Request, id int64) (sim.Collection, error) {
	if err := r.Caller.Needs(tenant.CollectionGet); err != nil {
		return sim.Collection{}, err
	}
	return s.store.Collection(ctx, r.Caller.Sphere, id)
}

// CollectedSIMs lists up to n SIMs of a collection after the given ICCID.
func (s *Service) CollectedSIMs(ctx context.Context, r Request, id int64, after ident.ICCID, n int, search Search) ([]ident.ICCID, error) {
	c, err := s.Collection(ctx, r, id)
	if err != nil {
		return nil, err
	}
	if c.Deleted {
		return nil, deletedCollection(id)
	}
	in, err := collectionSphere(ctx, s.store, &r, &c)
	if err != nil {
		return nil, err
	}
	if !c.Dynamic() {
		return s.store.Collected(ctx, in, id, after, n)
	}
	q, err := search(c.Criteria)
	if err != nil {
		return nil, err
	}
	q.Limit = n
	if after != "" {
		q.After = &sim.Cursor{Value: string(after), ICCID: after}
	}
	page, err := s.store.List(ctx, in, q)
	out := make([]ident.ICCID, len(page.SIMs))
	for i := range page.SIMs {
		out[i] = page.SIMs[i].ICCID
	}
	return out, err
}

func deletedCollection(id int64) error {
	return fault.New(fault.Precondition, "collection.deleted", "collection %d is deleted", id)
}

// collectionSphere is where a collection's SIMs are: its portfolio, which lies
// in the caller's sphere, and below.
func collectionSphere(ctx context.Context, from TenantReader, r *Request, c *sim.Collection) (tenant.Sphere, error) {
	p, err := from.Portfolio(ctx, r.Caller.Sphere, c.Portfolio)
	return tenant.Below(p.Path), err
}

// CreateCollection makes a collection; a static one may begin with SIMs.
func (s *Service) CreateCollection(ctx context.Context, r Request, c sim.Collection, iccids []ident.ICCID, search Search) (sim.Collection, error) {
	c.CreatedAt = s.now()
	if c.Dynamic() && iccids != nil {
		return c, fault.New(fault.Invalid, sim.CollectionKind, "a collection is static or dynamic: it has SIMs or criteria, not both")
	}
	return s.putCollection(ctx, r, search, func(tx Tx) (*collecting, error) {
		b := &collecting{tx: tx, r: &r, c: c}
		var err error
		if b.in, err = collectionSphere(ctx, tx, &r, &c); err != nil {
			return b, err
		}
		if err := tx.SaveCollection(ctx, &b.c); err != nil {
			return b, titleTaken(err, c.Title)
		}
		if len(iccids) > 0 {
			err = b.add(ctx, iccids)
		}
		return b, err
	})
}

func titleTaken(err error, title string) error {
	if fault.KindOf(err) == fault.Conflict {
		return fault.New(fault.Conflict, sim.CollectionTitle, "the title %s exists already", title).Because(err)
	}
	return err
}

// ChangeCollection lets change alter a collection's name, title, criteria and
// whether it is deleted. A static one stays static, a dynamic one dynamic.
func (s *Service) ChangeCollection(ctx context.Context, r Request, id int64, search Search, change func(*sim.Collection) error) (sim.Collection, error) {
	return s.putCollection(ctx, r, search, func(tx Tx) (*collecting, error) {
		b, err := openCollection(ctx, tx, &r, id)
		if err != nil {
			return b, err
		}
		dynamic := b.c.Dynamic()
		if err := change(&b.c); err != nil {
			return b, err
		}
		if b.c.Dynamic() != dynamic {
			return b, fault.New(fault.Precondition, sim.CollectionKind, "a static collection stays static, a dynamic one dynamic")
		}
		return b, nil
	})
}

// ChangeCollected changes the SIMs of a static collection: it removes some, or
// all with everything, and adds others. It returns how many were removed.
func (s *Service) ChangeCollected(ctx context.Context, r Request, id int64, everything bool, remove, add []ident.ICCID) (c sim.Collection, removed int64, err error) {
	c, err = s.putCollection(ctx, r, nil, func(tx Tx) (*collecting, error) {
		b, err := openCollection(ctx, tx, &r, id)
		switch {
		case err != nil:
			return b, err
		case b.c.Deleted:
			return b, deletedCollection(id)
		case b.c.Dynamic():
			return b, fault.New(fault.Precondition, sim.CollectionKind, "collection %d is dynamic: its criteria say which SIMs it has", id)
		case !everything && len(remove) == 0 && len(add) == 0:
			return b, fault.New(fault.Invalid, sim.CollectionEmpty, "no SIM is named")
		}
		if everything {
			removed, err = tx.Discard(ctx, id, nil)
		} else if len(remove) > 0 {
			removed, err = tx.Discard(ctx, id, remove)
		}
		if err == nil && len(add) > 0 {
			err = b.add(ctx, add)
		}
		return b, err
	})
	return c, removed, err
}

// ReconcileCollection counts a collection anew; a static one loses the SIMs
// that have left its portfolio and those below.
func (s *Service) ReconcileCollection(ctx context.Context, r Request, id int64, search Search) (sim.Collection, error) {
	return s.putCollection(ctx, r, search, func(tx Tx) (*collecting, error) {
		b, err := openCollection(ctx, tx, &r, id)
		if err == nil && b.c.Deleted {
			err = deletedCollection(id)
		}
		if err == nil && !b.c.Dynamic() {
			err = tx.DiscardOutside(ctx, b.in, id)
		}
		return b, err
	})
}

// collecting is one change of a collection inside its transaction.
type collecting struct {
	tx Tx
	r  *Request
	c  sim.Collection
	in tenant.Sphere
}

func openCollection(ctx context.Context, tx Tx, r *Request, id int64) (*collecting, error) {
	b := &collecting{tx: tx, r: r}
	err := tx.LockCollection(ctx, id)
	if err != nil {
		return b, err
	}
	if b.c, err = tx.Collection(ctx, r.Caller.Sphere, id); err != nil {
		return b, err
	}
	b.in, err = collectionSphere(ctx, tx, r, &b.c)
	return b, err
}

// maxNamed bounds how many SIMs an error lists.
const maxNamed = 20

func (b *collecting) add(ctx context.Context, iccids []ident.ICCID) error {
	iccids = distinct(iccids)
	found, err := b.tx.InSphere(ctx, b.in, iccids)
	if err != nil {
		return err
	}
	var outside []string
	for _, i := range iccids {
		if _, ok := found[i]; !ok {
			outside = append(outside, string(i))
		}
	}
	if n := len(outside); n > 0 {
		return fault.New(fault.Precondition, sim.CollectionOutside, "%d SIMs are not in portfolio %s or below, such as %s", n, b.c.Portfolio,
			strings.Join(outside[:min(n, maxNamed)], ", "))
	}
	return b.tx.Collect(ctx, b.c.ID, found)
}

// putCollection stores a collection as do leaves it, and counts it.
func (s *Service) putCollection(ctx context.Context, r Request, search Search, do func(Tx) (*collecting, error)) (sim.Collection, error) {
	var c sim.Collection
	if err := r.Caller.Needs(tenant.CollectionWrite); err != nil {
		return c, err
	}
	err := s.store.Write(ctx, func(tx Tx) error {
		b, err := do(tx)
		if err != nil {
			return err
		}
		if err := fault.Join(checkName("name", b.c.Name, 128), checkTitle(b.c.Title)); err != nil {
			return err
		}
		if b.c.Count, err = b.count(ctx, search); err != nil {
			return err
		}
		if !b.c.Dynamic() && b.c.Count > sim.MaxCollected {
			return fault.New(fault.Exhausted, "collection.full", "the collection would have %d SIMs; at most %d are allowed", b.c.Count, sim.MaxCollected)
		}
		if err := tx.SaveCollection(ctx, &b.c); err != nil {
			return titleTaken(err, b.c.Title)
		}
		c = b.c
		return tx.AddEvents(ctx, []event.Event{r.event(event.CollectionChanged, c.Portfolio, s.now(),
			event.Data{Subject: strconv.FormatInt(c.ID, 10), To: c.Title, Reason: strconv.FormatInt(c.Count, 10) + " SIMs"})})
	})
	return c, err
}

func (b *collecting) count(ctx context.Context, search Search) (int64, error) {
	if !b.c.Dynamic() {
		return b.tx.CountCollected(ctx, b.c.ID)
	}
	q, err := search(b.c.Criteria)
	if err != nil {
		return 0, err
	}
	q.Limit, q.Count = 1, true
	page, err := b.tx.List(ctx, b.in, q)
	return page.Total, err
}

// checkTitle holds a title to what the contracts take: short, and no blanks.
func checkTitle(s string) error {
	if strings.ContainsFunc(s, unicode.IsSpace) {
		return fault.InvalidField("title", "contains a blank")
	}
	return checkName("title", s, sim.MaxTitle)
}
