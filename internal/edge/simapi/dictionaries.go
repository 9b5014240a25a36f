package simapi

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Dictionaries: see entries.go.

// ListAddressTypes implements StrictServerInterface.
func (h *handler) ListAddressTypes(ctx context.Context, _ ListAddressTypesRequestObject) (ListAddressTypesResponseObject, error) {
	page, err := entryPage(ctx, tenant.AddressTypes)
	return ListAddressTypes200JSONResponse(page), err
}

// CreateAddressType implements StrictServerInterface.
func (h *handler) CreateAddressType(ctx context.Context, r CreateAddressTypeRequestObject) (CreateAddressTypeResponseObject, error) {
	e, err := createEntry(ctx, tenant.AddressTypes, r.Body)
	return CreateAddressType200JSONResponse(e), err
}

// GetAddressType implements StrictServerInterface.
func (h *handler) GetAddressType(ctx context.Context, r GetAddressTypeRequestObject) (GetAddressTypeResponseObject, error) {
	e, err := getEntry(ctx, tenant.AddressTypes, r.AddressTypeId)
	return GetAddressType200JSONResponse(e), err
}

// ChangeAddressType implements StrictServerInterface.
func (h *handler) ChangeAddressType(ctx context.Context, r ChangeAddressTypeRequestObject) (ChangeAddressTypeResponseObject, error) {
	e, err := changeEntry(ctx, tenant.AddressTypes, r.AddressTypeId, r.Body)
	return ChangeAddressType200JSONResponse(e), err
}

// ListBusinessCodes implements StrictServerInterface.
func (h *handler) ListBusinessCodes(ctx context.Context, _ ListBusinessCodesRequestObject) (ListBusinessCodesResponseObject, error) {
	page, err := entryPage(ctx, tenant.BusinessCodes)
	return ListBusinessCodes200JSONResponse(page), err
}

// CreateBusinessCode implements StrictServerInterface.
func (h *handler) CreateBusinessCode(ctx context.Context, r CreateBusinessCodeRequestObject) (CreateBusinessCodeResponseObject, error) {
	e, err := createEntry(ctx, tenant.BusinessCodes, r.Body)
	return CreateBusinessCode200JSONResponse(e), err
}

// GetBusinessCode implements StrictServerInterface.
func (h *handler) GetBusinessCode(ctx context.Context, r GetBusinessCodeRequestObject) (GetBusinessCodeResponseObject, error) {
	e, err := getEntry(ctx, tenant.BusinessCodes, r.BusinessCodeId)
	return GetBusinessCode200JSONResponse(e), err
}

// ChangeBusinessCode implements StrictServerInterface.
func (h *handler) ChangeBusinessCode(ctx context.Context, r ChangeBusinessCodeRequestObject) (ChangeBusinessCodeResponseObject, error) {
	e, err := changeEntry(ctx, tenant.BusinessCodes, r.BusinessCodeId, r.Body)
	return ChangeBusinessCode200JSONResponse(e), err
}

// ListIndustrySectors implements StrictServerInterface.
func (h *handler) ListIndustrySectors(ctx context.Context, _ ListIndustrySectorsRequestObject) (ListIndustrySectorsResponseObject, error) {
	page, err := entryPage(ctx, tenant.IndustrySectors)
	return ListIndustrySectors200JSONResponse(page), err
}

// CreateIndustrySector implements StrictServerInterface.
func (h *handler) CreateIndustrySector(ctx context.Context, r CreateIndustrySectorRequestObject) (CreateIndustrySectorResponseObject, error) {
	e, err := createEntry(ctx, tenant.IndustrySectors, r.Body)
	return CreateIndustrySector200JSONResponse(e), err
}

// GetIndustrySector implements StrictServerInterface.
func (h *handler) GetIndustrySector(ctx context.Context, r GetIndustrySectorRequestObject) (GetIndustrySectorResponseObject, error) {
	e, err := getEntry(ctx, tenant.IndustrySectors, r.IndustrySectorId)
	return GetIndustrySector200JSONResponse(e), err
}

