package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// admissions reads what the answer to a question for access depends on.
var admissions = packed(`SELECT t.sim_id, t.identity, t.flags, t.wanted, t.settled, t.holds, t.data_limit, t.imei_lock,
	CASE WHEN t.data_limit > 0 THEN ` + used + ` ELSE 0 END
FROM sim_state t WHERE `)

// whoIs is where the packed identity of a SIM is read to, for its subscriber.
func whoIs(s *usage.Subscriber, ip *string) []any {
	none := new(string)
	return []any{none, none, &s.IMSI, &s.MSISDN, none, ip, &s.APN, none, none, none, none, none, none, none, none, none, none}
}

// byIMSI and byNumber are the conditions that a subscriber is one of a list.
func byIMSI(list string) string { return "t.imsi <> '' AND " + list }

func byNumber(list string) string {
	return "t.sim_id IN (SELECT s.id FROM sim s WHERE s.msisdn <> '' AND " + list + ")"
}

// Subscribers finds the SIMs that these subscribers or numbers stand for, and
// what each used in the month of a time. The map is by IMSI, and by MSISDN with
// a plus sign. Of a SIM it has what [usage.Judge] looks at.
func (db *DB) Subscribers(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error) {
	return db.named.Subscribers(ctx, imsis, numbers, at)
}

// Subscribers is that of a transaction.
func (r reader) Subscribers(ctx context.Context, imsis []ident.IMSI, numbers []ident.MSISDN, at time.Time) (map[string]*usage.Subscriber, error) {
	out := make(map[string]*usage.Subscriber, len(imsis)+len(numbers))
	if len(imsis) > 0 {
		list, args := few(r, "t.imsi", imsis)
		if err := r.admitted(ctx, byIMSI(list), args, at, func(s *usage.Subscriber) { out[string(s.IMSI)] = s }); err != nil {
			return nil, err
		}
	}
	if len(numbers) == 0 {
		return out, nil
	}
	list, args := few(r, "s.msisdn", numbers)
	return out, r.admitted(ctx, byNumber(list), args, at, func(s *usage.Subscriber) { out["+"+string(s.MSISDN)] = s })
}

func (r reader) admitted(ctx context.Context, which string, args []any, at time.Time, found func(*usage.Subscriber)) error {
	month, hour := usedIn(at)
	return r.eachPacked(ctx, func(row rowScanner) error {
		s := new(usage.Subscriber)
		var ip, holds string
		var flags, wanted, settled int64
		dest := append(append([]any{&s.ID}, whoIs(s, &ip)...), &flags, &wanted, &settled, &holds, &s.DataLimit, &s.IMEILock, &s.Used)
		if err := row.Scan(dest...); err != nil {
			return err
		}
		s.IP, _ = netip.ParseAddr(ip) // empty for none
		s.Wanted, s.Settled = unpack(wanted), unpack(settled)
		s.Wanted.Suspended, s.Barred = unflag(flags)
		found(s)
		return unhold(holds, &s.SIM)
	}, admissions+which, append([]any{month, hour}, args...)...)
}
