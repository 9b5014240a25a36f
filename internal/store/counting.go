package store

import (
	"context"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

var monthTable = &table{name: "usage_month", columns: cols(`sim_id, month, bytes, rounded, sms, ussd, voice, cost, data_at, sms_at, ussd_at, voice_at,
	cost_at, bytes_in, bytes_out`),
	onDup: `ON CONFLICT (sim_id, month) DO UPDATE SET bytes = usage_month.bytes + excluded.bytes, rounded = usage_month.rounded + excluded.rounded,
		sms = usage_month.sms + excluded.sms, ussd = usage_month.ussd + excluded.ussd, voice = usage_month.voice + excluded.voice,
		cost = usage_month.cost + excluded.cost, bytes_in = usage_month.bytes_in + excluded.bytes_in, bytes_out = usage_month.bytes_out + excluded.bytes_out,
		data_at = CASE WHEN excluded.data_at > usage_month.data_at THEN excluded.data_at ELSE usage_month.data_at END,
		sms_at = CASE WHEN excluded.sms_at > usage_month.sms_at THEN excluded.sms_at ELSE usage_month.sms_at END,
		ussd_at = CASE WHEN excluded.ussd_at > usage_month.ussd_at THEN excluded.ussd_at ELSE usage_month.ussd_at END,
		voice_at = CASE WHEN excluded.voice_at > usage_month.voice_at THEN excluded.voice_at ELSE usage_month.voice_at END,
		cost_at = CASE WHEN excluded.cost_at > usage_month.cost_at THEN excluded.cost_at ELSE usage_month.cost_at END`}

// AddMonths adds what SIMs, which the transaction holds, used to their counters
// of the month, and to those of their portfolios.
func (tx *Tx) AddMonths(ctx context.Context, months map[usage.MonthKey]*usage.Month) error {
	if len(months) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(months))
	for k, m := range months {
		rows = append(rows, []any{k.SIM, monthNo(m.Year, m.Month), m.In + m.Out, m.Rounded, m.SMS, m.USSD, m.Voice, int64(m.Cost),
			micros(m.DataAt), micros(m.SMSAt), micros(m.USSDAt), micros(m.VoiceAt), micros(m.CostAt), m.In, m.Out})
	}
	if err := tx.insertSorted(ctx, monthTable, rows); err != nil {
		return err
	}
	return tx.addFolioMonths(ctx, months)
}

// UsedSince returns what a SIM has used from the month of a time on.
func (r reader) UsedSince(ctx context.Context, simID int64, since time.Time) (bytes, sms int64, err error) {
	month, hour := usedIn(since)
	_, err = r.one(ctx, []any{&bytes, &sms}, `SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) + COALESCE((SELECT CAST(SUM(`+pending+`) AS BIGINT)
		FROM data_session x WHERE x.sim_id = ? AND x.phase IN (1, 4) AND x.hour >= ?), 0), CAST(COALESCE(SUM(sms), 0) AS BIGINT)
		FROM usage_month WHERE sim_id = ? AND month >= ?`, simID, hour, simID, month)
	return bytes, sms, err
}

// InTest lists up to n SIMs behind one, the oldest first, whose test period
// began before a time. One that is on its way off the network is in none.
func (r reader) InTest(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error) {
	return r.activatedBefore(ctx, "(wanted & 48) = 16 AND wanted = 20", after, before, n) // first as the partial index says it
}

// ReadySince lists up to n SIMs behind one, the oldest first, that wait for
// their first use, on the network and not suspended, and were activated before a
// time.
func (r reader) ReadySince(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error) {
	return r.activatedBefore(ctx, "wanted = 36 AND (flags & 7) = 0", after, before, n) // as the partial index says it
}

func (r reader) activatedBefore(ctx context.Context, where string, after sim.Term, before time.Time, n int) ([]sim.Term, error) {
	var out []sim.Term
	err := r.each(ctx, func(rows rowScanner) error {
		var t sim.Term
		var began int64
		err := rows.Scan(&t.SIM, &began)
		t.Began = moment(began)
		out = append(out, t)
		return err
	}, "SELECT sim_id, activated_at FROM sim_state WHERE "+where+` AND activated_at <= ? AND activated_at > 0 AND activated_at >= ?
		AND (activated_at > ? OR sim_id > ?) ORDER BY activated_at, sim_id LIMIT ?`,
		micros(before), micros(after.Began), micros(after.Began), after.SIM, n)
	return out, err
}

