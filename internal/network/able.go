package network

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Abilities is what a driver can do with its network, for whoever operates it.
type Abilities struct {
	Reads    Fields                 // what it reads back of a subscriber, besides presence
	Bars     []sim.Services         // what it can bar, each without the others
	Controls []sim.Control          // what it can do with one subscriber at once
	Cannot   map[sim.Control]string // why it cannot do the rest: "a network cannot do this: " goes on so
}

// Can reports whether c is among the controls.
func (a *Abilities) Can(c sim.Control) bool { return slices.Contains(a.Controls, c) }

// Why says why c cannot be done, in words for the SIM's owner.
func (a *Abilities) Why(c sim.Control) string {
	if why := a.Cannot[c]; why != "" {
		return why
	}
	return "it does not offer " + c.String()
}

// OfDatabase adds, to reasons of a driver's own, those of networks that are
// reached through their subscriber database.
func OfDatabase(own map[sim.Control]string) map[sim.Control]string {
	out := map[sim.Control]string{
		sim.Ping: "a subscriber database reaches no device", sim.Wget: "a subscriber database reaches no device",
		sim.SendSMS: "a subscriber database carries no messages", sim.SendOTA: "a subscriber database carries no messages",
	}
	for c, why := range own {
		out[c] = why
	}
	return out
}

// Controller is a driver that can also do things with one subscriber at once,
// beyond making it what it should be.
type Controller interface {
	// Control does c, which is among the driver's Abilities, with a subscriber
	// that the network knows, and returns once the network has taken it. Detail
	// is what the caller said of it, as JSON; empty for nothing. It returns a
	// [Refusal] when the network will never do it, a fault of kind Precondition
	// when it cannot as things stand, any other error when trying again may
	// help.
	Control(ctx context.Context, p sim.Profile, c sim.Control, detail json.RawMessage) error
}

// Session is a data session that is open on a network right now. A network does
// not tell how much went through one: that comes from charging.
type Session struct {
	APN   string
	IPs   []netip.Addr
	State string // in the network's words, such as "active" or "inactive"
}

// SessionLister is a driver that can tell which sessions are open.
type SessionLister interface {
	// Sessions returns the open sessions of one subscriber. A fault of kind
	// Unimplemented says that the network's settings do not allow it.
	Sessions(ctx context.Context, imsi ident.IMSI) ([]Session, error)
}

// Report is what a network says of itself when it is looked at.
type Report struct {
	Software   string   // what it is and of which version, as far as it tells
	Conditions []string // what on it breaks what Simurgh promises, in words for its operator
}

// names of the fields, in the order of their bits.
var fieldNames = [...]string{"msisdn", "apn", "ip", "barred"}

// Names lists the fields that f holds.
func (f Fields) Names() []string {
	out := []string{}
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}
