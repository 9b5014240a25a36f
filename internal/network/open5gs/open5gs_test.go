package open5gs

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// TestDriver runs the suite against documents that a database of MongoDB's
// protocol keeps. A core refuses nothing of its own accord; what the driver
// refuses is tested apart.
func TestDriver(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		d := startDatabase(t)
		return drivertest.Harness{
			Driver: d.open(t, ""),
			Known:  known,
			Bars:   []sim.Services{sim.Data, circuit},
			Most:   16,
			Outage: func(_ *testing.T, on bool) { d.hold(on) },
			Restart: func(t *testing.T) network.Driver {
				d.restart(t)
				return d.open(t, "")
			},
		}
	})
}
