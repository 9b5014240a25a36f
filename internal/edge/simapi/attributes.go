package simapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// attributesOf writes attributes as the contract has them; nil for none.
func attributesOf(iccid ident.ICCID, list []sim.Attribute) []Attribute {
	var out []Attribute
	for i := range list {
		out = append(out, attributeOf(iccid, &list[i]))
	}
	return out
}

func attributeOf(iccid ident.ICCID, a *sim.Attribute) Attribute {
	return Attribute{IccAttributeId: a.ID, IccId: string(iccid), Attribute: a.Name, Value: a.Value, Status: life(a.Deleted)}
}

func life(deleted bool) LifeStatus {
	if deleted {
		return LifeStatusDeleted
	}
	return LifeStatusActive
}

// mayLabel is this dialect's say in changes of attributes.
func (h *handler) mayLabel(s *sim.SIM) error {
	if h.labelSuspended {
		return nil
	}
	return unsuspended(s)
}

// ListAttributes implements StrictServerInterface.
func (h *handler) ListAttributes(ctx context.Context, _ ListAttributesRequestObject) (ListAttributesResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.AttributesOf(ctx, x.request, x.sim.ICCID, x.query.text("status") == string(LifeStatusDeleted))
	if err != nil {
		return nil, err
	}
	var kept []Attribute
	for _, a := range attributesOf(x.sim.ICCID, all) {
		if x.selects(&a) {
			kept = append(kept, a)
		}
	}
	items, next, err := cut(ctx, x, kept)
	if items == nil {
		items = []Attribute{}
	}
	return ListAttributes200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(items),
		NextPageToken: next, Items: items}, err
}

// selects holds an attribute against the filters, letter by letter.
func (x *exchange) selects(a *Attribute) bool {
	for name, value := range map[string]string{"iccAttributeId": strconv.FormatInt(a.IccAttributeId, 10), "iccId": a.IccId,
		"attribute": a.Attribute, "value": a.Value} {
		if want, given := x.query[name]; given && want[0] != value {
			return false
		}
	}
	return true
}

// CreateAttributes implements StrictServerInterface.
func (h *handler) CreateAttributes(ctx context.Context, r CreateAttributesRequestObject) (CreateAttributesResponseObject, error) {
	x := of(ctx)
	list, several, err := readAttributes(r.Body.raw)
	if err != nil {
		return nil, err
	}
	made, err := x.fleet.CreateAttributes(ctx, x.request, x.sim.ICCID, list, h.mayLabel)
	if err != nil {
		return nil, err
	}
	var out CreateAttributes200JSONResponse
	if several {
		out.union, err = json.Marshal(attributesOf(x.sim.ICCID, made))
	} else {
		out.union, err = json.Marshal(attributeOf(x.sim.ICCID, &made[0]))
	}
	return out, err
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

// find returns one attribute of the SIM; a deleted one is not found.
func (x *exchange) find(ctx context.Context, id int64) (Attribute, error) {
	all, err := x.fleet.AttributesOf(ctx, x.request, x.sim.ICCID, false)
	if err != nil {
		return Attribute{}, err
	}
	for i := range all {
		if all[i].ID == id {
			return attributeOf(x.sim.ICCID, &all[i]), nil
		}
	}
	return Attribute{}, fault.Missing("attribute", strconv.FormatInt(id, 10))
}

// GetAttribute implements StrictServerInterface.
func (h *handler) GetAttribute(ctx context.Context, r GetAttributeRequestObject) (GetAttributeResponseObject, error) {
	a, err := of(ctx).find(ctx, r.IccAttributeId)
	return GetAttribute200JSONResponse(a), err
}

// ChangeAttribute implements StrictServerInterface.
func (h *handler) ChangeAttribute(ctx context.Context, r ChangeAttributeRequestObject) (ChangeAttributeResponseObject, error) {
	x := of(ctx)
	a, err := x.fleet.SetAttribute(ctx, x.request, x.sim.ICCID, r.IccAttributeId, r.Body.Value, h.mayLabel)
	return ChangeAttribute200JSONResponse(attributeOf(x.sim.ICCID, &a)), err
}

// DeleteAttribute implements StrictServerInterface.
func (h *handler) DeleteAttribute(ctx context.Context, r DeleteAttributeRequestObject) (DeleteAttributeResponseObject, error) {
	x := of(ctx)
	err := x.fleet.DeleteAttribute(ctx, x.request, x.sim.ICCID, r.IccAttributeId, h.mayLabel)
	return DeleteAttribute200JSONResponse{ICCATTRIBUTE: 1}, err
}
