package simapi

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func addressOf(a *tenant.Address) PortfolioAddress {
	return PortfolioAddress{PortfolioAddressId: a.ID, PortfolioId: string(a.Portfolio), AddressTypeId: a.Type, Name: a.Name, AddressLine1: a.Line1,
		AddressLine2: a.Line2, City: a.City, Region: a.Region, PostCode: a.PostCode, CountryCode: a.Country, EmailAddress: a.Email,
		Telephone: a.Telephone, Status: AddressStatus(a.Status), CreatedDate: Moment{a.CreatedAt}}
}

// ListPortfolioAddresses implements StrictServerInterface.
func (h *handler) ListPortfolioAddresses(ctx context.Context, r ListPortfolioAddressesRequestObject) (ListPortfolioAddressesResponseObject, error) {
	x := of(ctx)
	folio, err := ident.ParsePortfolioID(r.PortfolioId)
	if err != nil {
		return nil, err
	}
	all, err := x.fleet.Addresses(ctx, x.request, folio)
	return ListPortfolioAddresses200JSONResponse(each(all, addressOf)), err
}

// GetPortfolioAddress implements StrictServerInterface.
func (h *handler) GetPortfolioAddress(ctx context.Context, r GetPortfolioAddressRequestObject) (GetPortfolioAddressResponseObject, error) {
	x := of(ctx)
	folio, err := ident.ParsePortfolioID(r.PortfolioId)
	if err != nil {
		return nil, err
	}
	a, err := x.fleet.Address(ctx, x.request, folio, r.PortfolioAddressId)
	return GetPortfolioAddress200JSONResponse(addressOf(&a)), err
}

// CreatePortfolioAddress implements StrictServerInterface.
func (h *handler) CreatePortfolioAddress(ctx context.Context, r CreatePortfolioAddressRequestObject) (CreatePortfolioAddressResponseObject, error) {
	x, b := of(ctx), r.Body
	folio, err1 := ident.ParsePortfolioID(r.PortfolioId)
	kind, err2 := b.AddressTypeId.id("addressTypeId")
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	a := tenant.Address{Portfolio: folio, Type: kind, Name: b.Name, Line1: b.AddressLine1, City: b.City, Country: b.CountryCode, Status: tenant.Active}
	set(b.AddressLine2, &a.Line2)
	set(b.Region, &a.Region)
	set(b.PostCode, &a.PostCode)
	set(b.EmailAddress, &a.Email)
	set(b.Telephone, &a.Telephone)
	set((*tenant.Status)(b.Status), &a.Status)
	a, err := x.fleet.CreateAddress(ctx, x.request, a)
	return CreatePortfolioAddress200JSONResponse(addressOf(&a)), err
}

// ChangePortfolioAddress implements StrictServerInterface.
func (h *handler) ChangePortfolioAddress(ctx context.Context, r ChangePortfolioAddressRequestObject) (ChangePortfolioAddressResponseObject, error) {
	x, b := of(ctx), r.Body
	folio, err := ident.ParsePortfolioID(r.PortfolioId)
	if err != nil {
		return nil, err
	}
	if *b == (PortfolioAddressChange{}) {
		return nil, errNothing
	}
	kind, err := reference("addressTypeId", b.AddressTypeId)
	if err != nil {
		return nil, err
	}
	a, err := x.fleet.ChangeAddress(ctx, x.request, folio, r.PortfolioAddressId, func(a *tenant.Address) {
		set(kind, &a.Type)
		set(b.Name, &a.Name)
		set(b.AddressLine1, &a.Line1)
		set(b.AddressLine2, &a.Line2)
		set(b.City, &a.City)
		set(b.Region, &a.Region)
		set(b.PostCode, &a.PostCode)
		set(b.CountryCode, &a.Country)
		set(b.EmailAddress, &a.Email)
		set(b.Telephone, &a.Telephone)
		set((*tenant.Status)(b.Status), &a.Status)
	})
	return ChangePortfolioAddress200JSONResponse(addressOf(&a)), err
}

// reference reads the id of an entry, where it is given.
func reference(name string, d *Digits) (*int64, error) {
	if d == nil {
		return nil, nil
	}
	n, err := d.id(name)
	return &n, err
}
