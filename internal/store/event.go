package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// foldName makes names of accounts one in any case of letters.
func foldName(s string) string { return strings.ToLower(s) }

var eventTable = &table{name: "event", columns: cols(`id, at, kind text, portfolio_no, sim_id, iccid text, seq, actor text, via text, request text,
	data text`)}

// AddEvents appends events and gives them their ids.
func (tx *Tx) AddEvents(ctx context.Context, events []event.Event) error {
	ids, err := tx.nextIDs(ctx, len(events))
	if err != nil {
		return err
	}
	rows := make([][]any, len(events))
	for i := range events {
		e := &events[i]
		e.ID = ids[i]
		no, err := tx.number(ctx, e.Portfolio)
		if err != nil {
			return err
		}
		data, err := json.Marshal(e.Data)
		if err != nil {
			return err
		}
		rows[i] = []any{e.ID, micros(e.At), string(e.Kind), no, e.SIM, string(e.ICCID), e.Seq, e.Actor, e.Via, e.Request, string(data)}
	}
	return tx.insert(ctx, eventTable, rows)
}

// Events lists what happened in the sphere, newest first. What belongs to no
// portfolio only the operator sees.
func (r reader) Events(ctx context.Context, in tenant.Sphere, q event.Query) ([]event.Event, error) {
	h := history{table: "event", iccid: q.ICCID, before: q.Before, limit: q.Limit}
	if len(q.Kinds) > 0 {
		list, arg := r.engine.list("h.kind", texts(q.Kinds))
		h.add(list, arg)
	}
	if !q.Since.IsZero() {
		h.add("h.at >= ?", micros(q.Since))
	}
	text, args := h.write(r.engine, in, "h.id, h.at, h.kind, COALESCE(p.id, ''), h.sim_id, h.iccid, h.seq, h.actor, h.via, h.request, h.data")
	var out []event.Event
	err := r.each(ctx, func(rows rowScanner) error {
		var e event.Event
		var at int64
		var data string
		if err := rows.Scan(&e.ID, &at, &e.Kind, &e.Portfolio, &e.SIM, &e.ICCID, &e.Seq, &e.Actor, &e.Via, &e.Request, &data); err != nil {
			return err
		}
		e.At = moment(at)
		out = append(out, e)
		return json.Unmarshal([]byte(data), &out[len(out)-1].Data)
	}, text, args...)
	return out, err
}
