package sync_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/sync"
)

// Whatever is asked of SIMs, whatever becomes of the networks meanwhile and whoever
// changes them behind our back: once they answer again, each SIM is on its network
// as it is wanted, and nothing waits.
func TestWhateverHappensTheNetworksMakeItSo(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := ""
			if engine == "postgres" {
				url = pgtest.URL(t)
			}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			m := &model{lab: newLabOn(t, url, 12), rand: rand.New(rand.NewPCG(seed, 0))}
			for range 300 {
				m.step()
			}
			m.calm()
			m.check()
		})
	}
}

// model does at random what may happen.
type model struct {
	*lab
	rand *rand.Rand
}

func (m *model) network() string { return []string{"north", "south"}[m.rand.IntN(2)] }

func (m *model) any() ident.ICCID {
	list := m.sims[m.network()]
	return list[m.rand.IntN(len(list))]
}

func (m *model) step() {
	switch n := m.rand.IntN(20); {
	case n < 9:
		m.ask(fleet.Edit{Verb: sim.ActivateTest + sim.Verb(m.rand.IntN(int(sim.Close-sim.ActivateTest)))})
	case n < 10:
		m.ask(fleet.Edit{Verb: sim.SuspendAdmin, Then: []sim.Verb{sim.ResumeAdmin, sim.Terminate}})
	case n < 11:
		m.swap()
	case n < 13:
		m.disturb()
	case n < 15:
		m.meddle()
	case n < 19:
		m.work(m.network())
	default:
		m.pass(time.Duration(m.rand.IntN(300)) * time.Second)
	}
}

// ask edits a few SIMs; what the lifecycle refuses is refused.
func (m *model) ask(e fleet.Edit) {
	list := []ident.ICCID{m.any()}
	for range m.rand.IntN(3) {
		list = append(list, m.any())
	}
	_, err := m.Fleet.Apply(m.t.Context(), m.op, list, func(fleet.Facts) (fleet.Edit, error) { return e, nil }, nil)
	m.must(err)
}

// swap has a SIM from stock replace another of its network, where both can.
func (m *model) swap() {
	list := m.sims[m.network()]
	w := fleet.Swap{Old: list[m.rand.IntN(len(list))], New: list[m.rand.IntN(len(list))]}
	if _, err := m.Fleet.SwapSIM(m.t.Context(), m.op, w, func(*sim.SIM) error { return nil }); err != nil {
		m.t.Logf("no swap: %v", err)
	}
}

// disturb makes a network slow to agree, mute, absent, or well again.
func (m *model) disturb() {
	all := []simulated.Settings{{}, {FailureRate: 0.5}, {LostAnswers: 0.5}, {Outage: simulated.Down}}
	m.must(m.networks[m.network()].SetSettings(m.t.Context(), all[m.rand.IntN(len(all))]))
}

// meddle changes a SIM on its network behind our back.
func (m *model) meddle() {
	name := m.network()
	s := m.sim(m.sims[name][m.rand.IntN(len(m.sims[name]))])
	p := s.Profile()
	p.Present, p.Barred = m.rand.IntN(2) == 0, sim.Services(m.rand.IntN(int(sim.AllServices)+1))
	m.networks[name].Apply(m.t.Context(), []sim.Profile{p})
}

// work has one worker, or two that do not know of each other, tell a network.
func (m *model) work(name string) {
	for range 1 + m.rand.IntN(2) {
		_, err := m.worker(name).Step(m.t.Context())
		m.must(err)
	}
}

// calm lets the networks answer, and repairs what they have.
func (m *model) calm() {
	for name, net := range m.networks {
		m.must(net.SetSettings(m.t.Context(), simulated.Settings{}))
		for range 3 {
			m.pass(2 * time.Hour)
			m.lab.step(m.worker(name))
			r := &sync.Reconciler{Network: name, Driver: net, Fleet: m.Fleet, Request: m.op, Repair: true}
			_, err := r.Run(m.t.Context())
			m.must(err)
		}
	}
}

func (m *model) check() {
	m.t.Helper()
	for home, list := range m.sims {
		for _, i := range list {
			s := m.sim(i)
			if s.Pending() {
				m.t.Errorf("%s of %s waits: %s", i, home, s.Status())
			}
			wanted := s.Profile()
			have, err := m.networks[home].Observe(m.t.Context(), []ident.IMSI{s.IMSI})
			m.must(err)
			if drift := have[0].Drift(&wanted); len(drift) > 0 {
				m.t.Errorf("%s is %s, and on %s it differs: %v", i, s.Status(), home, drift)
			}
		}
	}
	open, err := m.Fleet.Operations(m.t.Context(), m.op, sim.OperationQuery{Progress: []sim.Progress{sim.OpPending}, Limit: 100})
	m.must(err)
	for _, o := range open {
		m.t.Errorf("an operation waits: %+v", o)
	}
}
