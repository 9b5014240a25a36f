package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

const ruleSelect = `SELECT p.id, r.kind, r.value, r.seen, r.created_at FROM alert_rule r JOIN portfolio p ON p.no = r.portfolio_no WHERE `

func (r reader) alertRules(ctx context.Context, where string, args ...any) ([]usage.AlertRule, error) {
	var out []usage.AlertRule
	err := r.each(ctx, func(rows rowScanner) error {
		var a usage.AlertRule
		var created int64
		err := rows.Scan(&a.Portfolio, &a.Kind, &a.Value, &a.Seen, &created)
		a.CreatedAt = moment(created)
		out = append(out, a)
		return err
	}, ruleSelect+where+" ORDER BY r.portfolio_no, r.kind, r.value", args...)
	return out, err
}

// AlertRules lists the rules of one portfolio of the sphere, by kind and value.
func (r reader) AlertRules(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]usage.AlertRule, error) {
	where, args := within(in)
	return r.alertRules(ctx, "p.id = ? AND "+where, append([]any{string(portfolio)}, args...)...)
}

// RulesAbout lists the rules of a kind, for Simurgh's own loops.
func (r reader) RulesAbout(ctx context.Context, kind usage.AlertKind) ([]usage.AlertRule, error) {
	return r.alertRules(ctx, "r.kind = ?", string(kind))
}

// RulesOver returns the values of the rules of a kind that are about a SIM.
func (r reader) RulesOver(ctx context.Context, simID int64, kind usage.AlertKind) ([]int64, error) {
	var out []int64
	err := r.each(ctx, func(rows rowScanner) error {
		var v int64
		err := rows.Scan(&v)
		out = append(out, v)
		return err
	}, `SELECT r.value FROM sim_state t JOIN alert_rule r ON r.portfolio_no = t.portfolio_no WHERE t.sim_id = ? AND r.kind = ? ORDER BY r.value`,
		simID, string(kind))
	return out, err
}

// SaveAlertRule stores a rule; one that is there stays as it is.
func (tx *Tx) SaveAlertRule(ctx context.Context, a usage.AlertRule) error {
	no, err := tx.number(ctx, a.Portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO alert_rule (portfolio_no, kind, value, seen, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (portfolio_no, kind, value) DO NOTHING`, no, string(a.Kind), a.Value, a.Seen, micros(a.CreatedAt))
	return err
}

// DropAlertRule removes a rule, and says whether there was one.
func (tx *Tx) DropAlertRule(ctx context.Context, a usage.AlertRule) (bool, error) {
	no, err := tx.number(ctx, a.Portfolio)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, "DELETE FROM alert_rule WHERE portfolio_no = ? AND kind = ? AND value = ?", no, string(a.Kind), a.Value)
	return n > 0, err
}

// SeeAlertRule notes how far a rule has been seen to, unless it has come past a
// mark already: of all that try, one does it. It is false for a rule that is
// gone, too.
func (tx *Tx) SeeAlertRule(ctx context.Context, a usage.AlertRule, seen, past int64) (bool, error) {
	no, err := tx.number(ctx, a.Portfolio)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, "UPDATE alert_rule SET seen = ? WHERE portfolio_no = ? AND kind = ? AND value = ? AND seen <= ?",
		seen, no, string(a.Kind), a.Value, past)
	return n > 0, err
}

// Silences returns since when nothing was heard of SIMs whose silence has been
// told of, by their ids; the zero time for never.
func (r reader) Silences(ctx context.Context, ids []int64) (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	list, arg := r.engine.list("sim_id", ids)
	err := r.each(ctx, func(rows rowScanner) error {
		var id, since int64
		err := rows.Scan(&id, &since)
		out[id] = moment(since)
		return err
	}, "SELECT sim_id, since FROM sim_silence WHERE "+list, arg)
	return out, err
}

var silenceTable = &table{name: "sim_silence", columns: cols("sim_id, since"), onDup: "ON CONFLICT (sim_id) DO UPDATE SET since = excluded.since"}

// SaveSilences notes silences that are told of.
func (tx *Tx) SaveSilences(ctx context.Context, since map[int64]time.Time) error {
	rows := make([][]any, 0, len(since))
	for id, at := range since {
		rows = append(rows, []any{id, micros(at)})
	}
	return tx.insertSorted(ctx, silenceTable, rows)
}

// EndSilences forgets the silences of SIMs of a portfolio that are out of
// service: the next one is another. All of them go where nobody asks any more.
func (tx *Tx) EndSilences(ctx context.Context, portfolio ident.PortfolioID, all bool) error {
	no, err := tx.number(ctx, portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `DELETE FROM sim_silence WHERE sim_id IN (SELECT q.sim_id FROM sim_silence q JOIN sim_state t ON t.sim_id = q.sim_id
		WHERE t.portfolio_no = ? AND (t.status <> ? OR (t.flags & 7) <> 0 OR ? = 1))`, no, int64(sim.StatusProvisioned), flag(all))
	return err
}
