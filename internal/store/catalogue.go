package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Entries lists the entries of a dictionary that a tree of portfolios has beside
// the built-in ones, by their ids.
func (r reader) Entries(ctx context.Context, d tenant.Dictionary, root string) ([]tenant.Entry, error) {
	var out []tenant.Entry
	err := r.each(ctx, func(rows rowScanner) error {
		e := tenant.Entry{Dictionary: d, Root: root}
		var modified int64
		err := rows.Scan(&e.ID, &e.Name, &e.Title, &e.Status, &e.Role, &modified)
		e.ModifiedAt = moment(modified)
		out = append(out, e)
		return err
	}, "SELECT id, name, title, status, role, modified_at FROM dictionary WHERE root = ? AND kind = ? ORDER BY id", root, string(d))
	return out, err
}

var entryTable = &table{name: "dictionary", columns: cols("id, kind text, root text, name text, title text, status text, modified_at, role text"),
	onDup: `ON CONFLICT (id) DO UPDATE SET name = excluded.name, title = excluded.title, status = excluded.status, role = excluded.role, modified_at = excluded.modified_at`}

// SaveEntry stores an entry of a dictionary, and gives it an id when it has
// none. A title that the dictionary has already is a Conflict.
func (tx *Tx) SaveEntry(ctx context.Context, e *tenant.Entry) error {
	if e.ID == 0 {
		ids, err := tx.nextIDs(ctx, 1)
		if err != nil {
			return err
		}
		e.ID = tenant.FirstEntry + ids[0]
	}
	return tx.insert(ctx, entryTable, [][]any{{e.ID, string(e.Dictionary), e.Root, e.Name, e.Title, string(e.Status), micros(e.ModifiedAt), e.Role}})
}

// Terms returns the terms of the portfolios of the sphere that have some.
func (r reader) Terms(ctx context.Context, in tenant.Sphere) (map[ident.PortfolioID]tenant.Terms, error) {
	where, args := sphere("t.portfolio_no", in)
	out := map[ident.PortfolioID]tenant.Terms{}
	err := r.each(ctx, func(rows rowScanner) error {
		var id ident.PortfolioID
		var t tenant.Terms
		err := rows.Scan(&id, &t.BusinessCode, &t.TaxCode, &t.PaymentMethod, &t.InvoicingEntity)
		out[id] = t
		return err
	}, `SELECT p.id, t.business_code, t.tax_code, t.payment_method, t.invoicing_entity
		FROM portfolio_terms t JOIN portfolio p ON p.no = t.portfolio_no WHERE `+where, args...)
	return out, err
}

// SaveTerms stores the terms of a portfolio.
func (tx *Tx) SaveTerms(ctx context.Context, id ident.PortfolioID, t tenant.Terms) error {
	no, err := tx.number(ctx, id)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO portfolio_terms (portfolio_no, business_code, tax_code, payment_method, invoicing_entity) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (portfolio_no) DO UPDATE SET business_code = excluded.business_code, tax_code = excluded.tax_code,
		payment_method = excluded.payment_method, invoicing_entity = excluded.invoicing_entity`,
		no, t.BusinessCode, t.TaxCode, t.PaymentMethod, t.InvoicingEntity)
	return err
}

// Addresses lists the addresses of a portfolio of the sphere, in the order in
// which they were made.
func (r reader) Addresses(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]tenant.Address, error) {
	where, args := sphere("a.portfolio_no", in)
	var out []tenant.Address
	err := r.each(ctx, func(rows rowScanner) error {
		a := tenant.Address{Portfolio: portfolio}
		var created int64
		err := rows.Scan(&a.ID, &a.Type, &a.Name, &a.Line1, &a.Line2, &a.City, &a.Region, &a.PostCode, &a.Country, &a.Email, &a.Telephone,
			&a.Status, &created)
		a.CreatedAt = moment(created)
		out = append(out, a)
		return err
	}, `SELECT a.id, a.type, a.name, a.line1, a.line2, a.city, a.region, a.post_code, a.country, a.email, a.telephone, a.status, a.created_at
		FROM portfolio_address a JOIN portfolio p ON p.no = a.portfolio_no WHERE p.id = ? AND `+where+" ORDER BY a.created_at, a.id",
		append([]any{string(portfolio)}, args...)...)
	return out, err
}

var addressTable = &table{name: "portfolio_address", columns: cols(`id text, portfolio_no, type, name text, line1 text, line2 text, city text, region text,
	post_code text, country text, email text, telephone text, status text, created_at`),
	onDup: "ON CONFLICT (id) DO UPDATE SET " + excluded("id text, portfolio_no, type, name text, line1 text, line2 text, city text, region text, post_code text, country text, email text, telephone text, status text")}

// SaveAddress stores an address.
func (tx *Tx) SaveAddress(ctx context.Context, a tenant.Address) error {
	no, err := tx.number(ctx, a.Portfolio)
	if err != nil {
		return err
	}
	return tx.insert(ctx, addressTable, [][]any{{a.ID, no, a.Type, a.Name, a.Line1, a.Line2, a.City, a.Region, a.PostCode, a.Country, a.Email,
		a.Telephone, string(a.Status), micros(a.CreatedAt)}})
}
