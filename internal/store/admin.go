package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// What stands here takes no sphere: it finds out who the caller is, or serves
// Simurgh's own loops. Nothing of it may be handed to a caller as it comes.

// AccountByName finds the account that signs in under a name.
func (r reader) AccountByName(ctx context.Context, kind tenant.Kind, name string) (a tenant.Account, found bool, err error) {
	err = r.each(ctx, func(rows rowScanner) (err error) {
		a, err = scanAccount(rows)
		found = true
		return err
	}, accountSelect+" WHERE a.kind = ? AND a.name = ?", string(kind), foldName(name))
	return a, found, err
}

// SessionAccount finds a live session by the hash of its id: the account, with
// its sphere narrowed to the portfolio of the session, and that portfolio.
func (r reader) SessionAccount(ctx context.Context, hash []byte, now time.Time) (a tenant.Account, p tenant.Portfolio, found bool, err error) {
	var id string
	var portfolio ident.PortfolioID
	found, err = r.one(ctx, []any{&id, &portfolio}, `SELECT x.account_id, p.id FROM session x JOIN portfolio p ON p.no = x.portfolio_no
		WHERE x.hash = ? AND x.expires_at > ?`, hash, micros(now))
	if err != nil || !found {
		return a, p, false, err
	}
	found = false
	err = r.each(ctx, func(rows rowScanner) (err error) {
		a, err = scanAccount(rows)
		found = true
		return err
	}, accountSelect+" WHERE a.id = ?", id)
	if err != nil || !found {
		return a, p, false, err
	}
	p, err = r.Portfolio(ctx, a.Sphere, portfolio)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return a, p, false, nil // it has left the account's sphere
	case err != nil:
		return a, p, false, err
	}
	a.Portfolio, a.Sphere = p.ID, tenant.Below(p.Path)
	return a, p, true, nil
}

// DropExpired removes up to n sessions and n stored answers whose time is over.
func (tx *Tx) DropExpired(ctx context.Context, now time.Time, n int) (int64, error) {
	sessions, err := tx.exec(ctx, "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE expires_at <= ? LIMIT ?)", micros(now), n)
	if err != nil {
		return 0, err
	}
	answers, err := tx.exec(ctx, `DELETE FROM idempotency WHERE (principal, key) IN
		(SELECT principal, key FROM idempotency WHERE expires_at <= ? LIMIT ?)`, micros(now), n)
	return sessions + answers, err
}

// Link returns how a package is linked to a portfolio; found is false when it
// is not.
func (r reader) Link(ctx context.Context, pkg int64, portfolio ident.PortfolioID) (l plan.Link, found bool, err error) {
	l.Package, l.Portfolio = pkg, portfolio
	found, err = r.one(ctx, []any{&l.Suspended, &l.Status}, `SELECT l.suspended, l.status FROM package_portfolio l
		JOIN portfolio p ON p.no = l.portfolio_no WHERE l.package_id = ? AND p.id = ?`, pkg, string(portfolio))
	return l, found, err
}

// Networks lists every network, by name.
func (r reader) Networks(ctx context.Context) ([]plan.Network, error) {
	var out []plan.Network
	err := r.each(ctx, func(rows rowScanner) error {
		var n plan.Network
		var created, reconciled int64
		err := rows.Scan(&n.Name, &n.Driver, &n.Config, &n.Sealed, &n.QuarantineDays, &reconciled, &created)
		n.CreatedAt, n.ReconciledAt = moment(created), moment(reconciled)
		out = append(out, n)
		return err
	}, "SELECT name, driver, config, sealed, quarantine_days, reconciled_at, created_at FROM network ORDER BY name")
	return out, err
}

