package simapi

import "context"

// Attributes of what is no SIM: see carried.go.

// ListPortfolioAttributes implements StrictServerInterface.
func (h *handler) ListPortfolioAttributes(ctx context.Context, r ListPortfolioAttributesRequestObject) (ListPortfolioAttributesResponseObject, error) {
	page, err := ofPortfolio(r.PortfolioId).page(ctx)
	return ListPortfolioAttributes200JSONResponse(page), err
}

// CreatePortfolioAttributes implements StrictServerInterface.
func (h *handler) CreatePortfolioAttributes(ctx context.Context, r CreatePortfolioAttributesRequestObject) (CreatePortfolioAttributesResponseObject, error) {
	made, err := ofPortfolio(r.PortfolioId).create(ctx, r.Body.raw)
	return CreatePortfolioAttributes200JSONResponse{union: made}, err
}

// GetPortfolioAttribute implements StrictServerInterface.
func (h *handler) GetPortfolioAttribute(ctx context.Context, r GetPortfolioAttributeRequestObject) (GetPortfolioAttributeResponseObject, error) {
	a, err := ofPortfolio(r.PortfolioId).get(ctx, r.PortfolioAttributeId)
	return GetPortfolioAttribute200JSONResponse(a), err
}

// ChangePortfolioAttribute implements StrictServerInterface.
func (h *handler) ChangePortfolioAttribute(ctx context.Context, r ChangePortfolioAttributeRequestObject) (ChangePortfolioAttributeResponseObject, error) {
	a, err := ofPortfolio(r.PortfolioId).set(ctx, r.PortfolioAttributeId, r.Body.Value)
	return ChangePortfolioAttribute200JSONResponse(a), err
}

// DeletePortfolioAttribute implements StrictServerInterface.
func (h *handler) DeletePortfolioAttribute(ctx context.Context, r DeletePortfolioAttributeRequestObject) (DeletePortfolioAttributeResponseObject, error) {
	return DeletePortfolioAttribute200JSONResponse{PORTFOLIOATTRIBUTE: 1}, ofPortfolio(r.PortfolioId).delete(ctx, r.PortfolioAttributeId)
}

// ListUserAttributes implements StrictServerInterface.
func (h *handler) ListUserAttributes(ctx context.Context, r ListUserAttributesRequestObject) (ListUserAttributesResponseObject, error) {
	page, err := ofUser(ctx, r.PortfolioId, r.UserId).page(ctx)
	return ListUserAttributes200JSONResponse(page), err
}

// CreateUserAttributes implements StrictServerInterface.
func (h *handler) CreateUserAttributes(ctx context.Context, r CreateUserAttributesRequestObject) (CreateUserAttributesResponseObject, error) {
	made, err := ofUser(ctx, r.PortfolioId, r.UserId).create(ctx, r.Body.raw)
	return CreateUserAttributes200JSONResponse{union: made}, err
}

// GetUserAttribute implements StrictServerInterface.
func (h *handler) GetUserAttribute(ctx context.Context, r GetUserAttributeRequestObject) (GetUserAttributeResponseObject, error) {
	a, err := ofUser(ctx, r.PortfolioId, r.UserId).get(ctx, r.UserAttributeId)
	return GetUserAttribute200JSONResponse(a), err
}

// ChangeUserAttribute implements StrictServerInterface.
func (h *handler) ChangeUserAttribute(ctx context.Context, r ChangeUserAttributeRequestObject) (ChangeUserAttributeResponseObject, error) {
	a, err := ofUser(ctx, r.PortfolioId, r.UserId).set(ctx, r.UserAttributeId, r.Body.Value)
	return ChangeUserAttribute200JSONResponse(a), err
}

// DeleteUserAttribute implements StrictServerInterface.
func (h *handler) DeleteUserAttribute(ctx context.Context, r DeleteUserAttributeRequestObject) (DeleteUserAttributeResponseObject, error) {
	return DeleteUserAttribute200JSONResponse{USERATTRIBUTE: 1}, ofUser(ctx, r.PortfolioId, r.UserId).delete(ctx, r.UserAttributeId)
}

// ListPackageAttributes implements StrictServerInterface.
func (h *handler) ListPackageAttributes(ctx context.Context, r ListPackageAttributesRequestObject) (ListPackageAttributesResponseObject, error) {
	page, err := ofPackage(r.PackageId).page(ctx)
	return ListPackageAttributes200JSONResponse(page), err
}

