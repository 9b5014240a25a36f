package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

// Surroundings are what a driver may use besides its network's own settings.
type Surroundings struct {
	Data string // folder for what networks keep on this machine
	Log  *slog.Logger
}

// kind is one kind of network. check looks at what an operator wrote, before a
// network is added; open is handed the network's secret, nil when it has none.
type kind struct {
	check func(plan.Network) error
	open  func(context.Context, plan.Network, []byte, Surroundings) (network.Driver, error)
}

// kinds are the networks that this program can speak to, by driver name.
var kinds = map[string]kind{
	SimulatedDriver: {
		check: func(n plan.Network) error { _, err := simulatedPath(n, ""); return err },
		open: func(_ context.Context, n plan.Network, _ []byte, s Surroundings) (network.Driver, error) {
			net, err := openSimulated(n, s.Data)
			if err != nil {
				return nil, err // a nil driver, not one that holds nothing
			}
			return net, nil
		},
	},
}

// SimulatedDriver is the driver of networks that live in a file.
const SimulatedDriver = "simulated"

// Drivers lists the names of the drivers.
func Drivers() []string { return slices.Sorted(maps.Keys(kinds)) }

// CheckNetwork returns an Invalid fault unless a driver of that name exists and
// understands the network's settings.
func CheckNetwork(n plan.Network) error {
	k, ok := kinds[n.Driver]
	if !ok {
		return fault.InvalidField("driver", "%q is not a driver; there are: %s", n.Driver, strings.Join(Drivers(), ", "))
	}
	return k.check(n)
}

// openDriver opens the driver of a network.
func (a *App) openDriver(ctx context.Context, n plan.Network) (network.Driver, error) {
	if err := CheckNetwork(n); err != nil {
		return nil, err
	}
	secret, err := a.Fleet.NetworkSecret(n)
	if err != nil {
		return nil, err
	}
	return kinds[n.Driver].open(ctx, n, secret, Surroundings{Data: a.Data, Log: a.Log})
}

// Simulated opens a simulated network, to look at it or to change how it
// behaves: what is set holds for every process at once.
func (a *App) Simulated(n plan.Network) (*simulated.Network, error) {
	if n.Driver != SimulatedDriver {
		return nil, fault.New(fault.Precondition, "network.not_simulated", "network %s has the driver %s; only a simulated one can be told how to behave", n.Name, n.Driver)
	}
	return openSimulated(n, a.Data)
}

func openSimulated(n plan.Network, data string) (*simulated.Network, error) {
	path, err := simulatedPath(n, data)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "network.folder", "cannot make the folder %s", filepath.Dir(path)).Because(err)
	}
	sim, err := simulated.Open(path)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, err)
	}
	return sim, nil
}

// simulatedPath returns where a simulated network lies: where its "path" says,
// or in networks/ of the data folder. A relative path starts there, too.
func simulatedPath(n plan.Network, data string) (string, error) {
	config := struct {
		Path string `json:"path"`
	}{Path: filepath.Join("networks", n.Name+".db")}
	if n.Config != "" {
		d := json.NewDecoder(bytes.NewReader([]byte(n.Config)))
		d.DisallowUnknownFields()
		if err := d.Decode(&config); err != nil {
			return "", fault.InvalidField("config", `of a simulated network knows only "path", the file that it lives in`).Because(err)
		}
	}
	if config.Path == "" {
		return "", fault.InvalidField("config", "has an empty path")
	}
	if filepath.IsAbs(config.Path) {
		return config.Path, nil
	}
	return filepath.Join(data, config.Path), nil
}
