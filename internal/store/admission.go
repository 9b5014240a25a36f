package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// admissions reads what the answer to a question for access depends on.
var admissions = packed(`SELECT s.id, s.imsi, s.msisdn, s.ip, s.apn, t.flags, t.wanted, t.settled, t.holds, t.data_limit, t.imei_lock,
	CASE WHEN t.data_limit > 0 THEN ` + used + ` ELSE 0 END
FROM sim s JOIN sim_state t ON t.sim_id = s.id`)

// Subscribers finds the SIMs that these subscribers or numbers stand for, and
// what each used in the month of a time. The map is by IMSI, and by MSISDN with
// a plus sign. Of a SIM it has what [usage.Judge] looks at.
func (db *DB) Subscribers(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error) {
	return db.named.Subscribers(ctx, imsis, numbers, at)
}

// Subscribers is that of a transaction.
func (r reader) Subscribers(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error) {
	out := make(map[string]*usage.Subscriber, len(imsis)+len(numbers))
	if err := admitted(ctx, r, "s.imsi", imsis, at, func(s *usage.Subscriber) { out[string(s.IMSI)] = s }); err != nil {
		return nil, err
	}
	return out, admitted(ctx, r, "s.msisdn", numbers, at, func(s *usage.Subscriber) { out["+"+string(s.MSISDN)] = s })
}

func admitted[T ~string](ctx context.Context, r reader, column string, values []T, at time.Time, found func(*usage.Subscriber)) error {
	if len(values) == 0 {
		return nil
	}
	month, hour := usedIn(at)
	list, args := few(r, column, values)
	return r.eachPacked(ctx, func(row rowScanner) error {
		s := new(usage.Subscriber)
		var ip, holds string
		var flags, wanted, settled int64
		if err := row.Scan(&s.ID, &s.IMSI, &s.MSISDN, &ip, &s.APN, &flags, &wanted, &settled, &holds, &s.DataLimit, &s.IMEILock, &s.Used); err != nil {
			return err
		}
		s.IP, _ = netip.ParseAddr(ip) // empty for none
		s.Wanted, s.Settled = unpack(wanted), unpack(settled)
		s.Wanted.Suspended, s.Barred = unflag(flags)
		found(s)
		return unhold(holds, &s.SIM)
	}, admissions+" WHERE "+column+" <> '' AND "+list, append([]any{month, hour}, args...)...)
}
