// Package drivertest holds what every network driver must do, as one suite
// that each driver's tests run against its network.
//
// It knows the contract of [network.Driver] and no particular network.
package drivertest

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Harness is a driver, the network behind it, and what a test can do to that
// network. A field that is nil stands for what cannot be done: the tests that
// need it are skipped and say so.
type Harness struct {
	// Driver is under test. Whoever opened it closes it, with t.Cleanup.
	Driver network.Driver

	// Known is what the driver reads back of a subscriber that is present.
	Known network.Fields

	// Bars lists the sets of services that the network can bar and read back,
	// besides none and all of them, which every network can.
	Bars []sim.Services

	// APNs are two access points that the network has; "internet" and "m2m" if
	// empty.
	APNs []string

	// Most bounds how many subscribers one test has at a time, where the network
	// behind the driver is too slow for thousands; 0 for as many as it likes.
	Most int

	// Outage makes the network unreachable, and reachable again. It returns
	// when that holds.
	Outage func(t *testing.T, on bool)

	// Refuse makes the network refuse this subscriber for good.
	Refuse func(t *testing.T, imsi ident.IMSI)

	// Restart stops the network and starts it again with what it had kept, and
	// returns the driver to go on with.
	Restart func(t *testing.T) network.Driver
}

// Run runs the suite. Each test, of which several run at once, opens a harness
// of its own. The network behind it must not know any subscriber of the test
// PLMN 001-01; it may know others.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for i, c := range []struct {
		name string
		test func(f *fixture)
	}{
		{"Add", add},
		{"ApplyAgain", applyAgain},
		{"EmptyBatch", emptyBatch},
		{"LargeBatch", largeBatch},
		{"EveryChangeInOneBatch", everyChangeInOneBatch},
		{"Remove", remove},
		{"RemoveUnknown", removeUnknown},
		{"AddAfterRemoval", addAfterRemoval},
		{"BarAndUnbar", barAndUnbar},
		{"BarServices", barServices},
		{"Keys", keys},
		{"APN", apn},
		{"StaticIP", staticIP},
		{"ChangeMSISDN", changeMSISDN},
		{"MoveMSISDNInOneBatch", moveMSISDNInOneBatch},
		{"MoveMSISDNInTwoBatches", moveMSISDNInTwoBatches},
		{"MoveMSISDNOfRemoved", moveMSISDNOfRemoved},
		{"SwapMSISDNs", swapMSISDNs},
		{"ObserveUnknown", observeUnknown},
		{"ObserveInOrder", observeInOrder},
		{"List", listPages},
		{"Concurrent", concurrent},
		{"Cancelled", cancelled},
		{"Deadline", deadline},
		{"Outage", outage},
		{"Refusal", refusal},
		{"RefusalHarmsNoNeighbour", refusalHarmsNoNeighbour},
		{"Restart", restart},
		{"Abilities", abilities},
		{"Inspect", inspect},
		{"Controls", controls},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, Harness: open(t), block: i}
			if len(f.APNs) < 2 {
				f.APNs = []string{"internet", "m2m"}
			}
			c.test(f)
		})
	}
}
