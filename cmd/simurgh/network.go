package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type networkCmd struct {
	Add    networkAdd    `cmd:"" help:"Add a network; servers that run pick it up by themselves."`
	List   networkList   `cmd:"" help:"List the networks, and how much waits for each."`
	Change networkChange `cmd:"" help:"Change how a network is reached; servers that run take it up by themselves."`
	Remove networkRemove `cmd:"" help:"Forget a network that no SIM is on and no package is for."`
	Check  networkCheck  `cmd:"" help:"Ask networks whether they answer, who they are, and what can be done with them."`
	Set    networkSet    `cmd:"" help:"Tell a simulated network how to behave: slow, failing, refusing, away."`
}

// behave changes the settings of a simulated network and returns them.
func behave(ctx context.Context, a *app.App, n plan.Network, change func(*simulated.Settings)) (simulated.Settings, error) {
	net, err := a.Simulated(n)
	if err != nil {
		return simulated.Settings{}, err
	}
	defer func() { _ = net.Close() }()
	s, err := net.Settings(ctx)
	if err != nil {
		return s, err
	}
	change(&s)
	if err := net.SetSettings(ctx, s); err != nil {
		return s, err
	}
	return s, nil
}

type networkView struct {
	Name           string          `json:"network"`
	Driver         string          `json:"driver"`
	Config         json.RawMessage `json:"config"`
	QuarantineDays int             `json:"quarantineDays"`
	Waiting        int64           `json:"waiting"` // SIMs that it has still to hear of
	Failing        int64           `json:"failing"` // those among them that were tried without success
	DueAt          *time.Time      `json:"dueAt"`   // when the first of them is due
	ReconciledAt   *time.Time      `json:"reconciledAt"`
	Behaviour      *behaviour      `json:"behaviour,omitempty"` // of a simulated one
}

type networkList struct{}

// Help is the detail of the manual.
func (networkList) Help() string { return example("simurgh network list") }

func (c *networkList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		networks, err := a.Fleet.Networks(ctx, sh.request())
		if err != nil {
			return err
		}
		depths, err := a.Fleet.QueueDepths(ctx)
		if err != nil {
			return err
		}
		queue := map[string]sim.QueueDepth{}
		for _, d := range depths {
			queue[d.Network] = d
		}
		views := make([]networkView, len(networks))
		for i, n := range networks {
			q := queue[n.Name]
			views[i] = networkView{n.Name, n.Driver, json.RawMessage(n.Config), n.QuarantineDays, q.Waiting, q.Failing, at(q.Oldest), at(n.ReconciledAt), nil}
			if n.Driver == app.SimulatedDriver {
				s, err := behave(ctx, a, n, func(*simulated.Settings) {})
				if err != nil {
					return err
				}
				views[i].Behaviour = viewBehaviour(&s)
			}
		}
		return sh.print(map[string]any{"networks": views}, func(w io.Writer) { networkTable(w, views) })
	})
}

func networkTable(w io.Writer, networks []networkView) {
	t := newTable(w, "NAME", "DRIVER", "WAITING", "FAILING", "READ BACK", "QUARANTINE", "WHERE, OR HOW IT BEHAVES")
	defer t.flush()
	for i := range networks {
		n, read := &networks[i], "never"
		if n.ReconciledAt != nil {
			read = clock(*n.ReconciledAt)
		}
		t.row(n.Name, n.Driver, fmtInt(n.Waiting), fmtInt(n.Failing), read, plural(n.QuarantineDays, "day"), n.where())
	}
}

// where is the address of a network, or how a simulated one is told to behave.
func (v *networkView) where() string {
	if v.Behaviour != nil {
		return v.Behaviour.words()
	}
	k, err := app.DriverOf(v.Driver)
	if err != nil {
		return "this program has no such driver"
	}
	var config map[string]any
	if json.Unmarshal(v.Config, &config) == nil {
		if address, ok := config[k.Address].(string); ok {
			return address
		}
	}
	return k.DefaultOf(k.Address)
}

// behaviour is how a simulated network is told to behave.
type behaviour struct {
	Latency         string       `json:"latency"`
	Jitter          string       `json:"jitter"`
	FailureRate     float64      `json:"failureRate"`
	LostAnswers     float64      `json:"lostAnswers"`
	Outage          string       `json:"outage"` // none, down or silent
	RefusedIMSIs    []ident.IMSI `json:"refusedImsis"`
	RefusedPrefixes []string     `json:"refusedPrefixes"`
}

func viewBehaviour(s *simulated.Settings) *behaviour {
	b := &behaviour{s.Latency.String(), s.Jitter.String(), s.FailureRate, s.LostAnswers, string(s.Outage),
		append([]ident.IMSI{}, s.RefusedIMSIs...), append([]string{}, s.RefusedPrefixes...)}
	if s.Outage == simulated.NoOutage {
		b.Outage = "none"
	}
	return b
}

func (b *behaviour) words() string {
	out := []string{}
	add := func(set bool, text string) {
		if set {
			out = append(out, text)
		}
	}
	add(b.Outage != "none", b.Outage)
	add(b.Latency != "0s", "latency "+b.Latency)
	add(b.Jitter != "0s", "jitter "+b.Jitter)
	add(b.FailureRate > 0, percent(b.FailureRate)+" fail")
	add(b.LostAnswers > 0, percent(b.LostAnswers)+" of the answers are lost")
	add(len(b.RefusedIMSIs) > 0, "refuses "+plural(len(b.RefusedIMSIs), "IMSI"))
	add(len(b.RefusedPrefixes) > 0, "refuses IMSIs that start with "+strings.Join(b.RefusedPrefixes, ", "))
	if len(out) == 0 {
		return "does what it is told, at once"
	}
	return strings.Join(out, ", ")
}
