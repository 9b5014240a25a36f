package open5gs

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

var (
	_ network.Controller    = (*Core)(nil)
	_ network.SessionLister = (*Core)(nil)
)

// Abilities tells what an Open5GS can do.
func (o *Core) Abilities() network.Abilities {
	return network.Abilities{
		Reads:    known,
		Bars:     []sim.Services{sim.Data, circuit},
		Controls: []sim.Control{sim.Disconnect, sim.CancelLocation},
		Cannot:   network.OfDatabase(nil),
	}
}

// Inspect asks the database and, where the config names them, the SMFs. The
// core itself has nothing that could be asked for its version.
func (o *Core) Inspect(ctx context.Context) (network.Report, error) {
	var r network.Report
	version, err := o.store.version(ctx)
	if err != nil {
		return r, err
	}
	r.Software = "an Open5GS on MongoDB " + version
	_, why, err := o.Pushes(ctx)
	if err != nil {
		return r, err
	}
	if why != "" {
		r.Conditions = append(r.Conditions, why)
	}
	indexed, err := o.store.indexed(ctx)
	if err != nil {
		return r, err
	}
	if !indexed {
		r.Conditions = append(r.Conditions, `the collection subscribers has no index on "imsi", so every change reads all of it`)
	}
	for i, smf := range o.config.Info {
		if _, _, err := o.infoPage(ctx, smf, 0); err != nil {
			r.Conditions = append(r.Conditions, fmt.Sprintf("the information interface %d of %d does not answer as it should: no cut can be proved", i+1, len(o.config.Info)))
		}
	}
	return r, nil
}

// Control has the HSS cancel the location of a device, which the MME tells to
// come back at once. What it may use stays as it is.
func (o *Core) Control(ctx context.Context, p sim.Profile, _ sim.Control, _ json.RawMessage) error {
	have, err := o.find(ctx, []ident.IMSI{p.IMSI})
	if err != nil {
		return err
	}
	s := have[p.IMSI]
	switch {
	case s != nil && s.broken != nil:
		return s.broken
	case !s.present():
		return fault.New(fault.Precondition, "network.not_present", "the network does not know the SIM yet")
	case !s.attached():
		return fault.New(fault.Precondition, "network.not_attached", "the device is not attached in 4G, and in 5G the core cancels no location")
	}
	if heard, err := o.heard(ctx); err != nil {
		return err
	} else if !heard {
		return fault.New(fault.Precondition, "network.pushes_off", "the network does not hear of changes as they happen, so it can cancel no location")
	}
	c := &change{wanted: &p, has: s, cut: true, set: bson.D{{Key: fieldCancel, Value: true}}}
	o.write(ctx, []*change{c})
	return c.err
}
