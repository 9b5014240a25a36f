package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Abilities tells what the other side can do: what the config says of it, and
// what it said itself when it was last inspected.
func (n *Network) Abilities() network.Abilities {
	a := network.Abilities{
		Reads: network.Fields(n.reads.Load()), Bars: []sim.Services{sim.Data, sim.Messaging, sim.Voice},
		Controls: n.config.controls, Cannot: map[sim.Control]string{},
	}
	for _, c := range sim.Controls() {
		if !a.Can(c) {
			a.Cannot[c] = "the network's settings do not name it among its controls"
		}
	}
	return a
}

// maxConditions bounds what the other side says of itself.
const maxConditions = 20

// Inspect asks the other side about nobody.
func (n *Network) Inspect(ctx context.Context) (network.Report, error) {
	var r network.Report
	var answer observeAnswer
	if err := n.caller.call(ctx, request{Type: typeObserve}, 0, &answer); err != nil {
		return r, err
	}
	known, err := answer.known()
	if err != nil {
		return r, n.wrong(err)
	}
	n.reads.Store(uint32(known))
	r.Software = oneLine(answer.Software)
	for _, text := range answer.Conditions[:min(len(answer.Conditions), maxConditions)] {
		if text = oneLine(text); text != "" {
			r.Conditions = append(r.Conditions, text)
		}
	}
	return r, nil
}

// Control has the other side do c.
func (n *Network) Control(ctx context.Context, p sim.Profile, c sim.Control, detail json.RawMessage) error {
	var answer applyAnswer
	err := n.caller.call(ctx, request{Type: typeControl, Control: c.String(), Detail: detail, Profiles: []profile{profileOf(&p, false)}}, 1, &answer)
	switch {
	case err != nil:
		return err
	case len(answer.Results) != 1:
		return n.wrong(fmt.Errorf("it has %d results for one control", len(answer.Results)))
	case answer.Results[0].IMSI != p.IMSI:
		return n.wrong(errors.New("its result is about another IMSI"))
	}
	return n.result(answer.Results[0].Result, reasonOf(answer.Results[0].Reason, &p))
}
