package osmohlr

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Abilities tells what an OsmoHLR can do.
func (h *HLR) Abilities() network.Abilities {
	return network.Abilities{
		Reads: known,
		Bars:  []sim.Services{sim.Data, circuit},
		Cannot: network.OfDatabase(map[sim.Control]string{
			sim.Disconnect:     "an OsmoHLR ends a session only by taking data away; suspend the SIM for that",
			sim.CancelLocation: "an OsmoHLR cancels a location only when the device moves to another node",
		}),
	}
}

// nobody is an IMSI of the test PLMN, to see whether the control interface
// answers; whether it is there does not matter.
const nobody = "001010000000000"

// Inspect asks both interfaces.
func (h *HLR) Inspect(ctx context.Context) (network.Report, error) {
	var r network.Report
	if a := h.ctrl.ask(ctx, []request{get(by(nobody, "info"))})[0]; a.err != nil && !missing(a.err) {
		return r, asFault(a.err)
	}
	err := h.vty.session(ctx, func(s *session) error {
		err := s.command("show version", func(line string) {
			if r.Software == "" {
				r.Software = versionOf(line)
			}
		})
		if err != nil {
			return err
		}
		return s.command("show running-config", func(line string) {
			if strings.HasPrefix(strings.TrimSpace(line), "subscriber-create-on-demand") {
				r.Conditions = append(r.Conditions, "subscriber-create-on-demand is set: a subscriber that was removed is made anew when its device attaches")
			}
		})
	})
	return r, err
}

// versionOf takes "OsmoHLR 1.5.0" from "OsmoHLR 1.5.0 (OsmoHLR)."
func versionOf(line string) string {
	name, _, _ := strings.Cut(line, " (")
	return strings.TrimSuffix(strings.TrimSpace(name), ".")
}
