package radiusload_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/wire/radius/radiusload"
)

var errLost = errors.New("lost")

func TestRunKeepsRequestsUnderWayAndCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		r := radiusload.Run(t.Context(), radiusload.Plan[int]{
			InFlight: 10, Requests: 100,
			Build: func(n int) int { return n },
			Exchange: func(_ context.Context, n int) error {
				defer now.Add(-1)
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(10 * time.Millisecond)
				if n%10 == 9 {
					return errLost
				}
				return nil
			},
		})
		if r.Answered != 90 || r.Lost != 10 || !errors.Is(r.FirstErr, errLost) || most.Load() != 10 {
			t.Errorf("%v; %d at once; %v", r.String(), most.Load(), r.FirstErr)
		}
		if r.Elapsed != 100*time.Millisecond || r.PerSecond() != 900 {
			t.Errorf("%v in %v", r.PerSecond(), r.Elapsed)
		}
		if p := r.Latency.Quantile(0.5); p < 10*time.Millisecond || p > 10400*time.Microsecond {
			t.Errorf("p50 is %v", p)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := radiusload.Run(ctx, radiusload.Plan[int]{
			InFlight: 2,
			Build:    func(n int) int { return n },
			Exchange: func(ctx context.Context, _ int) error {
				select {
				case <-time.After(300 * time.Millisecond):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
		if r.Answered != 6 || r.Lost != 0 || r.Elapsed != time.Second {
			t.Error(r.String())
		}
	})
}

func TestQuantilesAreAtMostThreePercentHigh(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Min(0), 1, 200).Draw(t, "durations")
		var h, other radiusload.Histogram
		for i, d := range list {
			if i%2 == 0 {
				h.Add(time.Duration(d))
			} else {
				other.Add(time.Duration(d))
			}
		}
		h.Merge(&other)
		slices.Sort(list)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			rank := max(1, int(q*float64(len(list))+0.999999999))
			want := list[rank-1]
			got := int64(h.Quantile(q))
			if q > 0 && (got < want || got-want > want/32) {
				t.Fatalf("quantile %v is %d, not %d", q, got, want)
			}
		}
		if h.Count() != uint64(len(list)) {
			t.Fatal(h.Count())
		}
	})
}