// AddNetwork stores a new network; a name that is taken is a Conflict.
func (tx *Tx) AddNetwork(ctx context.Context, n plan.Network) error {
	_, err := tx.exec(ctx, `INSERT INTO network (name, driver, config, sealed, quarantine_days, reconciled_at, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, n.Name, n.Driver, n.Config, blob(n.Sealed), n.QuarantineDays, micros(n.ReconciledAt), micros(n.CreatedAt))
	return err
}

// SaveNetwork stores how a network is reached, and how long its SIMs wait.
func (tx *Tx) SaveNetwork(ctx context.Context, n plan.Network) error {
	_, err := tx.exec(ctx, "UPDATE network SET config = ?, sealed = ?, quarantine_days = ? WHERE name = ?", n.Config, blob(n.Sealed), n.QuarantineDays, n.Name)
	return err
}

// HoldNetwork keeps a network until the transaction ends: whoever would remove it
// waits. One that is missing is a NotFound fault.
func (tx *Tx) HoldNetwork(ctx context.Context, name string) error {
	return tx.pinNetwork(ctx, name, " FOR KEY SHARE")
}

// LockNetwork keeps everybody else from holding or changing a network until the
// transaction ends. One that is missing is a NotFound fault.
func (tx *Tx) LockNetwork(ctx context.Context, name string) error {
	return tx.pinNetwork(ctx, name, " FOR UPDATE")
}

func (tx *Tx) pinNetwork(ctx context.Context, name, lock string) error {
	if !tx.engine.locks() {
		lock = ""
	}
	var one int
	found, err := tx.one(ctx, []any{&one}, "SELECT 1 FROM network WHERE name = ?"+lock, name)
	if err == nil && !found {
		err = fault.Missing("network", name)
	}
	return err
}

// DropNetwork forgets a network, and nothing that refers to it.
func (tx *Tx) DropNetwork(ctx context.Context, name string) error {
	_, err := tx.exec(ctx, "DELETE FROM network WHERE name = ?", name)
	return err
}

// NetworkUser tells what refers to a network: "SIMs", "packages" or nothing. It
// may read every SIM.
func (r reader) NetworkUser(ctx context.Context, name string) (string, error) {
	for _, user := range []struct{ what, query string }{
		{"packages", "SELECT 1 FROM package WHERE network = ? LIMIT 1"},
		{"SIMs", "SELECT 1 FROM sim_state WHERE network = ? LIMIT 1"},
	} {
		var one int
		found, err := r.one(ctx, []any{&one}, user.query, name)
		if err != nil || found {
			return user.what, err
		}
	}
	return "", nil
}

// StartReconcile says that one node reconciles the network now, unless another
// has since the given time. So one node at a time does it.
func (tx *Tx) StartReconcile(ctx context.Context, network string, now, since time.Time) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE network SET reconciled_at = ? WHERE name = ? AND reconciled_at <= ?", micros(now), network, micros(since))
	return n > 0, err
}

// Expected lists what a network should have of up to n SIMs after the given
// IMSI, in order, leaving out those that it has still to hear of.
func (r reader) Expected(ctx context.Context, network string, after ident.IMSI, n int) ([]sim.SIM, error) {
	return r.sims(ctx, simSelect+` WHERE t.imsi > ? AND t.imsi <> '' AND t.network = ?
		AND NOT EXISTS (SELECT 1 FROM sync_queue q WHERE q.sim_id = t.sim_id) ORDER BY t.imsi LIMIT ?`, string(after), network, n)
}

// QuarantineOver lists up to n SIMs of a network that were terminated before
// the given time and have not returned to stock.
func (r reader) QuarantineOver(ctx context.Context, network string, before time.Time, n int) ([]int64, error) {
	var ids []int64
	err := r.each(ctx, func(rows rowScanner) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT sim_id FROM sim_state WHERE status = 8 AND network = ? AND terminated_at <= ? ORDER BY terminated_at LIMIT ?",
		network, micros(before), n)
	return ids, err
}

// QueueDepths lists how much waits for each network.
func (r reader) QueueDepths(ctx context.Context) ([]sim.QueueDepth, error) {
	var out []sim.QueueDepth
	err := r.each(ctx, func(rows rowScanner) error {
		var d sim.QueueDepth
		var oldest int64
		err := rows.Scan(&d.Network, &d.Waiting, &d.Failing, &oldest)
		d.Oldest = moment(oldest)
		out = append(out, d)
		return err
	}, `SELECT network, count(*), COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0), min(due_at) FROM sync_queue
		GROUP BY network ORDER BY network`)
	return out, err
}

// Setting reads a fact about the database itself; found is false when it was
// never set.
func (r reader) Setting(ctx context.Context, name string) (value []byte, found bool, err error) {
	found, err = r.one(ctx, []any{&value}, "SELECT value FROM setting WHERE name = ?", name)
	return value, found, err
}

// SetOnce sets a fact unless it is set, and returns what then holds.
func (tx *Tx) SetOnce(ctx context.Context, name string, value []byte) ([]byte, error) {
	if _, err := tx.exec(ctx, "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, blob(value)); err != nil {
		return nil, err
	}
	v, found, err := tx.Setting(ctx, name)
	if err == nil && !found {
		err = fault.New(fault.Internal, "store.setting", "the setting %s was lost", name)
	}
	return v, err
}
