package store

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// suspendedAt counts the suspended portfolios at a portfolio p and above it;
// suspendedAbove, those above it alone. They are few, and have a table of their
// own: an index of theirs on all portfolios was passed over by PostgreSQL while
// it had not analysed those, which took a list of 10,000 most of a minute.
const (
	suspendedAt    = "(SELECT count(*) FROM portfolio_suspension x WHERE substr(p.path, 1, length(x.path)) = x.path)"
	suspendedAbove = "(SELECT count(*) FROM portfolio_suspension x WHERE x.portfolio_no <> p.no AND substr(p.path, 1, length(x.path)) = x.path)"
)

const portfolioSelect = `SELECT p.id, p.parent, p.path, p.name, p.currency, p.billing_day, p.status, p.allow_list, p.overdue, p.no_activations,
	COALESCE(s.suspended, 0), ` + suspendedAbove + `, p.created_at FROM portfolio p LEFT JOIN portfolio_suspension s ON s.portfolio_no = p.no`

func scanPortfolio(rows rowScanner) (tenant.Portfolio, error) {
	var p tenant.Portfolio
	var allow string
	var created, stopped, above int64
	if err := rows.Scan(&p.ID, &p.Parent, &p.Path, &p.Name, &p.Currency, &p.BillingDay, &p.Status, &allow, &p.Overdue, &stopped,
		&p.Suspended, &above, &created); err != nil {
		return p, err
	}
	list, err := tenant.ParseAllowList(allow)
	p.AllowList, p.NoActivations, p.Above, p.CreatedAt = list, stopped != 0, above != 0, moment(created)
	return p, err
}

