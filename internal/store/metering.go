package store

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// pending is what the session x has carried and no counter holds yet.
const pending = "x.in_base + x.bytes_in + x.out_base + x.bytes_out - x.counted_in - x.counted_out"

// counted is what the counters hold of what the SIM t used in a month: one
// parameter, its number.
const counted = "COALESCE((SELECT m.bytes FROM usage_month m WHERE m.sim_id = t.sim_id AND m.month = ?), 0)"

// used is all that the SIM t used in a month: two parameters, its number and its
// first hour.
const used = counted + ` + COALESCE((SELECT CAST(SUM(` + pending + `) AS BIGINT) FROM data_session x WHERE x.sim_id = t.sim_id AND x.phase IN (1, 4) AND x.hour >= ?), 0)`

func usedIn(at time.Time) (month, hour int64) {
	return monthNo(at.Year(), int(at.Month())), usage.HourOf(time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC))
}

var subscriberSelect = packed(`SELECT t.sim_id, t.portfolio_no, t.iccid, t.identity, t.package_id, t.flags, t.wanted, t.settled, t.holds,
	t.activated_at, t.data_limit, t.imei_lock, t.version, CASE WHEN t.data_limit > 0 THEN ` + counted + ` ELSE 0 END
FROM sim_state t WHERE `)

// subscriber scans a row of it, and remembers the SIM's portfolio.
func (tx *Tx) subscriber(rows rowScanner) (*usage.Subscriber, error) {
	s := new(usage.Subscriber)
	var ip, holds string
	var flags, wanted, settled, activated, home int64
	dest := append(append([]any{&s.ID, &home, &s.ICCID}, whoIs(s, &ip)...), &s.Package, &flags, &wanted, &settled, &holds,
		&activated, &s.DataLimit, &s.IMEILock, &s.Version, &s.Used)
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	tx.homes[s.ID] = home
	s.IP, _ = netip.ParseAddr(ip) // empty for none
	s.Wanted, s.Settled, s.ActivatedAt = unpack(wanted), unpack(settled), moment(activated)
	s.Wanted.Suspended, s.Barred = unflag(flags)
	return s, unhold(holds, &s.SIM)
}

// Metered is Subscribers with all that reports depend on, but of what was used
// only what the counters hold, and locks them in a fixed order, so that what
// networks report of one SIM is taken one by one, whichever node hears it.
func (tx *Tx) Metered(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error) {
	out := make(map[string]*usage.Subscriber, len(imsis)+len(numbers))
	month, _ := usedIn(at)
	read := func(which string, arg any, name func(*usage.Subscriber) string) error {
		return tx.eachPacked(ctx, func(rows rowScanner) error {
			s, err := tx.subscriber(rows)
			if err == nil {
				out[name(s)] = s
			}
			return err
		}, subscriberSelect+which+tx.metered(), month, arg)
	}
	if len(imsis) > 0 {
		list, arg := tx.engine.list("t.imsi", texts(imsis))
		if err := read(byIMSI(list), arg, func(s *usage.Subscriber) string { return string(s.IMSI) }); err != nil {
			return nil, err
		}
	}
	if len(numbers) > 0 {
		list, arg := tx.engine.list("s.msisdn", texts(numbers))
		if err := read(byNumber(list), arg, func(s *usage.Subscriber) string { return "+" + string(s.MSISDN) }); err != nil {
			return nil, err
		}
	}
	return out, tx.alerted(ctx, maps.Values(out))
}

