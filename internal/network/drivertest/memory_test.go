package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// memory is the smallest network that passes the suite, with places where a
// bug can be put in.
type memory struct {
	bug bug

	mu      sync.Mutex
	has     map[ident.IMSI]sim.Profile
	refused map[ident.IMSI]bool
	down    bool
}

// bug changes what memory answers; a nil field changes nothing.
type bug struct {
	profile func(m *memory, p *sim.Profile) // before it is stored
	results func(wanted []sim.Profile, results []network.Result) []network.Result
	observe func(out []network.Actual, err error) ([]network.Actual, error)
	list    func(out []network.Actual) []network.Actual
	inOrder bool // numbers are checked profile by profile
	amnesia bool // a restart forgets
	able    func(a *network.Abilities)
	deaf    bool // inspecting and controlling hear of no outage
	rude    bool // controls change subscribers
}

func open(b bug) func(t *testing.T) drivertest.Harness {
	return func(*testing.T) drivertest.Harness {
		m := &memory{bug: b, has: map[ident.IMSI]sim.Profile{}, refused: map[ident.IMSI]bool{}}
		return drivertest.Harness{
			Driver: m,
			Known:  known,
			Bars:   []sim.Services{sim.Data, sim.Messaging | sim.Voice},
			Outage: func(_ *testing.T, on bool) { m.locked(func() { m.down = on }) },
			Refuse: func(_ *testing.T, imsi ident.IMSI) { m.locked(func() { m.refused[imsi] = true }) },
			Restart: func(*testing.T) network.Driver {
				if b.amnesia {
					m.locked(func() { clear(m.has) })
				}
				return m
			},
		}
	}
}

func (m *memory) locked(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

func (m *memory) Close() error { return nil }

const known = network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred

func (m *memory) Abilities() network.Abilities {
	a := network.Abilities{
		Reads: known, Bars: []sim.Services{sim.Data, sim.Messaging, sim.Voice}, Controls: []sim.Control{sim.Disconnect},
		Cannot: network.OfDatabase(map[sim.Control]string{sim.CancelLocation: "it has none"}),
	}
	if m.bug.able != nil {
		m.bug.able(&a)
	}
	return a
}

func (m *memory) Inspect(ctx context.Context) (network.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bug.deaf {
		return network.Report{}, nil
	}
	return network.Report{Software: "memory"}, m.unreachable(ctx)
}

func (m *memory) Control(ctx context.Context, p sim.Profile, _ sim.Control, _ json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bug.rude {
		delete(m.has, p.IMSI)
		return nil
	}
	if err := m.unreachable(ctx); err != nil && !m.bug.deaf {
		return err
	}
	if !m.has[p.IMSI].Present {
		return errors.New("no such subscriber")
	}
	return nil
}

var errDown = errors.New("connection refused")

func (m *memory) unreachable(ctx context.Context) error {
	if m.down {
		return errDown
	}
	return ctx.Err()
}

func (m *memory) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]network.Result, len(wanted))
	for i := range wanted {
		results[i] = m.accept(ctx, wanted[i])
	}
	if m.bug.results != nil {
		return m.bug.results(wanted, results)
	}
	return results
}

func (m *memory) accept(ctx context.Context, p sim.Profile) error {
	if err := m.unreachable(ctx); err != nil {
		return err
	}
	if !p.Present {
		delete(m.has, p.IMSI)
		return nil
	}
	if m.refused[p.IMSI] {
		return &network.Refusal{Why: "the subscriber is not accepted"}
	}
	for imsi, other := range m.has {
		if m.bug.inOrder && p.MSISDN != "" && other.MSISDN == p.MSISDN && imsi != p.IMSI {
			return &network.Refusal{Why: "the number is taken"}
		}
	}
	if m.bug.profile != nil {
		m.bug.profile(m, &p)
	}
	m.has[p.IMSI] = p
	return nil
}

func (m *memory) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []network.Actual
	err := m.unreachable(ctx)
	if err == nil {
		for _, imsi := range ids {
			out = append(out, m.actual(imsi))
		}
	}
	if m.bug.observe != nil {
		return m.bug.observe(out, err)
	}
	return out, err
}

func (m *memory) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.unreachable(ctx); err != nil {
		return nil, err
	}
	var out []network.Actual
	for imsi := range m.has {
		if imsi > after {
			out = append(out, m.actual(imsi))
		}
	}
	slices.SortFunc(out, func(a, b network.Actual) int {
		if a.IMSI < b.IMSI {
			return -1
		}
		return 1
	})
	out = out[:min(limit, len(out))]
	if m.bug.list != nil {
		out = m.bug.list(out)
	}
	return out, nil
}

func (m *memory) actual(imsi ident.IMSI) network.Actual {
	p := m.has[imsi]
	return network.Actual{
		IMSI: imsi, Present: p.Present, MSISDN: p.MSISDN, APN: p.APN, IP: p.IP, Barred: p.Barred,
		Known: known,
	}
}
