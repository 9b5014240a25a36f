package fleet_test

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Changes of a package are told to whom it is offered, and to the root once that
// is nobody: not to an account that it was offered to.
func TestWhoIsToldOfAPackage(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := t.Context()
		operator := w.customer(w.root, "operator")
		p := got(w.CreatePackage(ctx, operator, plan.Package{Name: "Once"}, []ident.PortfolioID{w.a.ID, w.b.ID}))(t)
		end := func(at tenant.Portfolio) {
			got(w.LinkPackage(ctx, operator, p.ID, at.ID, func(l *plan.Link, _ bool) error { l.Status = tenant.Deleted; return nil }))(t)
		}
		told := func() map[ident.PortfolioID]int {
			got(w.ChangePackage(ctx, operator, p.ID, func(p *plan.Package) error { p.Price++; return nil }))(t)
			out := map[ident.PortfolioID]int{}
			for _, e := range got(w.Events(ctx, w.op, event.Query{Kinds: []event.Kind{event.PackageChanged}, Limit: 10}))(t) {
				out[e.Portfolio]++
			}
			return out
		}
		end(w.a)
		if all := told(); len(all) != 1 || all[w.b.ID] != 1 {
			t.Errorf("offered to one: %v", all)
		}
		end(w.b)
		if all := told(); len(all) != 2 || all[w.b.ID] != 1 || all[w.root.ID] != 1 {
			t.Errorf("offered to nobody: %v", all)
		}
	})
}
