package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Traffic adds up what a SIM's data sessions carried in each step of the time
// between from and to, the latter not included; steps without any are left out.
// Steps of whole hours count bytes where they were carried; shorter ones, for
// which nothing is counted, whole sessions where they began.
func (r reader) Traffic(ctx context.Context, simID int64, from, to time.Time, step time.Duration) ([]usage.Flow, error) {
	text := `SELECT (started_at - ?) / ?, CAST(SUM(in_base + bytes_in) AS BIGINT), CAST(SUM(out_base + bytes_out) AS BIGINT)
		FROM data_session WHERE sim_id = ? AND started_at >= ? AND started_at < ? GROUP BY 1 ORDER BY 1`
	args := []any{micros(from), step.Microseconds(), simID, micros(from), micros(to)}
	if step%time.Hour == 0 {
		first, end := usage.HourOf(from), usage.HourOf(to)
		text = `SELECT (hour - ?) / ?, CAST(SUM(bytes_in) AS BIGINT), CAST(SUM(bytes_out) AS BIGINT) FROM (
			SELECT hour, bytes_in, bytes_out FROM usage_hour WHERE sim_id = ? AND hour >= ? AND hour < ?
			UNION ALL SELECT hour, in_base + bytes_in - counted_in, out_base + bytes_out - counted_out FROM data_session
			WHERE sim_id = ? AND phase IN (1, 4) AND hour >= ? AND hour < ?) u GROUP BY 1 ORDER BY 1`
		args = []any{first, int64(step / time.Hour), simID, first, end, simID, first, end}
	}
	var out []usage.Flow
	err := r.each(ctx, func(rows rowScanner) error {
		var f usage.Flow
		var n int64
		err := rows.Scan(&n, &f.In, &f.Out)
		f.Start = from.Add(time.Duration(n) * step)
		out = append(out, f)
		return err
	}, text, args...)
	return out, err
}

// Attempts counts the answers to a SIM's requests for access in each step of the
// time between from and to, the latter not included; steps without any are left
// out.
func (r reader) Attempts(ctx context.Context, simID int64, from, to time.Time, step time.Duration) ([]usage.Attempts, error) {
	var out []usage.Attempts
	err := r.each(ctx, func(rows rowScanner) error {
		var a usage.Attempts
		var n int64
		err := rows.Scan(&n, &a.Accepts, &a.Rejects)
		a.Start = from.Add(time.Duration(n) * step)
		out = append(out, a)
		return err
	}, `SELECT (at - ?) / ?, CAST(SUM((1 - refused) * (1 + more)) AS BIGINT), CAST(SUM(refused * (1 + more)) AS BIGINT) FROM access
		WHERE sim_id = ? AND at >= ? AND at < ? GROUP BY 1 ORDER BY 1`, micros(from), step.Microseconds(), simID, micros(from), micros(to))
	return out, err
}
