package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
)

type networkSet struct {
	Name           string         `arg:"" help:"The network; its driver is simulated."`
	Latency        *time.Duration `placeholder:"200ms" help:"How long every call takes."`
	Jitter         *time.Duration `placeholder:"50ms" help:"Up to how much longer some calls take."`
	FailureRate    *float64       `placeholder:"0.1" help:"Share of SIMs, 0 to 1, that fail without effect and are tried again."`
	LostAnswers    *float64       `placeholder:"0.1" help:"Share of SIMs, 0 to 1, that are changed while the answer is lost."`
	Outage         *string        `placeholder:"OUTAGE" help:"none, down (every call fails at once) or silent (no call is answered)."`
	RefuseIMSI     *string        `name:"refuse-imsi" placeholder:"IMSI,..." help:"Subscribers that it refuses for good; none ends that."`
	RefusePrefixes *string        `placeholder:"DIGITS,..." help:"Subscribers that it refuses for good, by how their IMSI starts; none ends that."`
}

// Help is the detail of the manual.
func (networkSet) Help() string {
	return "What is set holds at once, for every server. What is not named stays as it is.\n\n" +
		example("simurgh network set simulated --latency 200ms --failure-rate 0.05", "simurgh network set simulated --outage down")
}

func (c *networkSet) Run(ctx context.Context, sh *shell) error {
	changes, err := c.changes()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		n, err := a.Network(ctx, c.Name)
		if err != nil {
			return err
		}
		s, err := behave(ctx, a, n, func(s *simulated.Settings) {
			for _, change := range changes {
				change(s)
			}
		})
		if err != nil {
			return err
		}
		b := viewBehaviour(&s)
		return sh.say(b, "Network %s: %s.", n.Name, b.words())
	})
}

func (c *networkSet) changes() ([]func(*simulated.Settings), error) {
	var out []func(*simulated.Settings)
	add := func(set bool, change func(*simulated.Settings)) {
		if set {
			out = append(out, change)
		}
	}
	add(c.Latency != nil, func(s *simulated.Settings) { s.Latency = *c.Latency })
	add(c.Jitter != nil, func(s *simulated.Settings) { s.Jitter = *c.Jitter })
	add(c.FailureRate != nil, func(s *simulated.Settings) { s.FailureRate = *c.FailureRate })
	add(c.LostAnswers != nil, func(s *simulated.Settings) { s.LostAnswers = *c.LostAnswers })
	add(c.Outage != nil, func(s *simulated.Settings) { s.Outage = simulated.Outage(noneIsEmpty(*c.Outage)) })
	add(c.RefusePrefixes != nil, func(s *simulated.Settings) { s.RefusedPrefixes = commas(*c.RefusePrefixes) })
	var errs []error
	if c.RefuseIMSI != nil {
		var refused []ident.IMSI
		for _, text := range commas(*c.RefuseIMSI) {
			imsi, err := ident.ParseIMSI(text)
			errs = append(errs, ident.As("refuseImsi", err))
			refused = append(refused, imsi)
		}
		add(true, func(s *simulated.Settings) { s.RefusedIMSIs = refused })
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "set.nothing", "nothing to change; name at least one flag, such as --latency")
	}
	return out, fault.Join(errs...)
}

func noneIsEmpty(s string) string {
	if s == "none" {
		return ""
	}
	return s
}

// commas splits a list; "none" is the empty one.
func commas(s string) []string {
	var out []string
	for part := range strings.SplitSeq(noneIsEmpty(s), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func percent(share float64) string { return fmt.Sprintf("%g %%", share*100) }
