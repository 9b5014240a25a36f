package network

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What follows is optional: a driver has the method when its network can do it.
// Each returns a [Refusal] when the network will never do it, and any other
// error when trying again may help. It may be asked again for what it has done
// already, with the same id; it then does nothing and succeeds.

// Messenger carries messages to devices.
type Messenger interface {
	// Send has a text delivered, in as many parts as it takes, and returns the
	// network's name for it.
	Send(ctx context.Context, to sim.Profile, id int64, text string) (reference string, err error)
}

// Loader changes the profiles on eUICCs.
type Loader interface {
	// Load downloads, enables or deletes a profile by its name.
	Load(ctx context.Context, on sim.Profile, id int64, kind sim.ErrandKind, name string) error
}

// Can reports whether a driver does errands of a kind.
func Can(d Driver, k sim.ErrandKind) bool {
	var ok bool
	switch {
	case k == sim.SendMessage:
		_, ok = d.(Messenger)
	case k == sim.ResetOnNetwork:
		ok = true // with whatever the network can do
	case k.OfProfile():
		_, ok = d.(Loader)
	}
	return ok
}
