package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// handedOver is for how long a cut that was handed to a node waits for it.
const handedOver = 5 * time.Second

// ClaimCuts takes up to n orders to cut a session that are due at now, oldest
// first, and leases them until the given time. Those that were handed to another
// node are left to it for a while.
func (tx *Tx) ClaimCuts(ctx context.Context, node string, n int, now, until time.Time) ([]usage.Cut, error) {
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	byID := map[int64]*usage.Cut{}
	var ids []int64
	err := tx.each(ctx, func(rows rowScanner) error {
		var id, asked, interim int64
		var c usage.Cut
		err := rows.Scan(&id, &c.Reason, &asked, &c.Attempts, &c.Node, &interim)
		c.AskedAt, c.Interim = moment(asked), time.Duration(interim)*time.Second
		ids, byID[id] = append(ids, id), &c
		return err
	}, `SELECT session_id, reason, asked_at, attempts, node, interim FROM disconnect WHERE outcome = '' AND due_at <= ?
		AND (node = '' OR node = ? OR due_at <= ?) ORDER BY due_at LIMIT ?`+lock, micros(now), node, micros(now.Add(-handedOver)), n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lease, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	list, arg := tx.engine.list("session_id", ids)
	if _, err := tx.exec(ctx, "UPDATE disconnect SET lease = ?, due_at = ? WHERE "+list, lease[0], micros(until), arg); err != nil {
		return nil, err
	}
	list, arg = tx.engine.list("d.id", ids)
	sessions, err := tx.sessions(ctx, " WHERE "+list, arg)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		byID[s.ID].Session, byID[s.ID].Lease = s, lease[0]
	}
	out := make([]usage.Cut, len(ids))
	for i, id := range ids {
		out[i] = *byID[id]
	}
	return out, nil
}

var cutTable = &table{name: "disconnect", columns: cols("session_id, lease, due_at, outcome text, done_at, node text"),
	to: `lease = 0, due_at = :due_at, attempts = disconnect.attempts + CASE WHEN :node = '' THEN 1 ELSE 0 END, outcome = :outcome,
		done_at = :done_at, node = :node`,
	where: "disconnect.session_id = :session_id AND disconnect.lease = :lease"}

// CutDone records what became of orders that are still the worker's.
func (tx *Tx) CutDone(ctx context.Context, done []usage.CutAnswer, now time.Time) error {
	rows := make([][]any, len(done))
	for i, d := range done {
		rows[i] = []any{d.Cut.Session.ID, d.Cut.Lease, micros(d.RetryAt), string(d.Outcome), int64(0), d.Node}
		if d.Outcome != "" {
			rows[i][4] = micros(now)
		}
	}
	_, err := tx.change(ctx, cutTable, rows)
	return err
}

// Cuts lists the orders to cut sessions of a SIM that the caller has found in
// its sphere, newest session first, and of a session the newest order first.
func (r reader) Cuts(ctx context.Context, simID int64, n int) (out []usage.CutRecord, err error) {
	err = r.each(ctx, func(rows rowScanner) error {
		var c usage.CutRecord
		var asked, done int64
		err := rows.Scan(&c.Key.NAS, &c.Key.ID, &c.Key.Charging, &c.Reason, &asked, &c.Attempts, &c.Outcome, &done)
		c.AskedAt, c.DoneAt = moment(asked), moment(done)
		out = append(out, c)
		return err
	}, `SELECT d.nas, d.session_id, d.charging_id, x.reason, x.asked_at, x.attempts, x.outcome, x.done_at FROM (
			SELECT session_id, reason, asked_at, attempts, outcome, done_at FROM disconnect WHERE sim_id = ?
			UNION ALL SELECT session_id, reason, asked_at, attempts, outcome, done_at FROM disconnect_past WHERE sim_id = ?) x
		JOIN data_session d ON d.id = x.session_id ORDER BY x.session_id DESC, x.asked_at DESC, x.done_at = 0 DESC, x.done_at DESC LIMIT ?`, simID, simID, n)
	return out, err
}

