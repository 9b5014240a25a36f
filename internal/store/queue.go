package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// queueTable takes the SIMs whose network must hear of a change. One that a
// worker holds stays with it, and is due again when it comes back.
var queueTable = &table{name: "sync_queue", columns: cols("sim_id, network text, generation, due_at, lease, attempts, last_error text"),
	onDup: `ON CONFLICT (sim_id) DO UPDATE SET generation = excluded.generation, network = excluded.network, attempts = 0, last_error = '',
		due_at = CASE WHEN sync_queue.lease = 0 THEN excluded.due_at ELSE sync_queue.due_at END`}

func queueRow(s *sim.SIM) []any {
	return []any{s.ID, s.Network, s.Generation, micros(s.ModifiedAt), int64(0), int64(0), ""}
}

// Claim takes up to n SIMs of a network that are due at now, oldest first, and
// leases them until the given time. Two workers never hold one SIM at once,
// unless a lease runs out.
func (tx *Tx) Claim(ctx context.Context, network string, n int, now, until time.Time) ([]sim.Claim, error) {
	skip := ""
	if tx.engine.locks() {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	attempts := map[int64]int{}
	var ids []int64
	err := tx.each(ctx, func(rows rowScanner) error {
		var id int64
		var tries int
		err := rows.Scan(&id, &tries)
		ids, attempts[id] = append(ids, id), tries
		return err
	}, "SELECT sim_id, attempts FROM sync_queue WHERE network = ? AND due_at <= ? ORDER BY due_at LIMIT ?"+skip, network, micros(now), n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lease, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	list, arg := tx.engine.list("sim_id", ids)
	if _, err := tx.exec(ctx, "UPDATE sync_queue SET lease = ?, due_at = ? WHERE "+list, lease[0], micros(until), arg); err != nil {
		return nil, err
	}
	return tx.claims(ctx, ids, lease[0], attempts)
}

// Hurry makes up to n SIMs of a network due at now that nobody works on and
// that would be due later, and returns how many it was.
func (tx *Tx) Hurry(ctx context.Context, network string, now time.Time, n int) (int64, error) {
	skip := ""
	if tx.engine.locks() {
		skip = " FOR UPDATE SKIP LOCKED" // who is locked is about to be told, or was told just now
	}
	return tx.exec(ctx, `UPDATE sync_queue SET due_at = ? WHERE sim_id IN
		(SELECT sim_id FROM sync_queue WHERE network = ? AND due_at > ? AND lease = 0 LIMIT ?`+skip+`)`, micros(now), network, micros(now), n)
}

// claims reads what the network should have of the SIMs, in the order of ids.
func (tx *Tx) claims(ctx context.Context, ids []int64, lease int64, attempts map[int64]int) ([]sim.Claim, error) {
	sims, err := tx.byIDs(ctx, tenant.Everything(), ids)
	if err != nil {
		return nil, err
	}
	sealed, err := tx.Sealed(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]sim.Claim, 0, len(ids))
	for _, id := range ids {
		if s, ok := sims[id]; ok {
			out = append(out, sim.Claim{Profile: s.Profile(), Sealed: sealed[id], Lease: lease, Attempts: attempts[id]})
		}
	}
	return out, nil
}

// Sealed returns the sealed secrets of the SIMs that have any.
func (r reader) Sealed(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	list, arg := r.engine.list("sim_id", ids)
	out := make(map[int64][]byte, len(ids))
	err := r.each(ctx, func(rows rowScanner) error {
		var id int64
		var blob []byte
		err := rows.Scan(&id, &blob)
		out[id] = blob
		return err
	}, "SELECT sim_id, sealed FROM sim_secret WHERE length(sealed) > 0 AND "+list, arg)
	return out, err
}

// Held returns the claims that are still the worker's: whose lease has not run
// out and gone to another. They stay the worker's until the transaction ends.
func (tx *Tx) Held(ctx context.Context, claims []sim.Claim) (map[int64]bool, error) {
	ids := make([]int64, len(claims))
	lease := make(map[int64]int64, len(claims))
	for i, c := range claims {
		ids[i], lease[c.Profile.SIM] = c.Profile.SIM, c.Lease
	}
	list, arg := tx.engine.list("t.sim_id", ids)
	if err := tx.lockRows(ctx, list, arg); err != nil { // before the queue, as commands do
		return nil, err
	}
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE"
	}
	list, arg = tx.engine.list("sim_id", ids)
	out := make(map[int64]bool, len(claims))
	err := tx.each(ctx, func(rows rowScanner) error {
		var id, l int64
		err := rows.Scan(&id, &l)
		out[id] = l != 0 && l == lease[id]
		return err
	}, "SELECT sim_id, lease FROM sync_queue WHERE "+list+" ORDER BY sim_id"+lock, arg)
	return out, err
}

const answerColumns = "sim_id, lease, generation, due_at, last_error text, now_at"

var (
	doneTable = &table{name: "sync_queue", columns: cols(answerColumns), deletes: true,
		where: "sync_queue.sim_id = :sim_id AND sync_queue.lease = :lease AND sync_queue.generation <= :generation"}
	againTable = &table{name: "sync_queue", columns: cols(answerColumns),
		to: `lease = 0, attempts = CASE WHEN sync_queue.generation <= :generation THEN sync_queue.attempts + 1 ELSE 0 END, last_error = :last_error,
			due_at = CASE WHEN sync_queue.generation <= :generation THEN :due_at ELSE :now_at END`,
		where: "sync_queue.sim_id = :sim_id AND sync_queue.lease = :lease"}
)

// Dequeue ends claims that the network has answered. A SIM that was commanded
// anew meanwhile is due at once; one to be tried again is due then. A claim
// whose lease has gone to another worker is left alone.
func (tx *Tx) Dequeue(ctx context.Context, answers []sim.Answer, now time.Time) error {
	var done, again [][]any
	for _, a := range answers {
		p := a.Claim.Profile
		row := []any{p.SIM, a.Claim.Lease, p.Generation, micros(a.RetryAt), "", micros(now)}
		if a.Err == nil || a.Refused {
			done = append(done, row)
		} else {
			row[4] = fault.Text(a.Err)
		}
		again = append(again, row)
	}
	if _, err := tx.change(ctx, doneTable, done); err != nil {
		return err
	}
	_, err := tx.change(ctx, againTable, again)
	return err
}

// Requeue sends SIMs to their network once more, with the generation that they
// have: the network has drifted from what it agreed to.
func (tx *Tx) Requeue(ctx context.Context, sims []sim.SIM, now time.Time) error {
	rows := make([][]any, len(sims))
	for i := range sims {
		rows[i] = queueRow(&sims[i])
		rows[i][3] = micros(now)
	}
	return tx.insert(ctx, queueTable, rows)
}
