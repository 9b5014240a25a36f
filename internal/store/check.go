package store

import (
	"context"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// drifts are the statements that find what does not agree, by the code of the
// fault. Each counts rows.
var drifts = []struct{ code, what, text string }{
	{"store.state", "SIMs have no state, or another one's", `SELECT count(*) FROM sim s LEFT JOIN sim_state t ON t.sim_id = s.id
		WHERE t.sim_id IS NULL OR t.iccid <> s.iccid OR t.imsi <> s.imsi OR t.portfolio_no <> s.portfolio_no`},
	{"store.identity", "SIMs are packed as others than they are", `SELECT count(*) FROM sim s JOIN sim_state t ON t.sim_id = s.id WHERE t.identity <>
		concat_ws(` + "'" + separator + "'" + `, s.eid, s.number, s.imsi, s.msisdn, s.imei, s.ip, s.apn, s.name, s.group_name, s.device,
		s.type, s.form, s.mno, s.spec, s.part, s.rsp, s.created_at)`},
	{"store.tally", "counters differ from the SIMs that they count", differing("portfolio_no, package_id, status, flags", "sim_tally",
		"SELECT portfolio_no, package_id, status, flags, -1 FROM sim_state")},
	{"store.group", "counters of groups differ from the SIMs that they count", differing("portfolio_no, group_name", "sim_group_tally",
		"SELECT portfolio_no, group_name, -1 FROM sim WHERE group_name <> ''")},
	{"store.month", "counters of months differ from the SIMs that they count", `SELECT count(*) FROM (SELECT portfolio_no, month FROM (
		SELECT portfolio_no, month, bytes, sms, cost FROM portfolio_month UNION ALL
		SELECT s.portfolio_no, m.month, -m.bytes, -m.sms, -m.cost FROM usage_month m JOIN sim s ON s.id = m.sim_id) AS u
		GROUP BY portfolio_no, month HAVING SUM(bytes) <> 0 OR SUM(sms) <> 0 OR SUM(cost) <> 0) AS d`},
	{"store.rank", "counters of ICCIDs differ from the SIMs that they count", differing("portfolio_no, length, prefix", "sim_rank", ranked())},
}

// differing counts the keys whose counters and SIMs do not cancel out.
func differing(keys, table, minus string) string {
	return fmt.Sprintf(`SELECT count(*) FROM (SELECT %[1]s FROM (SELECT %[1]s, n FROM %[2]s UNION ALL %[3]s) AS u
		GROUP BY %[1]s HAVING SUM(n) <> 0) AS d`, keys, table, minus)
}

func ranked() string {
	text := ""
	for i, n := range rankLengths {
		if i > 0 {
			text += " UNION ALL "
		}
		text += fmt.Sprintf("SELECT portfolio_no, %d AS length, substr(iccid, 1, %d) AS prefix, -1 FROM sim", n, n)
	}
	return text
}

// Check looks for damage, and for what has drifted from what it stands for; the
// error says what it found.
func (db *DB) Check(ctx context.Context) error {
	if err := db.engine.check(ctx); err != nil {
		return err
	}
	for _, d := range drifts {
		var wrong int64
		if _, err := db.one(ctx, []any{&wrong}, d.text); err != nil {
			return err
		}
		if wrong > 0 {
			return fault.New(fault.Internal, d.code, "%d %s", wrong, d.what)
		}
	}
	return nil
}
