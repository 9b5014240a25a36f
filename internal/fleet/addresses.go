package fleet

import (
	"context"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// AddressLimit is the code of the fault that a portfolio has as many addresses
// as it may.
const AddressLimit = "address.limit"

// maxAddresses bounds the addresses of a portfolio, deleted ones among them.
const maxAddresses = 100

// Addresses lists the addresses of a portfolio, in the order in which they were
// made, deleted ones among them.
func (s *Service) Addresses(ctx context.Context, r Request, portfolio ident.PortfolioID) ([]tenant.Address, error) {
	if _, err := s.Portfolio(ctx, r, portfolio); err != nil {
		return nil, err
	}
	return s.store.Addresses(ctx, r.Caller.Sphere, portfolio)
}

// Address returns one address of a portfolio.
func (s *Service) Address(ctx context.Context, r Request, portfolio ident.PortfolioID, id string) (tenant.Address, error) {
	all, err := s.Addresses(ctx, r, portfolio)
	if err != nil {
		return tenant.Address{}, err
	}
	return addressIn(all, id)
}

func addressIn(all []tenant.Address, id string) (tenant.Address, error) {
	if i := slices.IndexFunc(all, func(a tenant.Address) bool { return a.ID == id }); i >= 0 {
		return all[i], nil
	}
	return tenant.Address{}, fault.Missing("address", id)
}

// CreateAddress gives a portfolio an address.
func (s *Service) CreateAddress(ctx context.Context, r Request, a tenant.Address) (tenant.Address, error) {
	a.ID, a.CreatedAt = string(ident.NewPortfolioID()), s.now()
	return s.changeAddress(ctx, r, a.Portfolio, func(all []tenant.Address) (tenant.Address, error) {
		if len(all) >= maxAddresses {
			return a, fault.New(fault.Exhausted, AddressLimit, "the portfolio has %d addresses; no more are allowed", len(all))
		}
		return a, nil
	})
}

// ChangeAddress lets change alter an address: anything but whose it is.
func (s *Service) ChangeAddress(ctx context.Context, r Request, portfolio ident.PortfolioID, id string, change func(*tenant.Address)) (tenant.Address, error) {
	return s.changeAddress(ctx, r, portfolio, func(all []tenant.Address) (tenant.Address, error) {
		a, err := addressIn(all, id)
		change(&a)
		return a, err
	})
}

func (s *Service) changeAddress(ctx context.Context, r Request, portfolio ident.PortfolioID, make func(all []tenant.Address) (tenant.Address, error)) (a tenant.Address, err error) {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return a, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPortfolio(ctx, portfolio); err != nil {
			return err
		}
		// One that is deleted may have them, too: it needs one to come back.
		if _, err := tx.Portfolio(ctx, r.Caller.Sphere, portfolio); err != nil {
			return err
		}
		all, err := tx.Addresses(ctx, r.Caller.Sphere, portfolio)
		if err != nil {
			return err
		}
		if a, err = make(all); err != nil {
			return err
		}
		if err := checkAddress(&a); err != nil {
			return err
		}
		if old, err := addressIn(all, a.ID); err != nil || old.Type != a.Type {
			if err := refers(ctx, tx, &r, tenant.AddressTypes, a.Type); err != nil {
				return err
			}
		}
		if err := tx.SaveAddress(ctx, a); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.AddressChanged, portfolio, s.now(), event.Data{Subject: "address " + a.ID, To: string(a.Status)})})
	})
	return a, err
}

// checkAddress checks an address as it shall be.
func checkAddress(a *tenant.Address) error {
	var errs []error
	for _, f := range []struct {
		name string
		text *string
		must bool
	}{
		{"name", &a.Name, true}, {"addressLine1", &a.Line1, true}, {"addressLine2", &a.Line2, false}, {"city", &a.City, true}, {"region", &a.Region, false},
		{"postCode", &a.PostCode, false}, {"telephone", &a.Telephone, false},
	} {
		if *f.text = strings.TrimSpace(*f.text); f.must || *f.text != "" {
			errs = append(errs, checkName(f.name, *f.text, 128))
		}
	}
	if a.Country = strings.ToUpper(a.Country); len(a.Country) != 2 || strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		errs = append(errs, fault.InvalidField("countryCode", "is not a code of two letters such as GB"))
	}
	if a.Email != "" {
		errs = append(errs, checkEmail(a.Email))
	}
	if a.Type == 0 {
		errs = append(errs, fault.InvalidField("addressTypeId", "is missing"))
	}
	return fault.Join(errs...)
}

// billed refuses an account that has no address for its invoices.
func billed(ctx context.Context, from CatalogueReader, p *tenant.Portfolio) error {
	all, err := from.Addresses(ctx, tenant.Everything(), p.ID)
	if err == nil && !slices.ContainsFunc(all, func(a tenant.Address) bool { return a.Bills() }) {
		err = fault.New(fault.Precondition, tenant.NoBillingAddress, "portfolio %s has no active billing address", p.ID)
	}
	return err
}
