package pyhss

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Kind offers this driver.
func Kind() network.Kind {
	return network.Kind{
		Driver:  "pyhss",
		Drives:  "a PyHSS 2.0, a subscriber server for 2G to 4G, by its REST interface",
		Address: "url",
		Settings: []network.Setting{
			{Name: "url", Default: "http://127.0.0.1:8080", Help: "its REST interface"},
			{Name: "suspend", Default: suspendAPN, Help: "how data is barred: apn (an access point that leads nowhere; the device comes back by itself), " +
				"disable (the device may give its card up until it is switched off and on) or roaming (nothing at home)"},
			{Name: "suspendApn", Default: "suspended", Help: "the access point that leads nowhere; it is made where it is missing"},
			{Name: "apn", Default: "internet", Help: "access point of SIMs whose profile names none; it is made where it is missing"},
			{Name: "downlinkMbps", Type: network.Number, Default: "1000", Help: "of new subscribers and access points, 1 to 2000"},
			{Name: "uplinkMbps", Type: network.Number, Default: "1000", Help: "likewise"},
			{Name: "aud2g", Default: "comp128v3", Help: "algorithm of cards that have a Ki and no OPc: " + strings.Join(algorithms2G, ", ")},
			{Name: "parallel", Type: network.Number, Default: "4", Help: "subscribers that are worked on at a time, 1 to 64"},
			{Name: "timeout", Default: "10s", Help: "of one call, 10ms to 1m"},
		},
		Secret:  "its Provisioning-Key, where hss.lock_provisioning is on",
		Example: "--name lte --driver pyhss --address http://10.0.0.5:8080 --secret-file key.txt",
		Check: func(s network.Setup) error {
			return fault.Join(Check(s.Config), checkSecret(s.Secret))
		},
		Open: func(ctx context.Context, s network.Setup) (network.Driver, error) {
			return Open(ctx, s.Config, s.Secret, s.Log)
		},
	}
}

// checkSecret refuses what no header can hold.
func checkSecret(secret []byte) error {
	if strings.ContainsAny(string(secret), "\r\n\x00") {
		return fault.InvalidField("secret", "has more than one line; the Provisioning-Key is needed")
	}
	return nil
}
