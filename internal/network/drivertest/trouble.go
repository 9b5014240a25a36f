package drivertest

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// cancelled calls with a context that has ended: nothing is waited for, and
// nothing that was not done counts as done or refused.
func cancelled(f *fixture) {
	fleet := f.fleet(20)
	f.mustApply(fleet[:5]...)
	ctx, cancel := context.WithCancel(f.Context())
	cancel()

	var results []network.Result
	f.within("Apply", func() { results = f.apply(ctx, fleet...) })
	f.checkRetry(fleet, results)

	f.within("Observe", func() {
		_, err := f.Driver.Observe(ctx, imsis(fleet))
		if err == nil {
			f.Error("Observe with a context that has ended returned no error")
		}
		f.checkText(fleet, err)
	})
	f.mustApply(fleet...)
}

// deadline lets the context end at several points of a batch.
func deadline(f *fixture) {
	fleet := f.fleet(f.most(500))
	for patience := time.Duration(0); patience < 64*time.Millisecond; patience = 2*patience + time.Millisecond {
		ctx, cancel := context.WithTimeout(f.Context(), patience)
		var results []network.Result
		f.within("Apply", func() { results = f.apply(ctx, fleet...) })
		cancel()
		f.checkRetry(fleet, results)
		f.mustApply(fleet...)
		f.mustApply(absent(fleet)...)
	}
}

// outage takes the network away: every call fails, none is refused, and when
// it is back the same calls succeed.
func outage(f *fixture) {
	f.need(f.Outage != nil, "the harness cannot take the network away")
	fleet := f.fleet(4)
	f.mustApply(fleet[:2]...)
	f.Outage(f.T, true)

	// A network that is merely silent costs each call all of its time.
	brief := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(f.Context(), 200*time.Millisecond)
	}
	f.within("Apply", func() {
		ctx, cancel := brief()
		defer cancel()
		for i, err := range f.apply(ctx, fleet...) {
			f.checkOutage("Apply to "+string(fleet[i].IMSI), fleet[i:i+1], err)
		}
	})
	f.within("Observe", func() {
		ctx, cancel := brief()
		defer cancel()
		_, err := f.Driver.Observe(ctx, imsis(fleet))
		f.checkOutage("Observe", fleet, err)
	})
	if lister, ok := f.Driver.(network.Lister); ok {
		f.within("List", func() {
			ctx, cancel := brief()
			defer cancel()
			_, err := lister.List(ctx, "", 10)
			f.checkOutage("List", fleet, err)
		})
	}

	f.Outage(f.T, false)
	f.checkHas(fleet[:2]...)
	f.mustApply(fleet...)
}

func (f *fixture) checkOutage(what string, batch []sim.Profile, err error) {
	f.Helper()
	f.checkText(batch, err)
	if err == nil || network.Refused(err) != nil {
		f.Errorf("%s during an outage: %v; an error that may be retried is due", what, err)
	}
}

func refusal(f *fixture) {
	f.need(f.Refuse != nil, "the harness cannot make the network refuse")
	p := f.subscriber()
	f.Refuse(f.T, p.IMSI)
	for range 2 {
		if err := f.apply(f.Context(), p)[0]; network.Refused(err) == nil {
			f.Fatalf("a subscriber that the network refuses: %v; a Refusal is due", err)
		}
	}
	if f.observe(p.IMSI)[0].Present {
		f.Error("the subscriber was refused and is there all the same")
	}
	p.Present = false
	f.mustApply(p)
}

// refusalHarmsNoNeighbour has the refused ones at the front, in the middle and
// at the end of a batch that does everything else.
func refusalHarmsNoNeighbour(f *fixture) {
	f.need(f.Refuse != nil, "the harness cannot make the network refuse")
	fleet := f.fleet(9)
	f.mustApply(fleet[1:4]...)
	refused := map[ident.IMSI]bool{}
	for _, i := range []int{0, 4, 8} {
		refused[fleet[i].IMSI] = true
		f.Refuse(f.T, fleet[i].IMSI)
	}
	fleet[1] = absent(fleet[1:2])[0]
	fleet[2].MSISDN = f.subscriber().MSISDN

	results := f.apply(f.Context(), fleet...)
	for i := range fleet {
		switch err := results[i]; {
		case refused[fleet[i].IMSI] && network.Refused(err) == nil:
			f.Errorf("profile %d is refused by the network, but its result is %v", i, err)
		case !refused[fleet[i].IMSI] && err != nil:
			f.Errorf("profile %d has a refused neighbour and failed: %v", i, err)
		case err == nil:
			f.checkHas(fleet[i])
		}
	}
}

func restart(f *fixture) {
	f.need(f.Restart != nil, "the harness cannot restart the network")
	fleet := f.fleet(4)
	fleet[1].Barred = sim.AllServices
	f.mustApply(fleet...)
	fleet[2] = absent(fleet[2:3])[0]
	f.mustApply(fleet[2])

	f.Driver = f.Restart(f.T)
	f.checkHas(fleet...)
	f.mustApply(fleet...)
	fleet[0].MSISDN, fleet[3].MSISDN = fleet[3].MSISDN, fleet[0].MSISDN
	f.mustApply(fleet...)
}
