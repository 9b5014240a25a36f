package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

func TestRate(t *testing.T) {
	t.Parallel()
	mb := plan.Rate{Bundle: 10 << 20, Price: 50_000, Per: 1 << 20, Rounding: 1024} // 0.05 per MB beyond 10 MB
	for _, c := range []struct {
		before, more int64
		want         string
	}{
		{0, 10 << 20, "0.00"}, {0, 11 << 20, "0.05"}, {10 << 20, 1 << 20, "0.05"}, {9 << 20, 2 << 20, "0.05"}, {0, 0, "0.00"}, {20 << 20, 10 << 20, "0.50"},
	} {
		if got, err := mb.Cost(c.before, c.more); err != nil || got.String() != c.want {
			t.Errorf("Cost(%d, %d) = %v, %v; want %s", c.before, c.more, got, err, c.want)
		}
	}
	for in, want := range map[int64]int64{0: 0, 1: 1024, 1024: 1024, 1025: 2048, -5: 0} {
		if got := mb.Round(in); got != want {
			t.Errorf("Round(%d) = %d, want %d", in, got, want)
		}
	}
	if got := (plan.Rate{}).Round(7); got != 7 {
		t.Errorf("the zero rate rounds to %d", got)
	}
}

// Rating is additive: pieces cost what the whole costs.
func TestPiecesCostWhatTheWholeCosts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := plan.Rate{Bundle: rapid.Int64Range(0, 1<<30).Draw(t, "bundle"), Price: money.Amount(rapid.Int64Range(0, 1e6).Draw(t, "price")),
			Per: rapid.Int64Range(0, 1<<30).Draw(t, "per")}
		var used int64
		var sum money.Amount
		for range rapid.IntRange(1, 20).Draw(t, "pieces") {
			n := rapid.Int64Range(0, 1<<32).Draw(t, "piece")
			cost, err := r.Cost(used, n)
			if err != nil {
				t.Fatal(err)
			}
			used, sum = used+n, sum+cost
		}
		if whole, err := r.Cost(0, used); err != nil || whole != sum {
			t.Fatalf("pieces cost %v, the whole %v (%v)", sum, whole, err)
		}
	})
}

func TestRateOfItems(t *testing.T) {
	t.Parallel()
	items := []plan.Item{
		{Category: plan.DataItem, Bundle: 10 << 20, Price: 50_000, RoundIn: 1024, RoundOut: 4096},
		{Category: plan.DataItem, Price: 90_000, RoundIn: 1, RoundOut: 100_000, Countries: []string{"250"}},
		{Category: plan.SMSItem, Price: 45_000, RoundIn: 1, RoundOut: 1},
		{Category: plan.VoiceItem, Price: 10_000, Deleted: true},
	}
	for _, c := range []struct {
		category plan.Category
		mcc      string
		want     plan.Rate
	}{
		{plan.DataItem, "248", plan.Rate{Bundle: 10 << 20, Price: 50_000, Per: 1 << 20, Rounding: 1024}},
		{plan.DataItem, "250", plan.Rate{Price: 90_000, Per: 1 << 20, Rounding: 100_000}},
		{plan.SMSItem, "", plan.Rate{Price: 45_000, Per: 1, Rounding: 1}},
		{plan.VoiceItem, "248", plan.Rate{Per: 60, Rounding: 60}},
	} {
		if got := plan.RateOf(items, c.category, c.mcc); got != c.want {
			t.Errorf("%s in %s: %+v", c.category, c.mcc, got)
		}
	}
}
