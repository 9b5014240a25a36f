package store

import (
	"context"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Lock reads SIMs for a change, in a fixed order, so that two callers that want
// the same ones wait instead of deadlocking. The ones that are missing, or
// outside the sphere, are left out.
func (tx *Tx) Lock(ctx context.Context, in tenant.Sphere, iccids []ident.ICCID) ([]sim.SIM, error) {
	list, arg := tx.engine.list("t.iccid", texts(iccids))
	where, args := holding(in)
	return tx.lock(ctx, list+" AND "+where, append([]any{arg}, args...)...)
}

// LockIDs is Lock by internal ids, for Simurgh's own loops.
func (tx *Tx) LockIDs(ctx context.Context, ids []int64) ([]sim.SIM, error) {
	list, arg := tx.engine.list("t.sim_id", ids)
	return tx.lock(ctx, list, arg)
}

// lock locks, and only then reads: the wait for a lock ends with the row that
// is locked as it then is, and with what is joined to it as it was before.
func (tx *Tx) lock(ctx context.Context, where string, args ...any) ([]sim.SIM, error) {
	if err := tx.lockRows(ctx, where, args...); err != nil {
		return nil, err
	}
	return tx.sims(ctx, simSelect+" WHERE "+where+" ORDER BY t.sim_id", args...)
}

func (tx *Tx) lockRows(ctx context.Context, where string, args ...any) error {
	if !tx.engine.locks() {
		return nil
	}
	return tx.each(ctx, func(rowScanner) error { return nil }, "SELECT t.sim_id"+simFrom+" WHERE "+where+
		" ORDER BY t.sim_id FOR NO KEY UPDATE OF t", args...)
}

// sims runs a statement that simSelect begins.
func (r reader) sims(ctx context.Context, text string, args ...any) ([]sim.SIM, error) {
	var out []sim.SIM
	scan := newSIMScan()
	err := r.eachPacked(ctx, func(row rowScanner) error {
		out = append(out, sim.SIM{})
		return scan.read(row, &out[len(out)-1])
	}, text, args...)
	return out, err
}

func texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}

// Insert adds SIMs, all in one portfolio, and gives them their ids. When any
// identifier is taken it adds none and fails with kind Conflict.
func (tx *Tx) Insert(ctx context.Context, portfolio ident.PortfolioID, sims []sim.NewSIM) error {
	no, err := tx.number(ctx, portfolio)
	if err != nil {
		return err
	}
	ids, err := tx.nextIDs(ctx, len(sims))
	if err != nil {
		return err
	}
	tx.changed = changes{identities: true, states: true}
	n := len(sims)
	identity, state, search := make([][]any, n), make([][]any, n), make([]searchRow, n)
	var secrets [][]any
	var tags tagRows
	changed := newTallies(tx.engine)
	for i, s := range sims {
		s.SIM.ID, s.SIM.Portfolio, s.SIM.Version = ids[i], portfolio, 1
		identity[i], state[i], search[i] = identityRow(s.SIM, no), stateRow(s.SIM, no), textOf(s.SIM)
		if len(s.Sealed) > 0 || len(s.Tags) > 0 {
			secrets = append(secrets, []any{ids[i], blob(s.Sealed), ownTags(s.Tags)})
		}
		tags.add(ids[i], s.Tags)
		changed.add(s.SIM, no, 1)
	}
	for _, step := range []struct {
		t    *table
		rows [][]any
	}{{simTable, identity}, {stateTable, state}, {secretTable, secrets}} {
		if err := tx.insert(ctx, step.t, step.rows); err != nil {
			return err
		}
	}
	if err := tx.addTags(ctx, tags); err != nil {
		return err
	}
	if err := tx.indexText(ctx, search, false); err != nil {
		return err
	}
	return changed.save(ctx, tx)
}

var secretTable = &table{name: "sim_secret", columns: cols("sim_id, sealed bytea, tags bytea")}

func (tx *Tx) indexText(ctx context.Context, rows []searchRow, replace bool) error {
	return tx.fault(ctx, tx.engine.indexText(ctx, tx.q, rows, replace))
}

// Save writes what changed of SIMs that the transaction has locked, each once.
// After gets a new Version. A change that the network must hear of is queued
// for it. A SIM that was not locked, and has changed since it was read, fails
// with kind Conflict.
func (tx *Tx) Save(ctx context.Context, changes []sim.Change) error {
	var identity, state, queue [][]any
	var search []searchRow
	changed, moved := newTallies(tx.engine), map[int64]folioMove{}
	for _, c := range changes {
		no, err := tx.number(ctx, c.After.Portfolio)
		if err != nil {
			return err
		}
		was, err := tx.number(ctx, c.Before.Portfolio)
		if err != nil {
			return err
		}
		c.After.Version = c.Before.Version + 1
		state = append(state, stateRow(c.After, no))
		if was != no || identityOf(c.Before) != identityOf(c.After) {
			identity = append(identity, identityRow(c.After, no))
		}
		if text := textOf(c.After); text != textOf(c.Before) {
			search = append(search, text)
		}
		if c.After.Generation != c.Before.Generation {
			queue = append(queue, queueRow(c.After))
		}
		if was != no {
			moved[c.After.ID] = folioMove{was, no}
		}
		changed.add(c.Before, was, -1)
		changed.add(c.After, no, 1)
	}
	tx.changed.states = tx.changed.states || len(state) > 0
	tx.changed.identities = tx.changed.identities || len(identity) > 0
	if err := tx.unruleSIMs(ctx, changes); err != nil {
		return err
	}
	n, err := tx.change(ctx, stateTable, state)
	if err != nil {
		return err
	}
	if n != int64(len(state)) {
		return fault.New(fault.Conflict, "store.changed", "%d of %d SIMs have changed since they were read", int64(len(state))-n, len(state))
	}
	if _, err := tx.change(ctx, simTable, identity); err != nil {
		return err
	}
	if err := tx.indexText(ctx, search, true); err != nil {
		return err
	}
	if err := tx.insert(ctx, queueTable, queue); err != nil {
		return err
	}
	if err := tx.moveFolioMonths(ctx, moved); err != nil {
		return err
	}
	return changed.save(ctx, tx)
}

func (r reader) portfolioNo(ctx context.Context, id ident.PortfolioID) (int64, error) {
	var no int64
	found, err := r.one(ctx, []any{&no}, "SELECT no FROM portfolio WHERE id = ?", string(id))
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fault.Missing("portfolio", string(id))
	}
	return no, nil
}

// Taken returns, of the given identifiers, those that stored SIMs have: ICCID
// to the SIM's own ICCID, and so on, keyed "iccid 8944...", "imsi 2341...".
func (tx *Tx) Taken(ctx context.Context, sims []sim.NewSIM) (map[string]ident.ICCID, error) {
	out := map[string]ident.ICCID{}
	for _, f := range []struct {
		column, table string
		field         sim.Field
	}{{"iccid", "sim", sim.ByICCID}, {"imsi", "sim_state", sim.ByIMSI}, {"msisdn", "sim", sim.ByMSISDN}} {
		var values []string
		for _, s := range sims {
			if v := s.SIM.Value(f.field); v != "" {
				values = append(values, v)
			}
		}
		list, arg := tx.engine.list(f.column, values)
		if err := tx.each(ctx, func(rows rowScanner) error {
			var v string
			var owner ident.ICCID
			err := rows.Scan(&v, &owner)
			out[f.column+" "+v] = owner
			return err
		}, fmt.Sprintf("SELECT %s, iccid FROM %s WHERE %s AND %s <> ''", f.column, f.table, list, f.column), arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}
