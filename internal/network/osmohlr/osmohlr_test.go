package osmohlr_test

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// TestDriver runs the suite against a real HLR per test. An HLR refuses
// nothing of its own accord; what the driver refuses is tested apart.
func TestDriver(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		h := startHLR(t)
		ctrl, vty := newProxy(t, h.Addr(hlrtest.CTRLPort)), newProxy(t, h.Addr(hlrtest.VTYPort))
		connect := func(t *testing.T) network.Driver { return openHLR(t, h.config(ctrl, vty, ""), nil) }
		return drivertest.Harness{
			Driver: connect(t),
			Known:  network.FieldMSISDN | network.FieldBarred,
			Bars:   []sim.Services{sim.Data, sim.Messaging | sim.Voice},
			Outage: func(_ *testing.T, on bool) {
				way := open
				if on {
					way = silent
				}
				ctrl.set(way)
				vty.set(way)
			},
			Restart: func(t *testing.T) network.Driver {
				h.Restart(t)
				return connect(t)
			},
		}
	})
}
