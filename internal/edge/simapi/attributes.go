package simapi

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// attributesOf writes attributes as the contract has them; nil for none.
func attributesOf(iccid ident.ICCID, list []sim.Attribute) []Attribute {
	out := make([]Attribute, 0, len(list))
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

// labels are the attributes of the SIM that the path names.
func (h *handler) labels(ctx context.Context) carried {
	x := of(ctx)
	return carried{of: fleet.SIMAttributes{ICCID: x.sim.ICCID, May: h.mayLabel}, kind: "icc", holder: "iccId", id: string(x.sim.ICCID)}
}

// ListAttributes implements StrictServerInterface.
func (h *handler) ListAttributes(ctx context.Context, _ ListAttributesRequestObject) (ListAttributesResponseObject, error) {
	page, err := h.labels(ctx).page(ctx)
	return ListAttributes200JSONResponse(page), err
}

// CreateAttributes implements StrictServerInterface.
func (h *handler) CreateAttributes(ctx context.Context, r CreateAttributesRequestObject) (CreateAttributesResponseObject, error) {
	made, err := h.labels(ctx).create(ctx, r.Body.raw)
	return CreateAttributes200JSONResponse{union: made}, err
}

// GetAttribute implements StrictServerInterface.
func (h *handler) GetAttribute(ctx context.Context, r GetAttributeRequestObject) (GetAttributeResponseObject, error) {
	a, err := h.labels(ctx).find(ctx, r.IccAttributeId)
	return GetAttribute200JSONResponse(attributeOf(of(ctx).sim.ICCID, &a)), err
}

// ChangeAttribute implements StrictServerInterface.
func (h *handler) ChangeAttribute(ctx context.Context, r ChangeAttributeRequestObject) (ChangeAttributeResponseObject, error) {
	a, err := h.labels(ctx).change(ctx, r.IccAttributeId, r.Body.Value)
	return ChangeAttribute200JSONResponse(attributeOf(of(ctx).sim.ICCID, &a)), err
}

// DeleteAttribute implements StrictServerInterface.
func (h *handler) DeleteAttribute(ctx context.Context, r DeleteAttributeRequestObject) (DeleteAttributeResponseObject, error) {
	return DeleteAttribute200JSONResponse{ICCATTRIBUTE: 1}, h.labels(ctx).delete(ctx, r.IccAttributeId)
}
