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
	where, args := sphere("s.portfolio_no", in)
	list, arg := tx.engine.list("s.iccid", texts(iccids))
	return tx.sims(ctx, simSelect+" WHERE "+list+" AND "+where+" ORDER BY s.id"+tx.engine.lock(), append([]any{arg}, args...)...)
}

// LockIDs is Lock by internal ids, for Simurgh's own loops.
func (tx *Tx) LockIDs(ctx context.Context, ids []int64) ([]sim.SIM, error) {
	list, arg := tx.engine.list("s.id", ids)
	return tx.sims(ctx, simSelect+" WHERE "+list+" ORDER BY s.id"+tx.engine.lock(), arg)
}

func (r reader) sims(ctx context.Context, text string, args ...any) ([]sim.SIM, error) {
	var out []sim.SIM
	rows, err := r.q.query(ctx, r.engine.rebind(text), args...)
	if err != nil {
		return nil, r.engine.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		out = append(out, sim.SIM{})
		if err := scanSIM(rows, &out[len(out)-1]); err != nil {
			return nil, r.engine.fault(err)
		}
	}
	return out, r.engine.fault(rows.Err())
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
	ids, err := tx.engine.nextIDs(ctx, tx.q, len(sims))
	if err != nil {
		return err
	}
	n := len(sims)
	identity, state, search := make([][]any, n), make([][]any, n), make([]searchRow, n)
	var secrets, tags [][]any
	changed := newTallies(tx.engine.slot())
	for i, s := range sims {
		s.SIM.ID, s.SIM.Portfolio, s.SIM.Version = ids[i], portfolio, 1
		identity[i], state[i], search[i] = identityRow(s.SIM, no), stateRow(s.SIM, no), textOf(s.SIM)
		if len(s.Sealed) > 0 {
			secrets = append(secrets, []any{ids[i], s.Sealed})
		}
		for _, t := range s.Tags {
			tags = append(tags, []any{t.Code, t.Hash, ids[i]})
		}
		changed.add(s.SIM, no, 1)
	}
	for _, step := range []struct {
		t    *table
		rows [][]any
	}{{simTable, identity}, {stateTable, state}, {secretTable, secrets}, {tagTable, tags}} {
		if err := tx.insert(ctx, step.t, step.rows); err != nil {
			return err
		}
	}
	if err := tx.engine.indexText(ctx, tx.q, search, false); err != nil {
		return err
	}
	return changed.save(ctx, tx)
}

var (
	secretTable = &table{name: "sim_secret", columns: cols("sim_id, sealed bytea")}
	tagTable    = &table{name: "sim_tag", columns: cols("code text, hash bytea, sim_id")}
)

// Save writes what changed. After gets a new Version. A change that the network
// must hear of is queued for it.
func (tx *Tx) Save(ctx context.Context, changes []sim.Change) error {
	var identity, state, queue [][]any
	var search []searchRow
	changed := newTallies(tx.engine.slot())
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
		if differs(identityRow(c.Before, was), identityRow(c.After, no)) {
			identity = append(identity, identityRow(c.After, no))
		}
		if text := textOf(c.After); text != textOf(c.Before) {
			search = append(search, text)
		}
		if c.After.Generation != c.Before.Generation {
			queue = append(queue, queueRow(c.After))
		}
		changed.add(c.Before, was, -1)
		changed.add(c.After, no, 1)
	}
	if err := tx.change(ctx, stateTable, state); err != nil {
		return err
	}
	if err := tx.change(ctx, simTable, identity); err != nil {
		return err
	}
	if err := tx.engine.indexText(ctx, tx.q, search, true); err != nil {
		return err
	}
	if err := tx.insert(ctx, queueTable, queue); err != nil {
		return err
	}
	return changed.save(ctx, tx)
}

func differs(a, b []any) bool {
	for i := range a {
		if a[i] != b[i] {
			return true
		}
	}
	return false
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

// searchRow is what the trigram index holds of a SIM.
type searchRow struct {
	id                                  int64
	iccid, name, imei, imsi, ip, msisdn string
}

func textOf(s *sim.SIM) searchRow {
	return searchRow{s.ID, string(s.ICCID), s.Name, string(s.IMEI), string(s.IMSI), s.Value(sim.ByIP), string(s.MSISDN)}
}

// Taken returns, of the given identifiers, those that stored SIMs have: ICCID
// to the SIM's own ICCID, and so on, keyed "iccid 8944...", "imsi 2341...".
func (tx *Tx) Taken(ctx context.Context, sims []sim.NewSIM) (map[string]ident.ICCID, error) {
	out := map[string]ident.ICCID{}
	for column, value := range map[string]func(*sim.SIM) string{
		"iccid":  func(s *sim.SIM) string { return string(s.ICCID) },
		"imsi":   func(s *sim.SIM) string { return string(s.IMSI) },
		"msisdn": func(s *sim.SIM) string { return string(s.MSISDN) },
	} {
		var values []string
		for _, s := range sims {
			if v := value(s.SIM); v != "" {
				values = append(values, v)
			}
		}
		list, arg := tx.engine.list(column, values)
		text := fmt.Sprintf("SELECT %s, iccid FROM sim WHERE %s AND %s <> ''", column, list, column)
		var v string
		var owner ident.ICCID
		rows, err := tx.q.query(ctx, tx.engine.rebind(text), arg)
		if err != nil {
			return nil, tx.engine.fault(err)
		}
		for rows.Next() {
			if err := rows.Scan(&v, &owner); err != nil {
				_ = rows.Close()
				return nil, tx.engine.fault(err)
			}
			out[column+" "+v] = owner
		}
		if err := rows.Close(); err != nil {
			return nil, tx.engine.fault(err)
		}
	}
	return out, nil
}
