package plan

import (
	"math"

	"github.com/simurgh-iot/simurgh/internal/money"
)

// Rate prices one kind of use. The zero Rate is free and does not round.
type Rate struct {
	Bundle   int64        // units per month that the price of the package includes
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

// Rate returns what p charges for a kind of use: "Data", "SMS" or "Voice".
// What a package says nothing about is free, and rounded as the field does:
// data to 1024 bytes, voice to 60 seconds.
func (p *Package) Rate(kind string) Rate {
	switch kind {
	case "Data":
		return Rate{Rounding: 1024}
	case "Voice":
		return Rate{Rounding: 60}
	}
	return Rate{}
}
