// Package osmohlr drives an OsmoHLR, the subscriber database of a 2G or 3G
// network.
//
// It speaks to two of its interfaces. The control interface takes changes in
// bulk, many under way at once, but it only writes the database: the node that
// serves a subscriber hears nothing. The VTY tells it. So what takes something
// away from a subscriber, or changes what its node shows, goes through the
// VTY, and all else through the control interface.
//
// An OsmoHLR of version 1.5 lets every subscriber use any access point and any
// address, and it bars data on one side and voice with messaging on the other:
// a profile that bars only one of these two is refused.
//
// Both interfaces carry keys or decide over subscribers in the clear, and the
// control interface asks nobody who they are. They belong on the machine
// itself or into a private network.
//
// It knows profiles and nothing of what they are for.
package osmohlr

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// HLR is one OsmoHLR. It implements [network.Driver] and [network.Lister]. It
// holds at most one connection to each interface, opened when it is needed.
type HLR struct {
	ctrl  *ctrl
	vty   *vty
	aud2g string
	log   *slog.Logger
	roll  roll
}

var (
	_ network.Driver = (*HLR)(nil)
	_ network.Lister = (*HLR)(nil)
)

// Open returns the driver of the OsmoHLR that config describes; it does not
// connect yet. secret is the password of the VTY, where that asks for one. A
// config that is wrong gives an Invalid fault, see [Check].
func Open(_ context.Context, config json.RawMessage, secret []byte, log *slog.Logger) (network.Driver, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &HLR{
		ctrl:  newCTRL(c.CTRL, c.timeout),
		vty:   newVTY(c.VTY, string(secret), c.timeout),
		aud2g: c.Aud2G,
		log:   log,
	}, nil
}

// Close closes the connections. Calls that wait for an answer end with an
// error. Closing twice is harmless.
func (h *HLR) Close() error {
	h.ctrl.close()
	h.vty.close()
	h.roll.drop()
	return nil
}

// unreachable is what a caller hears when the HLR does not answer.
func unreachable(cause error) error {
	return fault.New(fault.Unavailable, "network.unreachable", "the network does not answer").Because(cause)
}

// failed is what a caller hears when the HLR answers that it could not do
// something. The answer is for the log; callers leave it out where it could
// hold a key.
func failed(cause error) error {
	return fault.New(fault.Unavailable, "network.failed", "the network could not make the change").Because(cause)
}
