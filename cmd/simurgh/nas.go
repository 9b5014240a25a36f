package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

type nasCmd struct {
	Add    nasAdd    `cmd:"" help:"Let a gateway speak RADIUS to the server; servers that run pick it up by themselves."`
	List   nasList   `cmd:"" help:"List the gateways."`
	Remove nasRemove `cmd:"" help:"End a gateway's right to speak; its packets are dropped within seconds."`
}

type nasAdd struct {
	Name       string `required:"" help:"Its name: up to 63 lower-case letters, digits and hyphens. A certificate of RADIUS over TLS must carry it."`
	Address    string `required:"" placeholder:"CIDR" help:"The address, or network, that it sends from."`
	Secret     string `placeholder:"SECRET" help:"The secret that it shares with the server, 8 to 128 bytes; it is kept sealed. Others on this machine may see it here; a file is safer."`
	SecretFile string `type:"path" placeholder:"FILE" help:"File with the secret."`
	CoAPort    int    `name:"coa-port" default:"3799" help:"UDP port where it takes orders to end a session."`
	CoA        bool   `name:"coa" help:"It takes CoA-Requests there, too: an open session near its data limit is then reported every minute, without being ended."`
	Unsigned   bool   `help:"It cannot send Message-Authenticator. Whoever can send from its address can then ask in its name."`
	Proxy      bool   `help:"It speaks for other gateways; their sessions are ended at the addresses that they name."`
}

// Help is the detail of the manual.
func (nasAdd) Help() string {
	return example("simurgh nas add --name pgw1 --address 10.0.0.7 --secret-file pgw1.secret", "simurgh nas add --name hub --address 192.0.2.0/28 --secret s3cret-s3cret --proxy")
}

func (c *nasAdd) Run(ctx context.Context, sh *shell) error {
	n := usage.NAS{Name: c.Name, CoAPort: c.CoAPort, CoA: c.CoA, Unsigned: c.Unsigned, Proxy: c.Proxy, Secret: []byte(c.Secret)}
	var err error
	if n.Prefix, err = fleet.ParseNASAddress(c.Address); err != nil {
		return err
	}
	switch {
	case c.Secret != "" && c.SecretFile != "":
		return fault.InvalidField("secretFile", "and --secret are both given; one is enough")
	case c.Secret == "" && c.SecretFile == "":
		return fault.InvalidField("secretFile", "is missing, and so is --secret")
	case c.SecretFile != "":
		if n.Secret, err = os.ReadFile(c.SecretFile); err != nil {
			return fault.InvalidField("secretFile", "cannot be read").Because(err)
		}
		n.Secret = bytes.TrimRight(n.Secret, "\r\n")
	}
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.AddNAS(ctx, sh.request(), n); err != nil {
			return err
		}
		return sh.say(map[string]any{"nas": n.Name, "address": n.Prefix.String(), "coaPort": n.CoAPort},
			"Gateway %s may speak from %s. Point it at: simurgh serve --radius-auth ADDRESS:1812 --radius-acct ADDRESS:1813", n.Name, n.Prefix)
	})
}

type nasView struct {
	Name    string     `json:"nas"`
	Address string     `json:"address"`
	CoAPort int        `json:"coaPort"`
	CoA     bool       `json:"coa"`    // it takes CoA-Requests
	Signed  bool       `json:"signed"` // its questions must carry Message-Authenticator
	Proxy   bool       `json:"proxy"`
	Since   *time.Time `json:"since"`
}

type nasList struct{}

// Help is the detail of the manual.
func (nasList) Help() string { return example("simurgh nas list") }

func (nasList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		list, err := a.Fleet.NASes(ctx, sh.request())
		if err != nil {
			return err
		}
		views := items(list, func(n *usage.NAS) nasView {
			return nasView{n.Name, n.Prefix.String(), n.CoAPort, n.CoA, !n.Unsigned, n.Proxy, at(n.Created)}
		})
		return sh.print(map[string]any{"gateways": views}, func(w io.Writer) {
			t := newTable(w, "NAME", "ADDRESS", "COA PORT", "COA", "UNSIGNED", "PROXY", "SINCE")
			defer t.flush()
			for _, n := range views {
				t.row(n.Name, n.Address, fmtInt(int64(n.CoAPort)), yes(n.CoA, "yes"), yes(!n.Signed, "yes"), yes(n.Proxy, "yes"), clock(*n.Since))
			}
		})
	})
}

type nasRemove struct {
	Name string `arg:"" help:"The gateway."`
}

// Help is the detail of the manual.
func (nasRemove) Help() string {
	return "Its open sessions stay, and go stale; they cannot be ended any more.\n\n" + example("simurgh nas remove pgw1")
}

func (c *nasRemove) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		if err := a.Fleet.RemoveNAS(ctx, sh.request(), c.Name); err != nil {
			return err
		}
		return sh.say(map[string]any{"nas": c.Name}, "Gateway %s is removed.", c.Name)
	})
}
