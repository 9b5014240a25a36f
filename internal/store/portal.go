package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Portals lists the portals of a tree that somebody has made, in the order in
// which they were. It takes no sphere: who sees which depends on who is in them.
func (r reader) Portals(ctx context.Context, root string) ([]tenant.Portal, error) {
	var out []tenant.Portal
	err := r.each(ctx, func(rows rowScanner) error {
		p := tenant.Portal{Root: root}
		var created int64
		err := rows.Scan(&p.ID, &p.Owner, &p.OwnerPath, &p.Name, &p.Title, &p.Status, &created)
		p.CreatedAt = moment(created)
		out = append(out, p)
		return err
	}, `SELECT x.id, p.id, p.path, x.name, x.title, x.status, x.created_at FROM portal x JOIN portfolio p ON p.no = x.portfolio_no
		WHERE x.root = ? ORDER BY x.created_at, x.id`, root)
	return out, err
}

// PortalSteps returns which portfolios of the sphere, and which above it, were
// put into which portal.
func (r reader) PortalSteps(ctx context.Context, in tenant.Sphere) (tenant.PortalSteps, error) {
	from, to := in.Bounds()
	out := tenant.PortalSteps{}
	err := r.each(ctx, func(rows rowScanner) error {
		var path, portal string
		err := rows.Scan(&path, &portal)
		out[path] = portal
		return err
	}, `SELECT p.path, x.portal FROM portfolio_portal x JOIN portfolio p ON p.no = x.portfolio_no
		WHERE p.path >= ? AND p.path < ? OR substr(CAST(? AS TEXT), 1, length(p.path)) = p.path`, from, to, from)
	return out, err
}

var portalTable = &table{name: "portal", columns: cols("id text, portfolio_no, root text, name text, title text, status text, created_at"),
	onDup: "ON CONFLICT (id) DO UPDATE SET name = excluded.name, title = excluded.title, status = excluded.status"}

// SavePortal stores a portal: its name, title and status, when it is there. A
// title that the tree has already is a Conflict.
func (tx *Tx) SavePortal(ctx context.Context, p tenant.Portal) error {
	no, err := tx.number(ctx, p.Owner)
	if err != nil {
		return err
	}
	return tx.insert(ctx, portalTable, [][]any{{p.ID, no, p.Root, p.Name, p.Title, string(p.Status), micros(p.CreatedAt)}})
}

// SavePortalStep puts a portfolio into a portal.
func (tx *Tx) SavePortalStep(ctx context.Context, portfolio ident.PortfolioID, portal string) error {
	no, err := tx.number(ctx, portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO portfolio_portal (portfolio_no, portal) VALUES (?, ?)
		ON CONFLICT (portfolio_no) DO UPDATE SET portal = excluded.portal`, no, portal)
	return err
}
