package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// TitleTaken is the code of the fault that another child of the same parent has
// the title.
const TitleTaken = "portfolio.title"

// Titles returns the titles of the caller's portfolios that have one.
func (s *Service) Titles(ctx context.Context, r Request) (map[ident.PortfolioID]string, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	return s.store.Titles(ctx, r.Caller.Sphere)
}

// SetTitle gives a portfolio a title: short, without blanks, and its own among
// the children of its parent.
func (s *Service) SetTitle(ctx context.Context, r Request, id ident.PortfolioID, title string) error {
	if err := fault.Join(r.Caller.Needs(tenant.PortfolioWrite), checkTitle(title)); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		if err := tx.LockPortfolio(ctx, id); err != nil {
			return err
		}
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, id)
		if err != nil {
			return err
		}
		err = tx.SaveTitle(ctx, p, title)
		if err != nil && fault.KindOf(err) == fault.Conflict {
			return fault.New(fault.Conflict, TitleTaken, "the title %s exists already", title).Because(err)
		}
		return err
	})
}
