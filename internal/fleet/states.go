package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// stands is where the network has a SIM.
func stands(s *sim.SIM) sim.Station {
	l := s.Lifecycle
	l.Wanted = l.Settled
	return l.Station()
}

// tellStates alerts about SIMs that are about to be saved and stand elsewhere
// than before, as their networks have agreed, where their portfolios ask for it.
func (k *known) tellStates(ctx context.Context, changes []sim.Change, at time.Time) error {
	var alerts []usage.Alert
	for _, c := range changes {
		from, to := stands(c.Before), stands(c.After)
		if from == to {
			continue
		}
		rules, err := k.alertRules(ctx, c.After.Portfolio)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rules, func(a usage.AlertRule) bool { return a.Kind == usage.StateChanged }) {
			alerts = append(alerts, usage.Alert{Portfolio: c.After.Portfolio, SIM: c.After.ID, ICCID: c.After.ICCID, At: at, Kind: usage.StateChanged,
				Detail: to.String() + " after " + from.String()})
		}
	}
	if len(alerts) == 0 {
		return nil
	}
	return k.tx.AddAlerts(ctx, alerts)
}
