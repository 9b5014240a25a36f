package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// The counters of portfolios hold what stands in those of the SIMs that they
// have now: a SIM that moves takes its months along.

var folioMonthTable = &table{name: "portfolio_month", columns: cols("portfolio_no, month, slot, bytes, sms, cost"),
	onDup: `ON CONFLICT (portfolio_no, month, slot) DO UPDATE SET bytes = portfolio_month.bytes + excluded.bytes,
		sms = portfolio_month.sms + excluded.sms, cost = portfolio_month.cost + excluded.cost`}

// folioMonths collects what a transaction adds to the counters of portfolios, so
// that it writes each once, in a fixed order.
type folioMonths map[folioMonth]*usage.Month

type folioMonth struct{ portfolio, month int64 }

func (f folioMonths) add(portfolio, month int64, m usage.Month) {
	k := folioMonth{portfolio, month}
	if f[k] == nil {
		f[k] = &usage.Month{}
	}
	f[k].Bytes, f[k].SMS, f[k].Cost = f[k].Bytes+m.Bytes, f[k].SMS+m.SMS, f[k].Cost+m.Cost
}

func (f folioMonths) save(ctx context.Context, tx *Tx) error {
	slot := newSlot(tx.engine)
	rows := make([][]any, 0, len(f))
	for k, m := range f {
		if m.Bytes != 0 || m.SMS != 0 || m.Cost != 0 {
			rows = append(rows, []any{k.portfolio, k.month, slot, m.Bytes, m.SMS, int64(m.Cost)})
		}
	}
	return tx.insertSorted(ctx, folioMonthTable, rows)
}

// addFolioMonths adds what SIMs used to the counters of their portfolios. The
// transaction holds the SIMs, so that none moves meanwhile.
func (tx *Tx) addFolioMonths(ctx context.Context, months map[usage.MonthKey]*usage.Month) error {
	if err := tx.findHomes(ctx, months); err != nil {
		return err
	}
	sum := folioMonths{}
	for k, m := range months {
		sum.add(tx.homes[k.SIM], monthNo(m.Year, m.Month), usage.Month{Bytes: m.In + m.Out, SMS: m.SMS, Cost: m.Cost})
	}
	return sum.save(ctx, tx)
}