// ChangeIndustrySector implements StrictServerInterface.
func (h *handler) ChangeIndustrySector(ctx context.Context, r ChangeIndustrySectorRequestObject) (ChangeIndustrySectorResponseObject, error) {
	e, err := changeEntry(ctx, tenant.IndustrySectors, r.IndustrySectorId, r.Body)
	return ChangeIndustrySector200JSONResponse(e), err
}

// ListInvoicingEntities implements StrictServerInterface.
func (h *handler) ListInvoicingEntities(ctx context.Context, _ ListInvoicingEntitiesRequestObject) (ListInvoicingEntitiesResponseObject, error) {
	page, err := entryPage(ctx, tenant.InvoicingEntities)
	return ListInvoicingEntities200JSONResponse(page), err
}

// CreateInvoicingEntity implements StrictServerInterface.
func (h *handler) CreateInvoicingEntity(ctx context.Context, r CreateInvoicingEntityRequestObject) (CreateInvoicingEntityResponseObject, error) {
	e, err := createEntry(ctx, tenant.InvoicingEntities, r.Body)
	return CreateInvoicingEntity200JSONResponse(e), err
}

// GetInvoicingEntity implements StrictServerInterface.
func (h *handler) GetInvoicingEntity(ctx context.Context, r GetInvoicingEntityRequestObject) (GetInvoicingEntityResponseObject, error) {
	e, err := getEntry(ctx, tenant.InvoicingEntities, r.InvoicingEntityId)
	return GetInvoicingEntity200JSONResponse(e), err
}

// ChangeInvoicingEntity implements StrictServerInterface.
func (h *handler) ChangeInvoicingEntity(ctx context.Context, r ChangeInvoicingEntityRequestObject) (ChangeInvoicingEntityResponseObject, error) {
	e, err := changeEntry(ctx, tenant.InvoicingEntities, r.InvoicingEntityId, r.Body)
	return ChangeInvoicingEntity200JSONResponse(e), err
}

// ListJobTitles implements StrictServerInterface.
func (h *handler) ListJobTitles(ctx context.Context, _ ListJobTitlesRequestObject) (ListJobTitlesResponseObject, error) {
	page, err := entryPage(ctx, tenant.JobTitles)
	return ListJobTitles200JSONResponse(page), err
}

// CreateJobTitle implements StrictServerInterface.
func (h *handler) CreateJobTitle(ctx context.Context, r CreateJobTitleRequestObject) (CreateJobTitleResponseObject, error) {
	e, err := createEntry(ctx, tenant.JobTitles, r.Body)
	return CreateJobTitle200JSONResponse(e), err
}

// GetJobTitle implements StrictServerInterface.
func (h *handler) GetJobTitle(ctx context.Context, r GetJobTitleRequestObject) (GetJobTitleResponseObject, error) {
	e, err := getEntry(ctx, tenant.JobTitles, r.JobTitleId)
	return GetJobTitle200JSONResponse(e), err
}

// ChangeJobTitle implements StrictServerInterface.
func (h *handler) ChangeJobTitle(ctx context.Context, r ChangeJobTitleRequestObject) (ChangeJobTitleResponseObject, error) {
	e, err := changeEntry(ctx, tenant.JobTitles, r.JobTitleId, r.Body)
	return ChangeJobTitle200JSONResponse(e), err
}

// ListPaymentMethods implements StrictServerInterface.
func (h *handler) ListPaymentMethods(ctx context.Context, _ ListPaymentMethodsRequestObject) (ListPaymentMethodsResponseObject, error) {
	page, err := entryPage(ctx, tenant.PaymentMethods)
	return ListPaymentMethods200JSONResponse(page), err
}

// CreatePaymentMethod implements StrictServerInterface.
func (h *handler) CreatePaymentMethod(ctx context.Context, r CreatePaymentMethodRequestObject) (CreatePaymentMethodResponseObject, error) {
	e, err := createEntry(ctx, tenant.PaymentMethods, r.Body)
	return CreatePaymentMethod200JSONResponse(e), err
}

