package simulated

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Driver is the name of the driver.
const Driver = "simulated"

// Kind offers this driver.
func Kind() network.Kind {
	return network.Kind{
		Driver: Driver,
		Does:   (*Network)(nil),
		Drives: "a network in a file, to try things out; simurgh network set tells it how to behave",
		Settings: []network.Setting{
			{Name: "path", Default: "networks/NAME.db", Help: "its file, from the data folder on; nodes on several machines must name one that they share"},
		},
		Example: "--name lab --driver simulated --latency 200ms",
		Check: func(s network.Setup) error {
			_, err := place(s)
			if err == nil && len(s.Secret) > 0 {
				err = fault.InvalidField("secret", "is not taken by a simulated network")
			}
			return err
		},
		Open: func(_ context.Context, s network.Setup) (network.Driver, error) {
			n, err := OpenSetup(s)
			if err != nil {
				return nil, err // a nil driver, not one that holds nothing
			}
			return n, nil
		},
	}
}

// OpenSetup opens the network that an operator has set up, and makes its folder
// where it is missing.
func OpenSetup(s network.Setup) (*Network, error) {
	path, err := place(s)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "network.folder", "cannot make the folder %s", filepath.Dir(path)).Because(err)
	}
	n, err := Open(path)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", s.Name, err)
	}
	return n, nil
}

// place returns where a network lies: where its "path" says, or in networks/ of
// the data folder. A relative path starts there, too.
func place(s network.Setup) (string, error) {
	config := struct {
		Path string `json:"path"`
	}{Path: filepath.Join("networks", s.Name+".db")}
	if len(s.Config) > 0 {
		d := json.NewDecoder(bytes.NewReader(s.Config))
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
	return filepath.Join(s.Folder, config.Path), nil
}
