package simulated

import (
	"context"
	"database/sql"
	"net/netip"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// known is what the network can read back: all of a profile but the keys.
const known = network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred

// Observe reads the subscribers back, in the order asked.
func (n *Network) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	if _, err := n.admit(ctx); err != nil {
		return nil, err
	}
	have, err := load(ctx, n.observe, ids)
	if err != nil {
		return nil, unusable(ctx, err)
	}
	out := make([]network.Actual, len(ids))
	for i, imsi := range ids {
		s := have[imsi]
		out[i] = s.actual(imsi)
	}
	return out, nil
}

// List returns up to limit of the subscribers after the given IMSI, in
// ascending order.
func (n *Network) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	if _, err := n.admit(ctx); err != nil {
		return nil, err
	}
	rows, err := n.list.QueryContext(ctx, string(after), max(limit, 0))
	if err != nil {
		return nil, unusable(ctx, err)
	}
	var out []network.Actual
	err = collect(rows, func(imsi ident.IMSI, s subscriber) { out = append(out, s.actual(imsi)) })
	if err != nil {
		return nil, unusable(ctx, err)
	}
	return out, nil
}

func load(ctx context.Context, stmt *sql.Stmt, ids []ident.IMSI) (map[ident.IMSI]subscriber, error) {
	asked, err := array(ids)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := make(map[ident.IMSI]subscriber, len(ids))
	err = collect(rows, func(imsi ident.IMSI, s subscriber) { out[imsi] = s })
	return out, err
}

func (s *subscriber) actual(imsi ident.IMSI) network.Actual {
	a := network.Actual{IMSI: imsi, Present: s.present, MSISDN: s.msisdn, APN: s.apn, Barred: s.barred, Known: known}
	if s.ip != "" {
		a.IP, _ = netip.ParseAddr(s.ip) // written from an Addr
	}
	return a
}
