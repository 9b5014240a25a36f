package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

type networkAdd struct {
	Name           string            `required:"" help:"Its name: up to 63 lower-case letters, digits and hyphens."`
	Driver         string            `required:"" placeholder:"DRIVER" help:"What speaks to it: ${drivers}."`
	Address        string            `placeholder:"ADDRESS" help:"Where it is: the host of an osmohlr, the database of an open5gs, the URL of a pyhss or a webhook."`
	Config         map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Another setting of the driver; several times for several."`
	SecretFile     string            `type:"path" placeholder:"FILE" help:"File with the secret of the network; it is kept sealed."`
	QuarantineDays int               `default:"${quarantine}" help:"Days that terminated SIMs stay out of stock."`
	Latency        *time.Duration    `placeholder:"200ms" help:"simulated: how long every call takes."`
}

// Help is the detail of the manual.
func (networkAdd) Help() string {
	var b strings.Builder
	var examples []string
	b.WriteString("These are the drivers, with the settings of each and what holds when one is not given. " +
		"docs/networks.md says what they need on the other side, and what they change there.\n\n")
	for _, k := range app.Drivers() {
		describe(&b, &k)
		examples = append(examples, "simurgh network add "+k.Example)
	}
	return b.String() + example(examples...)
}

// describe writes what an operator says of a network of that kind.
func describe(b *strings.Builder, k *network.Kind) {
	fmt.Fprintf(b, "%s drives %s.\n\n", k.Driver, k.Drives)
	for _, s := range k.Settings {
		name := s.Name
		if name == k.Address {
			name = "--address, or " + name
		}
		fmt.Fprintf(b, "  - %s: %s", name, s.Help)
		if s.Default != "" {
			fmt.Fprintf(b, " (default %s)", s.Default)
		}
		b.WriteString("\n")
	}
	if k.Secret != "" {
		fmt.Fprintf(b, "  - --secret-file: %s\n", k.Secret)
	}
	b.WriteString("\n")
}

func (c *networkAdd) Run(ctx context.Context, sh *shell) error {
	n, secret, err := c.network()
	if err != nil {
		return err
	}
	if c.Latency != nil && n.Driver != app.SimulatedDriver {
		return fault.InvalidField("latency", "is for simulated networks only")
	}
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.AddNetwork(ctx, sh.request(), n, secret); err != nil {
			return err
		}
		if c.Latency != nil {
			if _, err := behave(ctx, a, n, func(s *simulated.Settings) { s.Latency = *c.Latency }); err != nil {
				return err
			}
		}
		return sh.say(map[string]any{"network": n.Name}, "Network %s is added. See whether it answers with: simurgh network check %s\nPut packages on it with: simurgh package create --network %s", n.Name, n.Name, n.Name)
	})
}

// network returns what was asked for, and its secret, once its driver has
// looked at both.
func (c *networkAdd) network() (plan.Network, []byte, error) {
	n := plan.Network{Name: c.Name, Driver: c.Driver, QuarantineDays: c.QuarantineDays}
	k, err := app.DriverOf(c.Driver)
	if err != nil {
		return n, nil, err
	}
	words, err := withAddress(&k, c.Config, c.Address)
	if err != nil {
		return n, nil, err
	}
	config, err := k.Config(nil, words)
	if err != nil {
		return n, nil, err
	}
	n.Config = string(config)
	secret, err := readSecret(c.SecretFile)
	if err != nil {
		return n, nil, err
	}
	return n, secret, app.CheckNetwork(n, secret)
}

// withAddress adds the address to the settings, under the name that the driver
// has for it.
func withAddress(k *network.Kind, settings map[string]string, address string) (map[string]string, error) {
	words := maps.Clone(settings)
	if address == "" {
		return words, nil
	}
	if k.Address == "" {
		return nil, fault.InvalidField("address", "is not for networks of the driver %s", k.Driver)
	}
	if _, twice := words[k.Address]; twice {
		return nil, fault.InvalidField("address", "and --config %s are the same; give one of them", k.Address)
	}
	if words == nil {
		words = map[string]string{}
	}
	words[k.Address] = address
	return words, nil
}

// maxSecret bounds the file of a secret.
const maxSecret = 64 << 10

// readSecret reads the secret of a network; the line break that editors leave
// at the end is none of it.
func readSecret(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(file)
	switch secret = bytes.TrimRight(secret, "\r\n"); {
	case err != nil:
		return nil, fault.InvalidField("secretFile", "cannot be read").Because(err)
	case len(secret) == 0:
		return nil, fault.InvalidField("secretFile", "is empty")
	case len(secret) > maxSecret:
		return nil, fault.InvalidField("secretFile", "has more than %d bytes", maxSecret)
	}
	return secret, nil
}

func driverNames() string {
	var names []string
	for _, k := range app.Drivers() {
		names = append(names, k.Driver)
	}
	return strings.Join(names, ", ")
}
