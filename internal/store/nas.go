package store

import (
	"context"
	"net/netip"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// NASes lists the gateways that may speak RADIUS to us, by name, with their
// secrets sealed.
func (r reader) NASes(ctx context.Context) ([]usage.NAS, error) {
	var out []usage.NAS
	err := r.each(ctx, func(rows rowScanner) error {
		var n usage.NAS
		var prefix string
		var unsigned, proxy, coa, created int64
		if err := rows.Scan(&n.Name, &prefix, &n.CoAPort, &unsigned, &proxy, &coa, &n.Sealed, &created); err != nil {
			return err
		}
		n.Unsigned, n.Proxy, n.CoA, n.Created = unsigned != 0, proxy != 0, coa != 0, moment(created)
		var err error
		n.Prefix, err = netip.ParsePrefix(prefix)
		out = append(out, n)
		return err
	}, "SELECT name, prefix, coa_port, unsigned, proxy, coa, sealed, created_at FROM nas ORDER BY name")
	return out, err
}

// AddNAS stores a gateway; a name that is taken is a Conflict.
func (tx *Tx) AddNAS(ctx context.Context, n usage.NAS) error {
	_, err := tx.exec(ctx, "INSERT INTO nas (name, prefix, coa_port, unsigned, proxy, coa, sealed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		n.Name, n.Prefix.String(), n.CoAPort, flag(n.Unsigned), flag(n.Proxy), flag(n.CoA), n.Sealed, micros(n.Created))
	return err
}

// RemoveNAS removes a gateway, and says whether there was one.
func (tx *Tx) RemoveNAS(ctx context.Context, name string) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM nas WHERE name = ?", name)
	return n > 0, err
}
