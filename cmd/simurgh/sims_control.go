package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type simsControl struct {
	What   string   `arg:"" help:"${controls}."`
	ICCIDs []string `arg:"" name:"iccid" help:"The SIMs; - reads more from standard input."`
	Detail string   `placeholder:"JSON" help:"What the network is to know of it, such as {\"message\":\"hello\"}."`
}

// Help is the detail of the manual.
func (simsControl) Help() string {
	return "Each network can do some of it, or none: see simurgh network check. What was asked, and a network's no, is in the SIM's timeline. " +
		"The exit code is 3 when it could not be done with some of the SIMs.\n\n" +
		example("simurgh sims control disconnect 8944538599000000017")
}

func controlNames() string {
	var names []string
	for _, c := range sim.Controls() {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}

type controlView struct {
	ICCID   ident.ICCID `json:"iccid"`
	Request string      `json:"requestId"` // of the record; empty when nothing was asked of the network
	Error   *errorView  `json:"error"`
}

func (c *simsControl) Run(ctx context.Context, sh *shell) error {
	what, ok := sim.ParseControl(c.What)
	if !ok {
		return fault.InvalidField("what", "is %q; there are: %s", c.What, controlNames())
	}
	if c.Detail != "" && !json.Valid([]byte(c.Detail)) {
		return fault.InvalidField("detail", "is not JSON")
	}
	iccids, err := (&chosen{ICCIDs: c.ICCIDs}).parse(sh)
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		views, failed := make([]controlView, len(iccids)), false
		for i, iccid := range iccids {
			views[i].ICCID = iccid
			s, err := a.Fleet.SIM(ctx, sh.request(), iccid)
			if err == nil {
				views[i].Request, err = a.Fleet.Control(ctx, sh.request(), &s, what, json.RawMessage(c.Detail))
			}
			if err != nil {
				views[i].Error, failed = &errorView{fault.CodeOf(err), app.InWords(err)}, true
			}
		}
		err := sh.print(map[string]any{"sims": views}, func(w io.Writer) { controlTable(w, views) })
		if err == nil && failed {
			err = errPartly
		}
		return err
	})
}

func controlTable(w io.Writer, views []controlView) {
	t := newTable(w, "ICCID", "RESULT")
	defer t.flush()
	for _, v := range views {
		result := "the network has taken it"
		if v.Error != nil {
			result = v.Error.Message
		}
		t.row(string(v.ICCID), result)
	}
}
