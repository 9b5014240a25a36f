package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
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
	lock := ""
	if tx.engine.name() == "postgres" {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	type row struct{ generation, attempts int64 }
	taken := map[int64]row{}
	var ids []int64
	err := tx.each(ctx, func(rows rowScanner) error {
		var id int64
		var r row
		err := rows.Scan(&id, &r.generation, &r.attempts)
		ids, taken[id] = append(ids, id), r
		return err
	}, "SELECT sim_id, generation, attempts FROM sync_queue WHERE network = ? AND due_at <= ? ORDER BY due_at LIMIT ?"+lock, network, micros(now), n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lease, err := tx.engine.nextIDs(ctx, tx.q, 1)
	if err != nil {
		return nil, err
	}
	list, arg := tx.engine.list("sim_id", ids)
	if _, err := tx.exec(ctx, "UPDATE sync_queue SET lease = ?, due_at = ? WHERE "+list, lease[0], micros(until), arg); err != nil {
		return nil, err
	}
	return tx.claims(ctx, ids, func(c *sim.Claim) {
		c.Lease, c.Attempts = lease[0], int(taken[c.Profile.SIM].attempts)
	})
}

// claims reads what the network should have of the SIMs, in the order of ids.
func (tx *Tx) claims(ctx context.Context, ids []int64, fill func(*sim.Claim)) ([]sim.Claim, error) {
	sims, err := tx.byIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	sealed, err := tx.Sealed(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]sim.Claim, 0, len(ids))
	for _, id := range ids {
		s, ok := sims[id]
		if !ok {
			continue
		}
		c := sim.Claim{Profile: s.Profile(), Sealed: sealed[id]}
		fill(&c)
		out = append(out, c)
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
	}, "SELECT sim_id, sealed FROM sim_secret WHERE "+list, arg)
	return out, err
}

// Held returns the claims that are still the worker's: whose lease has not run
// out and gone to another.
func (tx *Tx) Held(ctx context.Context, claims []sim.Claim) (map[int64]bool, error) {
	ids := make([]int64, len(claims))
	lease := make(map[int64]int64, len(claims))
	for i, c := range claims {
		ids[i], lease[c.Profile.SIM] = c.Profile.SIM, c.Lease
	}
	list, arg := tx.engine.list("sim_id", ids)
	lock := ""
	if tx.engine.name() == "postgres" {
		lock = " FOR UPDATE"
	}
	out := make(map[int64]bool, len(claims))
	err := tx.each(ctx, func(rows rowScanner) error {
		var id, l int64
		err := rows.Scan(&id, &l)
		out[id] = l == lease[id]
		return err
	}, "SELECT sim_id, lease FROM sync_queue WHERE "+list+" ORDER BY sim_id"+lock, arg)
	return out, err
}

var (
	settledTable = &table{name: "sync_queue", columns: cols("sim_id, generation"),
		where: "sync_queue.sim_id = :sim_id AND sync_queue.generation <= :generation"}
	againTable = &table{name: "sync_queue", columns: cols("sim_id, generation, due_at, last_error text, now_at"),
		set: `lease = 0, attempts = CASE WHEN sync_queue.generation = :generation THEN sync_queue.attempts + 1 ELSE 0 END, last_error = :last_error,
			due_at = CASE WHEN sync_queue.generation = :generation THEN :due_at ELSE :now_at END`,
		where: "sync_queue.sim_id = :sim_id"}
)

// Dequeue ends claims that the network has answered for good. A SIM that was
// commanded anew meanwhile is due at once; one to be tried again is due then.
func (tx *Tx) Dequeue(ctx context.Context, answers []sim.Answer, now time.Time) error {
	var done, again [][]any
	for _, a := range answers {
		p := a.Claim.Profile
		row := []any{p.SIM, p.Generation, micros(a.RetryAt), "", micros(now)}
		if a.Err == nil || a.Refused {
			done = append(done, []any{p.SIM, p.Generation})
		} else {
			row[3] = a.Err.Error()
		}
		again = append(again, row)
	}
	if err := tx.change(ctx, settledTable, done); err != nil {
		return err
	}
	return tx.change(ctx, againTable, again)
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
