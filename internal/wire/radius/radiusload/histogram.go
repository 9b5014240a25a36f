package radiusload

import (
	"math"
	"math/bits"
	"time"
)

// Each power of two is divided into 32 classes, so that a quantile is at most
// 1/32 too high.
const (
	subBits = 5
	classes = (63-subBits)<<subBits + 1<<(subBits+1)
)

// Histogram counts durations in classes of about three percent. The zero
// value is empty. It is not safe for concurrent use.
type Histogram struct {
	counts [classes]uint64
	total  uint64
}

// Add counts d; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	h.counts[classOf(uint64(max(0, d)))]++
	h.total++
}

// Merge adds what other counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns a duration that the share q of all does not exceed: the
// upper end of its class. It is zero when nothing was added.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(math.Ceil(min(max(q, 0), 1) * float64(h.total)))
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if n > 0 && seen >= want {
			return time.Duration(upperEnd(i))
		}
	}
	return 0
}

// classOf is n itself while that is small, and else its length in bits
// together with the highest bits.
func classOf(n uint64) int {
	shift := max(0, bits.Len64(n)-subBits-1)
	return shift<<subBits + int(n>>shift)
}

// upperEnd returns the largest number of a class.
func upperEnd(class int) uint64 {
	shift := max(0, class>>subBits-1)
	top := uint64(class - shift<<subBits)
	return (top+1)<<shift - 1
}
