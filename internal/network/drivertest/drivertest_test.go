package drivertest_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestSuitePasses(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, open(bug{}))
}

// bugs are mistakes that drivers make, each with the tests of the suite that
// must fail for it.
var bugs = []struct {
	name  string
	bug   bug
	fails string
}{
	{"a result too few", bug{results: func(_ []sim.Profile, r []network.Result) []network.Result {
		return r[:max(len(r)-1, 0)]
	}}, "Add"},
	{"results in another order", bug{results: func(_ []sim.Profile, r []network.Result) []network.Result {
		if len(r) > 0 {
			r = append(r[1:], r[0])
		}
		return r
	}}, "RefusalHarmsNoNeighbour"},
	{"one refusal fails the batch", bug{results: func(_ []sim.Profile, r []network.Result) []network.Result {
		for _, err := range r {
			if err != nil {
				return slices.Repeat([]network.Result{err}, len(r))
			}
		}
		return r
	}}, "RefusalHarmsNoNeighbour"},
	{"the batch is changed", bug{results: func(w []sim.Profile, r []network.Result) []network.Result {
		for i := range w {
			w[i].K = [16]byte{}
		}
		return r
	}}, "Add"},
	{"success without effect", bug{profile: func(_ *memory, p *sim.Profile) { p.Present = false }}, "Add"},
	{"success after the deadline", bug{results: func(_ []sim.Profile, r []network.Result) []network.Result {
		return make([]network.Result, len(r))
	}}, "Cancelled"},
	{"an outage is a refusal", bug{results: refuseAll("it is not there")}, "Outage"},
	{"the end of a context is a refusal", bug{results: refuseAll("too late")}, "Cancelled"},
	{"a refusal without a reason", bug{results: refuseAll(" ")}, "Refusal"},
	{"a refusal with an address", bug{results: refuseAll("no answer from 10.1.2.3:4258")}, "Refusal"},
	{"a key in an error", bug{results: func(w []sim.Profile, r []network.Result) []network.Result {
		for i := range r {
			if r[i] != nil {
				r[i] = fmt.Errorf("SET aud3g milenage k %s: %w", strings.ToUpper(w[i].K.Hex()), r[i])
			}
		}
		return r
	}}, "Outage"},
	{"raw keys in an error", bug{results: func(w []sim.Profile, r []network.Result) []network.Result {
		for i := range r {
			if r[i] != nil {
				r[i] = fmt.Errorf("%d: %w", [16]byte(w[i].OPc), r[i])
			}
		}
		return r
	}}, "Cancelled"},
	{"removing the unknown fails", bug{results: func(w []sim.Profile, r []network.Result) []network.Result {
		for i := range w {
			if !w[i].Present && r[i] == nil {
				r[i] = errors.New("no such subscriber")
			}
		}
		return r
	}}, "RemoveUnknown"},
	{"barring does nothing", bug{profile: func(_ *memory, p *sim.Profile) { p.Barred = 0 }}, "BarAndUnbar"},
	{"barring cannot be undone", bug{profile: func(m *memory, p *sim.Profile) { p.Barred |= m.has[p.IMSI].Barred }}, "BarAndUnbar"},
	{"all services are barred for one", bug{profile: func(_ *memory, p *sim.Profile) {
		if p.Barred != 0 {
			p.Barred = sim.AllServices
		}
	}}, "BarServices"},
	{"the first number stays", bug{profile: func(m *memory, p *sim.Profile) {
		if old, ok := m.has[p.IMSI]; ok {
			p.MSISDN = old.MSISDN
		}
	}}, "ChangeMSISDN"},
	{"numbers are checked in order", bug{inOrder: true}, "MoveMSISDNInOneBatch"},
	{"numbers are checked in order, swap", bug{inOrder: true}, "SwapMSISDNs"},
	{"numbers are checked in order, removal", bug{inOrder: true}, "MoveMSISDNOfRemoved"},
	{"access points are left alone", bug{profile: func(m *memory, p *sim.Profile) {
		if old, ok := m.has[p.IMSI]; ok {
			p.APN = old.APN
		}
	}}, "APN"},
	{"addresses are never let go", bug{profile: func(m *memory, p *sim.Profile) {
		if old := m.has[p.IMSI].IP; !p.IP.IsValid() && old != (netip.Addr{}) {
			p.IP = old
		}
	}}, "StaticIP"},
	{"everybody is there", bug{observe: func(out []network.Actual, err error) ([]network.Actual, error) {
		for i := range out {
			out[i].Present = true
		}
		return out, err
	}}, "ObserveUnknown"},
	{"answers without repeats", bug{observe: func(out []network.Actual, err error) ([]network.Actual, error) {
		slices.SortFunc(out, func(a, b network.Actual) int { return strings.Compare(string(a.IMSI), string(b.IMSI)) })
		return slices.CompactFunc(out, func(a, b network.Actual) bool { return a.IMSI == b.IMSI }), err
	}}, "ObserveInOrder"},
	{"it knows less than it says", bug{observe: func(out []network.Actual, err error) ([]network.Actual, error) {
		for i := range out {
			out[i].Known = 0
		}
		return out, err
	}}, "Add"},
	{"observing hides errors", bug{observe: func(out []network.Actual, _ error) ([]network.Actual, error) {
		return out, nil
	}}, "Outage"},
	{"a listed gap", bug{list: func(out []network.Actual) []network.Actual {
		if len(out) > 1 {
			return append(out[:1], out[2:]...)
		}
		return out
	}}, "List"},
	{"a listed repeat", bug{list: func(out []network.Actual) []network.Actual {
		if len(out) > 1 {
			out[1] = out[0]
		}
		return out
	}}, "List"},
	{"a list upside down", bug{list: func(out []network.Actual) []network.Actual {
		slices.Reverse(out)
		return out
	}}, "List"},
	{"a restart forgets", bug{amnesia: true}, "Restart"},
	{"it boasts of what it reads", bug{able: func(a *network.Abilities) { a.Reads = 0 }}, "Abilities"},
	{"it does not tell what it bars", bug{able: func(a *network.Abilities) { a.Bars = nil }}, "Abilities"},
	{"it cannot and does not say why", bug{able: func(a *network.Abilities) { delete(a.Cannot, sim.Ping) }}, "Abilities"},
	{"it looks at nothing", bug{deaf: true}, "Inspect"},
	{"controls are made up", bug{deaf: true}, "Controls"},
	{"controls do harm", bug{rude: true}, "Controls"},
}

