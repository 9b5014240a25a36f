package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Usage is read by the id of a SIM that the caller has found in its sphere.

const activitySelect = `SELECT sim_id, lat, lon, located_at, lai, ci, cell_at, mcc, mnc, network_name, rat, attached_at, imei, imei_at, imsi, imsi_at,
	apn, username, ip, session_start, session_stop, session_bytes, sms_out, sms_in, sms_receipt, voice_out, voice_in, ussd_out, ussd_in
FROM sim_activity`

func scanActivity(rows rowScanner) (id int64, a usage.Activity, err error) {
	var located, cell, attached, imei, imsi, start, stop int64
	var smsOut, smsIn, receipt, voiceOut, voiceIn, ussdOut, ussdIn int64
	err = rows.Scan(&id, &a.Lat, &a.Lon, &located, &a.LAI, &a.CI, &cell, &a.MCC, &a.MNC, &a.Network, &a.RAT, &attached,
		&a.IMEI, &imei, &a.IMSI, &imsi, &a.APN, &a.User, &a.IP, &start, &stop, &a.SessionBytes,
		&smsOut, &smsIn, &receipt, &voiceOut, &voiceIn, &ussdOut, &ussdIn)
	a.LocatedAt, a.CellAt, a.AttachedAt, a.IMEIAt, a.IMSIAt = moment(located), moment(cell), moment(attached), moment(imei), moment(imsi)
	a.SessionStart, a.SessionStop = moment(start), moment(stop)
	a.SMSOut, a.SMSIn, a.SMSReceipt = moment(smsOut), moment(smsIn), moment(receipt)
	a.VoiceOut, a.VoiceIn, a.USSDOut, a.USSDIn = moment(voiceOut), moment(voiceIn), moment(ussdOut), moment(ussdIn)
	return id, a, err
}

// Activity returns the last that was heard of a SIM; the zero Activity when
// nothing was.
func (r reader) Activity(ctx context.Context, simID int64) (usage.Activity, error) {
	all, err := r.Activities(ctx, []int64{simID})
	return all[simID], err
}

// Activities returns the last that was heard of each of these SIMs; those that
// nothing was heard of are left out. What sessions that go on have told is in
// them and nowhere else.
func (r reader) Activities(ctx context.Context, ids []int64) (map[int64]usage.Activity, error) {
	out, err := r.StoredActivities(ctx, ids)
	if err != nil {
		return nil, err
	}
	list, arg := r.engine.list("d.sim_id", ids)
	open, err := r.sessions(ctx, " WHERE "+list+" AND d.phase IN (1, 4) ORDER BY d.last_at, d.id", arg)
	for i := range open {
		a := out[open[i].SIM]
		a.Hear(&open[i])
		out[open[i].SIM] = a
	}
	return out, err
}

// StoredActivities is Activities without the sessions that go on.
func (r reader) StoredActivities(ctx context.Context, ids []int64) (map[int64]usage.Activity, error) {
	list, arg := r.engine.list("sim_id", ids)
	out := map[int64]usage.Activity{}
	err := r.each(ctx, func(rows rowScanner) error {
		id, a, err := scanActivity(rows)
		out[id] = a
		return err
	}, activitySelect+" WHERE "+list, arg)
	return out, err
}

// monthNo numbers months, so that they sort and a year has no gaps.
func monthNo(year, month int) int64 { return int64(year)*12 + int64(month) - 1 }

// Months returns what each of these SIMs used in one month; those without any
// use are left out. Of a session that goes on, what it carried in the present
// hour is not rounded and priced yet.
func (r reader) Months(ctx context.Context, ids []int64, year, month int) (map[int64]usage.Month, error) {
	out, err := r.StoredMonths(ctx, ids, year, month)
	if err != nil {
		return nil, err
	}
	_, from := usedIn(time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC))
	_, to := usedIn(time.Date(year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC))
	list, arg := r.engine.list("sim_id", ids)
	err = r.each(ctx, func(rows rowScanner) error {
		var id, in, sent, last int64
		err := rows.Scan(&id, &in, &sent, &last)
		m := out[id]
		m.Year, m.Month = year, month
		m.In, m.Out, m.Bytes, m.Rounded = m.In+in, m.Out+sent, m.Bytes+in+sent, m.Rounded+in+sent
		if at := moment(last); at.After(m.DataAt) {
			m.DataAt = at
		}
		out[id] = m
		return err
	}, `SELECT sim_id, CAST(SUM(in_base + bytes_in - counted_in) AS BIGINT), CAST(SUM(out_base + bytes_out - counted_out) AS BIGINT), MAX(last_at)
		FROM data_session WHERE `+list+` AND phase IN (1, 4) AND hour >= ? AND hour < ?
		AND in_base + bytes_in + out_base + bytes_out > counted_in + counted_out GROUP BY sim_id`, arg, from, to)
	return out, err
}

// StoredMonths is Months as the counters stand.
func (r reader) StoredMonths(ctx context.Context, ids []int64, year, month int) (map[int64]usage.Month, error) {
	list, arg := r.engine.list("sim_id", ids)
	out := map[int64]usage.Month{}
	err := r.each(ctx, func(rows rowScanner) error {
		m := usage.Month{Year: year, Month: month}
		var id, data, sms, ussd, voice, cost int64
		err := rows.Scan(&id, &m.Bytes, &m.Rounded, &m.SMS, &m.USSD, &m.Voice, &m.Cost, &data, &sms, &ussd, &voice, &cost, &m.In, &m.Out)
		m.DataAt, m.SMSAt, m.USSDAt, m.VoiceAt, m.CostAt = moment(data), moment(sms), moment(ussd), moment(voice), moment(cost)
		out[id] = m
		return err
	}, `SELECT sim_id, bytes, rounded, sms, ussd, voice, cost, data_at, sms_at, ussd_at, voice_at, cost_at, bytes_in, bytes_out FROM usage_month
		WHERE `+list+" AND month = ?", arg, monthNo(year, month))
	return out, err
}

// Rated lists the rated events of a SIM, and how many match in all.
func (r reader) Rated(ctx context.Context, simID int64, q usage.RatedQuery) (out []usage.RatedEvent, total int64, err error) {
	where, args := "sim_id = ?", []any{simID}
	add := func(cond string, arg any) { where, args = where+" AND "+cond, append(args, arg) }
	if !q.From.IsZero() {
		add("start_at >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		add("start_at < ?", micros(q.To))
	}
	if len(q.Kinds) > 0 {
		list, arg := r.engine.list("kind", texts(q.Kinds))
		add(list, arg)
	}
	if _, err := r.one(ctx, []any{&total}, "SELECT count(*) FROM rated WHERE "+where, args...); err != nil || total == 0 {
		return nil, 0, err
	}
	direction := ""
	if q.Descending {
		direction = " DESC"
	}
	order := "start_at" + direction + ", id" + direction
	if q.ByKind {
		order = "kind" + direction + ", " + order
	}
	err = r.each(ctx, func(rows rowScanner) error {
		var e usage.RatedEvent
		var start, stop int64
		err := rows.Scan(&e.ID, &e.Kind, &start, &stop, &e.Description, &e.Quantity, &e.Price, &e.MCC, &e.MNC, &e.Package)
		e.Start, e.Stop = moment(start), moment(stop)
		out = append(out, e)
		return err
	}, `SELECT id, kind, start_at, stop_at, description, quantity, price, mcc, mnc, package_id FROM rated WHERE `+where+
		" ORDER BY "+order+" LIMIT ? OFFSET ?", append(args, q.Limit, q.Offset)...)
	return out, total, err
}