// CreatePackageAttributes implements StrictServerInterface.
func (h *handler) CreatePackageAttributes(ctx context.Context, r CreatePackageAttributesRequestObject) (CreatePackageAttributesResponseObject, error) {
	made, err := ofPackage(r.PackageId).create(ctx, r.Body.raw)
	return CreatePackageAttributes200JSONResponse{union: made}, err
}

// GetPackageAttribute implements StrictServerInterface.
func (h *handler) GetPackageAttribute(ctx context.Context, r GetPackageAttributeRequestObject) (GetPackageAttributeResponseObject, error) {
	a, err := ofPackage(r.PackageId).get(ctx, r.PackageAttributeId)
	return GetPackageAttribute200JSONResponse(a), err
}

// ChangePackageAttribute implements StrictServerInterface.
func (h *handler) ChangePackageAttribute(ctx context.Context, r ChangePackageAttributeRequestObject) (ChangePackageAttributeResponseObject, error) {
	a, err := ofPackage(r.PackageId).set(ctx, r.PackageAttributeId, r.Body.Value)
	return ChangePackageAttribute200JSONResponse(a), err
}

// DeletePackageAttribute implements StrictServerInterface.
func (h *handler) DeletePackageAttribute(ctx context.Context, r DeletePackageAttributeRequestObject) (DeletePackageAttributeResponseObject, error) {
	return DeletePackageAttribute200JSONResponse{PACKAGEATTRIBUTE: 1}, ofPackage(r.PackageId).delete(ctx, r.PackageAttributeId)
}

// ListPackageItemAttributes implements StrictServerInterface.
func (h *handler) ListPackageItemAttributes(ctx context.Context, r ListPackageItemAttributesRequestObject) (ListPackageItemAttributesResponseObject, error) {
	page, err := ofItem(r.PackageId, r.PackageItemId).page(ctx)
	return ListPackageItemAttributes200JSONResponse(page), err
}

// CreatePackageItemAttributes implements StrictServerInterface.
func (h *handler) CreatePackageItemAttributes(ctx context.Context, r CreatePackageItemAttributesRequestObject) (CreatePackageItemAttributesResponseObject, error) {
	made, err := ofItem(r.PackageId, r.PackageItemId).create(ctx, r.Body.raw)
	return CreatePackageItemAttributes200JSONResponse{union: made}, err
}

// GetPackageItemAttribute implements StrictServerInterface.
func (h *handler) GetPackageItemAttribute(ctx context.Context, r GetPackageItemAttributeRequestObject) (GetPackageItemAttributeResponseObject, error) {
	a, err := ofItem(r.PackageId, r.PackageItemId).get(ctx, r.PackageItemAttributeId)
	return GetPackageItemAttribute200JSONResponse(a), err
}

// ChangePackageItemAttribute implements StrictServerInterface.
func (h *handler) ChangePackageItemAttribute(ctx context.Context, r ChangePackageItemAttributeRequestObject) (ChangePackageItemAttributeResponseObject, error) {
	a, err := ofItem(r.PackageId, r.PackageItemId).set(ctx, r.PackageItemAttributeId, r.Body.Value)
	return ChangePackageItemAttribute200JSONResponse(a), err
}

// DeletePackageItemAttribute implements StrictServerInterface.
func (h *handler) DeletePackageItemAttribute(ctx context.Context, r DeletePackageItemAttributeRequestObject) (DeletePackageItemAttributeResponseObject, error) {
	return DeletePackageItemAttribute200JSONResponse{PACKAGEITEMATTRIBUTE: 1}, ofItem(r.PackageId, r.PackageItemId).delete(ctx, r.PackageItemAttributeId)
}

// ListPortfolioAddressAttributes implements StrictServerInterface.
func (h *handler) ListPortfolioAddressAttributes(ctx context.Context, r ListPortfolioAddressAttributesRequestObject) (ListPortfolioAddressAttributesResponseObject, error) {
	page, err := ofAddress(r.PortfolioId, r.PortfolioAddressId).page(ctx)
	return ListPortfolioAddressAttributes200JSONResponse(page), err
}

