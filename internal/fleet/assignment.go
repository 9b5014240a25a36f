package fleet

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// AssignmentReader reads where SIMs are, and since when.
type AssignmentReader interface {
	ICCIDOf(ctx context.Context, in tenant.Sphere, id int64) (ident.ICCID, bool, error)
	Assigned(ctx context.Context, simID int64) (sim.Assigned, error)
	PartTallies(ctx context.Context, in tenant.Sphere, statuses []sim.Status) ([]sim.PartTally, error)
}

// AssignmentWriter stores since when SIMs are where they are.
type AssignmentWriter interface {
	SaveAssigned(ctx context.Context, list []sim.Assigned) error
}

// AssignedSIM finds the SIM whose assignment has this id: the SIM's internal
// one.
func (s *Service) AssignedSIM(ctx context.Context, r Request, id int64) (ident.ICCID, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return "", err
	}
	iccid, found, err := s.store.ICCIDOf(ctx, r.Caller.Sphere, id)
	if err == nil && !found {
		err = fault.Missing("assignment", strconv.FormatInt(id, 10))
	}
	return iccid, err
}

// Assigned returns since when a SIM, which the caller has read, has been with
// its portfolio and on its package.
func (s *Service) Assigned(ctx context.Context, r Request, of *sim.SIM) (sim.Assigned, error) {
	if err := r.Caller.Needs(tenant.SIMAssignGet); err != nil {
		return sim.Assigned{}, err
	}
	a, err := s.store.Assigned(ctx, of.ID)
	if a.PortfolioAt.IsZero() {
		a.PortfolioAt = of.CreatedAt
	}
	if a.PackageAt.IsZero() {
		a.PackageAt = of.CreatedAt
	}
	return a, err
}

// PackageOf returns the package that a SIM, which the caller has read, is on.
// It fails with the code plan.NoPackage when there is none.
func (s *Service) PackageOf(ctx context.Context, r Request, of *sim.SIM) (plan.Package, error) {
	if err := r.Caller.Needs(tenant.SIMAssignGet); err != nil {
		return plan.Package{}, err
	}
	if of.Package == 0 {
		return plan.Package{}, fault.New(fault.Precondition, plan.NoPackage, "the SIM has no package")
	}
	return s.store.Package(ctx, tenant.Everything(), of.Package)
}

// PartTallies counts SIMs by portfolio, package and part number: the caller's,
// or with a portfolio those of it and below it. Statuses narrow it.
func (s *Service) PartTallies(ctx context.Context, r Request, below ident.PortfolioID, statuses []sim.Status) ([]sim.PartTally, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	in := r.Caller.Sphere
	if below != "" {
		p, err := s.store.Portfolio(ctx, in, below)
		if err != nil {
			return nil, err
		}
		in = tenant.Below(p.Path)
	}
	return s.store.PartTallies(ctx, in, statuses)
}
