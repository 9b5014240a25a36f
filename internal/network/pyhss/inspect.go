package pyhss

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

var _ network.Controller = (*HSS)(nil)

// Abilities tells what a PyHSS can do.
func (h *HSS) Abilities() network.Abilities {
	return network.Abilities{
		Reads:    known,
		Bars:     []sim.Services{sim.Data, circuit},
		Controls: []sim.Control{sim.Disconnect, sim.CancelLocation},
		Cannot:   network.OfDatabase(nil),
	}
}

// Inspect asks the REST interface; PyHSS says which host it is and not of which
// version.
func (h *HSS) Inspect(ctx context.Context) (network.Report, error) {
	var r network.Report
	var first []authentication
	if err := h.api.get(ctx, &first, "auc", "list?page=0&page_size=1"); err != nil {
		return r, asFault(err)
	}
	r.Software = "PyHSS"
	if host := h.api.host.Load(); host != nil {
		r.Software += " " + *host
	}
	if len(first) > 0 && first[0].KI != "" {
		r.Conditions = append(r.Conditions, "api.enable_insecure_auc is on: who reaches the interface reads the keys of all cards")
	}
	locked, err := h.locked(ctx)
	if err == nil && !locked {
		r.Conditions = append(r.Conditions, "hss.lock_provisioning is off: who reaches the interface changes subscribers")
	}
	return r, err
}

// trial is what came of finding out whom PyHSS lets in.
type trial struct {
	at     time.Time
	locked bool
}

// trialAge is for how long a trial holds: each is a write, and one of the two
// is meant to be turned down, which PyHSS's log tells of.
const trialAge = time.Hour

// locked finds out that PyHSS lets the driver in, and whether it does so with
// anybody.
func (h *HSS) locked(ctx context.Context) (bool, error) {
	if t := h.tried.Load(); t != nil && time.Since(t.at) < trialAge {
		return t.locked, nil
	}
	if err := lets(ctx, h.api); err != nil {
		return false, err
	}
	err := lets(ctx, h.api.without())
	t := &trial{time.Now(), fault.CodeOf(err) == codeUnauthorized}
	if err != nil && !t.locked {
		return false, err
	}
	h.tried.Store(t)
	return t.locked, nil
}

// lets finds out whether PyHSS lets a write in. There is no access point 0, so
// nothing changes where it does.
func lets(ctx context.Context, a *api) error {
	err := a.patch(ctx, fields{}, &struct{}{}, "apn", "0")
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}

// Control has the serving MME let go of the device, which is told to come back
// at once. What it may use stays as it is.
func (h *HSS) Control(ctx context.Context, p sim.Profile, _ sim.Control, _ json.RawMessage) error {
	s, err := h.find(ctx, p.IMSI)
	if err != nil {
		return err
	}
	if s == nil {
		return fault.New(fault.Precondition, "network.not_present", "the network does not know the SIM yet")
	}
	if s.MME == nil || *s.MME == "" {
		return fault.New(fault.Precondition, "network.not_attached", "the device is not attached in 4G, and in 2G and 3G the network cancels no location")
	}
	return h.cancel(ctx, s, true)
}
