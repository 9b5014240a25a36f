package sim

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// order gives the commands of an order, and has the network agree when it is
// asked to.
func (m *machine) order(o Order) error {
	p, err := Carry(&m.l, o, false)
	if err != nil {
		return err
	}
	for _, v := range p.Verbs {
		if err := m.do(v); err != nil {
			return err
		}
	}
	return nil
}

// at returns a machine at a station. A SIM that is offline has been live.
func at(t interface{ Fatalf(string, ...any) }, s Station) *machine {
	m := newMachine(t)
	switch s {
	case InTest:
		m.must(ActivateTest, Agreed)
	case ReadyToUse:
		m.must(ActivateReady, Agreed)
	case InService:
		m.must(ActivateLive, Agreed)
	case Offline:
		m.must(ActivateLive, Agreed, Terminate, Agreed)
	case Scrapped:
		m.must(Close)
	case Shipping, stations:
	}
	return m
}

// The table of the contract, cell by cell: where each order leads from each
// station; "-" is refused.
func TestOrders(t *testing.T) {
	t.Parallel()
	//nolint:dupword // they are cells
	const table = `
	shipping test  ready  live    -       -       -    closed
	test     test  ready  live    offline -       -    closed
	ready    -     ready  live    offline -       -    closed
	live     -     -      live    offline offline live closed
	offline  -     -      live    offline offline live closed
	closed   -     -      -       -       -       -    closed`
	for line := range strings.Lines(strings.TrimSpace(table)) {
		cells := strings.Fields(line)
		for i, o := range Orders() {
			for s := Shipping; s < stations; s++ {
				if s.String() != cells[0] {
					continue
				}
				m := at(t, s)
				before := m.l
				err := m.order(o)
				got := m.l.Station().String()
				if err != nil {
					if got = "-"; m.l != before {
						t.Errorf("a refused %s changed the SIM", o)
					}
				}
				if got != cells[i+1] {
					t.Errorf("%s on %s leads to %s, not %s (%v)", o, s, got, cells[i+1], err)
				}
				if got == cells[0] && m.l != before {
					t.Errorf("%s on %s is a no-op, but changed the SIM", o, s)
				}
			}
		}
	}
}

// A SIM that was terminated before it was ever live may be tested again.
func TestOfflineThatWasNeverLive(t *testing.T) {
	t.Parallel()
	for _, o := range []Order{ToTest, ToReady} {
		m := newMachine(t).must(ActivateTest, Agreed, Terminate, Agreed)
		if err := m.order(o); err != nil {
			t.Errorf("%s: %v", o, err)
		}
	}
}

// In the older dialect a suspended SIM is active on the carrier's side.
func TestSuspendedAndDeactivatedApart(t *testing.T) {
	t.Parallel()
	m := newMachine(t).must(ActivateLive, Agreed, SuspendCustomer, Agreed)
	if p, err := Carry(&m.l, ToOffline, false); err != nil || len(p.Verbs) != 0 {
		t.Errorf("merged: %v %v", p, err)
	}
	if p, err := Carry(&m.l, ToOffline, true); err != nil || len(p.Verbs) != 1 || p.Verbs[0] != Terminate {
		t.Errorf("apart: %v %v", p, err)
	}
}

func TestWhatWaitsForAPersonHasNotBegun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.rule.activation = true
	m.must(ActivateLive)
	if m.l.StandsAt() != Shipping || m.l.Station() != InService {
		t.Errorf("%s, %s", m.l.StandsAt(), m.l.Station())
	}
	if err := m.order(ToOffline); err != nil || m.l.Station() != Shipping {
		t.Errorf("deactivating withdraws: %v, %s", err, m.l.Station())
	}
	m = newMachine(t).must(ActivateLive, Agreed)
	m.rule.review = true
	m.must(Terminate)
	if m.l.StandsAt() != InService || m.l.Station() != Offline {
		t.Errorf("%s, %s", m.l.StandsAt(), m.l.Station())
	}
}

func TestMisplacedOrdersExplain(t *testing.T) {
	t.Parallel()
	var r *Refusal
	if err := at(t, Shipping).order(Pause); !errors.As(err, &r) || !strings.HasPrefix(r.Error(), "cannot suspend: the SIM is shipping by import since") {
		t.Errorf("%v", err)
	}
	if err := at(t, Scrapped).order(ToLive); !errors.As(err, &r) || r.Code != "closed" {
		t.Errorf("%v", err)
	}
}

// Suspend, and resume at once: whatever the network has heard meanwhile, in
// whatever order it answers, the SIM ends live.
func TestSuspendThenResumeEndsLive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t).must(ActivateLive)
		var shown []Command
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			for _, o := range []Order{rapid.SampledFrom([]Order{Pause, ToOffline}).Draw(t, "stop"), rapid.SampledFrom([]Order{Unpause, ToLive}).Draw(t, "go")} {
				if err := m.order(o); err != nil {
					t.Fatalf("%s: %v", o, err)
				}
				if rapid.Bool().Draw(t, "claimed") {
					shown = append(shown, Command{Verb: Agreed, Generation: m.l.Generation, Shown: m.l.Wanted, At: m.now})
				}
				for len(shown) > 0 && rapid.Bool().Draw(t, "answered") {
					if err := m.decide(shown[0]); err != nil {
						t.Fatal(err)
					}
					shown = shown[1:]
				}
			}
			if m.l.Station() != InService {
				t.Fatalf("wanted %s", m.l.Wanted)
			}
		}
		m.must(Agreed)
		if m.l.Pending() || m.l.Wanted != (Condition{State: Provisioned, Phase: Live}) {
			t.Fatalf("ends %s, pending %v", m.l.Wanted, m.l.Pending())
		}
	})
}
