package simulated_test

import (
	"slices"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What is done with a subscriber is in its history, and changes nothing else.
func TestControl(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	ctx, p := t.Context(), fleet(1)[0]
	mustApply(t, n, p)
	var want []string
	for _, c := range sim.Controls() {
		if err := n.Control(ctx, p, c, nil); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		want = append(want, c.String())
	}
	history, err := n.History(ctx, p.IMSI)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range history[1:] {
		got = append(got, h.What...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the history tells of %v", history)
	}

	p.Barred = sim.AllServices
	mustApply(t, n, p)
	for _, c := range sim.Controls() {
		err := n.Control(ctx, p, c, nil)
		if needs := c != sim.Disconnect && c != sim.CancelLocation; (fault.CodeOf(err) == "network.barred") != needs {
			t.Errorf("%s of one who is barred: %v", c, err)
		}
	}
}

// Control is subject to the settings, as a change is.
func TestControlObeysSettings(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	ctx, p := t.Context(), fleet(1)[0]
	mustApply(t, n, p)
	for _, c := range []struct {
		settings simulated.Settings
		done     bool
		refused  bool
	}{
		{simulated.Settings{FailureRate: 1}, false, false},
		{simulated.Settings{LostAnswers: 1}, true, false},
		{simulated.Settings{Outage: simulated.Down}, false, false},
		{simulated.Settings{RefusedPrefixes: []string{string(p.IMSI)}}, false, true},
	} {
		before := changes(t, n, p)
		if err := n.SetSettings(ctx, c.settings); err != nil {
			t.Fatal(err)
		}
		err := n.Control(ctx, p, sim.Disconnect, nil)
		if err == nil || (network.Refused(err) != nil) != c.refused {
			t.Errorf("with %+v: %v", c.settings, err)
		}
		if done := changes(t, n, p) > before; done != c.done {
			t.Errorf("with %+v: done is %v", c.settings, done)
		}
	}
}

func changes(t *testing.T, n *simulated.Network, p sim.Profile) int {
	t.Helper()
	history, err := n.History(t.Context(), p.IMSI)
	if err != nil {
		t.Fatal(err)
	}
	return len(history)
}
