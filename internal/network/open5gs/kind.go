package open5gs

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/network"
)

// Kind offers this driver.
func Kind() network.Kind {
	return network.Kind{
		Driver:  "open5gs",
		Drives:  "an Open5GS, a 4G and 5G core, by its database",
		Address: "uri",
		Settings: []network.Setting{
			{Name: "uri", Default: defaultURI, Help: "its database, as Open5GS has it in db_uri, without a password"},
			{Name: "apn", Default: defaultAPN, Help: "access point of SIMs whose profile names none"},
			{Name: "sst", Type: network.Number, Default: "1", Help: "slice type of new subscribers, 1 to 4"},
			{Name: "sd", Help: "slice differentiator of new subscribers, 6 hexadecimal digits"},
			{Name: "qci", Type: network.Number, Default: "9", Help: "quality class, or 5QI, of new sessions, 1 to 254"},
			{Name: "downlinkMbps", Type: network.Number, Default: "1000", Help: "of new subscribers and sessions, 1 to 1000000"},
			{Name: "uplinkMbps", Type: network.Number, Default: "1000", Help: "likewise"},
			{Name: "info", Type: network.List, Help: "information interfaces of the SMFs, such as http://127.0.0.4:9090; with them a cut is proved"},
			{Name: "prove", Type: network.Switch, Default: "true", Help: "false where reading all sessions takes too long"},
			{Name: "settle", Default: defaultSettle.String(), Help: "how long the HSS has to see that a subscriber is cut, before its document goes; up to 1m"},
			{Name: "timeout", Default: defaultTimeout.String(), Help: "of one call, 10ms to 1m"},
		},
		Secret:  "the password of the database's user, where the uri names one",
		Example: "--name campus --driver open5gs --address mongodb://10.0.0.2/open5gs --config info=http://10.0.0.4:9090",
		Check: func(s network.Setup) error {
			c, err := parse(s.Config)
			if err == nil {
				_, err = c.withPassword(string(s.Secret))
			}
			return err
		},
		Open: func(ctx context.Context, s network.Setup) (network.Driver, error) {
			return Open(ctx, s.Config, s.Secret, s.Log)
		},
	}
}
