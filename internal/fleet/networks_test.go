package fleet_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
)

// A network is changed without a word of its secret, and goes once nothing
// refers to it.
func TestNetworkIsChangedAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	named := func(name string) plan.Network {
		for _, n := range got(w.Networks(ctx, w.op))(t) {
			if n.Name == name {
				return n
			}
		}
		return plan.Network{}
	}
	w.must(w.AddNetwork(ctx, w.op, plan.Network{Name: "core", Driver: "osmohlr", Config: `{"address":"10.0.0.1","vty":"x"}`, QuarantineDays: 5}, []byte("hunter2")))

	config, days, secret := `{"address":"10.0.0.2","timeout":"1s"}`, 7, []byte("hunter3")
	w.must(w.ChangeNetwork(ctx, w.op, "core", fleet.NetworkChange{Config: &config, Secret: &secret, QuarantineDays: &days}))
	n := named("core")
	if opened, err := w.NetworkSecret(n); err != nil || string(opened) != "hunter3" || n.Config != config || n.QuarantineDays != 7 || n.Driver != "osmohlr" {
		t.Errorf("the network is %+v, its secret %q, %v", n, opened, err)
	}
	events := got(w.Events(ctx, w.op, event.Query{Kinds: []event.Kind{event.NetworkChanged}, Limit: 1}))(t)
	told := fmt.Sprint(events[0].Data)
	if want := `[{address "10.0.0.1" "10.0.0.2"} {timeout  "1s"} {vty "x" } {secret  } {quarantineDays 5 7}]`; !strings.Contains(told, want) || strings.Contains(told, "hunter") {
		t.Errorf("it is told as %s", told)
	}
	w.must(w.ChangeNetwork(ctx, w.op, "core", fleet.NetworkChange{Config: &config, QuarantineDays: &days})) // as it is
	if again := got(w.Events(ctx, w.op, event.Query{Kinds: []event.Kind{event.NetworkChanged}, Limit: 10}))(t); len(again) != 1 {
		t.Errorf("%d changes are told", len(again))
	}
	none := []byte{}
	w.must(w.ChangeNetwork(ctx, w.op, "core", fleet.NetworkChange{Secret: &none}))
	if n := named("core"); len(n.Sealed) != 0 || n.Config != config {
		t.Errorf("without a secret, the network is %+v", n)
	}

	text, far := "x", -1
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{w.ChangeNetwork(ctx, w.op, "core", fleet.NetworkChange{Config: &text}), fault.Invalid},
		{w.ChangeNetwork(ctx, w.op, "core", fleet.NetworkChange{QuarantineDays: &far}), fault.Invalid},
		{w.ChangeNetwork(ctx, w.op, "nowhere", fleet.NetworkChange{}), fault.NotFound},
		{w.ChangeNetwork(ctx, w.customer(w.a, "A"), "core", fleet.NetworkChange{}), fault.Forbidden},
		{w.RemoveNetwork(ctx, w.customer(w.a, "A"), "core"), fault.Forbidden},
		{w.RemoveNetwork(ctx, w.op, "nowhere"), fault.NotFound},
		{w.RemoveNetwork(ctx, w.op, "lab"), fault.Precondition}, // there are packages and SIMs
	} {
		if c.err == nil || fault.KindOf(c.err) != c.want {
			t.Errorf("%v, want %s", c.err, c.want)
		}
	}
	w.must(w.RemoveNetwork(ctx, w.op, "core"))
	if n := named("core"); n.Name != "" {
		t.Errorf("it is still there: %+v", n)
	}
}

// An import that names a network while it is being removed wins or loses whole:
// no SIM and no package is left on a network that is not there.
func TestNetworkIsRemovedWhileSIMsComeToIt(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]func() store.Options{
		"sqlite":   func() store.Options { return store.Options{Dir: sqlitetest.Dir(t)} },
		"postgres": func() store.Options { return store.Options{URL: pgtest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raceForNetworks(t, newWorldOn(t, options()))
		})
	}
}

func raceForNetworks(t *testing.T, w *world) {
	ctx := t.Context()
	free := got(w.CreatePackage(ctx, w.op, plan.Package{Name: "Free"}, []ident.PortfolioID{w.a.ID}))(t)
	const rounds = 30
	for i := range rounds {
		name := fmt.Sprint("n", i)
		w.must(w.AddNetwork(ctx, w.op, plan.Network{Name: name, Driver: "simulated"}, nil))
		var all sync.WaitGroup
		var came fleet.Imported
		var imported, made, removed error
		all.Go(func() {
			came, imported = w.Import(ctx, w.op, fleet.Import{Portfolio: w.a.ID, Package: free.ID, Network: name}, batchOf(i, 1))
		})
		all.Go(func() {
			if i%2 == 0 {
				_, made = w.CreatePackage(ctx, w.op, plan.Package{Name: name, Network: name}, []ident.PortfolioID{w.a.ID})
			}
		})
		all.Go(func() {
			time.Sleep(time.Duration(i%6) * time.Millisecond)
			removed = w.RemoveNetwork(ctx, w.op, name)
		})
		all.Wait()
		for _, err := range []error{imported, made} {
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("round %d: %v", i, err)
			}
		}
		used := came.Imported == 1 || i%2 == 0 && made == nil
		if used == (removed == nil) || removed != nil && fault.KindOf(removed) != fault.Precondition {
			t.Fatalf("round %d: imported %+v, %v; package %v; removed: %v", i, came, imported, made, removed)
		}
	}
}
