package simulated

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// statements are the prepared ones: preparing costs as much as a hundred rows.
type statements struct {
	settings, observe, list, history *sql.Stmt // on read
	load, holders, release           *sql.Stmt // on write

	// Writing a row whose number stays leaves the index on the numbers alone,
	// which halves the cost of a batch that is scattered over the fleet.
	saveNumber, saveRest saving
}

// saving writes rows, many at a time or one by one.
type saving struct{ many, one *sql.Stmt }

const (
	many  = 50 // the rows that saving.many takes
	width = 8  // the values of a row
)

const (
	columns   = `s.imsi, s.present, s.msisdn, s.apn, s.ip, s.barred, s.keys, s.history`
	byIMSI    = `SELECT ` + columns + ` FROM json_each(?) j CROSS JOIN subscriber s ON s.imsi = j.value`
	byMSISDN  = `SELECT s.msisdn, s.imsi FROM json_each(?) j CROSS JOIN subscriber s ON s.msisdn = j.value AND s.msisdn <> ''`
	afterIMSI = `SELECT ` + columns + ` FROM subscriber s WHERE s.imsi > ? AND s.present ORDER BY s.imsi LIMIT ?`
	insert    = `INSERT INTO subscriber (imsi, present, msisdn, apn, ip, barred, keys, history) VALUES `
	row       = `(?, ?, ?, ?, ?, ?, ?, ?)`
	rest      = ` ON CONFLICT (imsi) DO UPDATE SET present = excluded.present, apn = excluded.apn, ip = excluded.ip,
		barred = excluded.barred, keys = excluded.keys, history = excluded.history`
	number = `, msisdn = excluded.msisdn`
)

func (s *statements) prepare(ctx context.Context, read, write *sql.DB) error {
	rows := strings.Repeat(row+", ", many-1) + row
	for _, p := range []struct {
		to   **sql.Stmt
		db   *sql.DB
		text string
	}{
		{&s.settings, read, `SELECT settings FROM network`},
		{&s.observe, read, byIMSI},
		{&s.list, read, afterIMSI},
		{&s.history, read, `SELECT history FROM subscriber WHERE imsi = ?`},
		{&s.load, write, byIMSI},
		{&s.holders, write, byMSISDN},
		{&s.release, write, `UPDATE subscriber SET msisdn = '' WHERE imsi = ?`},
		{&s.saveNumber.many, write, insert + rows + rest + number},
		{&s.saveNumber.one, write, insert + row + rest + number},
		{&s.saveRest.many, write, insert + rows + rest},
		{&s.saveRest.one, write, insert + row + rest},
	} {
		var err error
		if *p.to, err = p.db.PrepareContext(ctx, p.text); err != nil { //nolint:sqlclosecheck // closed with the network
			return err
		}
	}
	return nil
}

// write writes the rows whose values are in args.
func (s saving) write(ctx context.Context, tx *sql.Tx, args []any) error {
	for len(args) > 0 {
		stmt, n := s.many, many*width
		if len(args) < n {
			stmt, n = s.one, width
		}
		stmt = tx.StmtContext(ctx, stmt)
		for ; len(args) >= n; args = args[n:] {
			if _, err := stmt.ExecContext(ctx, args[:n]...); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscriber is what the network has of one IMSI, without the IMSI. The zero
// value is one that it never knew.
type subscriber struct {
	present bool
	msisdn  ident.MSISDN
	apn     string
	ip      string // empty for dynamic
	barred  sim.Services
	keys    string // fingerprint; empty where no keys were given
	history string
}

// values appends the values of a row to args.
func (s *subscriber) values(args []any, imsi ident.IMSI) []any {
	return append(args, string(imsi), s.present, string(s.msisdn), s.apn, s.ip, int64(s.barred), s.keys, s.history)
}

// collect calls with for each row of columns and closes rows.
func collect(rows *sql.Rows, with func(ident.IMSI, subscriber)) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var imsi ident.IMSI
		var s subscriber
		if err := rows.Scan(&imsi, &s.present, &s.msisdn, &s.apn, &s.ip, &s.barred, &s.keys, &s.history); err != nil {
			return err
		}
		with(imsi, s)
	}
	return rows.Err()
}

// array writes identifiers as json_each reads them.
func array[T ~string](ids []T) (string, error) {
	b, err := json.Marshal(ids)
	return string(b), err
}
