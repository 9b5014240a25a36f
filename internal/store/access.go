package store

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

var (
	accessTable = &table{name: "access", defaults: true, columns: cols("id, sim_id, at, said text, refused, more, last_at")}
	accessMore  = &table{name: "access", columns: cols("id, more, last_at"),
		to: "more = access.more + :more, last_at = CASE WHEN :last_at > access.last_at THEN :last_at ELSE access.last_at END"}
)

// AddAccess stores answered requests for access. One with the id of a stored one
// adds its Times to that.
func (tx *Tx) AddAccess(ctx context.Context, records []usage.AccessRecord) error {
	var fresh, more [][]any
	for i := range records {
		r := &records[i]
		if r.ID != 0 {
			more = append(more, []any{r.ID, max(r.Times, 1), micros(r.LastAt)})
			continue
		}
		fresh = append(fresh, []any{int64(0), r.SIM, micros(r.Access.At), said(r), flag(!r.Verdict.Accept), max(r.Times, 1) - 1, micros(r.LastAt)})
	}
	// Those of a SIM side by side: so are their places in the indexes.
	slices.SortStableFunc(fresh, func(a, b []any) int { return cmp.Compare(a[1].(int64), b[1].(int64)) })
	ids, err := tx.nextIDs(ctx, len(fresh))
	if err != nil {
		return err
	}
	for i, row := range fresh {
		row[0] = ids[i]
	}
	if err := tx.insert(ctx, accessTable, fresh); err != nil || len(more) == 0 {
		return err
	}
	slices.SortFunc(more, compareRows)
	_, err = tx.change(ctx, accessMore, more)
	return err
}

// said joins the texts of a record: one value costs less than nine. What has a
// separator in it, as no honest text has, loses it.
func said(r *usage.AccessRecord) string {
	ip := ""
	if r.Verdict.IP.IsValid() {
		ip = r.Verdict.IP.String()
	}
	var b strings.Builder
	for i, text := range [...]string{r.Verdict.Reason, r.Access.NAS, string(r.Access.IMEI), r.Access.APN, r.Access.RAT, r.Access.MCC,
		r.Access.MNC, ip, string(r.Verdict.Refusal)} {
		if i > 0 {
			b.WriteString(separator)
		}
		if strings.Contains(text, separator) {
			text = strings.ReplaceAll(text, separator, " ")
		}
		b.WriteString(text)
	}
	return b.String()
}

const accessColumns = "SELECT id, sim_id, at, said, refused, more, last_at FROM access"

func (r reader) accesses(ctx context.Context, where string, args ...any) (out []usage.AccessRecord, err error) {
	err = r.each(ctx, func(rows rowScanner) error {
		var a usage.AccessRecord
		var at, refused, last int64
		var texts packedRow
		var ip string
		if err := rows.Scan(&a.ID, &a.SIM, &at, &texts.text, &refused, &a.Times, &last); err != nil {
			return err
		}
		a.Access.At, a.Verdict.Accept, a.LastAt, a.Times = moment(at), refused == 0, moment(last), a.Times+1
		err := texts.Scan(&a.Verdict.Reason, &a.Access.NAS, &a.Access.IMEI, &a.Access.APN, &a.Access.RAT, &a.Access.MCC, &a.Access.MNC, &ip, &a.Verdict.Refusal)
		a.Verdict.IP, _ = netip.ParseAddr(ip) // empty for none
		out = append(out, a)
		return err
	}, accessColumns+where, args...)
	return out, err
}

// Accesses lists the requests for access of a SIM that the caller has found in
// its sphere, newest first, in a range, and how many rows there are.
func (r reader) Accesses(ctx context.Context, simID int64, from, to time.Time, offset, n int) (out []usage.AccessRecord, total int64, err error) {
	const where = " WHERE sim_id = ? AND at >= ? AND at < ?"
	if _, err = r.one(ctx, []any{&total}, "SELECT count(*) FROM access"+where, simID, micros(from), micros(to)); err != nil {
		return nil, 0, err
	}
	out, err = r.accesses(ctx, where+" ORDER BY at DESC, id DESC LIMIT ? OFFSET ?", simID, micros(from), micros(to), n, offset)
	return out, total, err
}

// Rejects lists the rejects of SIMs since a time, in the order in which they
// began. Of each SIM there are few: see usage.FoldTime.
func (r reader) Rejects(ctx context.Context, ids []int64, since time.Time) ([]usage.AccessRecord, error) {
	list, arg := r.engine.list("sim_id", ids)
	return r.accesses(ctx, " WHERE "+list+" AND refused = 1 AND at >= ? ORDER BY at, id", arg, micros(since))
}

// Authentications lists the sessions of a SIM that the caller has found in its
// sphere, and the rejects, that began in a range, newest first, and how many
// there are.
func (r reader) Authentications(ctx context.Context, simID int64, from, to time.Time, offset, n int) ([]usage.Authentication, int64, error) {
	const sessions = " FROM data_session WHERE sim_id = ? AND started_at >= ? AND started_at < ?"
	const rejects = " FROM access WHERE sim_id = ? AND refused = 1 AND at >= ? AND at < ?"
	args := []any{simID, micros(from), micros(to), simID, micros(from), micros(to)}
	var total int64
	if _, err := r.one(ctx, []any{&total}, "SELECT (SELECT count(*)"+sessions+") + (SELECT count(*)"+rejects+")", args...); err != nil || total == 0 {
		return nil, 0, err
	}
	type row struct{ kind, id int64 }
	var order []row
	var ids [2][]int64
	err := r.each(ctx, func(rows rowScanner) error {
		var x row
		err := rows.Scan(&x.kind, &x.id)
		order, ids[x.kind] = append(order, x), append(ids[x.kind], x.id)
		return err
	}, "SELECT kind, id FROM (SELECT 0 AS kind, id, started_at AS at"+sessions+" UNION ALL SELECT 1, id, at"+rejects+
		") u ORDER BY at DESC, kind, id DESC LIMIT ? OFFSET ?", append(args, n, offset)...)
	if err != nil {
		return nil, 0, err
	}
	found := map[row]usage.Authentication{}
	list, arg := r.engine.list("d.id", ids[0])
	some, err := r.sessions(ctx, " WHERE "+list, arg)
	if err != nil {
		return nil, 0, err
	}
	for i := range some {
		found[row{0, some[i].ID}] = usage.Authentication{Session: &some[i]}
	}
	list, arg = r.engine.list("id", ids[1])
	refused, err := r.accesses(ctx, " WHERE "+list, arg)
	for i := range refused {
		found[row{1, refused[i].ID}] = usage.Authentication{Reject: &refused[i]}
	}
	out := make([]usage.Authentication, 0, len(order))
	for _, x := range order {
		if a, there := found[x]; there { // else it was dropped meanwhile
			out = append(out, a)
		}
	}
	return out, total, err
}