// GetPaymentMethod implements StrictServerInterface.
func (h *handler) GetPaymentMethod(ctx context.Context, r GetPaymentMethodRequestObject) (GetPaymentMethodResponseObject, error) {
	e, err := getEntry(ctx, tenant.PaymentMethods, r.PaymentMethodId)
	return GetPaymentMethod200JSONResponse(e), err
}

// ChangePaymentMethod implements StrictServerInterface.
func (h *handler) ChangePaymentMethod(ctx context.Context, r ChangePaymentMethodRequestObject) (ChangePaymentMethodResponseObject, error) {
	e, err := changeEntry(ctx, tenant.PaymentMethods, r.PaymentMethodId, r.Body)
	return ChangePaymentMethod200JSONResponse(e), err
}

// ListTaxCodes implements StrictServerInterface.
func (h *handler) ListTaxCodes(ctx context.Context, _ ListTaxCodesRequestObject) (ListTaxCodesResponseObject, error) {
	page, err := entryPage(ctx, tenant.TaxCodes)
	return ListTaxCodes200JSONResponse(page), err
}

// CreateTaxCode implements StrictServerInterface.
func (h *handler) CreateTaxCode(ctx context.Context, r CreateTaxCodeRequestObject) (CreateTaxCodeResponseObject, error) {
	e, err := createEntry(ctx, tenant.TaxCodes, r.Body)
	return CreateTaxCode200JSONResponse(e), err
}

// GetTaxCode implements StrictServerInterface.
func (h *handler) GetTaxCode(ctx context.Context, r GetTaxCodeRequestObject) (GetTaxCodeResponseObject, error) {
	e, err := getEntry(ctx, tenant.TaxCodes, r.TaxCodeId)
	return GetTaxCode200JSONResponse(e), err
}

// ChangeTaxCode implements StrictServerInterface.
func (h *handler) ChangeTaxCode(ctx context.Context, r ChangeTaxCodeRequestObject) (ChangeTaxCodeResponseObject, error) {
	e, err := changeEntry(ctx, tenant.TaxCodes, r.TaxCodeId, r.Body)
	return ChangeTaxCode200JSONResponse(e), err
}

// ListUserTypes implements StrictServerInterface.
func (h *handler) ListUserTypes(ctx context.Context, _ ListUserTypesRequestObject) (ListUserTypesResponseObject, error) {
	page, err := entryPage(ctx, tenant.UserTypes)
	return ListUserTypes200JSONResponse(page), err
}

// CreateUserType implements StrictServerInterface.
func (h *handler) CreateUserType(ctx context.Context, r CreateUserTypeRequestObject) (CreateUserTypeResponseObject, error) {
	x, b := of(ctx), r.Body
	n := tenant.Entry{Dictionary: tenant.UserTypes, Name: b.Name, Title: b.Title}
	set(b.Role, &n.Role)
	e, err := x.fleet.CreateEntry(ctx, x.request, n)
	return CreateUserType200JSONResponse(entryOf(&e)), err
}

// GetUserType implements StrictServerInterface.
func (h *handler) GetUserType(ctx context.Context, r GetUserTypeRequestObject) (GetUserTypeResponseObject, error) {
	e, err := getEntry(ctx, tenant.UserTypes, r.UserTypeId)
	return GetUserType200JSONResponse(e), err
}

// ChangeUserType implements StrictServerInterface.
func (h *handler) ChangeUserType(ctx context.Context, r ChangeUserTypeRequestObject) (ChangeUserTypeResponseObject, error) {
	x, b := of(ctx), r.Body
	if *b == (UserTypeChange{}) {
		return nil, errNothing
	}
	e, err := x.fleet.ChangeEntry(ctx, x.request, tenant.UserTypes, r.UserTypeId, func(e *tenant.Entry) {
		set(b.Name, &e.Name)
		set(b.Title, &e.Title)
		set(b.Role, &e.Role)
		set((*tenant.Status)(b.Status), &e.Status)
	})
	return ChangeUserType200JSONResponse(entryOf(&e)), err
}
