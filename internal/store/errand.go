package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

var errandTable = &table{name: "errand", columns: cols(`id, sim_id, network text, kind text, subject text, progress, actor text, request text,
	requested_at, due_at, lease, attempts, last_error text, reference text, done_at`)}

// AddErrands stores errands that are due now, and gives them their ids.
func (tx *Tx) AddErrands(ctx context.Context, errands []sim.Errand) error {
	ids, err := tx.nextIDs(ctx, len(errands))
	if err != nil {
		return err
	}
	rows := make([][]any, len(errands))
	for i := range errands {
		e := &errands[i]
		e.ID = ids[i]
		rows[i] = []any{e.ID, e.SIM, e.Network, string(e.Kind), e.Subject, int64(e.Progress), e.Actor, e.Request, micros(e.RequestedAt),
			micros(e.RequestedAt), int64(0), int64(0), "", "", int64(0)}
	}
	return tx.insert(ctx, errandTable, rows)
}

const errandSelect = `SELECT e.id, e.sim_id, s.iccid, e.network, e.kind, e.subject, e.progress, e.actor, e.request, e.requested_at, e.attempts,
	e.last_error, e.reference, e.done_at, e.lease FROM errand e JOIN sim s ON s.id = e.sim_id WHERE `

func (r reader) errands(ctx context.Context, where string, args ...any) ([]sim.Errand, error) {
	var out []sim.Errand
	err := r.each(ctx, func(rows rowScanner) error {
		var e sim.Errand
		var requested, done int64
		err := rows.Scan(&e.ID, &e.SIM, &e.ICCID, &e.Network, &e.Kind, &e.Subject, &e.Progress, &e.Actor, &e.Request, &requested, &e.Attempts,
			&e.LastError, &e.Reference, &done, &e.Lease)
		e.RequestedAt, e.DoneAt = moment(requested), moment(done)
		out = append(out, e)
		return err
	}, errandSelect+where, args...)
	return out, err
}

// Errands lists the errands of SIMs that the caller has found in its sphere,
// newest first: all of them, or those that are still to be done.
func (r reader) Errands(ctx context.Context, ids []int64, open bool, n int) ([]sim.Errand, error) {
	list, arg := r.engine.list("e.sim_id", ids)
	if open {
		list += " AND e.progress = 2"
	}
	return r.errands(ctx, list+" ORDER BY e.id DESC LIMIT ?", arg, n)
}