// alerted adds at what share of their data limits the accounts of subscribers want
// to be alerted. Accounts are few beside SIMs, so they are asked for by themselves.
func (tx *Tx) alerted(ctx context.Context, subscribers iter.Seq[*usage.Subscriber]) error {
	accounts := map[int64]int64{}
	for s := range subscribers {
		if s.DataLimit > 0 {
			accounts[tx.homes[s.ID]] = 0
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	list, arg := tx.engine.list("portfolio_no", slices.Sorted(maps.Keys(accounts)))
	err := tx.each(ctx, func(rows rowScanner) error {
		var no, percent int64
		err := rows.Scan(&no, &percent)
		accounts[no] = percent
		return err
	}, "SELECT portfolio_no, MIN(value) FROM alert_rule WHERE kind = ? AND "+list+" GROUP BY portfolio_no", string(usage.DataThreshold), arg)
	for s := range subscribers {
		if s.DataLimit > 0 {
			s.AlertAt = accounts[tx.homes[s.ID]]
		}
	}
	return err
}

// metered ends a SELECT of subscribers that are to be counted for: where rows
// are locked, they are in a fixed order.
func (tx *Tx) metered() string {
	if tx.engine.locks() {
		return " ORDER BY t.sim_id FOR UPDATE OF t"
	}
	return ""
}

// MeteredIDs is Metered by internal ids; the map is by them.
func (tx *Tx) MeteredIDs(ctx context.Context, ids []int64, at time.Time) (map[int64]*usage.Subscriber, error) {
	out := make(map[int64]*usage.Subscriber, len(ids))
	list, arg := tx.engine.list("t.sim_id", ids)
	month, _ := usedIn(at)
	err := tx.eachPacked(ctx, func(rows rowScanner) error {
		s, err := tx.subscriber(rows)
		if err == nil {
			out[s.ID] = s
		}
		return err
	}, subscriberSelect+list+tx.metered(), month, arg)
	if err != nil {
		return nil, err
	}
	return out, tx.alerted(ctx, maps.Values(out))
}

// Advance takes the plain case of reports, the most common one by far: one more
// Interim of an open session, later and not lower than the last, in the same
// hour, saying the same of device and place, below the ceiling that the rules
// have set. It says of each report whether it was taken; the others are left to
// who knows the rules. No two reports may be of one session.
func (tx *Tx) Advance(ctx context.Context, reports []*usage.Report) ([]bool, error) {
	taken := make([]bool, len(reports))
	rows := make([][]any, len(reports))
	for i, r := range reports {
		rows[i] = []any{int64(i), r.Key.NAS, r.Key.ID, r.Key.Charging, micros(r.At), r.Seconds, r.In, r.Out, r.Said(), usage.HourOf(r.At)}
	}
	if tx.engine.locks() {
		return taken, tx.each(ctx, func(rows rowScanner) error {
			var i int
			err := rows.Scan(&i)
			taken[i] = err == nil
			return err
		}, advancePostgres, arrays(advanceColumns, rows)...)
	}
	for i := range rows {
		rows[i] = rows[i][1:]
	}
	_, err := eachRow(ctx, tx.q, advanceSQLite, rows, func(i int, n int64) { taken[i] = n == 1 })
	return taken, tx.fault(ctx, err)
}

var advanceColumns = cols("n, nas text, session_id text, charging_id, at, seconds, bytes_in, bytes_out, said, hour")

// The sum keeps PostgreSQL off the indexes of open sessions alone: without
// statistics it walks through all that a gateway has open to find one.
const advanceText = `UPDATE data_session AS d SET last_at = ${at}, seconds = ${seconds}, bytes_in = ${bytes_in}, bytes_out = ${bytes_out}${from}
WHERE d.nas = ${nas} AND d.session_id = ${session_id} AND d.charging_id = ${charging_id} AND d.phase + 0 = 1 AND d.said = ${said}
	AND d.hour = ${hour} AND d.last_at < ${at} AND d.seconds <= ${seconds} AND d.bytes_in <= ${bytes_in} AND d.bytes_out <= ${bytes_out}
	AND d.in_base + ${bytes_in} + d.out_base + ${bytes_out} <= d.ceiling`

var (
	advanceSQLite   = advance(func(i int, _ column) string { return "?" + strconv.Itoa(i) }, "")
	advancePostgres = advance(func(_ int, c column) string { return "v." + c.name },
		" FROM "+unnest(advanceColumns)+" AS v ("+names(advanceColumns)+")") + " RETURNING v.n"
)

// advance fills in how the engine names the value of a column.
func advance(value func(int, column) string, from string) string {
	return os.Expand(advanceText, func(name string) string {
		if name == "from" {
			return from
		}
		i := slices.IndexFunc(advanceColumns, func(c column) bool { return c.name == name })
		return value(i, advanceColumns[i])
	})
}

const sessionSelect = `SELECT d.id, d.sim_id, d.nas, d.session_id, d.charging_id, d.phase, d.started_at, d.last_at, d.stopped_at, d.seconds,
	d.bytes_in, d.bytes_out, d.in_base, d.out_base, d.cause, d.imsi, d.imei, d.apn, d.username, d.ip, d.rat, d.mcc, d.mnc, d.lai, d.ci,
	d.coa, d.class, d.package_id, d.rounded, d.cost, d.hour, d.counted_in, d.counted_out, d.said, d.ceiling FROM `

func scanSession(rows rowScanner) (*usage.Session, error) {
	s := new(usage.Session)
	var started, last, stopped int64
	var ip, coa string
	r := &s.Last
	err := rows.Scan(&s.ID, &s.SIM, &s.Key.NAS, &s.Key.ID, &s.Key.Charging, &s.Phase, &started, &last, &stopped, &s.Seconds,
		&s.In, &s.Out, &s.InBase, &s.OutBase, &s.Cause, &r.IMSI, &r.IMEI, &r.APN, &r.User, &ip, &r.RAT, &r.MCC, &r.MNC, &r.LAI, &r.CI,
		&coa, &r.Class, &s.Package, &s.Rounded, &s.Cost, &s.Hour, &s.CountedIn, &s.CountedOut, &s.Said, &s.Ceiling)
	s.Stored, s.StoredSaid, s.StartedAt, s.LastAt, s.StoppedAt = s.Phase, s.Said, moment(started), moment(last), moment(stopped)
	r.Key, r.At, r.Seconds, r.In, r.Out = s.Key, s.LastAt, s.Seconds, s.In, s.Out
	r.IP, _ = netip.ParseAddr(ip) // empty for none
	r.Where, _ = netip.ParseAddrPort(coa)
	return s, err
}

func (r reader) sessions(ctx context.Context, where string, args ...any) ([]usage.Session, error) {
	var out []usage.Session
	err := r.each(ctx, func(rows rowScanner) error {
		s, err := scanSession(rows)
		out = append(out, *s)
		return err
	}, sessionSelect+"data_session d"+where, args...)
	return out, err
}

// SessionsAt locks and returns, for each use of a key, the newest session under the
// key that had begun by then, and the newest with the same NAS and id, if only one
// of the two has a Charging-Id.
func (tx *Tx) SessionsAt(ctx context.Context, uses []usage.Use) (out []*usage.Session, err error) {
	seen := map[int64]bool{}
	scan := func(rows rowScanner) error {
		s, err := scanSession(rows)
		if err == nil && !seen[s.ID] {
			out, seen[s.ID] = append(out, s), true
		}
		return err
	}
	rows := make([][]any, len(uses))
	for i, u := range uses {
		rows[i] = []any{u.Key.NAS, u.Key.ID, u.Key.Charging, micros(u.At)}
	}
	if tx.engine.locks() {
		return out, tx.each(ctx, scan, sessionsAtPostgres, arrays(useColumns, rows)...)
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	return out, tx.each(ctx, scan, sessionsAtSQLite, string(list))
}

var (
	useColumns         = cols("nas text, session_id text, charging_id, at")
	sessionsAtPostgres = sessionSelect + unnest(useColumns) + ` AS k (nas, session_id, charging_id, at) CROSS JOIN LATERAL (
		SELECT * FROM data_session x WHERE x.id IN ` + sessionsAt("k.nas", "k.session_id", "k.charging_id", "k.at") + ` FOR UPDATE) d`
	sessionsAtSQLite = sessionSelect + `json_each(?) k CROSS JOIN data_session d ON d.id IN ` +
		sessionsAt("k.value ->> 0", "k.value ->> 1", "k.value ->> 2", "k.value ->> 3")
)

// sessionsAt are the ids of such sessions. The sum keeps PostgreSQL from walking
// through all sessions backwards to find them.
func sessionsAt(nas, id, charging, at string) string {
	newest := func(of string) string {
		return "(SELECT y.id FROM data_session y WHERE y.nas = " + nas + " AND y.session_id = " + id + " AND " + of + " AND y.started_at <= " + at +
			" ORDER BY y.started_at DESC, y.id + 0 DESC LIMIT 1)"
	}
	return "(" + newest("y.charging_id = "+charging) + ", " + newest("(y.charging_id = 0) <> ("+charging+" = 0)") + ")"
}

// LiveSessions locks and returns the sessions of these SIMs that have not
// ended, in the order of their newest report.
func (tx *Tx) LiveSessions(ctx context.Context, ids []int64) (out []usage.Session, err error) {
	add := func(rows rowScanner) error {
		s, err := scanSession(rows)
		out = append(out, *s)
		return err
	}
	if tx.engine.locks() {
		err = tx.each(ctx, add, livePostgres, slices.Sorted(slices.Values(ids)))
	} else {
		err = tx.each(ctx, add, liveSQLite, toJSON(ids))
	}
	slices.SortFunc(out, func(a, b usage.Session) int { return cmp.Or(a.LastAt.Compare(b.LastAt), cmp.Compare(a.ID, b.ID)) })
	return out, err
}

// SIM by SIM on PostgreSQL: from a list it may choose to walk through all open
// sessions there are and to look for each in the list.
const (
	livePostgres = sessionSelect + `unnest(?::bigint[]) AS k (sim_id) CROSS JOIN LATERAL (
		SELECT * FROM data_session x WHERE x.sim_id = k.sim_id AND x.phase IN (1, 4) ORDER BY x.id FOR UPDATE) d`
	liveSQLite = sessionSelect + "data_session d WHERE d.sim_id IN (SELECT value FROM json_each(?)) AND d.phase IN (1, 4)"
)

// OpenAfter walks the sessions that have not ended, in the order of SIM and id,
// behind a mark and up to n of them; a gateway's own where one is named. No index
// has those of a gateway: each report would pay for what its restart asks for.
func (r reader) OpenAfter(ctx context.Context, nas string, after usage.Mark, n int) ([]usage.Mark, error) {
	where, args := "", []any{after.SIM, after.ID, n}
	if nas != "" {
		where, args = "nas || '' = ? AND ", append([]any{nas}, args...) // not by its key, which has all that have ended
	}
	var out []usage.Mark
	err := r.each(ctx, func(rows rowScanner) error {
		var m usage.Mark
		var last int64
		err := rows.Scan(&m.ID, &m.SIM, &m.Phase, &last)
		m.LastAt = moment(last)
		out = append(out, m)
		return err
	}, "SELECT id, sim_id, phase, last_at FROM data_session WHERE "+where+"phase IN (1, 4) AND (sim_id, id) > (?, ?) ORDER BY sim_id, id LIMIT ?", args...)
	return out, err
}

// Quiet marks those of these sessions as stale that nothing was heard of since
// a time, and returns how many.
func (tx *Tx) Quiet(ctx context.Context, ids []int64, since time.Time) (int64, error) {
	list, arg := tx.engine.list("id", ids)
	return tx.exec(ctx, "UPDATE data_session SET phase = 4 WHERE phase = 1 AND last_at <= ? AND "+list, micros(since), arg)
}

// LastEnded returns the newest session of a SIM that has ended; found is false when there
// is none.
func (r reader) LastEnded(ctx context.Context, simID int64) (s usage.Session, found bool, err error) {
	got, err := r.sessions(ctx, " WHERE d.sim_id = ? AND d.phase IN (2, 3) ORDER BY d.started_at DESC, d.id DESC LIMIT 1", simID)
	if err != nil || len(got) == 0 {
		return s, false, err
	}
	return got[0], true, nil
}

// Sessions lists sessions of SIMs that the caller has found in its sphere,
// newest first, that began in a range, and how many there are in all.
func (r reader) Sessions(ctx context.Context, ids []int64, from, to time.Time, offset, n int) (out []usage.Session, total int64, err error) {
	list, arg := r.engine.list("d.sim_id", ids)
	where := " WHERE " + list + " AND d.started_at >= ? AND d.started_at < ?"
	if _, err = r.one(ctx, []any{&total}, "SELECT count(*) FROM data_session d"+where, arg, micros(from), micros(to)); err != nil {
		return nil, 0, err
	}
	out, err = r.sessions(ctx, where+" ORDER BY d.started_at DESC, d.id DESC LIMIT ? OFFSET ?", arg, micros(from), micros(to), n, offset)
	return out, total, err
}
