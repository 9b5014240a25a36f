package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

type reconcileCmd struct {
	Network  string        `required:"" placeholder:"NAME" help:"The network."`
	Repair   bool          `help:"Tell the network again what has drifted, and wait for its answers; no server need run."`
	Patience time.Duration `default:"1m" help:"With --repair: how long to wait for the answers."`
}

// Help is the detail of the manual.
func (reconcileCmd) Help() string {
	return "Subscribers that no SIM stands for are shown and never removed. The exit code is 3 while something differs. " +
		"Servers do this by themselves: see simurgh serve --reconcile-every.\n\n" +
		example("simurgh reconcile --network simulated --repair")
}

type driftView struct {
	ICCID   ident.ICCID    `json:"iccid"`
	IMSI    ident.IMSI     `json:"imsi"`
	Changes []event.Change `json:"changes"` // from what the network has, to what it should have
}

func viewDrift(d *fleet.Drift) driftView { return driftView{d.SIM.ICCID, d.SIM.IMSI, d.Changes} }

type strangerView struct {
	IMSI   ident.IMSI   `json:"imsi"`
	MSISDN ident.MSISDN `json:"msisdn"`
}

func viewStranger(a *network.Actual) strangerView { return strangerView{a.IMSI, a.MSISDN} }

func (c *reconcileCmd) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		found, err := a.Reconcile(ctx, sh.request(), c.Network, c.Repair, c.Patience)
		if err != nil {
			return err
		}
		answer := struct {
			Network   string         `json:"network"`
			Checked   int            `json:"checked"`
			Drifted   int            `json:"drifted"`
			Queued    int            `json:"queued"`
			Remaining int64          `json:"remaining"`
			Unknown   int            `json:"unknown"`
			Drifts    []driftView    `json:"drifts"`
			Strangers []strangerView `json:"unknownSubscribers"`
			Cut       bool           `json:"cut,omitempty"` // the lists hold the first ones only
		}{c.Network, found.Checked, found.Drifted, found.Queued, found.Remaining, found.Reconciled.Unknown,
			items(found.Drifts, viewDrift), items(found.Unknown, viewStranger), found.Cut}
		if err := sh.print(answer, func(w io.Writer) { c.words(w, &found) }); err != nil {
			return err
		}
		if found.Remaining > 0 {
			return errPartly
		}
		return nil
	})
}

func (c *reconcileCmd) words(w io.Writer, found *app.Reconciled) {
	_, _ = fmt.Fprintf(w, "Network %s: %s read back, %d drifted, %d unknown to us\n", c.Network, plural(found.Checked, "SIM"), found.Drifted, found.Reconciled.Unknown)
	if len(found.Drifts) > 0 {
		_, _ = fmt.Fprintln(w)
		t := newTable(w, "ICCID", "IMSI", "FIELD", "NETWORK HAS", "SHOULD BE")
		for i := range found.Drifts {
			d := &found.Drifts[i]
			for _, ch := range d.Changes {
				t.row(string(d.SIM.ICCID), string(d.SIM.IMSI), ch.Field, ch.From, ch.To)
			}
		}
		t.flush()
	}
	if len(found.Unknown) > 0 {
		names := make([]string, len(found.Unknown))
		for i, u := range found.Unknown {
			names[i] = string(u.IMSI)
		}
		_, _ = fmt.Fprintf(w, "\nSubscribers that no SIM stands for: %s\n", strings.Join(names, ", "))
	}
	switch {
	case found.Remaining > 0 && c.Repair:
		_, _ = fmt.Fprintf(w, "\n%d still to be repaired. See why with: simurgh operations list --progress pending\n", found.Remaining)
	case found.Remaining > 0:
		_, _ = fmt.Fprintf(w, "\nRepair it with: simurgh reconcile --network %s --repair\n", c.Network)
	case found.Queued > 0:
		_, _ = fmt.Fprintf(w, "\nRepaired: the network has all of it now.\n")
	}
}
