package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// CostReader sums use over accounts.
type CostReader interface {
	AccountMonth(ctx context.Context, in tenant.Sphere, c money.Currency, year, month int) (usage.Month, bool, error)
}

// Around is what is known of a page of SIMs besides themselves. All but the last
// two are by internal ids; what nothing is known of is left out.
type Around struct {
	Activity   map[int64]usage.Activity
	Month      map[int64]usage.Month // the one at hand, UTC
	Profiles   map[int64][]sim.CardProfile
	Packages   map[int64]*plan.Package                 // by their ids
	Portfolios map[ident.PortfolioID]*tenant.Portfolio // those of the SIMs
}

// Around reads what is known of SIMs that the caller has read.
func (s *Service) Around(ctx context.Context, r Request, sims []sim.SIM) (Around, error) {
	out := Around{Packages: map[int64]*plan.Package{}, Portfolios: map[ident.PortfolioID]*tenant.Portfolio{}}
	if err := r.Caller.Needs(tenant.SIMGet); err != nil || len(sims) == 0 {
		return out, err
	}
	ids, now := idsOf(sims), s.now()
	var err error
	if out.Activity, err = s.store.Activities(ctx, ids); err != nil {
		return out, err
	}
	if out.Month, err = s.store.Months(ctx, ids, now.Year(), int(now.Month())); err != nil {
		return out, err
	}
	var cards []int64
	for i := range sims {
		if sims[i].IsEUICC() {
			cards = append(cards, sims[i].ID)
		}
	}
	if len(cards) > 0 {
		if out.Profiles, err = s.store.CardProfiles(ctx, cards); err != nil {
			return out, err
		}
	}
	return out, s.accountsOf(ctx, &r, sims, &out)
}

// accountsOf reads the packages and portfolios of SIMs, each once. A SIM's
// package is told whatever portfolio it is offered to.
func (s *Service) accountsOf(ctx context.Context, r *Request, sims []sim.SIM, out *Around) error {
	for i := range sims {
		of := &sims[i]
		if _, known := out.Packages[of.Package]; !known && of.Package != 0 {
			p, err := s.store.Package(ctx, tenant.Everything(), of.Package)
			if err != nil {
				return err
			}
			out.Packages[of.Package] = &p
		}
		if _, known := out.Portfolios[of.Portfolio]; !known {
			p, err := s.store.Portfolio(ctx, r.Caller.Sphere, of.Portfolio)
			if err != nil {
				return err
			}
			out.Portfolios[of.Portfolio] = &p
		}
	}
	return nil
}

// Cost is what a SIM used in a month, and what that comes to.
type Cost struct {
	ICCID    ident.ICCID
	Plan     string // name of its package; empty for none
	Month    usage.Month
	Currency money.Currency
}

// Costs returns what SIMs used in a calendar month, UTC, in their order. Those
// without any use in it are left out.
func (s *Service) Costs(ctx context.Context, r Request, sims []sim.SIM, year, month int) ([]Cost, error) {
	if err := r.Caller.Needs(tenant.BillingGet); err != nil {
		return nil, err
	}
	months, err := s.store.Months(ctx, idsOf(sims), year, month)
	if err != nil {
		return nil, err
	}
	around := Around{Packages: map[int64]*plan.Package{}, Portfolios: map[ident.PortfolioID]*tenant.Portfolio{}}
	if err := s.accountsOf(ctx, &r, sims, &around); err != nil {
		return nil, err
	}
	out := make([]Cost, 0, len(sims))
	for i := range sims {
		m, found := months[sims[i].ID]
		if !found {
			continue
		}
		c := Cost{ICCID: sims[i].ICCID, Month: m, Currency: around.Portfolios[sims[i].Portfolio].Currency}
		if p := around.Packages[sims[i].Package]; p != nil {
			c.Plan = p.Name
		}
		out = append(out, c)
	}
	return out, nil
}

// AccountCost returns what the SIMs of the caller's part of the tree used in a
// month, those of portfolios that pay in the currency of home; found is false
// when nothing is on record.
func (s *Service) AccountCost(ctx context.Context, r Request, home *tenant.Portfolio, year, month int) (usage.Month, bool, error) {
	if err := r.Caller.Needs(tenant.BillingGet); err != nil {
		return usage.Month{}, false, err
	}
	return s.store.AccountMonth(ctx, r.Caller.Sphere, home.Currency, year, month)
}