func allowText(p *tenant.Portfolio) string {
	parts := make([]string, len(p.AllowList))
	for i, n := range p.AllowList {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

// Portfolio returns one portfolio, or a NotFound fault when it is missing or
// outside the sphere.
func (r reader) Portfolio(ctx context.Context, in tenant.Sphere, id ident.PortfolioID) (tenant.Portfolio, error) {
	from, to := in.Bounds()
	var p tenant.Portfolio
	found := false
	err := r.each(ctx, func(rows rowScanner) (err error) {
		p, err = scanPortfolio(rows)
		found = true
		return err
	}, portfolioSelect+" WHERE p.id = ? AND p.path >= ? AND p.path < ?", string(id), from, to)
	if err == nil && !found {
		err = fault.Missing("portfolio", string(id))
	}
	return p, err
}

// Portfolios lists the portfolios of the sphere, parents before children.
func (r reader) Portfolios(ctx context.Context, in tenant.Sphere) ([]tenant.Portfolio, error) {
	from, to := in.Bounds()
	var out []tenant.Portfolio
	err := r.each(ctx, func(rows rowScanner) error {
		p, err := scanPortfolio(rows)
		out = append(out, p)
		return err
	}, portfolioSelect+" WHERE p.path >= ? AND p.path < ? ORDER BY p.path", from, to)
	return out, err
}

// AddPortfolio stores a new portfolio. Its id must be free, else the fault is
// of kind Conflict.
func (tx *Tx) AddPortfolio(ctx context.Context, p tenant.Portfolio) error {
	no, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO portfolio (no, id, parent, path, name, currency, billing_day, status, allow_list, overdue,
		no_activations, created_at) VALUES (`+placeholders(12)+")",
		no[0], string(p.ID), string(p.Parent), p.Path, p.Name, string(p.Currency), p.BillingDay, string(p.Status), allowText(&p),
		int64(p.Overdue), flag(p.NoActivations), micros(p.CreatedAt))
	if err != nil || p.Suspended == 0 {
		return err
	}
	return tx.suspend(ctx, &p)
}

// SavePortfolio stores what may change of a portfolio. Its place in the tree
// and its currency stay.
func (tx *Tx) SavePortfolio(ctx context.Context, p tenant.Portfolio) error {
	_, err := tx.exec(ctx, `UPDATE portfolio SET name = ?, billing_day = ?, status = ?, allow_list = ?, overdue = ?, no_activations = ?
		WHERE id = ?`, p.Name, p.BillingDay, string(p.Status), allowText(&p), int64(p.Overdue), flag(p.NoActivations), string(p.ID))
	if err != nil {
		return err
	}
	return tx.suspend(ctx, &p)
}

// suspend stores the suspensions of a portfolio.
func (tx *Tx) suspend(ctx context.Context, p *tenant.Portfolio) error {
	if p.Suspended == 0 {
		_, err := tx.exec(ctx, "DELETE FROM portfolio_suspension WHERE portfolio_no = (SELECT no FROM portfolio WHERE id = ?)", string(p.ID))
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO portfolio_suspension (portfolio_no, path, suspended) SELECT no, path, CAST(? AS INTEGER) FROM portfolio WHERE id = ?
		ON CONFLICT (portfolio_no) DO UPDATE SET suspended = excluded.suspended`, int64(p.Suspended), string(p.ID))
	return err
}

const accountSelect = `SELECT a.id, a.kind, a.name, a.roles, a.hash, a.disabled, a.expires_at, a.created_at, a.type, a.suspended, p.id, p.path, ` + suspendedAt + `
FROM account a JOIN portfolio p ON p.no = a.portfolio_no`

func scanAccount(rows rowScanner) (tenant.Account, error) {
	var a tenant.Account
	var path string
	var disabled, expires, created, above int64
	err := rows.Scan(&a.ID, &a.Kind, &a.Name, &a.Roles, &a.Hash, &disabled, &expires, &created, &a.Type, &a.Suspended, &a.Portfolio, &path, &above)
	a.Above = above != 0
	a.Disabled, a.ExpiresAt, a.CreatedAt = disabled != 0, moment(expires), moment(created)
	a.Sphere, a.May = tenant.Below(path), tenant.Rights(a.Roles)
	return a, err
}

// Accounts lists the accounts of the sphere.
func (r reader) Accounts(ctx context.Context, in tenant.Sphere) ([]tenant.Account, error) {
	where, args := sphere("a.portfolio_no", in)
	var out []tenant.Account
	err := r.each(ctx, func(rows rowScanner) error {
		a, err := scanAccount(rows)
		out = append(out, a)
		return err
	}, accountSelect+" WHERE "+where+" ORDER BY p.path, a.kind, a.name", args...)
	return out, err
}

// AddAccount stores a new account. Its name must be free among its kind, else
// the fault is of kind Conflict. User names are one in any case of letters.
func (tx *Tx) AddAccount(ctx context.Context, a tenant.Account) error {
	no, err := tx.number(ctx, a.Portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO account (id, kind, name, portfolio_no, roles, hash, disabled, expires_at, created_at, type, suspended)
		VALUES (`+placeholders(11)+")", a.ID, string(a.Kind), foldName(a.Name), no, a.Roles, a.Hash, flag(a.Disabled),
		micros(a.ExpiresAt), micros(a.CreatedAt), a.Type, int64(a.Suspended))
	return err
}

// AddSession stores a session.
func (tx *Tx) AddSession(ctx context.Context, s tenant.Session) error {
	no, err := tx.number(ctx, s.Portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "INSERT INTO session (hash, account_id, portfolio_no, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
		s.Hash, s.Principal, no, micros(s.CreatedAt), micros(s.ExpiresAt))
	return err
}

// EndSession removes a session, and says whether there was one.
func (tx *Tx) EndSession(ctx context.Context, hash []byte) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM session WHERE hash = ?", hash)
	return n > 0, err
}

// EndSessionsOf removes every session of an account in one portfolio.
func (tx *Tx) EndSessionsOf(ctx context.Context, account string, portfolio ident.PortfolioID) error {
	no, err := tx.number(ctx, portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "DELETE FROM session WHERE account_id = ? AND portfolio_no = ?", account, no)
	return err
}

// LockPortfolio keeps others who lock the portfolio waiting until the transaction
// ends: what belongs to it can be read, and then changed, counted or added to.
func (tx *Tx) LockPortfolio(ctx context.Context, id ident.PortfolioID) error {
	return tx.pin(ctx, "SELECT no FROM portfolio WHERE id = ? FOR NO KEY UPDATE", string(id))
}

// LockAccount is LockPortfolio for an account.
func (tx *Tx) LockAccount(ctx context.Context, id string) error {
	return tx.pin(ctx, "SELECT 1 FROM account WHERE id = ? FOR NO KEY UPDATE", id)
}

// LockPackage is LockPortfolio for a package; who holds it waits, too.
func (tx *Tx) LockPackage(ctx context.Context, id int64) error {
	return tx.pin(ctx, "SELECT 1 FROM package WHERE id = ? FOR UPDATE", id)
}

// HoldPackage keeps a package as it is until the transaction ends: whoever would
// change it waits.
func (tx *Tx) HoldPackage(ctx context.Context, id int64) error {
	return tx.pin(ctx, "SELECT 1 FROM package WHERE id = ? FOR KEY SHARE", id)
}

// LockCollection is LockPortfolio for a collection.
func (tx *Tx) LockCollection(ctx context.Context, id int64) error {
	return tx.pin(ctx, "SELECT 1 FROM collection WHERE id = ? FOR NO KEY UPDATE", id)
}

// pin runs a statement that locks a row, if it is there, where transactions run
// beside each other.
func (tx *Tx) pin(ctx context.Context, text string, id any) error {
	if !tx.engine.locks() {
		return nil
	}
	return tx.each(ctx, func(rowScanner) error { return nil }, text, id)
}
