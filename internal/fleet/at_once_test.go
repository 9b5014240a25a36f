package fleet_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// atOnce runs do for each of n callers at the same time.
func atOnce(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

// Two who change one thing at once both have what they asked for: neither puts
// back what the other has changed.
func TestChangesAtOnceUndoNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := context.WithoutCancel(t.Context())
		member := got(w.CreateUser(ctx, w.op, fleet.NewUser{Portfolio: w.a.ID, Username: "somebody", Password: "password1", Detail: tenant.Detail{FirstName: "-"}}))(t)
		program, _, err := w.CreateAPIUser(ctx, w.op, fleet.NewAPIUser{Portfolio: w.a.ID})
		w.must(err)
		collection := got(w.CreateCollection(ctx, w.op, sim.Collection{Portfolio: w.a.ID, Name: "-", Title: "c"}, nil, nil))(t)
		top := w.customer(w.root, "operator")
		portal := got(w.CreatePortal(ctx, top, tenant.Portal{Owner: w.root.ID, Name: "-", Title: "own"}))(t)
		entry := got(w.CreateEntry(ctx, top, tenant.Entry{Dictionary: tenant.BusinessCodes, Name: "-", Title: "own"}))(t)
		address := got(w.CreateAddress(ctx, w.op, tenant.Address{Portfolio: w.a.ID, Type: 1, Name: "-", Line1: "1 High Street", City: "Leeds", Country: "GB"}))(t)
		item := got(w.CreateItem(ctx, w.op, plan.Item{Package: w.auto.ID, Category: plan.DataItem}))(t)
		for name, put := range map[string]func(add string) (string, error){
			"portfolio": func(add string) (string, error) {
				p, err := w.ChangePortfolio(ctx, w.op, w.a.ID, func(p *tenant.Portfolio) error { p.Name += add; return nil })
				return p.Name, err
			},
			"address": func(add string) (string, error) {
				a, err := w.ChangeAddress(ctx, w.op, w.a.ID, address.ID, func(a *tenant.Address) { a.Name += add })
				return a.Name, err
			},
			"portal": func(add string) (string, error) {
				p, err := w.ChangePortal(ctx, top, portal.ID, func(p *tenant.Portal) { p.Name += add })
				return p.Name, err
			},
			"dictionary": func(add string) (string, error) {
				e, err := w.ChangeEntry(ctx, top, tenant.BusinessCodes, entry.ID, func(e *tenant.Entry) { e.Name += add })
				return e.Name, err
			},
			"package": func(add string) (string, error) {
				p, err := w.ChangePackage(ctx, w.op, w.auto.ID, func(p *plan.Package) error { p.Name += add; return nil })
				return p.Name, err
			},
			"item": func(add string) (string, error) {
				i, err := w.ChangeItem(ctx, w.op, w.auto.ID, item.ID, func(i *plan.Item) error { i.Bundle = 10*i.Bundle + int64(len(add)); return nil })
				return fmt.Sprint(i.Bundle), err
			},
			"user": func(add string) (string, error) {
				m, err := w.ChangeMember(ctx, w.op, w.a.ID, member.ID, fleet.MemberChange{Detail: func(d *tenant.Detail) { d.FirstName += add }})
				return m.FirstName, err
			},
			"API user": func(add string) (string, error) {
				u, _, err := w.ChangeAPIUser(ctx, w.op, program.Name, fleet.APIUserChange{Allow: func(d *tenant.Detail) { d.FirstName += add }})
				return u.FirstName, err
			},
			"collection": func(add string) (string, error) {
				c, err := w.ChangeCollection(ctx, w.op, collection.ID, nil, func(c *sim.Collection) error { c.Name += add; return nil })
				return c.Name, err
			},
		} {
			const callers = 8
			before := got(put(""))(t)
			atOnce(callers, func(i int) {
				if _, err := put(fmt.Sprint(i)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			if after := got(put(""))(t); len(after) != len(before)+callers {
				t.Errorf("%s: %d callers added one character each to %s, which is %s now", name, callers, before, after)
			}
		}
	})
}

// A package has no two items for the same use, whoever adds them when.
func TestItemsAtOnceDoNotOverlap(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := context.WithoutCancel(t.Context())
		var made atomic.Int32
		atOnce(8, func(int) {
			switch _, err := w.CreateItem(ctx, w.op, plan.Item{Package: w.auto.ID, Category: plan.DataItem}); {
			case err == nil:
				made.Add(1)
			case fault.CodeOf(err) != plan.ItemExists:
				t.Error(err)
			}
		})
		if n := made.Load(); n != 1 {
			t.Errorf("%d items were made", n)
		}
	})
}

// A package is deleted or has SIMs, and never both: neither by a change that puts
// one on it at the same time, nor by an import.
func TestADeletedPackageGetsNoSIM(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := context.WithoutCancel(t.Context())
		iccids := w.stock(w.a, w.manual, 0, 20)
		for i, iccid := range iccids {
			p := got(w.CreatePackage(ctx, w.op, plan.Package{Name: "Brief", Network: "lab"}, []ident.PortfolioID{w.a.ID}))(t)
			var gone error
			atOnce(3, func(who int) {
				switch who {
				case 0:
					_, gone = w.ChangePackage(ctx, w.op, p.ID, func(p *plan.Package) error { p.Status = tenant.Deleted; return nil })
				case 1:
					_, _ = w.Apply(ctx, w.op, []ident.ICCID{iccid}, func(fleet.Facts) (fleet.Edit, error) { return fleet.Edit{Package: &p.ID, Reason: "test"}, nil }, nil)
				case 2:
					_, _ = w.Import(ctx, w.op, fleet.Import{Portfolio: w.a.ID, Package: p.ID}, batchOf(100+i, 1))
				}
			})
			if gone != nil && fault.CodeOf(gone) != fleet.PackageInUse {
				t.Errorf("turn %d: %v", i, gone)
			}
			on := got(w.SIMs(ctx, w.op, sim.Query{Package: &p.ID, Limit: 10}))(t).SIMs
			if deleted := gone == nil; deleted == (len(on) > 0) {
				t.Errorf("turn %d: the package is deleted: %t, and has %d SIMs", i, deleted, len(on))
			}
		}
	})
}
