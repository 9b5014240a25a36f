package simulated_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestNumberOfAnother(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(3)
	mustApply(t, n, p[0])
	p[1].MSISDN = p[0].MSISDN
	p[2].MSISDN = "88299"

	results := n.Apply(t.Context(), p)
	if results[0] != nil || results[2] != nil {
		t.Errorf("the neighbours failed: %v", results)
	}
	want := "the number " + string(p[0].MSISDN) + " belongs to another subscriber"
	if r := network.Refused(results[1]); r == nil || r.Why != want {
		t.Errorf("a number that another has: %v; want %q", results[1], want)
	}
}

func TestNumberWantedTwice(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	p := fleet(2)
	p[1].MSISDN = p[0].MSISDN
	results := n.Apply(t.Context(), p)
	if results[0] != nil || network.Refused(results[1]) == nil {
		t.Errorf("one number for two: %v; the first gets it", results)
	}
}

// TestNumberThatStaysForNow has the holder of a number fail to give it up:
// whoever waits for it must not be refused for good.
func TestNumberThatStaysForNow(t *testing.T) {
	t.Parallel()
	draws := []float64{0.9, 0.9, 0.1} // the third profile fails
	n := open(t, newPath(t), simulated.WithRand(rand.New(source(func() float64 {
		d := draws[0]
		draws = append(draws[1:], 0.9)
		return d
	}))))
	p := fleet(3)
	mustApply(t, n, p...)
	set(t, n, func(s *simulated.Settings) { s.FailureRate = 0.5 })
	p[0].MSISDN, p[1].MSISDN, p[2].MSISDN = p[1].MSISDN, p[2].MSISDN, "88299"

	for i, err := range n.Apply(t.Context(), p) {
		if fault.KindOf(orUnavailable(err)) != fault.Unavailable || err == nil {
			t.Errorf("profile %d: %v; an error that may be retried is due", i, err)
		}
	}
	mustApply(t, n, p...)
}

// source makes a random source of the numbers that Float64 is to return.
type source func() float64

func (s source) Uint64() uint64 { return uint64(s() * (1 << 53)) }

// TestNumbersAlways applies random batches to few subscribers that share few
// numbers, and wants each answer to be the truth.
func TestNumbersAlways(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := open(t, filepath.Join(t.TempDir(), "network.db"))
		defer func() { _ = n.Close() }()
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			batch := rapid.SliceOfNDistinct(rapid.Custom(drawProfile), 1, 6,
				func(p sim.Profile) ident.IMSI { return p.IMSI }).Draw(rt, "batch")
			before := observe(t, n, batch)
			results := n.Apply(t.Context(), batch)
			after := observe(t, n, batch)
			holders := numbers(rt, t, n)
			for i := range batch {
				if err := checkAnswer(&batch[i], results[i], &before[i], &after[i], holders); err != nil {
					rt.Fatalf("%s: %v", batch[i].IMSI, err)
				}
			}
		}
	})
}

func drawProfile(t *rapid.T) sim.Profile {
	return sim.Profile{
		IMSI:    ident.IMSI(fmt.Sprintf("00101%010d", rapid.IntRange(0, 5).Draw(t, "imsi"))),
		MSISDN:  rapid.SampledFrom([]ident.MSISDN{"", "8821", "8822", "8823", "8824"}).Draw(t, "number"),
		Present: rapid.IntRange(0, 4).Draw(t, "present") > 0,
	}
}

// numbers returns who has each number and fails when two have one.
func numbers(rt *rapid.T, t *testing.T, n *simulated.Network) map[ident.MSISDN]ident.IMSI {
	all, err := n.List(t.Context(), "", 100)
	if err != nil {
		rt.Fatal(err)
	}
	out := map[ident.MSISDN]ident.IMSI{}
	for _, a := range all {
		if other, ok := out[a.MSISDN]; ok && a.MSISDN != "" {
			rt.Fatalf("%s and %s both have %s", other, a.IMSI, a.MSISDN)
		}
		out[a.MSISDN] = a.IMSI
	}
	return out
}

func checkAnswer(p *sim.Profile, result error, before, after *network.Actual, holders map[ident.MSISDN]ident.IMSI) error {
	if result == nil {
		if d := after.Drift(p); len(d) > 0 {
			return fmt.Errorf("accepted and not so: %v", d)
		}
		return nil
	}
	if network.Refused(result) == nil {
		return fmt.Errorf("failed where nothing can fail: %w", result)
	}
	if *before != *after {
		return errors.New("refused and changed all the same")
	}
	if holders[p.MSISDN] == "" || holders[p.MSISDN] == p.IMSI {
		return fmt.Errorf("refused, but nobody else has %s", p.MSISDN)
	}
	return nil
}

func observe(t testing.TB, n *simulated.Network, batch []sim.Profile) []network.Actual {
	t.Helper()
	ids := make([]ident.IMSI, len(batch))
	for i := range batch {
		ids[i] = batch[i].IMSI
	}
	got, err := n.Observe(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// orUnavailable lets a nil result pass where an error must be Unavailable.
func orUnavailable(err error) error {
	if err == nil {
		return fault.New(fault.Unavailable, "", "")
	}
	return err
}