// ClaimErrands takes up to n errands of a network that are due at now, oldest
// first, and leases them. Of one SIM it takes the first alone: the others wait
// for it, and all wait until the network has heard what the SIM should be.
func (tx *Tx) ClaimErrands(ctx context.Context, network string, n int, now, until time.Time) ([]sim.Errand, error) {
	lock := ""
	if tx.engine.locks() {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	var ids []int64
	err := tx.each(ctx, func(rows rowScanner) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM errand WHERE network = ? AND progress = 2 AND due_at <= ?
		AND NOT EXISTS (SELECT 1 FROM errand o WHERE o.sim_id = errand.sim_id AND o.progress = 2 AND o.id < errand.id)
		AND NOT EXISTS (SELECT 1 FROM sync_queue q WHERE q.sim_id = errand.sim_id)
		ORDER BY due_at LIMIT ?`+lock, network, micros(now), n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lease, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return nil, err
	}
	list, arg := tx.engine.list("id", ids)
	if _, err := tx.exec(ctx, "UPDATE errand SET lease = ?, due_at = ? WHERE "+list, lease[0], micros(until), arg); err != nil {
		return nil, err
	}
	list, arg = tx.engine.list("e.id", ids)
	out, err := tx.errands(ctx, list+" ORDER BY e.id", arg)
	if err != nil {
		return nil, err
	}
	sims, err := tx.byIDs(ctx, tenant.Everything(), simsOf(out))
	for i := range out {
		s := sims[out[i].SIM]
		out[i].Profile = s.Profile()
	}
	return out, err
}

func simsOf(errands []sim.Errand) []int64 {
	out := make([]int64, len(errands))
	for i := range errands {
		out[i] = errands[i].SIM
	}
	return out
}

// EndErrand records what became of an errand, and says whether it was still the
// worker's.
func (tx *Tx) EndErrand(ctx context.Context, a sim.ErrandAnswer, now time.Time) (bool, error) {
	progress, failure, done := sim.OpDone, "", micros(now)
	switch {
	case a.Err != nil && !a.Refused:
		progress, failure, done = sim.OpPending, fault.Text(a.Err), 0
	case a.Err != nil:
		progress, failure = sim.OpRefused, fault.Text(a.Err)
	}
	n, err := tx.exec(ctx, `UPDATE errand SET progress = ?, lease = 0, due_at = ?, attempts = attempts + 1, last_error = ?, reference = ?, done_at = ?
		WHERE id = ? AND lease = ? AND progress = 2`, int64(progress), micros(a.RetryAt), failure, a.Reference, done, a.Errand.ID, a.Errand.Lease)
	return n == 1, err
}

var messageTable = &table{name: "sms", columns: cols(`id, sim_id, at, direction text, peer text, text text, status text, status_at, parts,
	reference text, actor text`)}

// AddMessages stores messages under the ids that they have.
func (tx *Tx) AddMessages(ctx context.Context, messages []usage.Message) error {
	rows := make([][]any, len(messages))
	for i := range messages {
		m := &messages[i]
		rows[i] = []any{m.ID, m.SIM, micros(m.At), string(m.Direction), m.Peer, m.Text, string(m.Status), micros(m.StatusAt), int64(m.Parts),
			m.Reference, m.Actor}
	}
	return tx.insert(ctx, messageTable, rows)
}

// EndMessage records what became of a message.
func (tx *Tx) EndMessage(ctx context.Context, id int64, status usage.MessageStatus, reference string, now time.Time) error {
	_, err := tx.exec(ctx, "UPDATE sms SET status = ?, status_at = ?, reference = ? WHERE id = ?", string(status), micros(now), reference, id)
	return err
}

var (
	ratedTable   = &table{name: "rated_event", columns: cols("id, sim_id, kind text, start_at, stop_at, description text, quantity, price, mcc text, mnc text, package_id")}
	smsTimeTable = &table{name: "sim_activity", columns: cols("sms_in, " + activityColumns + `, lat text, lon text, located_at, network_name text,
		sms_out, sms_receipt, voice_out, voice_in, ussd_out, ussd_in`),
		onDup: "ON CONFLICT (sim_id) DO UPDATE SET sms_in = excluded.sms_in"}
)

// Rate stores what one message, call or session of a SIM came to, and gives it
// its id.
func (tx *Tx) Rate(ctx context.Context, simID int64, e *usage.RatedEvent) error {
	ids, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return err
	}
	e.ID = ids[0]
	return tx.insert(ctx, ratedTable, [][]any{{e.ID, simID, string(e.Kind), micros(e.Start), micros(e.Stop), e.Description, e.Quantity, int64(e.Price),
		e.MCC, e.MNC, e.Package}})
}

// HeardMessage notes that a SIM's device has taken a message.
func (tx *Tx) HeardMessage(ctx context.Context, simID int64, at time.Time) error {
	row := make([]any, len(smsTimeTable.columns))
	for i, c := range smsTimeTable.columns {
		if row[i] = ""; c.kind == "bigint" {
			row[i] = int64(0)
		}
	}
	row[0], row[1] = micros(at), simID
	return tx.insert(ctx, smsTimeTable, [][]any{row})
}

// Messages lists the messages of SIMs that the caller has found in its sphere,
// newest first, of a time range, and how many there are.
func (r reader) Messages(ctx context.Context, ids []int64, from, to time.Time, offset, n int) (out []usage.Message, total int64, err error) {
	list, arg := r.engine.list("m.sim_id", ids)
	where, args := list+" AND m.at >= ? AND m.at < ?", []any{arg, micros(from), micros(to)}
	if _, err := r.one(ctx, []any{&total}, "SELECT count(*) FROM sms m WHERE "+where, args...); err != nil {
		return nil, 0, err
	}
	err = r.each(ctx, func(rows rowScanner) error {
		var m usage.Message
		var at, status int64
		err := rows.Scan(&m.ID, &m.SIM, &m.ICCID, &at, &m.Direction, &m.Peer, &m.Text, &m.Status, &status, &m.Parts, &m.Reference, &m.Actor)
		m.At, m.StatusAt = moment(at), moment(status)
		out = append(out, m)
		return err
	}, `SELECT m.id, m.sim_id, s.iccid, m.at, m.direction, m.peer, m.text, m.status, m.status_at, m.parts, m.reference, m.actor
		FROM sms m JOIN sim s ON s.id = m.sim_id WHERE `+where+" ORDER BY m.at DESC, m.id DESC LIMIT ? OFFSET ?", append(args, n, offset)...)
	return out, total, err
}

// Offer lets the SIMs of a portfolio, and of those below it, download a profile.
// One that is offered already stays so.
func (tx *Tx) Offer(ctx context.Context, p ident.PortfolioID, name string, now time.Time) error {
	no, err := tx.number(ctx, p)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "INSERT INTO profile_offer (portfolio_no, name, created_at) VALUES (?, ?, ?) ON CONFLICT (portfolio_no, name) DO NOTHING",
		no, name, micros(now))
	return err
}

// Withdraw ends an offer, and says whether there was one.
func (tx *Tx) Withdraw(ctx context.Context, p ident.PortfolioID, name string) (bool, error) {
	no, err := tx.number(ctx, p)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, "DELETE FROM profile_offer WHERE portfolio_no = ? AND name = ?", no, name)
	return n > 0, err
}

// Offered lists the profiles that are offered to a portfolio or to one above it,
// by name. It takes no sphere: an offer from above is made to those below.
func (r reader) Offered(ctx context.Context, p tenant.Portfolio) ([]string, error) {
	var out []string
	err := r.each(ctx, func(rows rowScanner) error {
		var name string
		err := rows.Scan(&name)
		out = append(out, name)
		return err
	}, `SELECT DISTINCT o.name FROM profile_offer o JOIN portfolio p ON p.no = o.portfolio_no
		WHERE substr(CAST(? AS TEXT), 1, length(p.path)) = p.path ORDER BY o.name`, p.Path)
	return out, err
}

// CardProfiles returns the profiles on the cards of SIMs that the caller has
// found in its sphere, by name.
func (r reader) CardProfiles(ctx context.Context, ids []int64) (map[int64][]sim.CardProfile, error) {
	list, arg := r.engine.list("sim_id", ids)
	out := map[int64][]sim.CardProfile{}
	err := r.each(ctx, func(rows rowScanner) error {
		var id, enabled, at int64
		var p sim.CardProfile
		err := rows.Scan(&id, &p.Name, &enabled, &at)
		p.Enabled, p.InstalledAt = enabled != 0, moment(at)
		out[id] = append(out[id], p)
		return err
	}, "SELECT sim_id, name, enabled, installed_at FROM sim_profile WHERE "+list+" ORDER BY sim_id, name", arg)
	return out, err
}

// ChangeCard records what a done errand has changed of the profiles on a card.
func (tx *Tx) ChangeCard(ctx context.Context, simID int64, kind sim.ErrandKind, name string, now time.Time) error {
	if kind == sim.DeleteProfile {
		_, err := tx.exec(ctx, "DELETE FROM sim_profile WHERE sim_id = ? AND name = ?", simID, name)
		return err
	}
	if kind == sim.DownloadProfile || kind == sim.InstallProfile {
		if _, err := tx.exec(ctx, `INSERT INTO sim_profile (sim_id, name, enabled, installed_at) VALUES (?, ?, 0, ?)
			ON CONFLICT (sim_id, name) DO NOTHING`, simID, name, micros(now)); err != nil {
			return err
		}
	}
	if kind == sim.DownloadProfile {
		return nil
	}
	_, err := tx.exec(ctx, "UPDATE sim_profile SET enabled = CASE WHEN name = ? THEN 1 ELSE 0 END WHERE sim_id = ?", name, simID)
	return err
}