// Cut has the open sessions of these SIMs cut, and returns how many. An order that
// waits for its next attempt stays the one it is, and is tried at once: who asks again
// may know that the gateway is back.
func (tx *Tx) Cut(ctx context.Context, ids []int64, reason string, now time.Time) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	if err := tx.keepProofs(ctx, ids, "TRUE"); err != nil {
		return 0, err
	}
	list, arg := tx.engine.list("sim_id", ids)
	return tx.exec(ctx, `INSERT INTO disconnect (session_id, sim_id, reason, asked_at, due_at, lease, attempts, outcome, done_at)
		SELECT id, sim_id, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0, 0, '', 0 FROM data_session WHERE `+list+` AND phase IN (1, 4)
		ON CONFLICT (session_id) DO UPDATE SET `+cutAgain, reason, micros(now), micros(now), arg)
}

// cutAgain makes an order out of another one: out of one that is done, or is to go on,
// a new one. One that is being done is left to who does it.
var cutAgain = func() string {
	const waits = "CASE WHEN disconnect.outcome = '' AND disconnect.interim = 0 "
	text := "due_at = " + waits + "AND disconnect.lease <> 0 THEN disconnect.due_at ELSE excluded.due_at END, outcome = '', done_at = 0, interim = 0"
	for _, c := range []string{"reason", "asked_at", "lease", "attempts", "node"} {
		text += ", " + c + " = " + waits + "THEN disconnect." + c + " ELSE excluded." + c + " END"
	}
	return text
}()

// keepProofs keeps what became of orders to sessions that go on, and are about to
// be given another order: those that a condition on the order o selects.
func (tx *Tx) keepProofs(ctx context.Context, ids []int64, where string) error {
	lock := ""
	if tx.engine.locks() { // one that is being done is waited for
		lock = " ORDER BY session_id FOR UPDATE"
	}
	list, arg := tx.engine.list("sim_id", ids)
	_, err := tx.exec(ctx, `INSERT INTO disconnect_past (session_id, done_at, sim_id, reason, asked_at, attempts, outcome)
		SELECT o.session_id, o.done_at, o.sim_id, o.reason, o.asked_at, o.attempts, o.outcome FROM (SELECT * FROM disconnect WHERE `+list+lock+`) o
		JOIN data_session d ON d.id = o.session_id WHERE o.outcome <> '' AND d.phase IN (1, 4) AND `+where+`
		ON CONFLICT (session_id, done_at) DO NOTHING`, arg)
	return err
}

// Adjust has the open sessions of these SIMs go on and be reported as often, where
// any gateway can be told so. One that is, or was, to end is left alone.
func (tx *Tx) Adjust(ctx context.Context, ids []int64, reason string, interim time.Duration, now time.Time) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	if err := tx.keepProofs(ctx, ids, "o.interim > 0 AND EXISTS (SELECT 1 FROM nas WHERE coa = 1)"); err != nil {
		return 0, err
	}
	list, arg := tx.engine.list("sim_id", ids)
	return tx.exec(ctx, `INSERT INTO disconnect (session_id, sim_id, reason, asked_at, due_at, lease, attempts, outcome, done_at, interim)
		SELECT id, sim_id, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0, 0, '', 0, CAST(? AS BIGINT) FROM data_session
		WHERE `+list+` AND phase IN (1, 4) AND EXISTS (SELECT 1 FROM nas WHERE coa = 1)
		ON CONFLICT (session_id) DO UPDATE SET reason = excluded.reason, asked_at = excluded.asked_at, due_at = excluded.due_at, lease = 0, attempts = 0,
			outcome = '', done_at = 0, node = '', interim = excluded.interim WHERE disconnect.interim > 0`,
		reason, micros(now), micros(now), int64(interim/time.Second), arg)
}

// WaitingCuts returns where to send orders that wait for their next attempt, by
// session, of up to n sessions behind one.
func (r reader) WaitingCuts(ctx context.Context, after int64, n int, now time.Time) (map[int64]netip.Addr, error) {
	out := map[int64]netip.Addr{}
	err := r.each(ctx, func(rows rowScanner) error {
		var id int64
		var at string
		err := rows.Scan(&id, &at)
		to, _ := netip.ParseAddrPort(at) // empty for none
		out[id] = to.Addr()
		return err
	}, `SELECT d.id, d.coa FROM disconnect x JOIN data_session d ON d.id = x.session_id
		WHERE x.session_id > ? AND x.outcome = '' AND x.lease = 0 AND x.due_at > ? ORDER BY x.session_id LIMIT ?`, after, micros(now), n)
	return out, err
}

