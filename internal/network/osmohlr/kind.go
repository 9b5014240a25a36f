package osmohlr

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Kind offers this driver.
func Kind() network.Kind {
	return network.Kind{
		Driver:  "osmohlr",
		Drives:  "an OsmoHLR, the subscriber database of a 2G or 3G network",
		Address: "address",
		Settings: []network.Setting{
			{Name: "address", Default: defaultHost, Help: "its host, where both interfaces have their usual ports"},
			{Name: "ctrl", Help: "host:port of the control interface; default port " + defaultCTRL + " of the address"},
			{Name: "vty", Help: "host:port of the VTY; default port " + defaultVTY + " of the address"},
			{Name: "aud2g", Default: defaultAud2G, Help: "algorithm of cards that have a Ki and no OPc: " + strings.Join(algorithms2G, ", ")},
			{Name: "timeout", Default: defaultTimeout.String(), Help: "of one answer, 10ms to 1m"},
		},
		Secret:  "the password of the VTY, where that asks for one",
		Example: "--name core --driver osmohlr --address 127.0.0.1",
		Check: func(s network.Setup) error {
			return fault.Join(Check(s.Config), checkSecret(s.Secret))
		},
		Open: func(ctx context.Context, s network.Setup) (network.Driver, error) {
			return Open(ctx, s.Config, s.Secret, s.Log)
		},
	}
}

// checkSecret refuses what cannot be typed into the VTY.
func checkSecret(secret []byte) error {
	if strings.ContainsAny(string(secret), "\r\n") {
		return fault.InvalidField("secret", "has more than one line; the password of the VTY is needed")
	}
	return nil
}
