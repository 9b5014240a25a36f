package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const packageSelect = `SELECT k.id, k.name, k.status, k.currency, k.price, k.billing_months, k.activation_price, k.termination_price,
	k.contract_months, k.activation, k.termination, k.network, k.mno, k.created_at FROM package k`

func scanPackage(rows rowScanner, more ...any) (plan.Package, error) {
	var p plan.Package
	var created int64
	err := rows.Scan(append([]any{&p.ID, &p.Name, &p.Status, &p.Currency, &p.Price, &p.BillingMonths, &p.ActivationPrice, &p.TerminationPrice,
		&p.ContractMonths, &p.Activation, &p.Termination, &p.Network, &p.MNO, &created}, more...)...)
	p.CreatedAt = moment(created)
	return p, err
}

// linkedIn is the condition that a package is offered inside the sphere, or was,
// for who sees that, too.
func linkedIn(in tenant.Sphere) (string, []any) {
	if in.All() {
		return "1 = 1", nil
	}
	where, args := sphere("l.portfolio_no", in)
	if !in.Lapsed() {
		where = "l.status <> 'deleted' AND " + where
	}
	return "k.id IN (SELECT l.package_id FROM package_portfolio l WHERE " + where + ")", args
}

// Packages lists the packages that are linked to a portfolio of the sphere.
func (r reader) Packages(ctx context.Context, in tenant.Sphere) ([]plan.Package, error) {
	where, args := linkedIn(in)
	var out []plan.Package
	err := r.each(ctx, func(rows rowScanner) error {
		p, err := scanPackage(rows)
		out = append(out, p)
		return err
	}, packageSelect+" WHERE "+where+" ORDER BY k.id", args...)
	return out, err
}

// Package returns one package, or a NotFound fault when it is missing or linked
// to nothing in the sphere.
func (r reader) Package(ctx context.Context, in tenant.Sphere, id int64) (p plan.Package, err error) {
	where, args := linkedIn(in)
	found := false
	err = r.each(ctx, func(rows rowScanner) (err error) {
		p, err = scanPackage(rows)
		found = true
		return err
	}, packageSelect+" WHERE k.id = ? AND "+where, append([]any{id}, args...)...)
	if err == nil && !found {
		err = fault.Missing("package", itoa(id))
	}
	return p, err
}

// Links lists the portfolios of the sphere that a package is linked to.
func (r reader) Links(ctx context.Context, in tenant.Sphere, pkg int64) ([]plan.Link, error) {
	where, args := sphere("l.portfolio_no", in)
	var out []plan.Link
	err := r.each(ctx, func(rows rowScanner) error {
		var l plan.Link
		err := rows.Scan(&l.Package, &l.Portfolio, &l.Suspended, &l.Status)
		out = append(out, l)
		return err
	}, `SELECT l.package_id, p.id, l.suspended, l.status FROM package_portfolio l JOIN portfolio p ON p.no = l.portfolio_no
		WHERE l.package_id = ? AND `+where+" ORDER BY p.path", append([]any{pkg}, args...)...)
	return out, err
}

// maxPackageID is what every JSON reader keeps exactly.
const maxPackageID = 1<<53 - 1

// AddPackage stores a new package and gives it an id unless it brings one. An
// id that is taken is a Conflict.
func (tx *Tx) AddPackage(ctx context.Context, p *plan.Package) error {
	if p.ID < 0 || p.ID > maxPackageID {
		return fault.InvalidField("packageId", "%d is not between 1 and %d", p.ID, int64(maxPackageID))
	}
	// The counter stays above every id that was brought, and its row makes
	// writers wait for each other: so what it gives is free.
	next, args := "next + 1", []any(nil)
	if p.ID != 0 {
		next, args = "CASE WHEN next > ? THEN next ELSE ? END", []any{p.ID, p.ID + 1}
	}
	var free int64
	if _, err := tx.one(ctx, []any{&free}, "UPDATE counter SET next = "+next+" WHERE name = 'package' RETURNING next - 1", args...); err != nil {
		return err
	}
	if p.ID == 0 {
		p.ID = free
	}
	_, err := tx.exec(ctx, `INSERT INTO package (id, name, status, currency, price, billing_months, activation_price, termination_price,
		contract_months, activation, termination, network, mno, created_at) VALUES (`+placeholders(14)+")",
		p.ID, p.Name, string(p.Status), string(p.Currency), int64(p.Price), p.BillingMonths, int64(p.ActivationPrice), int64(p.TerminationPrice),
		p.ContractMonths, string(p.Activation), string(p.Termination), p.Network, p.MNO, micros(p.CreatedAt))
	return err
}

// SaveLink links a package to a portfolio, or changes the link.
func (tx *Tx) SaveLink(ctx context.Context, l plan.Link) error {
	no, err := tx.number(ctx, l.Portfolio)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO package_portfolio (package_id, portfolio_no, suspended, status) VALUES (?, ?, ?, ?)
		ON CONFLICT (package_id, portfolio_no) DO UPDATE SET suspended = excluded.suspended, status = excluded.status`,
		l.Package, no, int64(l.Suspended), string(l.Status))
	return err
}
