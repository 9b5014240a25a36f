package main

import (
	"context"
	"encoding/json"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

type networkChange struct {
	Name           string            `arg:"" help:"The network. Its name and its driver stay."`
	Address        string            `placeholder:"ADDRESS" help:"Where it is now."`
	Config         map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Another setting; without a value, it goes back to what holds by default."`
	SecretFile     string            `type:"path" placeholder:"FILE" help:"File with its new secret."`
	NoSecret       bool              `help:"It has no secret any more."`
	QuarantineDays *int              `placeholder:"30" help:"Days that terminated SIMs stay out of stock."`
}

// Help is the detail of the manual.
func (networkChange) Help() string {
	return "What is not named stays as it is. See simurgh network add --help for the settings of each driver.\n\n" +
		example("simurgh network change core --address 10.0.0.7 --config timeout=2s")
}

func (c *networkChange) Run(ctx context.Context, sh *shell) error {
	if c.SecretFile != "" && c.NoSecret {
		return fault.InvalidField("noSecret", "and --secret-file exclude each other")
	}
	if c.Address == "" && len(c.Config) == 0 && c.SecretFile == "" && !c.NoSecret && c.QuarantineDays == nil {
		return fault.New(fault.Invalid, "change.nothing", "nothing to change; name at least one flag, such as --address")
	}
	secret, err := readSecret(c.SecretFile)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		n, err := a.Network(ctx, c.Name)
		if err != nil {
			return err
		}
		change, err := c.change(a, n, secret)
		if err != nil {
			return err
		}
		if err := a.Fleet.ChangeNetwork(ctx, sh.request(), c.Name, change); err != nil {
			return err
		}
		return sh.say(map[string]any{"network": n.Name, "config": json.RawMessage(*change.Config)},
			"Network %s is changed. See whether it answers with: simurgh network check %s", n.Name, n.Name)
	})
}

// change returns what is to become of the network, once its driver has looked
// at it as it will be.
func (c *networkChange) change(a *app.App, n plan.Network, secret []byte) (fleet.NetworkChange, error) {
	out := fleet.NetworkChange{QuarantineDays: c.QuarantineDays}
	k, err := app.DriverOf(n.Driver)
	if err != nil {
		return out, err
	}
	words, err := withAddress(&k, c.Config, c.Address)
	if err != nil {
		return out, err
	}
	config, err := k.Config(json.RawMessage(n.Config), words)
	if err != nil {
		return out, err
	}
	n.Config = string(config)
	out.Config = &n.Config
	if c.SecretFile != "" || c.NoSecret {
		out.Secret = &secret
	} else if secret, err = a.Fleet.NetworkSecret(n); err != nil {
		return out, err
	}
	return out, app.CheckNetwork(n, secret)
}

type networkRemove struct {
	Name string `arg:"" help:"The network."`
}

// Help is the detail of the manual.
func (networkRemove) Help() string {
	return "Nothing is changed on the network itself.\n\n" + example("simurgh network remove lab")
}

func (c *networkRemove) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		if _, err := a.Network(ctx, c.Name); err != nil {
			return err
		}
		if err := a.Fleet.RemoveNetwork(ctx, sh.request(), c.Name); err != nil {
			return err
		}
		return sh.say(map[string]any{"network": c.Name}, "Network %s is removed.", c.Name)
	})
}
