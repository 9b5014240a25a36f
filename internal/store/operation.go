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
	ids, err := tx.nextIDs(ctx, len(ops))
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

// The sums keep PostgreSQL off the index of operations that are open: without
// statistics it walks through all of them, for every batch of answers.
var (
	// An answer to a newer generation supersedes the older ones.
	answeredTable = &table{name: "operation", columns: cols(endedColumns),
		to: `progress = CASE WHEN operation.generation = :generation THEN :progress ELSE 6 END, last_error = :last_error,
			attempts = :attempts, done_at = :done_at`,
		where: "operation.sim_id = :sim_id AND operation.progress + 0 = 2 AND operation.generation <= :generation"}
	decidedTable = &table{name: "operation", columns: cols(endedColumns),
		to: `progress = :progress, generation = :generation, last_error = :last_error, attempts = :attempts,
			done_at = CASE WHEN :progress = 2 THEN 0 ELSE :done_at END`,
		where: "operation.sim_id = :sim_id AND operation.progress + 0 = 1"}
)

// Answered ends the pending operations that the network has answered.
func (tx *Tx) Answered(ctx context.Context, ended []sim.Ended) error {
	_, err := tx.change(ctx, answeredTable, endedRows(ended))
	return err
}

// Decided ends, or sends on to the network, the operations that waited for a
// person.
func (tx *Tx) Decided(ctx context.Context, ended []sim.Ended) error {
	_, err := tx.change(ctx, decidedTable, endedRows(ended))
	return err
}

func endedRows(ended []sim.Ended) [][]any {
	rows := make([][]any, len(ended))
	for i, e := range ended {
		rows[i] = []any{e.SIM, e.Generation, int64(e.Progress), e.Error, int64(e.Attempts), micros(e.At)}
	}
	return rows
}

// What a pending operation waits for stands in the queue.
const operationColumns = `h.id, h.sim_id, h.iccid, p.id, h.verb, h.wanted, h.reason, h.actor, h.via, h.request, h.requested_at,
	h.generation, h.progress, h.done_at,
	CASE WHEN h.progress = 2 AND q.attempts IS NOT NULL THEN q.attempts ELSE h.attempts END,
	CASE WHEN h.progress = 2 AND q.last_error IS NOT NULL THEN q.last_error ELSE h.last_error END,
	CASE WHEN h.progress = 2 AND q.due_at IS NOT NULL THEN q.due_at ELSE 0 END`

// Operations lists operations on the SIMs of the sphere, newest first.
func (r reader) Operations(ctx context.Context, in tenant.Sphere, q sim.OperationQuery) ([]sim.Operation, error) {
	h := history{table: "operation", iccid: q.ICCID, before: q.Before, limit: q.Limit, join: " LEFT JOIN sync_queue q ON q.sim_id = h.sim_id"}
	if q.ID != 0 {
		h.add("h.id = ?", q.ID)
	}
	if len(q.Progress) > 0 {
		list, arg := r.engine.list("h.progress", numbers(q.Progress))
		h.add(list, arg)
		if !slices.ContainsFunc(q.Progress, func(p sim.Progress) bool { return p > sim.OpPending }) {
			// As the partial index has it, so that the few open operations are
			// not looked for among all.
			h.add("h.progress <= 2")
			h.apiece = true
		}
	}
	text, args := h.write(r.engine, in, operationColumns)
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
	}, text, args...)
	return out, err
}

func numbers[T ~uint8](in []T) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}
