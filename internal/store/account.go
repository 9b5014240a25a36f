package store

import (
	"context"
	"net/netip"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const memberColumns = `a.id, a.kind, a.name, a.roles, a.hash, a.disabled, a.expires_at, a.created_at, a.type, a.suspended, p.id, p.path, ` + suspendedAt + `,
	COALESCE(d.email, ''), COALESCE(d.first_name, ''), COALESCE(d.last_name, ''), COALESCE(d.mobile, ''), COALESCE(d.allow_list, '')`

const memberFrom = ` FROM account a JOIN portfolio p ON p.no = a.portfolio_no LEFT JOIN account_detail d ON d.account_id = a.id`

// scanMember scans memberColumns, and more that follow them.
func scanMember(rows rowScanner, m *tenant.Member, more ...any) error {
	var path, allow string
	var disabled, expires, created, above int64
	a := &m.Account
	if err := rows.Scan(append([]any{&a.ID, &a.Kind, &a.Name, &a.Roles, &a.Hash, &disabled, &expires, &created, &a.Type, &a.Suspended, &a.Portfolio, &path, &above,
		&m.Email, &m.FirstName, &m.LastName, &m.Mobile, &allow}, more...)...); err != nil {
		return err
	}
	a.Above = above != 0
	a.Disabled, a.ExpiresAt, a.CreatedAt = disabled != 0, moment(expires), moment(created)
	a.Sphere, a.May = tenant.Below(path), tenant.Rights(a.Roles)
	var err error
	m.AllowList, err = tenant.ParseAllowList(allow)
	return err
}

// Members lists the accounts of one portfolio, in the order of their names.
func (r reader) Members(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]tenant.Member, error) {
	where, args := sphere("a.portfolio_no", in)
	var out []tenant.Member
	err := r.each(ctx, func(rows rowScanner) error {
		out = append(out, tenant.Member{})
		return scanMember(rows, &out[len(out)-1])
	}, "SELECT "+memberColumns+memberFrom+" WHERE p.id = ? AND "+where+" ORDER BY a.kind, a.name", append([]any{string(portfolio)}, args...)...)
	return out, err
}

// Member returns one account with its details, or a NotFound fault when it is
// missing or outside the sphere.
func (r reader) Member(ctx context.Context, in tenant.Sphere, id string) (tenant.Member, error) {
	where, args := sphere("a.portfolio_no", in)
	var m tenant.Member
	found := false
	err := r.each(ctx, func(rows rowScanner) error {
		found = true
		return scanMember(rows, &m)
	}, "SELECT "+memberColumns+memberFrom+" WHERE a.id = ? AND "+where, append([]any{id}, args...)...)
	if err == nil && !found {
		err = fault.Missing("account", id)
	}
	return m, err
}

// SaveAccount stores what may change of an account: its roles, type, hash, expiry,
// suspensions, and whether it is disabled.
func (tx *Tx) SaveAccount(ctx context.Context, a tenant.Account) error {
	_, err := tx.exec(ctx, "UPDATE account SET roles = ?, type = ?, hash = ?, disabled = ?, expires_at = ?, suspended = ? WHERE id = ?",
		a.Roles, a.Type, a.Hash, flag(a.Disabled), micros(a.ExpiresAt), int64(a.Suspended), a.ID)
	return err
}

// SaveRoles gives all users of a type other roles, and says how many they are.
func (tx *Tx) SaveRoles(ctx context.Context, userType int64, roles string) (int64, error) {
	return tx.exec(ctx, "UPDATE account SET roles = ? WHERE type = ? AND type <> 0", roles, userType)
}

// SaveDetail stores the details of an account.
func (tx *Tx) SaveDetail(ctx context.Context, account string, d tenant.Detail) error {
	_, err := tx.exec(ctx, `INSERT INTO account_detail (account_id, email, first_name, last_name, mobile, allow_list) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (account_id) DO UPDATE SET email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name,
		mobile = excluded.mobile, allow_list = excluded.allow_list`,
		account, d.Email, d.FirstName, d.LastName, d.Mobile, listText(d.AllowList))
	return err
}

func listText(list []netip.Prefix) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

// EndSessions removes every session of an account.
func (tx *Tx) EndSessions(ctx context.Context, account string) error {
	_, err := tx.exec(ctx, "DELETE FROM session WHERE account_id = ?", account)
	return err
}

// Titles returns the titles of the portfolios of the sphere that have one.
func (r reader) Titles(ctx context.Context, in tenant.Sphere) (map[ident.PortfolioID]string, error) {
	where, args := sphere("t.portfolio_no", in)
	out := map[ident.PortfolioID]string{}
	err := r.each(ctx, func(rows rowScanner) error {
		var id ident.PortfolioID
		var title string
		err := rows.Scan(&id, &title)
		out[id] = title
		return err
	}, "SELECT p.id, t.title FROM portfolio_title t JOIN portfolio p ON p.no = t.portfolio_no WHERE "+where, args...)
	return out, err
}

// SaveTitle stores the title of a portfolio. One that another child of the same
// parent has is a Conflict.
func (tx *Tx) SaveTitle(ctx context.Context, p tenant.Portfolio, title string) error {
	no, err := tx.number(ctx, p.ID)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO portfolio_title (portfolio_no, parent, title) VALUES (?, ?, ?)
		ON CONFLICT (portfolio_no) DO UPDATE SET title = excluded.title`, no, string(p.Parent), title)
	return err
}
