package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// What of a session stays, what changes with a report, what changes with one that
// says something new of device and place, and what changes besides when it moves
// from phase to phase: some indexes hold only those of a phase, and a statement
// that does not name it leaves them alone.
const (
	sessionStays  = "sim_id, nas text, session_id text, charging_id, started_at, package_id"
	sessionCounts = `id, last_at, seconds, bytes_in, bytes_out, in_base, out_base, rounded, cost, hour, counted_in, counted_out, said, ceiling`
	sessionSays   = `imsi text, imei text, apn text, username text, ip text, rat text, mcc text, mnc text, lai text, ci text, coa text, class bytea`
	sessionMoves  = "phase, stopped_at, cause"
)

var sessionTable = &table{name: "data_session", columns: cols(sessionCounts + "," + sessionMoves + "," + sessionSays + "," + sessionStays)}

// sessionKind is what changes of a stored session.
type sessionKind struct{ moves, says bool }

// sessionChange are the statements for each kind, in the order that they run in.
var sessionChange = []struct {
	kind  sessionKind
	table *table
}{
	{sessionKind{}, &table{name: "data_session", columns: cols(sessionCounts)}},
	{sessionKind{says: true}, &table{name: "data_session", columns: cols(sessionCounts + "," + sessionSays)}},
	{sessionKind{moves: true}, &table{name: "data_session", columns: cols(sessionCounts + "," + sessionMoves)}},
	{sessionKind{moves: true, says: true}, &table{name: "data_session", columns: cols(sessionCounts + "," + sessionMoves + "," + sessionSays)}},
}

func sessionCountsRow(s *usage.Session) []any {
	row := make([]any, 0, len(sessionTable.columns))
	return append(row, s.ID, micros(s.LastAt), s.Seconds, s.In, s.Out, s.InBase, s.OutBase, s.Rounded, int64(s.Cost), s.Hour, s.CountedIn, s.CountedOut,
		s.Said, s.Ceiling)
}

func sessionMovesRow(row []any, s *usage.Session) []any {
	return append(row, int64(s.Phase), micros(s.StoppedAt), int64(s.Cause))
}

func sessionSaysRow(row []any, s *usage.Session) []any {
	r := &s.Last
	ip, coa, class := "", "", r.Class
	if r.IP.IsValid() {
		ip = r.IP.String()
	}
	if r.Where.IsValid() {
		coa = r.Where.String()
	}
	if class == nil {
		class = []byte{}
	}
	return append(row, string(r.IMSI), string(r.IMEI), r.APN, r.User, ip, r.RAT, r.MCC, r.MNC, r.LAI, r.CI, coa, class)
}

func sessionRow(s *usage.Session) []any {
	row := sessionSaysRow(sessionMovesRow(sessionCountsRow(s), s), s)
	return append(row, s.SIM, s.Key.NAS, s.Key.ID, s.Key.Charging, micros(s.StartedAt), s.Package)
}

// sessionChanged is a row of what has changed of a stored session. Where it says
// what it said, that is stored already.
func sessionChanged(s *usage.Session) (sessionKind, []any) {
	kind, row := sessionKind{moves: s.Stored != s.Phase, says: s.Said != s.StoredSaid}, sessionCountsRow(s)
	if kind.moves {
		row = sessionMovesRow(row, s)
	}
	if kind.says {
		row = sessionSaysRow(row, s)
	}
	return kind, row
}

// SaveSessions stores new sessions, which it gives their ids, and changed ones.
func (tx *Tx) SaveSessions(ctx context.Context, sessions []*usage.Session) error {
	var fresh []*usage.Session
	changed := map[sessionKind][][]any{}
	for _, s := range sessions {
		if s.Stored == 0 {
			fresh = append(fresh, s)
			continue
		}
		kind, row := sessionChanged(s)
		changed[kind] = append(changed[kind], row)
	}
	ids, err := tx.nextIDs(ctx, len(fresh))
	if err != nil {
		return err
	}
	rows := make([][]any, len(fresh))
	for i, s := range fresh {
		s.ID = ids[i]
		rows[i] = sessionRow(s)
	}
	if err := tx.insert(ctx, sessionTable, rows); err != nil {
		return err
	}
	for _, c := range sessionChange {
		if _, err := tx.change(ctx, c.table, changed[c.kind]); err != nil {
			return err
		}
	}
	return nil
}