// CreatePortfolioAddressAttributes implements StrictServerInterface.
func (h *handler) CreatePortfolioAddressAttributes(ctx context.Context, r CreatePortfolioAddressAttributesRequestObject) (CreatePortfolioAddressAttributesResponseObject, error) {
	made, err := ofAddress(r.PortfolioId, r.PortfolioAddressId).create(ctx, r.Body.raw)
	return CreatePortfolioAddressAttributes200JSONResponse{union: made}, err
}

// GetPortfolioAddressAttribute implements StrictServerInterface.
func (h *handler) GetPortfolioAddressAttribute(ctx context.Context, r GetPortfolioAddressAttributeRequestObject) (GetPortfolioAddressAttributeResponseObject, error) {
	a, err := ofAddress(r.PortfolioId, r.PortfolioAddressId).get(ctx, r.PortfolioAddressAttributeId)
	return GetPortfolioAddressAttribute200JSONResponse(a), err
}

// ChangePortfolioAddressAttribute implements StrictServerInterface.
func (h *handler) ChangePortfolioAddressAttribute(ctx context.Context, r ChangePortfolioAddressAttributeRequestObject) (ChangePortfolioAddressAttributeResponseObject, error) {
	a, err := ofAddress(r.PortfolioId, r.PortfolioAddressId).set(ctx, r.PortfolioAddressAttributeId, r.Body.Value)
	return ChangePortfolioAddressAttribute200JSONResponse(a), err
}

// DeletePortfolioAddressAttribute implements StrictServerInterface.
func (h *handler) DeletePortfolioAddressAttribute(ctx context.Context, r DeletePortfolioAddressAttributeRequestObject) (DeletePortfolioAddressAttributeResponseObject, error) {
	return DeletePortfolioAddressAttribute200JSONResponse{PORTFOLIOADDRESSATTRIBUTE: 1}, ofAddress(r.PortfolioId, r.PortfolioAddressId).delete(ctx, r.PortfolioAddressAttributeId)
}

// ListInvoicingEntityAttributes implements StrictServerInterface.
func (h *handler) ListInvoicingEntityAttributes(ctx context.Context, r ListInvoicingEntityAttributesRequestObject) (ListInvoicingEntityAttributesResponseObject, error) {
	page, err := ofInvoicingEntity(r.InvoicingEntityId).page(ctx)
	return ListInvoicingEntityAttributes200JSONResponse(page), err
}

// CreateInvoicingEntityAttributes implements StrictServerInterface.
func (h *handler) CreateInvoicingEntityAttributes(ctx context.Context, r CreateInvoicingEntityAttributesRequestObject) (CreateInvoicingEntityAttributesResponseObject, error) {
	made, err := ofInvoicingEntity(r.InvoicingEntityId).create(ctx, r.Body.raw)
	return CreateInvoicingEntityAttributes200JSONResponse{union: made}, err
}

// GetInvoicingEntityAttribute implements StrictServerInterface.
func (h *handler) GetInvoicingEntityAttribute(ctx context.Context, r GetInvoicingEntityAttributeRequestObject) (GetInvoicingEntityAttributeResponseObject, error) {
	a, err := ofInvoicingEntity(r.InvoicingEntityId).get(ctx, r.InvoicingEntityAttributeId)
	return GetInvoicingEntityAttribute200JSONResponse(a), err
}

// ChangeInvoicingEntityAttribute implements StrictServerInterface.
func (h *handler) ChangeInvoicingEntityAttribute(ctx context.Context, r ChangeInvoicingEntityAttributeRequestObject) (ChangeInvoicingEntityAttributeResponseObject, error) {
	a, err := ofInvoicingEntity(r.InvoicingEntityId).set(ctx, r.InvoicingEntityAttributeId, r.Body.Value)
	return ChangeInvoicingEntityAttribute200JSONResponse(a), err
}

// DeleteInvoicingEntityAttribute implements StrictServerInterface.
func (h *handler) DeleteInvoicingEntityAttribute(ctx context.Context, r DeleteInvoicingEntityAttributeRequestObject) (DeleteInvoicingEntityAttributeResponseObject, error) {
	return DeleteInvoicingEntityAttribute200JSONResponse{INVOICINGENTITYATTRIBUTE: 1}, ofInvoicingEntity(r.InvoicingEntityId).delete(ctx, r.InvoicingEntityAttributeId)
}
