package simapi

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func portalOf(p *tenant.Portal) Portal {
	return Portal{PortalId: p.ID, PortfolioId: string(p.Owner), Name: p.Name, Title: p.Title, Status: LifeStatus(p.Status), CreatedDate: Moment{p.CreatedAt}}
}

// portalID reads the id of a portal, where it is given.
func portalID(given *string) (string, error) {
	if given == nil {
		return "", nil
	}
	id, err := ident.ParsePortfolioID(*given)
	return string(id), ident.As("portalId", err)
}

// ListPortals implements StrictServerInterface.
func (h *handler) ListPortals(ctx context.Context, _ ListPortalsRequestObject) (ListPortalsResponseObject, error) {
	x := of(ctx)
	all, err := x.fleet.Portals(ctx, x.request)
	if err != nil {
		return nil, err
	}
	picked, err := pick(x, each(all, portalOf), []column[Portal]{
		{"portalId", func(p *Portal) string { return p.PortalId }},
		{"portfolioId", func(p *Portal) string { return p.PortfolioId }},
		{"name", func(p *Portal) string { return p.Name }},
		{"title", func(p *Portal) string { return p.Title }},
		{"status", func(p *Portal) string { return string(p.Status) }},
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cut(ctx, x, picked)
	return ListPortals200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(page),
		NextPageToken: next, Items: page}, err
}

// GetPortal implements StrictServerInterface.
func (h *handler) GetPortal(ctx context.Context, r GetPortalRequestObject) (GetPortalResponseObject, error) {
	x := of(ctx)
	id, err := portalID(&r.PortalId)
	if err != nil {
		return nil, err
	}
	p, err := x.fleet.Portal(ctx, x.request, id)
	return GetPortal200JSONResponse(portalOf(&p)), err
}

// CreatePortal implements StrictServerInterface.
func (h *handler) CreatePortal(ctx context.Context, r CreatePortalRequestObject) (CreatePortalResponseObject, error) {
	x, b := of(ctx), r.Body
	n := tenant.Portal{Name: b.Name, Title: b.Title, Owner: x.home.ID}
	if b.PortfolioId != nil {
		var err error
		if n.Owner, err = ident.ParsePortfolioID(*b.PortfolioId); err != nil {
			return nil, ident.As("portfolioId", err)
		}
	}
	p, err := x.fleet.CreatePortal(ctx, x.request, n)
	return CreatePortal200JSONResponse(portalOf(&p)), x.outside(n.Owner, err)
}

// ChangePortal implements StrictServerInterface.
func (h *handler) ChangePortal(ctx context.Context, r ChangePortalRequestObject) (ChangePortalResponseObject, error) {
	x, b := of(ctx), r.Body
	id, err := portalID(&r.PortalId)
	switch {
	case err != nil:
		return nil, err
	case *b == (PortalChange{}):
		return nil, errNothing
	}
	p, err := x.fleet.ChangePortal(ctx, x.request, id, func(p *tenant.Portal) {
		set(b.Name, &p.Name)
		set(b.Title, &p.Title)
		set((*tenant.Status)(b.Status), &p.Status)
	})
	return ChangePortal200JSONResponse(portalOf(&p)), err
}

// inPortal returns which portfolios the query's portalId selects; nil for all.
func (x *exchange) inPortal(ctx context.Context) (map[ident.PortfolioID]bool, error) {
	var portal ident.PortfolioID
	if err := read("portalId", x.query, ident.ParsePortfolioID, &portal); err != nil || portal == "" {
		return nil, err
	}
	return x.fleet.InPortal(ctx, x.request, string(portal))
}

// ListPortalAttributes implements StrictServerInterface.
func (h *handler) ListPortalAttributes(ctx context.Context, r ListPortalAttributesRequestObject) (ListPortalAttributesResponseObject, error) {
	page, err := ofPortal(r.PortalId).page(ctx)
	return ListPortalAttributes200JSONResponse(page), err
}

// CreatePortalAttributes implements StrictServerInterface.
func (h *handler) CreatePortalAttributes(ctx context.Context, r CreatePortalAttributesRequestObject) (CreatePortalAttributesResponseObject, error) {
	made, err := ofPortal(r.PortalId).create(ctx, r.Body.raw)
	return CreatePortalAttributes200JSONResponse{union: made}, err
}

// GetPortalAttribute implements StrictServerInterface.
func (h *handler) GetPortalAttribute(ctx context.Context, r GetPortalAttributeRequestObject) (GetPortalAttributeResponseObject, error) {
	a, err := ofPortal(r.PortalId).get(ctx, r.PortalAttributeId)
	return GetPortalAttribute200JSONResponse(a), err
}

// ChangePortalAttribute implements StrictServerInterface.
func (h *handler) ChangePortalAttribute(ctx context.Context, r ChangePortalAttributeRequestObject) (ChangePortalAttributeResponseObject, error) {
	a, err := ofPortal(r.PortalId).set(ctx, r.PortalAttributeId, r.Body.Value)
	return ChangePortalAttribute200JSONResponse(a), err
}

// DeletePortalAttribute implements StrictServerInterface.
func (h *handler) DeletePortalAttribute(ctx context.Context, r DeletePortalAttributeRequestObject) (DeletePortalAttributeResponseObject, error) {
	return DeletePortalAttribute200JSONResponse{PORTALATTRIBUTE: 1}, ofPortal(r.PortalId).delete(ctx, r.PortalAttributeId)
}
