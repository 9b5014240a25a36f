package simulated_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func errandNetwork(t *testing.T) (*simulated.Network, sim.Profile) {
	t.Helper()
	n, err := simulated.Open(filepath.Join(t.TempDir(), "net.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	p := sim.Profile{SIM: 1, IMSI: "234150000000001", Present: true}
	if err := n.Apply(t.Context(), []sim.Profile{p})[0]; err != nil {
		t.Fatal(err)
	}
	return n, p
}

func TestMessagesAreDeliveredOnce(t *testing.T) {
	t.Parallel()
	n, p := errandNetwork(t)
	for _, id := range []int64{7, 7, 8} {
		if ref, err := n.Send(t.Context(), p, id, "hello"); err != nil || ref == "" {
			t.Fatalf("%q, %v", ref, err)
		}
	}
	got, err := n.Errands(t.Context(), p.IMSI)
	want := []simulated.Done{{7, sim.SendMessage, "hello"}, {8, sim.SendMessage, "hello"}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %v", got, err)
	}
	p.IMSI = "234150000000002"
	if _, err := n.Send(t.Context(), p, 10, "hello"); network.Refused(err) == nil {
		t.Errorf("a stranger: %v", err)
	}
	if err := n.SetSettings(t.Context(), simulated.Settings{Outage: simulated.Down}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Send(t.Context(), p, 11, "hello"); err == nil || network.Refused(err) != nil {
		t.Errorf("an outage: %v", err)
	}
}

func TestProfilesOfACard(t *testing.T) {
	t.Parallel()
	n, p := errandNetwork(t)
	for i, step := range []struct {
		kind    sim.ErrandKind
		name    string
		refused bool
	}{
		{sim.EnableProfile, "a", true}, {sim.DownloadProfile, "a", false}, {sim.DownloadProfile, "a", true}, {sim.EnableProfile, "a", false},
		{sim.DeleteProfile, "a", true}, {sim.InstallProfile, "b", false}, {sim.DeleteProfile, "a", false}, {sim.DeleteProfile, "a", true},
		{sim.DeleteProfile, "b", true},
	} {
		err := n.Load(t.Context(), p, int64(100+i), step.kind, step.name)
		if (network.Refused(err) != nil) != step.refused || err != nil && !step.refused {
			t.Errorf("%s %s: %v", step.kind, step.name, err)
		}
	}
	if err := n.Load(t.Context(), p, 101, sim.DownloadProfile, "a"); err != nil {
		t.Errorf("what was done already: %v", err)
	}
}
