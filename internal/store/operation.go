package store

import (
	"context"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

var operationTable = &table{name: "operation", columns: cols(`id, sim_id, iccid text, portfolio_no, verb, wanted, reason text, actor text, via text,
	request text, requested_at, generation, progress, attempts, last_error text, done_at`)}

// AddOperations stores new operations and gives them their ids.
func (tx *Tx) AddOperations(ctx context.Context, ops []sim.Operation) error {
	ids, err := tx.engine.nextIDs(ctx, tx.q, len(ops))
	if err != nil {
		return err
	}
	rows := make([][]any, len(ops))
	for i := range ops {
		o := &ops[i]
		o.ID = ids[i]
		no, err := tx.number(ctx, o.Portfolio)
		if err != nil {
			return err
		}
		rows[i] = []any{o.ID, o.SIM, string(o.ICCID), no, int64(o.Verb), pack(o.Wanted), o.Reason, o.Actor, o.Via,
			o.Request, micros(o.RequestedAt), o.Generation, int64(o.Progress), int64(o.Attempts), o.LastError, micros(o.DoneAt)}
	}
	return tx.insert(ctx, operationTable, rows)
}

const endedColumns = "sim_id, generation, progress, last_error text, attempts, done_at"

var (
	// An answer to a newer generation supersedes the older ones.
	answeredTable = &table{name: "operation", columns: cols(endedColumns),
		set: `progress = CASE WHEN operation.generation = :generation THEN :progress ELSE 6 END, last_error = :last_error,
			attempts = :attempts, done_at = :done_at`,
		where: "operation.sim_id = :sim_id AND operation.progress = 2 AND operation.generation <= :generation"}
	decidedTable = &table{name: "operation", columns: cols(endedColumns),
		set: `progress = :progress, generation = :generation, last_error = :last_error, attempts = :attempts,
			done_at = CASE WHEN :progress = 2 THEN 0 ELSE :done_at END`,
		where: "operation.sim_id = :sim_id AND operation.progress = 1"}
)

// Answered ends the pending operations that the network has answered.
func (tx *Tx) Answered(ctx context.Context, ended []sim.Ended) error {
	return tx.change(ctx, answeredTable, endedRows(ended))
}

// Decided ends, or sends on to the network, the operations that waited for a
// person.
func (tx *Tx) Decided(ctx context.Context, ended []sim.Ended) error {
	return tx.change(ctx, decidedTable, endedRows(ended))
}

func endedRows(ended []sim.Ended) [][]any {
	rows := make([][]any, len(ended))
	for i, e := range ended {
		rows[i] = []any{e.SIM, e.Generation, int64(e.Progress), e.Error, int64(e.Attempts), micros(e.At)}
	}
	return rows
}

const operationSelect = `SELECT o.id, o.sim_id, o.iccid, p.id, o.verb, o.wanted, o.reason, o.actor, o.via, o.request, o.requested_at,
	o.generation, o.progress, o.done_at,
	CASE WHEN o.progress = 2 AND q.attempts IS NOT NULL THEN q.attempts ELSE o.attempts END,
	CASE WHEN o.progress = 2 AND q.last_error IS NOT NULL THEN q.last_error ELSE o.last_error END,
	CASE WHEN o.progress = 2 AND q.due_at IS NOT NULL THEN q.due_at ELSE 0 END
FROM operation o JOIN portfolio p ON p.no = o.portfolio_no LEFT JOIN sync_queue q ON q.sim_id = o.sim_id`

// Operations lists operations on the SIMs of the sphere.
func (r reader) Operations(ctx context.Context, in tenant.Sphere, q sim.OperationQuery) ([]sim.Operation, error) {
	where, args := sphere("o.portfolio_no", in)
	add := func(cond string, arg ...any) { where, args = where+" AND "+cond, append(args, arg...) }
	if q.ID != 0 {
		add("o.id = ?", q.ID)
	}
	if q.ICCID != "" {
		add("o.sim_id IN (SELECT id FROM sim WHERE iccid = ?)", string(q.ICCID))
	}
	if len(q.Progress) > 0 {
		where += " AND o.progress IN (" + placeholders(len(q.Progress)) + ")"
		for _, p := range q.Progress {
			args = append(args, int64(p))
		}
		if !slices.ContainsFunc(q.Progress, func(p sim.Progress) bool { return p > sim.OpPending }) {
			// As the partial index has it, so that the few open operations are
			// not looked for among all.
			where += " AND o.progress <= 2"
		}
	}
	if q.Before != 0 {
		add("o.id < ?", q.Before)
	}
	var out []sim.Operation
	err := r.each(ctx, func(rows rowScanner) error {
		var o sim.Operation
		var wanted, requested, done, due int64
		if err := rows.Scan(&o.ID, &o.SIM, &o.ICCID, &o.Portfolio, &o.Verb, &wanted, &o.Reason, &o.Actor, &o.Via, &o.Request, &requested,
			&o.Generation, &o.Progress, &done, &o.Attempts, &o.LastError, &due); err != nil {
			return err
		}
		o.Wanted, o.RequestedAt, o.DoneAt, o.NextTry = unpack(wanted), moment(requested), moment(done), moment(due)
		out = append(out, o)
		return nil
	}, operationSelect+" WHERE "+where+" ORDER BY o.id DESC LIMIT ?", append(args, q.Limit)...)
	return out, err
}
