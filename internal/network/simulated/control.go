package simulated

import (
	"context"
	"encoding/json"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

var _ network.Controller = (*Network)(nil)

// Abilities tells what a simulated network can do: all that there is.
func (n *Network) Abilities() network.Abilities {
	return network.Abilities{Reads: known, Bars: []sim.Services{sim.Data, sim.Messaging, sim.Voice}, Controls: sim.Controls()}
}

// Inspect looks whether the network answers, as its settings have it.
func (n *Network) Inspect(ctx context.Context) (network.Report, error) {
	if _, err := n.admit(ctx); err != nil {
		return network.Report{}, err
	}
	return network.Report{Software: "a simulation"}, nil
}

// Control writes into the subscriber's history that c was done, as nothing
// else comes of it here. It is subject to the settings, as a change is.
func (n *Network) Control(ctx context.Context, p sim.Profile, c sim.Control, _ json.RawMessage) error {
	r, err := n.admit(ctx)
	if err != nil {
		return err
	}
	if r.FailureRate > 0 && n.random() < r.FailureRate {
		return unreachable(nil)
	}
	if r.refuses(p.IMSI) {
		return &network.Refusal{Why: "subscriber " + string(p.IMSI) + " is not accepted"}
	}
	if err := n.control(ctx, &p, c); err != nil {
		return err
	}
	if r.LostAnswers > 0 && n.random() < r.LostAnswers {
		return unreachable(nil)
	}
	return nil
}

func (n *Network) control(ctx context.Context, p *sim.Profile, c sim.Control) error {
	tx, err := n.write.BeginTx(ctx, nil)
	if err != nil {
		return unusable(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	found, err := load(ctx, tx.StmtContext(ctx, n.load), []ident.IMSI{p.IMSI})
	if err != nil {
		return unusable(ctx, err)
	}
	s := found[p.IMSI]
	switch {
	case !s.present:
		return fault.New(fault.Precondition, "network.not_present", "the network does not know the SIM yet")
	case s.barred&needs(c) != 0:
		return fault.New(fault.Precondition, "network.barred", "the network has barred what this needs: %s", s.barred&needs(c))
	}
	at := *p
	at.Barred = s.barred
	s.history = record(s.history, n.now(), &at, controlled<<(c-sim.Disconnect))
	if err := n.saveRest.write(ctx, tx, s.values(nil, p.IMSI)); err != nil {
		return unusable(ctx, err)
	}
	if err := tx.Commit(); err != nil {
		return unusable(ctx, err)
	}
	return nil
}

// needs returns the service that a control goes over.
func needs(c sim.Control) sim.Services {
	switch c {
	case sim.Ping, sim.Wget:
		return sim.Data
	case sim.SendSMS, sim.SendOTA:
		return sim.Messaging
	case sim.Disconnect, sim.CancelLocation:
	}
	return 0
}
