package plan

import (
	"math"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/money"
)

// Rate prices one kind of use. The zero Rate is free and does not round.
type Rate struct {
	Item     int64        // that says so; 0 for none
	Bundle   int64        // units of the item per month that the price of the package includes
	Price    money.Amount // of Per units beyond the bundle
	Per      int64        // 1 when zero
	Rounding int64        // each session is rounded up to a multiple of it; 1 when zero
}

// Round rounds one session's use up. Nothing stays nothing.
func (r Rate) Round(n int64) int64 {
	step := max(r.Rounding, 1)
	if n <= 0 {
		return 0
	}
	if n > math.MaxInt64-step {
		return n
	}
	return (n + step - 1) / step * step
}

// Cost is the price of using more on top of what was used before in the month.
// However a month is cut into pieces, their costs add up to the whole's: both
// ends are rounded as whole months are.
func (r Rate) Cost(before, more int64) (money.Amount, error) {
	total, err := r.upTo(before + more)
	if err != nil {
		return 0, err
	}
	already, err := r.upTo(before)
	return total - already, err
}

func (r Rate) upTo(used int64) (money.Amount, error) {
	return r.Price.Scale(max(used-r.Bundle, 0), max(r.Per, 1))
}

// RateOf returns what the items of a package charge for use in a country, by its
// mobile country code: the item for that country, else the one for all. What
// they say nothing about is free, and rounded as is usual.
func RateOf(items []Item, c Category, mcc string) Rate {
	rate := Rate{Per: c.Per(), Rounding: c.Rounding()}
	for i := range items {
		it := &items[i]
		own := slices.Contains(it.Countries, mcc)
		if it.Category != c || it.Deleted || len(it.Countries) > 0 && !own {
			continue
		}
		rate.Item, rate.Bundle, rate.Price, rate.Rounding = it.ID, it.Bundle, it.Price, it.RoundOut
		if it.Bundle > 0 {
			rate.Rounding = it.RoundIn
		}
		if own {
			break
		}
	}
	return rate
}