// HurryCuts has orders tried at once that wait for their next attempt.
func (tx *Tx) HurryCuts(ctx context.Context, sessions []int64, now time.Time) (int64, error) {
	list, arg := tx.engine.list("session_id", sessions)
	return tx.exec(ctx, "UPDATE disconnect SET due_at = ? WHERE outcome = '' AND lease = 0 AND due_at > ? AND "+list, micros(now), micros(now), arg)
}

// SaveLinks stores which gateways have a connection over TLS to a node, instead
// of those that it had, and forgets nodes that have not said so for long.
func (tx *Tx) SaveLinks(ctx context.Context, node string, gateways []string, now, until time.Time) error {
	if _, err := tx.exec(ctx, "DELETE FROM radsec_link WHERE node = ? OR expires_at <= ?", node, micros(now)); err != nil {
		return err
	}
	rows := make([][]any, len(gateways))
	for i, g := range gateways {
		rows[i] = []any{g, node, micros(until)}
	}
	return tx.insert(ctx, linkTable, rows)
}

var linkTable = &table{name: "radsec_link", columns: cols("gateway text, node text, expires_at"),
	onDup: "ON CONFLICT (gateway, node) DO UPDATE SET expires_at = excluded.expires_at"}

// GatewayLinks returns a node that has a connection over TLS, by gateway: of
// several, the one that said so last.
func (r reader) GatewayLinks(ctx context.Context, now time.Time) (map[string]string, error) {
	out := map[string]string{}
	err := r.each(ctx, func(rows rowScanner) error {
		var gateway, node string
		err := rows.Scan(&gateway, &node)
		out[gateway] = node
		return err
	}, "SELECT gateway, node FROM radsec_link WHERE expires_at > ? ORDER BY expires_at, node", micros(now))
	return out, err
}

// alertWhere is the condition that an alert is in the sphere and wanted.
func (r reader) alertWhere(in tenant.Sphere, q usage.AlertQuery) (string, []any) {
	where, args := sphere("a.portfolio_no", in)
	if len(q.ICCIDs) > 0 {
		list, arg := r.engine.list("iccid", texts(q.ICCIDs))
		where, args = where+" AND a.sim_id IN (SELECT id FROM sim WHERE "+list+")", append(args, arg)
	}
	if q.Group != nil {
		where, args = where+" AND a.sim_id IN (SELECT id FROM sim WHERE group_name = ?)", append(args, *q.Group)
	}
	if q.Unread {
		where += " AND a.is_read = 0"
	}
	return where, args
}

// Alerts lists alerts of the sphere, newest first, and how many there are.
func (r reader) Alerts(ctx context.Context, in tenant.Sphere, q usage.AlertQuery) (out []usage.Alert, total int64, err error) {
	where, args := r.alertWhere(in, q)
	if _, err := r.one(ctx, []any{&total}, "SELECT count(*) FROM alert a WHERE "+where, args...); err != nil {
		return nil, 0, err
	}
	err = r.each(ctx, func(rows rowScanner) error {
		var a usage.Alert
		var at, read int64
		err := rows.Scan(&a.ID, &a.Portfolio, &a.SIM, &a.ICCID, &at, &a.Kind, &a.Detail, &read)
		a.At, a.Read = moment(at), read != 0
		out = append(out, a)
		return err
	}, `SELECT a.id, p.id, a.sim_id, a.iccid, a.at, a.kind, a.detail, a.is_read FROM alert a JOIN portfolio p ON p.no = a.portfolio_no
		WHERE `+where+" ORDER BY a.id DESC LIMIT ? OFFSET ?", append(args, q.Limit, q.Offset)...)
	return out, total, err
}

// ReadAlerts marks alerts of the sphere as read, and returns how many were not.
func (tx *Tx) ReadAlerts(ctx context.Context, in tenant.Sphere, ids []int64) (int64, error) {
	where, args := sphere("portfolio_no", in)
	list, arg := tx.engine.list("id", ids)
	return tx.exec(ctx, "UPDATE alert SET is_read = 1 WHERE is_read = 0 AND "+list+" AND "+where, append([]any{arg}, args...)...)
}
