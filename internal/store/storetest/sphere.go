package storetest

import (
	"context"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// notReads take a sphere and read nothing.
var notReads = map[string]bool{
	"DiscardOutside": true, // removes what lies outside
	"ReadAlerts":     true, // marks; the suite's Alerts looks at it
}

// testSphere calls every method of the store that takes a sphere. From where
// the data is, each sees something; from elsewhere, nothing. A new method is
// found by its signature.
func testSphere(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	s := w.settle()
	must(t, w.db.Write(t.Context(), func(tx *store.Tx) error {
		for _, target := range []any{w.db, tx} {
			s.probe(t, reflect.ValueOf(target))
		}
		return nil
	}))
}

// settled is one of everything that a portfolio can have, in a1.
type settled struct {
	*world
	values map[reflect.Type][]reflect.Value // what methods are called with
}

func (w *world) settle() *settled {
	w.t.Helper()
	s := &settled{world: w, values: map[reflect.Type][]reflect.Value{}}
	batch := w.sims(3)
	for i := range batch {
		batch[i].SIM.Group = "group"
	}
	iccids := w.insert(w.a1, batch)
	one := w.sim(iccids[0])
	w.write(func(ctx context.Context, tx *store.Tx) error {
		op := []sim.Operation{{SIM: one.ID, ICCID: one.ICCID, Portfolio: one.Portfolio, Verb: sim.ActivateLive, Progress: sim.OpWaiting, RequestedAt: noon}}
		if err := tx.AddOperations(ctx, op); err != nil {
			return err
		}
		s.give(op[0].ID)
		return tx.AddEvents(ctx, []event.Event{{At: noon, Kind: event.SIMImported, Portfolio: w.a1.ID, SIM: one.ID, ICCID: one.ICCID}})
	})
	account := tenant.Account{Principal: tenant.Principal{ID: string(ident.NewPortfolioID()), Kind: tenant.User, Name: "ann", Portfolio: w.a1.ID}, Roles: "A"}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddAccount(ctx, account); err != nil {
			return err
		}
		return tx.SaveLink(ctx, plan.Link{Package: w.packages[0].ID, Portfolio: w.a1.ID, Status: tenant.Active})
	})
	s.settleMore(&one, account)
	s.give(one.ID, w.packages[0].ID, one.ICCID, ident.ICCID(""), iccids, w.a1.ID, account.ID, noon, time.Hour, 100, []sim.Status(nil), netip.Addr{})
	s.give(sim.Query{Count: true}, sim.Query{Sort: sim.ByName, Limit: 2, Count: true}, sim.Query{ICCIDs: iccids}, sim.Query{Portfolio: w.a1.ID},
		sim.Query{Match: &sim.Match{Text: "tracker"}}, sim.Query{Group: &one.Group, Count: true}, sim.Query{Package: &one.Package, Count: true})
	s.give(event.Query{Limit: 10}, event.Query{ICCID: one.ICCID, Limit: 10})
	s.give(sim.OperationQuery{Limit: 10}, sim.OperationQuery{ICCID: one.ICCID, Limit: 10}, sim.OperationQuery{Progress: []sim.Progress{sim.OpWaiting}, Limit: 10})
	return s
}

func (s *settled) give(values ...any) {
	for _, v := range values {
		r := reflect.ValueOf(v)
		s.values[r.Type()] = append(s.values[r.Type()], r)
	}
}

var (
	sphereType  = reflect.TypeFor[tenant.Sphere]()
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

func (s *settled) probe(t *testing.T, target reflect.Value) {
	called := 0
	for i := range target.NumMethod() {
		m := target.Type().Method(i)
		if !takesSphere(m.Type) || notReads[m.Name] {
			continue
		}
		called++
		if !s.seesAny(t, target.Method(i), m.Name, tenant.Everything()) {
			t.Errorf("%s sees nothing where the data is: give the suite something for it to see", m.Name)
		}
		for _, foreign := range []tenant.Sphere{tenant.Below(s.b.Path), tenant.Below(s.a2.Path), tenant.Below(s.none.Path), {}} {
			if s.seesAny(t, target.Method(i), m.Name, foreign) {
				t.Errorf("%s sees a foreign tenant's data from %+v", m.Name, foreign)
			}
		}
	}
	if called < 10 {
		t.Errorf("only %d methods take a sphere", called)
	}
}

func takesSphere(f reflect.Type) bool {
	for i := range f.NumIn() {
		if f.In(i) == sphereType {
			return true
		}
	}
	return false
}

// seesAny calls a method with all that it could be called with, and reports
// whether anything came back.
func (s *settled) seesAny(t *testing.T, method reflect.Value, name string, in tenant.Sphere) bool {
	t.Helper()
	calls := [][]reflect.Value{nil}
	for i := range method.Type().NumIn() {
		var choices []reflect.Value
		switch p := method.Type().In(i); p {
		case contextType:
			choices = []reflect.Value{reflect.ValueOf(t.Context())}
		case sphereType:
			choices = []reflect.Value{reflect.ValueOf(in)}
		default:
			choices = s.values[p]
		}
		if len(choices) == 0 {
			t.Errorf("%s takes a %s: give the suite one", name, method.Type().In(i))
		}
		var longer [][]reflect.Value
		for _, c := range calls {
			for _, v := range choices {
				longer = append(longer, append(append([]reflect.Value{}, c...), v))
			}
		}
		calls = longer
	}
	seen := false
	for _, args := range calls {
		for _, out := range method.Call(args) {
			if out.Type() != errorType {
				seen = seen || !empty(out, in)
			} else if err, _ := out.Interface().(error); err != nil && fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	return seen
}

// empty reports that a result holds nothing, or nothing but portfolios of the
// sphere itself.
func empty(v reflect.Value, in tenant.Sphere) bool {
	if v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !empty(v.Field(i), in) {
				return false
			}
		}
		return true
	}
	if v.Kind() != reflect.Slice {
		return v.IsZero()
	}
	for i := range v.Len() {
		if p, ok := v.Index(i).Interface().(tenant.Portfolio); !ok || in.All() || !in.Contains(p.Path) {
			return false
		}
	}
	return true
}
