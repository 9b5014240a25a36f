package simulated_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
)

func TestSettingsAreShared(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	one, other := open(t, path), open(t, path)
	want := simulated.Settings{
		Latency: 20 * time.Millisecond, Jitter: time.Millisecond, FailureRate: 0.25, LostAnswers: 0.125,
		RefusedIMSIs: []ident.IMSI{"001010000000001"}, RefusedPrefixes: []string{"23415"}, Outage: simulated.Silent,
	}
	for range 2 {
		if err := one.SetSettings(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := other.Settings(t.Context())
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatalf("%v %s", err, d)
		}
		got.RefusedIMSIs[0], got.RefusedPrefixes[0] = "1", "1" // the caller's own
		want.Outage, want.Latency = simulated.NoOutage, 0
	}
}

func TestSettingsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	err := n.SetSettings(t.Context(), simulated.Settings{
		Latency: -1, Jitter: 2 * time.Hour, FailureRate: 1.01, LostAnswers: math.NaN(),
		RefusedIMSIs: []ident.IMSI{"234150000000017", "12"}, RefusedPrefixes: []string{"23415", "", "23x"}, Outage: "gone",
	})
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid {
		t.Fatalf("SetSettings = %v", err)
	}
	var got []string
	for _, field := range f.Fields {
		got = append(got, field.Name)
	}
	want := []string{"latency", "jitter", "failureRate", "lostAnswers", "refusedImsis[1]",
		"refusedPrefixes[1]", "refusedPrefixes[2]", "outage"}
	if !slices.Equal(got, want) {
		t.Errorf("the fields are %v, want %v", got, want)
	}
	if s, err := n.Settings(t.Context()); err != nil || cmp.Diff(s, simulated.Settings{}) != "" {
		t.Errorf("settings that were refused are in force: %+v, %v", s, err)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := open(t, newPath(t), simulated.WithRand(rand.New(rand.NewPCG(1, 2))))
		set(t, n, func(s *simulated.Settings) { s.Latency = time.Minute })
		for name, call := range map[string]func() error{
			"Apply":   func() error { return n.Apply(t.Context(), fleet(3))[2] },
			"Observe": func() error { _, err := n.Observe(t.Context(), nil); return err },
			"List":    func() error { _, err := n.List(t.Context(), "", 1); return err },
		} {
			start := time.Now()
			if err := call(); err != nil || time.Since(start) != time.Minute {
				t.Errorf("%s took %v, %v; a minute was set", name, time.Since(start), err)
			}
		}

		set(t, n, func(s *simulated.Settings) { s.Jitter = time.Minute })
		took := map[time.Duration]bool{}
		for range 10 {
			start := time.Now()
			mustApply(t, n, fleet(1)...)
			d := time.Since(start)
			if took[d] = true; d < time.Minute || d >= 2*time.Minute {
				t.Errorf("Apply took %v; one to two minutes were set", d)
			}
		}
		if len(took) < 9 {
			t.Errorf("the jitter is always the same: %v", took)
		}
	})
}

func TestLatencyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := open(t, newPath(t))
		set(t, n, func(s *simulated.Settings) { s.Latency = time.Minute })
		checkGivesUp(t, n)
	})
}

func TestSilentOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := open(t, newPath(t))
		set(t, n, func(s *simulated.Settings) { s.Outage = simulated.Silent })
		checkGivesUp(t, n)

		answer := make(chan error)
		go func() { answer <- n.Apply(t.Context(), fleet(1))[0] }()
		synctest.Wait()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := <-answer; err == nil || network.Refused(err) != nil {
			t.Errorf("Apply when the network was closed = %v", err)
		}
	})
}

// checkGivesUp wants calls to end with their context, with its error.
func checkGivesUp(t *testing.T, n *simulated.Network) {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, err := range n.Apply(ctx, fleet(3)) {
		if !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Apply = %v", err)
		}
	}
	if _, err := n.Observe(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Observe = %v", err)
	}
	if d := time.Since(start); d != 10*time.Second {
		t.Errorf("gave up after %v; the context ended after 10 s", d)
	}
}

func TestFailureRate(t *testing.T) {
	t.Parallel()
	var counts []int
	for range 2 {
		n := open(t, newPath(t), simulated.WithRand(rand.New(rand.NewPCG(7, 7))))
		set(t, n, func(s *simulated.Settings) { s.FailureRate = 0.25 })
		batch := fleet(1000)
		results := n.Apply(t.Context(), batch)
		failed := 0
		for i, a := range observe(t, n, batch) {
			if results[i] != nil {
				failed++
			}
			if fault.KindOf(orUnavailable(results[i])) != fault.Unavailable || a.Present != (results[i] == nil) {
				t.Fatalf("%s: result %v, present %v", a.IMSI, results[i], a.Present)
			}
		}
		counts = append(counts, failed)
	}
	if counts[0] < 200 || counts[0] > 300 || counts[0] != counts[1] {
		t.Errorf("%v of 1000 failed; the same quarter was due twice", counts)
	}
}

// TestLostAnswers repeats what seemed to fail until all is well, and wants
// each change to have happened once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t), simulated.WithRand(rand.New(rand.NewPCG(7, 7))))
	set(t, n, func(s *simulated.Settings) { s.LostAnswers, s.FailureRate = 0.3, 0.3 })
	batch := fleet(500)
	rounds := 0
	for left := batch; len(left) > 0; rounds++ {
		var again []int
		for i, err := range n.Apply(t.Context(), left) {
			if err != nil {
				again = append(again, i)
			}
		}
		next := left[:0:0]
		for _, i := range again {
			next = append(next, left[i])
		}
		left = next
	}
	if rounds < 3 {
		t.Errorf("all was well after %d rounds; nothing was lost", rounds)
	}
	for _, p := range batch {
		if got := what(t, n, p.IMSI); got != "added+keys" {
			t.Fatalf("%s: %q", p.IMSI, got)
		}
	}
}

func TestRefusedSubscribers(t *testing.T) {
	t.Parallel()
	n := open(t, newPath(t))
	batch := fleet(4)
	batch[3].IMSI = "234150000000017"
	mustApply(t, n, batch[0])
	set(t, n, func(s *simulated.Settings) {
		s.RefusedIMSIs, s.RefusedPrefixes = []ident.IMSI{batch[0].IMSI, batch[1].IMSI}, []string{"310", "23415"}
	})
	changed := slices.Clone(batch)
	changed[0].Present = false
	for _, c := range []struct {
		i       int
		changed bool
		refused bool
	}{{0, false, false}, {0, true, true}, {1, false, true}, {2, false, false}, {3, false, true}} {
		p := batch[c.i : c.i+1]
		if c.changed {
			p = changed[c.i : c.i+1]
		}
		err := n.Apply(t.Context(), p)[0]
		if got := network.Refused(err); (got != nil) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s, changed %v: %v", p[0].IMSI, c.changed, err)
		}
	}
	set(t, n, func(s *simulated.Settings) { *s = simulated.Settings{} })
	mustApply(t, n, changed...)
}
