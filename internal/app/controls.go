package app

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// controls does things with SIMs through the drivers that are open, those of a
// running server, or through one that it opens for the purpose. It implements
// fleet.Controls.
type controls struct {
	a *App

	mu   sync.RWMutex
	open map[string]network.Driver
}

// controlTime bounds how long a network may take for one control.
const controlTime = 15 * time.Second

// man says which driver speaks to a network from now on; nil for none.
func (c *controls) man(name string, d network.Driver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[name] = d; d == nil {
		delete(c.open, name)
	}
}

// with calls do with the driver of a network.
func (c *controls) with(ctx context.Context, name string, do func(network.Driver) error) error {
	c.mu.RLock()
	d := c.open[name]
	c.mu.RUnlock()
	if d != nil {
		return do(d)
	}
	n, err := c.a.Network(ctx, name)
	if err != nil {
		return err
	}
	if d, err = c.a.openDriver(ctx, n); err != nil {
		return noAnswer(err)
	}
	defer func() { _ = d.Close() }()
	return do(d)
}

// Can implements fleet.Controls. A network that cannot be opened is one that
// can do nothing just now.
func (c *controls) Can(ctx context.Context, name string, what sim.Control) error {
	return c.with(ctx, name, func(d network.Driver) error {
		if able := d.Abilities(); !able.Can(what) {
			return fleet.Cannot(name, what, able.Why(what))
		}
		return nil
	})
}

// Control implements fleet.Controls.
func (c *controls) Control(ctx context.Context, name string, p sim.Profile, what sim.Control, detail json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	return c.with(ctx, name, func(d network.Driver) error {
		controller, ok := d.(network.Controller)
		if !ok {
			return fleet.Cannot(name, what, "its driver has no way to")
		}
		err := controller.Control(ctx, p, what, detail)
		if no := network.Refused(err); no != nil {
			return fault.New(fault.Precondition, "network.refused", "the network refuses: %s", no.Why)
		}
		return noAnswer(err)
	})
}

// noAnswer is an error of a driver, unless that knew better, as the fault that
// the network did not answer.
func noAnswer(err error) error {
	switch e, ok := errors.AsType[*fault.Error](err); {
	case err == nil, ok && e.Kind != fault.Unavailable && e.Kind != fault.Internal:
		return err
	case ok && e.Kind == fault.Unavailable && e.Message != "":
		return fault.New(fault.Unavailable, fleet.NoAnswer, "%s", e.Message).Because(err)
	}
	return fault.New(fault.Unavailable, fleet.NoAnswer, "the network failed").Because(err)
}

// LiveSessions asks a SIM's network which data sessions are open right now.
func (a *App) LiveSessions(ctx context.Context, s *sim.SIM) (out []network.Session, err error) {
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	err = a.controls.with(ctx, s.Network, func(d network.Driver) (err error) {
		lister, ok := d.(network.SessionLister)
		if !ok {
			return fault.New(fault.Unimplemented, "network.no_sessions", "network %s does not tell which sessions are open; what gateways reported is in: simurgh sims show %s", s.Network, s.ICCID)
		}
		out, err = lister.Sessions(ctx, s.IMSI)
		return err
	})
	return out, err
}
