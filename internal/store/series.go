package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// RatedSums adds up the rated events of one kind of a SIM that start in each
// step of the time between from and to, the latter not included; steps without
// any are left out.
func (r reader) RatedSums(ctx context.Context, simID int64, kind usage.Kind, from, to time.Time, step time.Duration) ([]usage.Sum, error) {
	var out []usage.Sum
	us := step.Microseconds()
	err := r.each(ctx, func(rows rowScanner) error {
		var s usage.Sum
		var n int64
		err := rows.Scan(&n, &s.Events, &s.Quantity)
		s.Start = from.Add(time.Duration(n) * step)
		out = append(out, s)
		return err
	}, `SELECT (start_at - ?) / ?, count(*), SUM(quantity) FROM rated WHERE sim_id = ? AND kind = ? AND start_at >= ? AND start_at < ?
		GROUP BY 1 ORDER BY 1`, micros(from), us, simID, string(kind), micros(from), micros(to))
	return out, err
}
