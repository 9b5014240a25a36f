package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type networkCheck struct {
	Names []string `arg:"" optional:"" name:"name" help:"The networks; all of them when none is named."`
}

// Help is the detail of the manual.
func (networkCheck) Help() string {
	return "Asks each network who it is and how it is set up, and says what can be done with it. Nothing is changed on it. " +
		"The exit code is 1 when one does not answer, 3 when all do and one should be set up otherwise.\n\n" +
		example("simurgh network check core")
}

// lookView is what was seen of a network.
type lookView struct {
	Network    string            `json:"network"`
	Driver     string            `json:"driver"`
	Answers    bool              `json:"answers"`
	Error      string            `json:"error"` // why not
	Millis     int64             `json:"tookMs"`
	Software   string            `json:"software"`   // what it says it is
	Conditions []string          `json:"conditions"` // what should be set up otherwise
	Reads      []string          `json:"readsBack"`  // besides presence
	Lists      bool              `json:"lists"`      // it finds subscribers that nobody asked for
	Bars       []string          `json:"bars"`       // each without the others
	Controls   []string          `json:"controls"`   // what it does with one SIM at once
	Cannot     map[string]string `json:"cannot"`     // why not the other controls

	took time.Duration
}

func viewLook(n plan.Network, l *app.Look) lookView {
	v := lookView{Network: n.Name, Driver: n.Driver, Answers: l.Err == nil, Millis: l.Took.Milliseconds(), Software: l.Report.Software,
		Conditions: append([]string{}, l.Report.Conditions...), Reads: l.Abilities.Reads.Names(), Lists: l.Lists,
		Bars: []string{}, Controls: []string{}, Cannot: map[string]string{}, took: l.Took.Round(100 * time.Microsecond)}
	if l.Err != nil {
		v.Error = l.Err.Error() // with its cause: this is for the operator
	}
	for _, b := range l.Abilities.Bars {
		v.Bars = append(v.Bars, b.String())
	}
	for _, c := range l.Abilities.Controls {
		v.Controls = append(v.Controls, c.String())
	}
	for c, why := range l.Abilities.Cannot {
		v.Cannot[c.String()] = why
	}
	return v
}

func (c *networkCheck) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		networks, err := c.networks(ctx, sh, a)
		if err != nil {
			return err
		}
		views := make([]lookView, len(networks))
		var all sync.WaitGroup
		for i, n := range networks {
			all.Go(func() {
				l := a.Look(ctx, n)
				views[i] = viewLook(n, &l)
			})
		}
		all.Wait()
		err = sh.print(map[string]any{"networks": views}, func(w io.Writer) {
			for i := range views {
				views[i].words(w)
			}
		})
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(views, func(v lookView) bool { return !v.Answers }):
			return errShown
		case slices.ContainsFunc(views, func(v lookView) bool { return len(v.Conditions) > 0 }):
			return errPartly
		}
		return nil
	})
}

// networks returns those that were named.
func (c *networkCheck) networks(ctx context.Context, sh *shell, a *app.App) ([]plan.Network, error) {
	if len(c.Names) == 0 {
		return a.Fleet.Networks(ctx, sh.request())
	}
	out := make([]plan.Network, len(c.Names))
	for i, name := range c.Names {
		var err error
		if out[i], err = a.Network(ctx, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v *lookView) words(w io.Writer) {
	line := func(head, text string) { _, _ = fmt.Fprintf(w, "  %-11s %s\n", head, text) }
	if v.Answers {
		_, _ = fmt.Fprintf(w, "Network %s (%s) answers after %s", v.Network, v.Driver, v.took)
		if v.Software != "" {
			_, _ = fmt.Fprintf(w, ": %s", v.Software)
		}
		_, _ = fmt.Fprintln(w)
	} else {
		_, _ = fmt.Fprintf(w, "Network %s (%s) is out of reach: %s\n", v.Network, v.Driver, v.Error)
	}
	for _, c := range v.Conditions {
		line("set right", c)
	}
	reads := append([]string{"presence"}, v.Reads...)
	if v.Lists {
		reads = append(reads, "subscribers that nobody asked for")
	}
	line("reads back", strings.Join(reads, ", "))
	line("bars", strings.Join(v.Bars, ", "))
	if len(v.Controls) > 0 {
		line("can", strings.Join(v.Controls, ", "))
	}
	for _, c := range sim.Controls() {
		if why := v.Cannot[c.String()]; why != "" {
			line("cannot", c.String()+": "+why)
		}
	}
}
