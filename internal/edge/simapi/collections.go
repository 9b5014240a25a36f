package simapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func collectionOf(c *sim.Collection) Collection {
	out := Collection{IccCollectionId: c.ID, Name: c.Name, Title: c.Title, PortfolioId: string(c.Portfolio), IccCount: c.Count, Status: life(c.Deleted)}
	if c.Dynamic() {
		d := json.NewDecoder(strings.NewReader(c.Criteria))
		d.UseNumber()
		_ = d.Decode(&out.IccCollectionCriteria) // it was checked when it was stored
	}
	return out
}

// notCriteria are the parameters of GET /sim that are no filters, or not to be
// stored.
var notCriteria = []string{"pageSize", "pageToken", "sortField", "sortOrder", "pin1", "puk1", "pin2", "puk2"}

// searcher returns how the criteria of a collection are read: as a query of
// GET /sim that somebody sends.
func (h *handler) searcher(x *exchange) func(string) (sim.Query, error) {
	return func(criteria string) (sim.Query, error) {
		q, err := h.criteria([]byte(criteria))
		if err != nil {
			return sim.Query{}, err
		}
		as := *x
		as.query = q
		return as.search()
	}
}

// criteria reads an object of filters, and holds it against the contract.
func (h *handler) criteria(raw []byte) (values, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	q := values{}
	for name, v := range members {
		q[name] = []string{Given{v}.text()}
		if v[0] == '"' {
			if err := json.Unmarshal(v, &q[name][0]); err != nil {
				return nil, err
			}
		}
	}
	var f findings
	for _, name := range notCriteria {
		if q[name] != nil {
			f.unknown = append(f.unknown, "iccCollectionCriteria."+name)
			delete(q, name)
		}
	}
	f.query(h.contract.byName["listSIMs"].query, q)
	for i, text := range f.malformed {
		f.malformed[i] = "iccCollectionCriteria." + text
	}
	return q, f.err()
}

