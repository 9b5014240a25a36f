package drivertest

import (
	"context"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// abilities wants the driver to say of itself what the harness knows, and of
// each control whether it can do it or why not.
func abilities(f *fixture) {
	if _, err := f.Driver.Inspect(f.Context()); err != nil { // some learn it from their network
		f.Fatalf("Inspect: %v", err)
	}
	a := f.Driver.Abilities()
	if a.Reads != f.Known {
		f.Errorf("it says that it reads %v; the harness says %v", a.Reads.Names(), f.Known.Names())
	}
	for _, bar := range f.Bars {
		var made sim.Services
		for _, b := range a.Bars {
			if b&^bar == 0 {
				made |= b
			}
		}
		if made != bar {
			f.Errorf("it says that it bars %v, and the harness has it bar %s", a.Bars, bar)
		}
	}
	for _, c := range sim.Controls() {
		if why := a.Cannot[c]; a.Can(c) == (why != "") {
			f.Errorf("%s: it can is %v, because %q", c, a.Can(c), why)
		}
	}
	if _, ok := f.Driver.(network.Controller); len(a.Controls) > 0 && !ok {
		f.Errorf("it says that it can %v, and is no Controller", a.Controls)
	}
}

// inspect asks a network that is there, one that is away, and one that is back.
func inspect(f *fixture) {
	look := func(patience time.Duration) (network.Report, error) {
		ctx, cancel := context.WithTimeout(f.Context(), patience)
		defer cancel()
		return f.Driver.Inspect(ctx)
	}
	if r, err := look(promptly); err != nil || slices.Contains(r.Conditions, "") {
		f.Fatalf("Inspect = %+v, %v", r, err)
	}
	f.need(f.Outage != nil, "the harness cannot take the network away")
	f.Outage(f.T, true)
	f.within("Inspect", func() {
		_, err := look(200 * time.Millisecond)
		f.checkOutage("Inspect", nil, err)
	})
	f.Outage(f.T, false)
	if r, err := look(promptly); err != nil {
		f.Errorf("after the outage, Inspect = %+v, %v", r, err)
	}
}

// controls does all that the driver can to one who is there, one who is not,
// and while the network is away. What it did changes nothing of the profile.
func controls(f *fixture) {
	a := f.Driver.Abilities()
	f.need(len(a.Controls) > 0, "the driver can do nothing with one subscriber at once")
	controller, ok := f.Driver.(network.Controller)
	if !ok {
		f.Fatal("the driver is no Controller")
	}
	p, stranger := f.subscriber(), f.subscriber()
	f.mustApply(p)
	for _, c := range a.Controls {
		err := controller.Control(f.Context(), p, c, nil)
		if err != nil && fault.KindOf(err) != fault.Precondition {
			f.Errorf("%s of a subscriber that is there: %v", c, err)
		}
		f.checkText([]sim.Profile{p}, err)
		if err := controller.Control(f.Context(), stranger, c, nil); err == nil {
			f.Errorf("%s of a subscriber that nobody added succeeds", c)
		}
	}
	f.checkHas(p)
	if f.Outage == nil {
		return
	}
	f.Outage(f.T, true)
	for _, c := range a.Controls {
		f.within("Control", func() {
			ctx, cancel := context.WithTimeout(f.Context(), 200*time.Millisecond)
			defer cancel()
			f.checkOutage(c.String(), []sim.Profile{p}, controller.Control(ctx, p, c, nil))
		})
	}
	f.Outage(f.T, false)
	f.checkHas(p)
}
