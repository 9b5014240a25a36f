package webhook

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Kind offers this driver.
func Kind() network.Kind {
	return network.Kind{
		Driver:  "webhook",
		Drives:  "any other network, by signed calls to a program of yours: see docs/webhook-network.md",
		Address: "url",
		Settings: []network.Setting{
			{Name: "url", Help: "where the calls go; https, or http on this machine"},
			{Name: "keys", Type: network.Switch, Default: "false", Help: "true sends K and OPc along"},
			{Name: "list", Type: network.Switch, Default: "false", Help: "true where your program answers list"},
			{Name: "controls", Type: network.List, Help: "what your program can do with one SIM at once: " + controlNames()},
			{Name: "batch", Type: network.Number, Default: "500", Help: "SIMs in one call, 1 to 1000"},
			{Name: "timeout", Default: "10s", Help: "of one call, 10ms to 1m"},
			{Name: "ca", Help: "PEM of who vouches for your program, where the machine does not trust it already"},
		},
		Secret:  "what calls are signed with: whsec_ and the base64 of 24 to 64 random bytes; needed",
		Example: "--name partner --driver webhook --address https://network.example/simurgh --secret-file secret.txt",
		Check: func(s network.Setup) error {
			_, err := parseSecrets(s.Secret)
			return fault.Join(Check(s.Config), err)
		},
		Open: func(ctx context.Context, s network.Setup) (network.Driver, error) {
			return Open(ctx, s.Config, s.Secret, s.Log)
		},
	}
}
