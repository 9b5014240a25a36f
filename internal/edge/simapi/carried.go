package simapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// carried are the attributes of one thing, whatever it is. On the wire they
// differ in what two of their members are called.
type carried struct {
	of     fleet.Carrier
	kind   string // "portfolio": the id of an attribute is portfolioAttributeId
	holder string // "portfolioId"
	id     any    // of the thing
	err    error  // why it cannot be told which thing it is
}

// Carried is one attribute as the contract has it.
type Carried map[string]any

// CarriedPage is a page of attributes.
type CarriedPage struct {
	PageToken         string    `json:"pageToken"`
	RequestedPageSize int       `json:"requestedPageSize"`
	ItemCount         int       `json:"itemCount"`
	NextPageToken     *string   `json:"nextPageToken,omitempty"`
	Items             []Carried `json:"items"`
}

func (c carried) show(a *sim.Attribute) Carried {
	return Carried{c.kind + "AttributeId": a.ID, c.holder: c.id, "attribute": a.Name, "value": a.Value, "status": life(a.Deleted)}
}

// page lists the attributes that the query asks for, letter by letter.
func (c carried) page(ctx context.Context) (CarriedPage, error) {
	x := of(ctx)
	out := CarriedPage{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), Items: []Carried{}}
	if c.err != nil {
		return out, c.err
	}
	all, err := x.fleet.AttributesOf(ctx, x.request, c.of, x.query.text("status") == string(LifeStatusDeleted))
	if err != nil {
		return out, err
	}
	var kept []sim.Attribute
	for i := range all {
		if c.selects(x, &all[i]) {
			kept = append(kept, all[i])
		}
	}
	page, next, err := cut(ctx, x, kept)
	for i := range page {
		out.Items = append(out.Items, c.show(&page[i]))
	}
	out.ItemCount, out.NextPageToken = len(page), next
	return out, err
}

func (c carried) selects(x *exchange, a *sim.Attribute) bool {
	for name, value := range map[string]string{c.kind + "AttributeId": strconv.FormatInt(a.ID, 10), "attribute": a.Name, "value": a.Value} {
		if want, given := x.query[name]; given && want[0] != value {
			return false
		}
	}
	want, given := x.query[c.holder]
	return !given || want[0] == c.id
}

// create adds what a body holds: one attribute, answered as one, or several.
func (c carried) create(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	x := of(ctx)
	list, several, err := readAttributes(raw)
	if err := fault.Join(c.err, err); err != nil {
		return nil, err
	}
	made, err := x.fleet.CreateAttributes(ctx, x.request, c.of, list)
	if err != nil {
		return nil, err
	}
	if several {
		return json.Marshal(each(made, c.show))
	}
	return json.Marshal(c.show(&made[0]))
}

// readAttributes reads one attribute, an array, or an object with an array.
func readAttributes(raw json.RawMessage) (out []sim.Attribute, several bool, err error) {
	var list []AttributeInput
	var one struct {
		AttributeInput
		Attributes []AttributeInput `json:"attributes"`
	}
	if several = bytes.HasPrefix(raw, []byte("[")); several {
		err = json.Unmarshal(raw, &list)
	} else if err = json.Unmarshal(raw, &one); one.Attributes != nil {
		list, several = one.Attributes, true
	} else {
		list = []AttributeInput{one.AttributeInput}
	}
	for _, a := range list {
		value := ""
		if a.Value != nil {
			value = *a.Value
		}
		out = append(out, sim.Attribute{Name: a.Attribute, Value: value})
	}
	return out, several, err
}

// find returns one attribute; a deleted one is not found.
func (c carried) find(ctx context.Context, id int64) (sim.Attribute, error) {
	x := of(ctx)
	if c.err != nil {
		return sim.Attribute{}, c.err
	}
	all, err := x.fleet.AttributesOf(ctx, x.request, c.of, false)
	if err != nil {
		return sim.Attribute{}, err
	}
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
	}
	return sim.Attribute{}, fault.Missing("attribute", strconv.FormatInt(id, 10))
}

func (c carried) get(ctx context.Context, id int64) (Carried, error) {
	a, err := c.find(ctx, id)
	return c.show(&a), err
}

func (c carried) change(ctx context.Context, id int64, value string) (sim.Attribute, error) {
	x := of(ctx)
	if c.err != nil {
		return sim.Attribute{}, c.err
	}
	return x.fleet.SetAttribute(ctx, x.request, c.of, id, value)
}

func (c carried) set(ctx context.Context, id int64, value string) (Carried, error) {
	a, err := c.change(ctx, id, value)
	return c.show(&a), err
}

func (c carried) delete(ctx context.Context, id int64) error {
	x := of(ctx)
	if c.err != nil {
		return c.err
	}
	return x.fleet.DeleteAttribute(ctx, x.request, c.of, id)
}

func ofPortfolio(id PortfolioId) carried {
	folio, err := ident.ParsePortfolioID(id)
	return carried{fleet.PortfolioAttributes(folio), "portfolio", "portfolioId", string(folio), err}
}

// ofUser are those of a person or a program, and of no other account.
func ofUser(ctx context.Context, portfolio PortfolioId, id string) carried {
	m, err := of(ctx).member(ctx, portfolio, id, false)
	return carried{fleet.UserAttributes(m.Portfolio, m.ID), "user", "userId", m.ID, err}
}

func ofAddress(portfolio PortfolioId, id string) carried {
	folio, err := ident.ParsePortfolioID(portfolio)
	return carried{fleet.AddressAttributes(folio, id), "portfolioAddress", "portfolioAddressId", id, err}
}

func ofPortal(id string) carried {
	portal, err := portalID(&id)
	return carried{fleet.PortalAttributes(portal), "portal", "portalId", portal, err}
}

func ofInvoicingEntity(id int64) carried {
	return carried{fleet.EntryAttributes(tenant.InvoicingEntities, id), "invoicingEntity", "invoicingEntityId", id, nil}
}

func ofPackage(id int64) carried {
	return carried{fleet.PackageAttributes(id), "package", "packageId", id, nil}
}

func ofItem(pkg, id int64) carried {
	return carried{fleet.ItemAttributes(pkg, id), "packageItem", "packageItemId", id, nil}
}
