package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// NASes lists the gateways that may speak RADIUS to us, by name, with their
// secrets sealed.
func (r reader) NASes(ctx context.Context) ([]usage.NAS, error) {
	var out []usage.NAS
	err := r.each(ctx, func(rows rowScanner) error {
		var n usage.NAS
		var prefix string
		var unsigned, proxy, coa, created int64
		if err := rows.Scan(&n.Name, &prefix, &n.CoAPort, &unsigned, &proxy, &coa, &n.Sealed, &created); err != nil {
			return err
		}
		n.Unsigned, n.Proxy, n.CoA, n.Created = unsigned != 0, proxy != 0, coa != 0, moment(created)
		var err error
		n.Prefix, err = netip.ParsePrefix(prefix)
		out = append(out, n)
		return err
	}, "SELECT name, prefix, coa_port, unsigned, proxy, coa, sealed, created_at FROM nas ORDER BY name")
	return out, err
}

// AddNAS stores a gateway; a name that is taken is a Conflict.
func (tx *Tx) AddNAS(ctx context.Context, n usage.NAS) error {
	_, err := tx.exec(ctx, "INSERT INTO nas (name, prefix, coa_port, unsigned, proxy, coa, sealed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		n.Name, n.Prefix.String(), n.CoAPort, flag(n.Unsigned), flag(n.Proxy), flag(n.CoA), n.Sealed, micros(n.Created))
	return err
}

// RemoveNAS removes a gateway, and says whether there was one.
func (tx *Tx) RemoveNAS(ctx context.Context, name string) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM nas WHERE name = ?", name)
	return n > 0, err
}

// DropUsage removes up to n rows of each kind that are older than a time: hours, items,
// accesses, sessions that have ended and their orders, messages, errands, alerts. It
// returns how many; fewer than n means that nothing is left.
func (tx *Tx) DropUsage(ctx context.Context, before time.Time, n int) (int64, error) {
	const old = "(SELECT id FROM data_session WHERE phase IN (2, 3) AND stopped_at < ? ORDER BY stopped_at LIMIT ?)"
	var most int64
	for _, text := range []string{
		// In the order of an index: PostgreSQL walks the whole table for what is rare.
		"DELETE FROM disconnect_past WHERE session_id IN " + old,
		"DELETE FROM disconnect WHERE session_id IN " + old,
		`DELETE FROM data_session WHERE id IN (SELECT d.id FROM data_session d WHERE d.phase IN (2, 3) AND d.stopped_at < ?
			AND NOT EXISTS (SELECT 1 FROM disconnect x WHERE x.session_id = d.id)
			AND NOT EXISTS (SELECT 1 FROM disconnect_past x WHERE x.session_id = d.id) ORDER BY d.stopped_at LIMIT ?)`,
		"DELETE FROM access WHERE at < ? AND id IN (SELECT id FROM access ORDER BY id LIMIT ?)",
		"DELETE FROM sms WHERE at < ? AND id IN (SELECT id FROM sms ORDER BY id LIMIT ?)",
		"DELETE FROM errand WHERE id IN (SELECT id FROM errand WHERE progress <> 2 AND done_at < ? LIMIT ?)",
		"DELETE FROM alert WHERE at < ? AND id IN (SELECT id FROM alert ORDER BY id LIMIT ?)",
	} {
		gone, err := tx.exec(ctx, text, micros(before), n)
		if err != nil {
			return most, err
		}
		most = max(most, gone)
	}
	gone, err := tx.exec(ctx, "DELETE FROM usage_hour WHERE (sim_id, hour) IN (SELECT sim_id, hour FROM usage_hour WHERE hour < ? LIMIT ?)",
		usage.HourOf(before), n)
	if err != nil {
		return most, err
	}
	items, err := tx.exec(ctx, "DELETE FROM usage_item WHERE (sim_id, month, item_id) IN (SELECT sim_id, month, item_id FROM usage_item WHERE month < ? LIMIT ?)",
		monthNo(before.Year(), int(before.Month())), n)
	return max(most, gone, items), err
}
