package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// DropUsage removes up to n rows of each kind that are older than a time: hours, items,
// requests for access, messages, errands and alerts. It returns how many of the kind with
// the most; fewer than n means that nothing is left.
func (tx *Tx) DropUsage(ctx context.Context, before time.Time, n int) (int64, error) {
	var most int64
	at, month := micros(before), monthNo(before.Year(), int(before.Month()))
	for _, step := range []struct {
		text string
		than int64
	}{
		// In the order of an index: PostgreSQL walks the whole table for what is rare.
		{"DELETE FROM access WHERE at < ? AND id IN (SELECT id FROM access ORDER BY id LIMIT ?)", at},
		{"DELETE FROM sms WHERE at < ? AND id IN (SELECT id FROM sms ORDER BY id LIMIT ?)", at},
		{"DELETE FROM errand WHERE id IN (SELECT id FROM errand WHERE progress <> 2 AND done_at < ? LIMIT ?)", at},
		{"DELETE FROM alert WHERE at < ? AND id IN (SELECT id FROM alert ORDER BY id LIMIT ?)", at},
		{"DELETE FROM usage_hour WHERE (sim_id, hour) IN (SELECT sim_id, hour FROM usage_hour WHERE hour < ? LIMIT ?)", usage.HourOf(before)},
		{"DELETE FROM usage_item WHERE (sim_id, month, item_id) IN (SELECT sim_id, month, item_id FROM usage_item WHERE month < ? LIMIT ?)", month},
	} {
		gone, err := tx.exec(ctx, step.text, step.than, n)
		if err != nil {
			return most, err
		}
		most = max(most, gone)
	}
	return most, nil
}

// DropSessions removes those of the n sessions behind an id that ended before a time,
// with the orders to cut them. It returns the last of the n, and 0 where there are none
// or all of them began since: ids grow, so what comes behind is younger still.
func (tx *Tx) DropSessions(ctx context.Context, before time.Time, after int64, n int) (last int64, err error) {
	var old []int64
	begun := false // before the time
	if err := tx.each(ctx, func(rows rowScanner) error {
		var phase usage.Phase
		var started, stopped int64
		err := rows.Scan(&last, &phase, &started, &stopped)
		begun = begun || started < micros(before)
		if s := (usage.Session{Phase: phase}); s.Ended() && stopped < micros(before) {
			old = append(old, last)
		}
		return err
	}, "SELECT id, phase, started_at, stopped_at FROM data_session WHERE id > ? ORDER BY id LIMIT ?", after, n); err != nil || !begun {
		return 0, err
	}
	for _, of := range []struct{ table, key string }{{"disconnect_past", "session_id"}, {"disconnect", "session_id"}, {"data_session", "id"}} {
		list, arg := tx.engine.list(of.key, old)
		if _, err := tx.exec(ctx, "DELETE FROM "+of.table+" WHERE "+list, arg); err != nil {
			return 0, err
		}
	}
	return last, nil
}
