package network

import (
	"context"
	"encoding/json"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Controller is a driver that can also do things with one subscriber at once,
// beyond making it what it should be. It is optional: a driver that is no
// Controller can do none of them.
type Controller interface {
	// Controls lists what the network can do.
	Controls() []sim.Control

	// Control does c with a subscriber that the network knows, and returns once
	// the network has taken it. Detail is what the caller said of it, as JSON;
	// empty for nothing. It returns a [Refusal] when the network will never do
	// it, any other error when trying again may help.
	Control(ctx context.Context, p sim.Profile, c sim.Control, detail json.RawMessage) error
}