// refuseAll turns every error into a refusal.
func refuseAll(why string) func([]sim.Profile, []network.Result) []network.Result {
	return func(_ []sim.Profile, r []network.Result) []network.Result {
		for i := range r {
			if r[i] != nil {
				r[i] = &network.Refusal{Why: why}
			}
		}
		return r
	}
}

const broken = "SIMURGH_DRIVERTEST_BUG"

// TestBroken is what TestSuiteFindsBugs runs in a process of its own.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, b := range bugs {
		if b.name == os.Getenv(broken) {
			drivertest.Run(t, open(b.bug))
		}
	}
}

func TestSuiteFindsBugs(t *testing.T) {
	t.Parallel()
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$/^"+b.fails+"$")
			cmd.Env = append(os.Environ(), broken+"="+b.name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestBroken/"+b.fails) {
				t.Errorf("the suite did not find it: %v\n%s", err, out)
			}
		})
	}
}

// TestNothingOptional runs the suite for a network of which a test can neither
// read much nor do anything to: what needs more is skipped.
func TestNothingOptional(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		blind := bug{observe: func(out []network.Actual, err error) ([]network.Actual, error) {
			for i, a := range out {
				out[i] = network.Actual{IMSI: a.IMSI, Present: a.Present}
			}
			return out, err
		}}
		blind.able = func(a *network.Abilities) {
			a.Reads, a.Controls = 0, nil
			a.Cannot[sim.Disconnect] = "it cannot"
		}
		return drivertest.Harness{Driver: struct{ network.Driver }{open(blind)(t).Driver}}
	})
}
