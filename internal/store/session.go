package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// What of a session stays, what changes with a report, and what changes besides
// when it moves from phase to phase: some indexes hold only those of a phase,
// and a statement that does not name it leaves them alone.
const (
	sessionStays   = "sim_id, nas text, session_id text, charging_id, started_at, package_id"
	sessionChanges = `id, last_at, seconds, bytes_in, bytes_out, in_base, out_base, imsi text, imei text, apn text, username text, ip text,
		rat text, mcc text, mnc text, lai text, ci text, coa text, class bytea, rounded, cost, hour, counted_in, counted_out, said, ceiling, ruled`
	sessionMoves = "phase, stopped_at, cause"
)

var (
	sessionTable = &table{name: "data_session", columns: cols(sessionChanges + "," + sessionMoves + "," + sessionStays)}
	sessionMoved = &table{name: "data_session", columns: cols(sessionChanges + "," + sessionMoves)}
	sessionGrown = &table{name: "data_session", columns: cols(sessionChanges)}
)

func sessionGrownRow(s *usage.Session) []any {
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
	return []any{s.ID, micros(s.LastAt), s.Seconds, s.In, s.Out, s.InBase, s.OutBase, string(r.IMSI), string(r.IMEI), r.APN, r.User, ip,
		r.RAT, r.MCC, r.MNC, r.LAI, r.CI, coa, class, s.Rounded, int64(s.Cost), s.Hour, s.CountedIn, s.CountedOut, s.Said, s.Ceiling, s.Ruled}
}

func sessionMovedRow(s *usage.Session) []any {
	return append(sessionGrownRow(s), int64(s.Phase), micros(s.StoppedAt), int64(s.Cause))
}

func sessionRow(s *usage.Session) []any {
	return append(sessionMovedRow(s), s.SIM, s.Key.NAS, s.Key.ID, s.Key.Charging, micros(s.StartedAt), s.Package)
}

// SaveSessions stores new sessions, which it gives their ids, and changed ones.
func (tx *Tx) SaveSessions(ctx context.Context, sessions []*usage.Session) error {
	var fresh []*usage.Session
	var grown, moved [][]any
	for _, s := range sessions {
		isNew := s.Stored == 0
		switch {
		case isNew:
			fresh = append(fresh, s)
		case s.Stored == s.Phase:
			grown = append(grown, sessionGrownRow(s))
		default:
			moved = append(moved, sessionMovedRow(s))
		}
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
	if _, err := tx.change(ctx, sessionGrown, grown); err != nil {
		return err
	}
	_, err = tx.change(ctx, sessionMoved, moved)
	return err
}
