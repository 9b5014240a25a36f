package app

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/open5gs"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr"
	"github.com/simurgh-iot/simurgh/internal/network/pyhss"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/network/webhook"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Drivers lists the kinds of networks that this program can speak to.
func Drivers() []network.Kind {
	return []network.Kind{simulated.Kind(), osmohlr.Kind(), open5gs.Kind(), pyhss.Kind(), webhook.Kind()}
}

// SimulatedDriver is the driver of networks that live in a file.
const SimulatedDriver = simulated.Driver

// DriverOf returns the kind of that name; an Invalid fault names the others.
func DriverOf(name string) (network.Kind, error) {
	var names []string
	for _, k := range Drivers() {
		if k.Driver == name {
			return k, nil
		}
		names = append(names, k.Driver)
	}
	return network.Kind{}, fault.InvalidField("driver", "%q is not a driver; there are: %s", name, strings.Join(names, ", "))
}

// does reports whether the networks of a driver do errands of a kind.
func does(driver string, k sim.ErrandKind) bool {
	kind, err := DriverOf(driver)
	return err == nil && kind.Does != nil && network.Can(kind.Does, k)
}

// CheckNetwork returns an Invalid fault unless a driver of that name exists and
// understands the network's settings and its secret.
func CheckNetwork(n plan.Network, secret []byte) error {
	k, err := DriverOf(n.Driver)
	if err != nil {
		return err
	}
	return k.Check(network.Setup{Name: n.Name, Config: json.RawMessage(n.Config), Secret: secret})
}

// setup is what the driver of a network is handed.
func (a *App) setup(n plan.Network) (network.Setup, error) {
	secret, err := a.Fleet.NetworkSecret(n)
	return network.Setup{Name: n.Name, Config: json.RawMessage(n.Config), Secret: secret, Folder: a.Data,
		Log: a.Log.With("network", n.Name)}, err
}

// openDriver opens the driver of a network.
func (a *App) openDriver(ctx context.Context, n plan.Network) (network.Driver, error) {
	k, err := DriverOf(n.Driver)
	if err != nil {
		return nil, err
	}
	s, err := a.setup(n)
	if err != nil {
		return nil, err
	}
	return k.Open(ctx, s)
}

// Simulated opens a simulated network, to look at it or to change how it
// behaves: what is set holds for every process at once.
func (a *App) Simulated(n plan.Network) (*simulated.Network, error) {
	if n.Driver != SimulatedDriver {
		return nil, fault.New(fault.Precondition, "network.not_simulated", "network %s has the driver %s; only a simulated one can be told how to behave", n.Name, n.Driver)
	}
	s, err := a.setup(n)
	if err != nil {
		return nil, err
	}
	return simulated.OpenSetup(s)
}
