// Package webhook drives networks that Simurgh does not know, by signed calls
// to a program of theirs: what each SIM should have, and what there is.
//
// Calls are signed as Standard Webhooks are: HMAC-SHA256 over id, time and
// body. A call that gets no answer is made once more under the same id, so the
// other side does nothing twice. Keys leave only if the config says so.
//
// What the other side must do is in docs/webhook-network.md. It knows profiles
// and nothing of what they are for.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Network is one network of which only the address is known. It implements
// [network.Driver].
type Network struct {
	config Config
	caller *caller
	log    *slog.Logger

	reads atomic.Uint32 // the fields that the other side last said it reads back
}

// ListingNetwork is a [Network] whose other side can list its subscribers. It
// implements [network.Lister].
type ListingNetwork struct{ *Network }

var (
	_ network.Driver     = (*Network)(nil)
	_ network.Controller = (*Network)(nil)
	_ network.Driver     = ListingNetwork{}
	_ network.Lister     = ListingNetwork{}
)

// Open returns the driver of the network that config describes, a
// [ListingNetwork] where that says so; it does not call yet. secret is what
// calls are signed with: "whsec_" and base64, or several of these. A config or
// a secret that is wrong gives an Invalid fault, see [Check].
func Open(_ context.Context, config json.RawMessage, secret []byte, log *slog.Logger) (network.Driver, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	secrets, err := parseSecrets(secret)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := &Network{config: c, caller: newCaller(&c, secrets), log: log}
	if c.List {
		return ListingNetwork{n}, nil
	}
	return n, nil
}

// Close releases the connections.
func (n *Network) Close() error {
	n.caller.client.CloseIdleConnections()
	return nil
}

// Apply makes each profile so, in calls of as many as the config says.
func (n *Network) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	results := make([]network.Result, 0, len(wanted))
	for part := range slices.Chunk(wanted, n.config.Batch) {
		results = append(results, n.applySome(ctx, part)...)
	}
	return results
}

func (n *Network) applySome(ctx context.Context, wanted []sim.Profile) []network.Result {
	profiles := make([]profile, len(wanted))
	for i := range wanted {
		profiles[i] = profileOf(&wanted[i], n.config.Keys)
	}
	var answer applyAnswer
	err := n.caller.call(ctx, request{Type: typeApply, Profiles: profiles}, len(wanted), &answer)
	if err == nil && len(answer.Results) != len(wanted) {
		err = n.wrong(fmt.Errorf("it has %d results for %d profiles", len(answer.Results), len(wanted)))
	}
	results := make([]network.Result, len(wanted))
	for i := range wanted {
		if results[i] = err; err != nil {
			continue
		}
		r := answer.Results[i]
		if r.IMSI != wanted[i].IMSI {
			results[i] = n.wrong(fmt.Errorf("result %d is about another IMSI", i))
			continue
		}
		results[i] = n.result(r.Result, reasonOf(r.Reason, &wanted[i]))
	}
	return results
}

func (n *Network) result(result, reason string) network.Result {
	switch result {
	case resultAgreed:
		return nil
	case resultRefused:
		return &network.Refusal{Why: reason}
	case resultRetry:
		return fault.New(fault.Unavailable, "network.retry", "the network asks to try again later").Because(errors.New(reason))
	}
	return n.wrong(errors.New(`a result is none of "agreed", "refused" and "retry"`))
}

// wrong is what a caller hears of an answer that is not of the contract.
func (n *Network) wrong(cause error) error {
	n.log.Warn("the network's answer is not what it should be", "why", cause)
	return failed(cause)
}

// Observe reads the subscribers back, in the order asked.
func (n *Network) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	out := make([]network.Actual, 0, len(ids))
	for part := range slices.Chunk(ids, n.config.Batch) {
		some, err := n.observeSome(ctx, part)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (n *Network) observeSome(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	var answer observeAnswer
	if err := n.caller.call(ctx, request{Type: typeObserve, IMSIs: ids}, len(ids), &answer); err != nil {
		return nil, err
	}
	got, err := answer.actuals()
	if err != nil {
		return nil, n.wrong(err)
	}
	by := make(map[ident.IMSI]network.Actual, len(got))
	for _, a := range got {
		by[a.IMSI] = a
	}
	out := make([]network.Actual, len(ids))
	for i, imsi := range ids {
		a, ok := by[imsi]
		if !ok { // silence is no "not present"
			return nil, n.wrong(errors.New("it leaves out subscribers that it was asked for"))
		}
		out[i] = a
	}
	return out, nil
}

// List returns up to limit of the subscribers after the given IMSI, in
// ascending order.
func (l ListingNetwork) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	if limit <= 0 {
		return nil, nil
	}
	var answer observeAnswer
	if err := l.caller.call(ctx, request{Type: typeList, After: &after, Limit: limit}, limit, &answer); err != nil {
		return nil, err
	}
	got, err := answer.actuals()
	if err != nil {
		return nil, l.wrong(err)
	}
	if len(got) > limit {
		return nil, l.wrong(fmt.Errorf("it lists %d where %d is the limit", len(got), limit))
	}
	for _, a := range got {
		if a.IMSI <= after || !a.Present {
			return nil, l.wrong(errors.New("its list is not in ascending order, or has some that are not present"))
		}
		after = a.IMSI
	}
	return got, nil
}