var itemTable = &table{name: "usage_item", columns: cols("sim_id, month, item_id, rounded"),
	onDup: "ON CONFLICT (sim_id, month, item_id) DO UPDATE SET rounded = usage_item.rounded + excluded.rounded"}

// AddItems adds what SIMs used of items of packages.
func (tx *Tx) AddItems(ctx context.Context, items map[usage.ItemKey]int64) error {
	rows := make([][]any, 0, len(items))
	for k, rounded := range items {
		rows = append(rows, []any{k.SIM, monthNo(k.Year, k.Month), k.Item, rounded})
	}
	return tx.insertSorted(ctx, itemTable, rows)
}

// StoredItem returns what a SIM has used of an item in a month.
func (r reader) StoredItem(ctx context.Context, k usage.ItemKey) (rounded int64, err error) {
	_, err = r.one(ctx, []any{&rounded}, "SELECT rounded FROM usage_item WHERE sim_id = ? AND month = ? AND item_id = ?", k.SIM, monthNo(k.Year, k.Month), k.Item)
	return rounded, err
}

var hourTable = &table{name: "usage_hour", columns: cols("sim_id, hour, bytes_in, bytes_out"),
	onDup: `ON CONFLICT (sim_id, hour) DO UPDATE SET bytes_in = usage_hour.bytes_in + excluded.bytes_in,
		bytes_out = usage_hour.bytes_out + excluded.bytes_out`}

// AddHours adds what SIMs used to their counters of the hour.
func (tx *Tx) AddHours(ctx context.Context, hours map[usage.HourKey]usage.Hour) error {
	rows := make([][]any, 0, len(hours))
	for k, h := range hours {
		rows = append(rows, []any{k.SIM, k.Hour, h.In, h.Out})
	}
	return tx.insertSorted(ctx, hourTable, rows)
}

// insertSorted inserts in the order of the key, so that two writers of the same
// rows wait for each other instead of deadlocking.
func (tx *Tx) insertSorted(ctx context.Context, t *table, rows [][]any) error {
	slices.SortFunc(rows, compareRows)
	return tx.insert(ctx, t, rows)
}

// What sessions tell of a SIM. Messages and calls are others' to write.
const activityColumns = `sim_id, lai text, ci text, cell_at, mcc text, mnc text, rat text, attached_at, imei text, imei_at, imsi text, imsi_at,
	apn text, username text, ip text, session_start, session_stop, session_bytes`

const activityRest = `lat text, lon text, located_at, network_name text, sms_out, sms_in, sms_receipt, voice_out, voice_in, ussd_out, ussd_in`

var activityTable = &table{name: "sim_activity", columns: cols(activityColumns + "," + activityRest),
	onDup: "ON CONFLICT (sim_id) DO UPDATE SET " + excluded(activityColumns)}

// SaveActivities stores what was last heard of SIMs over sessions.
func (tx *Tx) SaveActivities(ctx context.Context, activities map[int64]*usage.Activity) error {
	rows := make([][]any, 0, len(activities))
	for id, a := range activities {
		rows = append(rows, []any{id, a.LAI, a.CI, micros(a.CellAt), a.MCC, a.MNC, a.RAT, micros(a.AttachedAt), a.IMEI, micros(a.IMEIAt),
			a.IMSI, micros(a.IMSIAt), a.APN, a.User, a.IP, micros(a.SessionStart), micros(a.SessionStop), a.SessionBytes,
			a.Lat, a.Lon, micros(a.LocatedAt), a.Network, micros(a.SMSOut), micros(a.SMSIn), micros(a.SMSReceipt), micros(a.VoiceOut),
			micros(a.VoiceIn), micros(a.USSDOut), micros(a.USSDIn)})
	}
	return tx.insertSorted(ctx, activityTable, rows)
}

var alertTable = &table{name: "alert", columns: cols("id, portfolio_no, sim_id, iccid text, at, kind text, detail text, is_read")}

// AddAlerts stores alerts and gives them their ids.
func (tx *Tx) AddAlerts(ctx context.Context, alerts []usage.Alert) error {
	ids, err := tx.nextIDs(ctx, len(alerts))
	if err != nil {
		return err
	}
	rows := make([][]any, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		a.ID = ids[i]
		no, err := tx.number(ctx, a.Portfolio)
		if err != nil {
			return err
		}
		rows[i] = []any{a.ID, no, a.SIM, string(a.ICCID), micros(a.At), string(a.Kind), a.Detail, flag(a.Read)}
	}
	return tx.insert(ctx, alertTable, rows)
}