// ListCollections implements StrictServerInterface.
func (h *handler) ListCollections(ctx context.Context, _ ListCollectionsRequestObject) (ListCollectionsResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.Collections(ctx, x.request)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, all, []column[sim.Collection]{
		{"iccCollectionId", func(c *sim.Collection) string { return strconv.FormatInt(c.ID, 10) }},
		{"portfolioId", func(c *sim.Collection) string { return string(c.Portfolio) }},
		{"name", func(c *sim.Collection) string { return c.Name }},
		{"title", func(c *sim.Collection) string { return c.Title }},
		{"status", func(c *sim.Collection) string { return string(life(c.Deleted)) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListCollections200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: each(page, collectionOf)}, err
}

// each turns a list into what the contract shows of it; never null.
func each[T, V any](list []T, show func(*T) V) []V {
	out := make([]V, len(list))
	for i := range list {
		out[i] = show(&list[i])
	}
	return out
}

// CreateCollection implements StrictServerInterface.
func (h *handler) CreateCollection(ctx context.Context, r CreateCollectionRequestObject) (CreateCollectionResponseObject, error) {
	x := of(ctx)
	c := sim.Collection{Name: r.Body.Name, Title: r.Body.Title}
	var err1, err2 error
	c.Portfolio, err1 = ident.ParsePortfolioID(r.Body.PortfolioId)
	iccids, err2 := iccidsOf(r.Body.IccList)
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	if g := r.Body.IccCollectionCriteria; !g.absent() && !g.null() {
		if _, err := h.searcher(x)(string(g.raw)); err != nil {
			return nil, err
		}
		c.Criteria = string(g.raw)
	}
	made, err := x.fleet.CreateCollection(ctx, x.request, c, iccids, h.searcher(x))
	return CreateCollection200JSONResponse(collectionOf(&made)), x.outside(c.Portfolio, err)
}

// iccidsOf reads a list of SIMs; nil when it is missing.
func iccidsOf(list []IccRef) ([]ident.ICCID, error) {
	if list == nil {
		return nil, nil
	}
	out, errs := make([]ident.ICCID, len(list)), make([]error, len(list))
	for i, ref := range list {
		var err error
		out[i], err = ident.ParseICCID(string(ref.IccId))
		errs[i] = ident.As(fmt.Sprintf("iccList[%d].iccId", i), err)
	}
	return out, fault.Join(errs...)
}

// GetCollection implements StrictServerInterface.
func (h *handler) GetCollection(ctx context.Context, r GetCollectionRequestObject) (GetCollectionResponseObject, error) {
	x := of(ctx)
	c, err := x.fleet.Collection(ctx, x.request, r.IccCollectionId)
	return GetCollection200JSONResponse(collectionOf(&c)), err
}

// ChangeCollection implements StrictServerInterface.
func (h *handler) ChangeCollection(ctx context.Context, r ChangeCollectionRequestObject) (ChangeCollectionResponseObject, error) {
	x, b := of(ctx), r.Body
	if b.Name == nil && b.Title == nil && b.Status == nil && b.IccCollectionCriteria.absent() {
		return nil, errNothing
	}
	if g := b.IccCollectionCriteria; !g.absent() && !g.null() {
		if _, err := h.searcher(x)(string(g.raw)); err != nil {
			return nil, err
		}
	}
	c, err := x.fleet.ChangeCollection(ctx, x.request, r.IccCollectionId, h.searcher(x), func(c *sim.Collection) error {
		set(b.Name, &c.Name)
		set(b.Title, &c.Title)
		if b.Status != nil {
			c.Deleted = *b.Status == LifeStatusDeleted
		}
		switch g := b.IccCollectionCriteria; {
		case g.absent():
		case g.null():
			c.Criteria = ""
		default:
			c.Criteria = string(g.raw)
		}
		return nil
	})
	return ChangeCollection200JSONResponse(collectionOf(&c)), err
}

// set changes what a request names.
func set[T any](from *T, to *T) {
	if from != nil {
		*to = *from
	}
}

// ListCollected implements StrictServerInterface.
func (h *handler) ListCollected(ctx context.Context, r ListCollectedRequestObject) (ListCollectedResponseObject, error) {
	x := of(ctx)
	var after ident.ICCID
	if _, err := x.place(ctx, &after); err != nil {
		return nil, err
	}
	size := x.query.pageSize()
	list, err := x.fleet.CollectedSIMs(ctx, x.request, r.IccCollectionId, after, size+1, h.searcher(x))
	if err != nil {
		return nil, err
	}
	out := ListCollected200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: size}
	if len(list) > size {
		list = list[:size]
		if out.NextPageToken, err = x.next(ctx, list[size-1]); err != nil {
			return nil, err
		}
	}
	out.ItemCount, out.Items = len(list), each(list, func(i *ident.ICCID) Collected { return Collected{IccId: string(*i)} })
	return out, nil
}

// AddCollected implements StrictServerInterface.
func (h *handler) AddCollected(ctx context.Context, r AddCollectedRequestObject) (AddCollectedResponseObject, error) {
	c, err := of(ctx).collect(ctx, r.IccCollectionId, false, r.Body.IccList)
	return AddCollected200JSONResponse(c), err
}

// ReplaceCollected implements StrictServerInterface.
func (h *handler) ReplaceCollected(ctx context.Context, r ReplaceCollectedRequestObject) (ReplaceCollectedResponseObject, error) {
	c, err := of(ctx).collect(ctx, r.IccCollectionId, true, r.Body.IccList)
	return ReplaceCollected200JSONResponse(c), err
}

func (x *exchange) collect(ctx context.Context, id int64, replace bool, list []IccRef) (Collection, error) {
	iccids, err := iccidsOf(list)
	if err != nil {
		return Collection{}, err
	}
	c, _, err := x.fleet.ChangeCollected(ctx, x.request, id, replace, nil, iccids)
	return collectionOf(&c), err
}

// RemoveCollected implements StrictServerInterface.
func (h *handler) RemoveCollected(ctx context.Context, r RemoveCollectedRequestObject) (RemoveCollectedResponseObject, error) {
	x := of(ctx)
	var iccids []ident.ICCID
	var errs []error
	for _, s := range url.Values(x.query)["iccList"] {
		iccid, err := ident.ParseICCID(strings.TrimSpace(s))
		iccids, errs = append(iccids, iccid), append(errs, ident.As("iccList", err))
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	_, n, err := x.fleet.ChangeCollected(ctx, x.request, r.IccCollectionId, false, iccids, nil)
	return RemoveCollected200JSONResponse{ICCCOLLECTIONICC: int(n)}, err
}

// ReconcileCollection implements StrictServerInterface.
func (h *handler) ReconcileCollection(ctx context.Context, r ReconcileCollectionRequestObject) (ReconcileCollectionResponseObject, error) {
	x := of(ctx)
	c, err := x.fleet.ReconcileCollection(ctx, x.request, r.IccCollectionId, h.searcher(x))
	return ReconcileCollection200JSONResponse(collectionOf(&c)), err
}
