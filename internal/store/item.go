package store

import (
	"context"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Items lists the items of a package that is linked to a portfolio of the
// sphere, deleted ones too, by their ids.
func (r reader) Items(ctx context.Context, in tenant.Sphere, pkg int64) ([]plan.Item, error) {
	where, args := linkedIn(in)
	var out []plan.Item
	err := r.each(ctx, func(rows rowScanner) error {
		var i plan.Item
		var countries string
		var deleted, created int64
		err := rows.Scan(&i.ID, &i.Package, &i.Category, &i.Bundle, &i.Price, &i.RoundIn, &i.RoundOut, &countries, &deleted, &created)
		if countries != "" {
			i.Countries = strings.Split(countries, ",")
		}
		i.Deleted, i.CreatedAt = deleted != 0, moment(created)
		out = append(out, i)
		return err
	}, `SELECT i.id, i.package_id, i.category, i.bundle, i.price, i.round_in, i.round_out, i.countries, i.deleted, i.created_at
		FROM package_item i JOIN package k ON k.id = i.package_id WHERE i.package_id = ? AND `+where+" ORDER BY i.id", append([]any{pkg}, args...)...)
	return out, err
}

// SaveItem stores an item, and gives it an id unless it has one.
func (tx *Tx) SaveItem(ctx context.Context, i *plan.Item) error {
	if i.ID == 0 {
		ids, err := tx.engine.nextIDs(ctx, tx.q, 1)
		if err != nil {
			return err
		}
		i.ID = ids[0]
	}
	_, err := tx.exec(ctx, `INSERT INTO package_item (id, package_id, category, bundle, price, round_in, round_out, countries, deleted, created_at)
		VALUES (`+placeholders(10)+`) ON CONFLICT (id) DO UPDATE SET bundle = excluded.bundle, price = excluded.price, round_in = excluded.round_in,
		round_out = excluded.round_out, countries = excluded.countries, deleted = excluded.deleted`,
		i.ID, i.Package, int64(i.Category), i.Bundle, int64(i.Price), i.RoundIn, i.RoundOut, strings.Join(i.Countries, ","), flag(i.Deleted),
		micros(i.CreatedAt))
	return err
}

// SavePackage stores what may change of a package: everything but its id, its
// currency, its network and its operator.
func (tx *Tx) SavePackage(ctx context.Context, p plan.Package) error {
	_, err := tx.exec(ctx, `UPDATE package SET name = ?, status = ?, price = ?, billing_months = ?, activation_price = ?, termination_price = ?,
		contract_months = ?, activation = ?, termination = ? WHERE id = ?`, p.Name, string(p.Status), int64(p.Price), p.BillingMonths,
		int64(p.ActivationPrice), int64(p.TerminationPrice), p.ContractMonths, string(p.Activation), string(p.Termination), p.ID)
	return err
}

// LinksOf lists every link in the sphere, by package.
func (r reader) LinksOf(ctx context.Context, in tenant.Sphere) (map[int64][]plan.Link, error) {
	where, args := sphere("l.portfolio_no", in)
	out := map[int64][]plan.Link{}
	err := r.each(ctx, func(rows rowScanner) error {
		var l plan.Link
		err := rows.Scan(&l.Package, &l.Portfolio, &l.Suspended, &l.Status)
		out[l.Package] = append(out[l.Package], l)
		return err
	}, `SELECT l.package_id, p.id, l.suspended, l.status FROM package_portfolio l JOIN portfolio p ON p.no = l.portfolio_no
		WHERE `+where+" ORDER BY p.path", args...)
	return out, err
}
