package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// AccountMonth sums what the SIMs of the sphere used in a month, those of
// portfolios that pay in one currency; found is false when there is no record.
// The sum says nothing of the month that it is of. It reads every SIM of the sphere.
func (r reader) AccountMonth(ctx context.Context, in tenant.Sphere, c money.Currency, year, month int) (m usage.Month, found bool, err error) {
	where, args := within(in)
	where, args = where+" AND p.currency = ?", append(args, string(c))
	var n int64
	if _, err = r.one(ctx, []any{&n, &m.Bytes, &m.SMS, &m.Cost}, `SELECT count(*), CAST(COALESCE(SUM(m.bytes), 0) AS BIGINT), CAST(COALESCE(SUM(m.sms), 0) AS BIGINT),
		CAST(COALESCE(SUM(m.cost), 0) AS BIGINT) FROM portfolio p JOIN sim s ON s.portfolio_no = p.no JOIN usage_month m ON m.sim_id = s.id
		WHERE m.month = ? AND `+where, append([]any{monthNo(year, month)}, args...)...); err != nil {
		return m, false, err
	}
	_, from := usedIn(time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC))
	_, to := usedIn(time.Date(year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC))
	var open, more int64
	_, err = r.one(ctx, []any{&open, &more}, `SELECT count(*), CAST(COALESCE(SUM(`+pending+`), 0) AS BIGINT) FROM data_session x
		JOIN sim s ON s.id = x.sim_id JOIN portfolio p ON p.no = s.portfolio_no
		WHERE x.phase IN (1, 4) AND x.hour >= ? AND x.hour < ? AND `+where, append([]any{from, to}, args...)...)
	m.Bytes += more
	return m, n+open > 0, err
}