// findHomes reads the portfolios of those of these SIMs that none is known of.
func (tx *Tx) findHomes(ctx context.Context, months map[usage.MonthKey]*usage.Month) error {
	var ids []int64
	for k := range months {
		if _, known := tx.homes[k.SIM]; !known {
			ids = append(ids, k.SIM)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	list, arg := tx.engine.list("sim_id", ids)
	return tx.each(ctx, func(rows rowScanner) error {
		var id, no int64
		err := rows.Scan(&id, &no)
		tx.homes[id] = no
		return err
	}, "SELECT sim_id, portfolio_no FROM sim_state WHERE "+list, arg)
}

// moveFolioMonths takes the months of SIMs that have moved, and are locked, from
// one portfolio's counters to another's.
func (tx *Tx) moveFolioMonths(ctx context.Context, moved map[int64]folioMove) error {
	if len(moved) == 0 {
		return nil
	}
	ids := make([]int64, 0, len(moved))
	for id := range moved {
		ids = append(ids, id)
		delete(tx.homes, id)
	}
	sum := folioMonths{}
	list, arg := tx.engine.list("sim_id", ids)
	if err := tx.each(ctx, func(rows rowScanner) error {
		var id, month int64
		var m usage.Month
		err := rows.Scan(&id, &month, &m.Bytes, &m.SMS, &m.Cost)
		sum.add(moved[id].to, month, m)
		sum.add(moved[id].from, month, usage.Month{Bytes: -m.Bytes, SMS: -m.SMS, Cost: -m.Cost})
		return err
	}, "SELECT sim_id, month, bytes, sms, cost FROM usage_month WHERE "+list, arg); err != nil {
		return err
	}
	return sum.save(ctx, tx)
}

// folioMove is where a SIM was and where it is, as numbers of portfolios.
type folioMove struct{ from, to int64 }

// The ways to what sessions carry and no counter holds yet: from the sessions
// that are open anywhere, or from the SIMs of the sphere.
const (
	pendingBySession = `data_session x %[1]s sim_state t ON t.sim_id = x.sim_id %[1]s portfolio p ON p.no = t.portfolio_no`
	pendingBySIM     = `portfolio p %[1]s sim_state t ON t.portfolio_no = p.no %[1]s data_session x ON x.sim_id = t.sim_id`
)

// AccountMonth sums what the SIMs of the sphere used in a month, those of
// portfolios that pay in one currency; found is false when there is no record.
// The sum says nothing of the month that it is of.
//
// What has been counted is read from counters. What sessions that go on have
// carried since is added to it session by session; where these may be many, the
// answer is good for as long as the total of a list is.
func (r reader) AccountMonth(ctx context.Context, in tenant.Sphere, c money.Currency, year, month int) (m usage.Month, found bool, err error) {
	from, to := in.Bounds()
	name := fmt.Sprintf("%s %s %s %d", from, to, c, monthNo(year, month))
	kept := &r.lists.balances
	if r.failed == nil { // a transaction reads what it has written
		if m, found, ok := kept.of(name, r.lists.totals.now()); ok {
			return m, found, nil
		}
	}
	way, many, err := r.pendingWay(ctx, in)
	if err != nil {
		return m, false, err
	}
	begun := r.lists.totals.now()
	_, firstHour := usedIn(time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC))
	_, nextHour := usedIn(time.Date(year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC))
	where, args := within(in)
	where, args = where+" AND p.currency = ?", append(args, string(c))
	open := int64(0)
	// One statement sees one moment: what is counted meanwhile is in neither sum
	// twice.
	if _, err = r.one(ctx, []any{&m.Bytes, &m.SMS, &m.Cost, &open}, `SELECT CAST(COALESCE(SUM(c.bytes), 0) AS BIGINT), CAST(COALESCE(SUM(c.sms), 0) AS BIGINT),
		CAST(COALESCE(SUM(c.cost), 0) AS BIGINT), (SELECT CAST(COALESCE(SUM(`+pending+`), 0) AS BIGINT) FROM `+fmt.Sprintf(way, r.engine.nest())+`
			WHERE x.phase IN (1, 4) AND x.hour >= ? AND x.hour < ? AND `+where+`)
		FROM portfolio_month c JOIN portfolio p ON p.no = c.portfolio_no WHERE c.month = ? AND `+where,
		append(append([]any{firstHour, nextHour}, args...), append([]any{monthNo(year, month)}, args...)...)...); err != nil {
		return m, false, err
	}
	m.Bytes += open
	found = m.Bytes != 0 || m.SMS != 0 || m.Cost != 0
	if r.failed == nil && many {
		kept.keep(name, balance{m, found, begun})
	}
	return m, found, nil
}

// pendingWay begins where there is less to look at, and says whether that may be
// much.
func (r reader) pendingWay(ctx context.Context, in tenant.Sphere) (way string, many bool, err error) {
	where, args := sphere("portfolio_no", in)
	var mine, active int64
	if _, err := r.one(ctx, []any{&mine, &active}, `SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT), CAST(COALESCE((SELECT SUM(n) FROM sim_tally WHERE status = ?), 0) AS BIGINT)
		FROM sim_tally WHERE `+where, append([]any{int64(sim.StatusProvisioned)}, args...)...); err != nil {
		return "", false, err
	}
	if many = min(mine, active) > r.lists.few; mine > active {
		return pendingBySession, many, nil
	}
	return pendingBySIM, many, nil
}

// AccountCost sums what the use of the SIMs of the sphere has cost in a month,
// as far as it is priced, of portfolios that pay in one currency.
func (r reader) AccountCost(ctx context.Context, in tenant.Sphere, c money.Currency, year, month int) (cost money.Amount, err error) {
	where, args := within(in)
	_, err = r.one(ctx, []any{&cost}, `SELECT CAST(COALESCE(SUM(c.cost), 0) AS BIGINT) FROM portfolio_month c JOIN portfolio p ON p.no = c.portfolio_no
		WHERE c.month = ? AND p.currency = ? AND `+where, append([]any{monthNo(year, month), string(c)}, args...)...)
	return cost, err
}

// balances remembers sums of accounts that took long, as totals does counts.
type balances struct {
	mu    sync.Mutex
	known map[string]balance
}

type balance struct {
	month usage.Month
	found bool
	seen  time.Time
}

func (b *balances) of(name string, now time.Time) (m usage.Month, found, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.known[name]
	return k.month, k.found, ok && now.Sub(k.seen) < totalLife
}

func (b *balances) keep(name string, k balance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= maxTotals || b.known == nil { // they are over within seconds
		b.known = map[string]balance{}
	}
	b.known[name] = k
}
