package simulated_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// BenchmarkApply measures one profile of a batch of 500, without latency. Each
// case changes every profile of a fleet of 100,000 over and over.
func BenchmarkApply(b *testing.B) {
	const batch, size = 500, 100_000
	for _, c := range []struct {
		name      string
		scattered bool // over the fleet, instead of neighbours in one batch
		change    func(p *sim.Profile, round int)
	}{
		{"add and remove", false, func(p *sim.Profile, round int) { p.Present = round%2 == 0 }},
		{"bar and unbar", false, func(p *sim.Profile, round int) { p.Barred = sim.AllServices * sim.Services(round%2) }},
		{"bar and unbar, scattered", true, func(p *sim.Profile, round int) { p.Barred = sim.AllServices * sim.Services(round%2) }},
		{"nothing new", false, func(*sim.Profile, int) {}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := benchNetwork(b)
			fleet := benchFleet(size)
			if c.scattered {
				rand.New(rand.NewPCG(1, 2)).Shuffle(size, func(i, j int) { fleet[i], fleet[j] = fleet[j], fleet[i] })
			}
			round, at := 0, 0
			next := func() {
				part := fleet[at : at+batch]
				for i := range part {
					c.change(&part[i], round)
				}
				for _, err := range n.Apply(b.Context(), part) {
					if err != nil {
						b.Fatal(err)
					}
				}
				if at += batch; at == size {
					round, at = round+1, 0
				}
			}
			for round == 0 {
				next()
			}
			for b.Loop() {
				next()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/batch, "µs/profile")
		})
	}
}

// BenchmarkApplyOne measures a batch of one, the price of a single command.
func BenchmarkApplyOne(b *testing.B) {
	n, fleet := benchNetwork(b), benchFleet(10_000)
	for i := 0; b.Loop(); i++ {
		p := &fleet[i%len(fleet)]
		p.Generation, p.Barred = int64(i), sim.AllServices*sim.Services(i/len(fleet)%2)
		if err := n.Apply(b.Context(), fleet[i%len(fleet):][:1])[0]; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserve measures reading one subscriber of a batch of 500 back.
func BenchmarkObserve(b *testing.B) {
	const batch = 500
	n, fleet := benchNetwork(b), benchFleet(batch)
	ids := make([]ident.IMSI, batch)
	for i, err := range n.Apply(b.Context(), fleet) {
		ids[i] = fleet[i].IMSI
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := n.Observe(b.Context(), ids); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/batch, "µs/subscriber")
}

func benchNetwork(b *testing.B) *simulated.Network {
	n, err := simulated.Open(filepath.Join(b.TempDir(), "network.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Close(); err != nil {
			b.Error(err)
		}
	})
	return n
}

func benchFleet(size int) []sim.Profile {
	out := make([]sim.Profile, size)
	for i := range out {
		out[i] = sim.Profile{
			IMSI: ident.IMSI(fmt.Sprintf("00101%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("88299%08d", i)),
			APN: "internet", Present: true, Generation: 1, K: ident.Key{byte(i), byte(i >> 8), byte(i >> 16), 1},
		}
	}
	return out
}
