package fleet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/plan"
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
