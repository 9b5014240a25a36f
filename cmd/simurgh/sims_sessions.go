package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

type simsSessions struct {
	ICCID string `arg:"" name:"iccid" help:"The SIM."`
}

// Help is the detail of the manual.
func (simsSessions) Help() string {
	return "An Open5GS tells, where its settings name an info address. What gateways reported is in simurgh sims show.\n\n" +
		example("simurgh sims sessions 8944538599000000017")
}

type liveView struct {
	APN   string   `json:"apn"`
	IPs   []string `json:"ips"`
	State string   `json:"state"` // in the network's words
}

func viewLive(s *network.Session) liveView {
	v := liveView{APN: s.APN, IPs: []string{}, State: s.State}
	for _, ip := range s.IPs {
		v.IPs = append(v.IPs, ip.String())
	}
	return v
}

func (c *simsSessions) Run(ctx context.Context, sh *shell) error {
	iccid, err := ident.ParseICCID(c.ICCID)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		s, err := a.Fleet.SIM(ctx, sh.request(), iccid)
		if err != nil {
			return err
		}
		open, err := a.LiveSessions(ctx, &s)
		if err != nil {
			return err
		}
		views := items(open, viewLive)
		return sh.print(map[string]any{"sessions": views}, func(w io.Writer) {
			if len(views) == 0 {
				_, _ = fmt.Fprintf(w, "SIM %s has no session open on network %s\n", iccid, s.Network)
				return
			}
			t := newTable(w, "APN", "ADDRESSES", "STATE")
			defer t.flush()
			for _, v := range views {
				t.row(v.APN, strings.Join(v.IPs, ", "), v.State)
			}
		})
	})
}
