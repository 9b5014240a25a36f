package terminal

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func upper(s string) string { return strings.ToUpper(s) }

// amount writes money as a number.
func amount(a money.Amount) json.Number { return json.Number(a.String()) }

// operator names a network: what the account knows of it is its code.
func operator(mcc, mnc string) string {
	if mcc == "" {
		return ""
	}
	return mcc + "-" + mnc
}

type costView struct {
	ICCID    string      `json:"iccid"`
	Plan     string      `json:"data_plan"`
	Used     int64       `json:"data_used"`
	Cost     json.Number `json:"data_cost"`
	Currency string      `json:"currency"`
	Month    int         `json:"month"`
	Year     int         `json:"year"`
}

func viewCost(c *fleet.Cost) costView {
	return costView{string(c.ICCID), c.Plan, c.Month.Bytes, amount(c.Month.Cost), string(c.Currency), c.Month.Month, c.Month.Year}
}

// costs reads the SIMs and the month that a call names, and what they used.
func (x *exchange) costs(ctx context.Context, choose func(context.Context) ([]sim.SIM, error)) ([]costView, error) {
	year, month, err := x.p.month(x.fleet.Now())
	if err != nil {
		return nil, err
	}
	sims, err := choose(ctx)
	if err != nil {
		return nil, err
	}
	list, err := x.fleet.Costs(ctx, x.request, sims, year, month)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, &problem{http.StatusNotFound, codeNoCost, "no cost history in that month"}
	}
	out := make([]costView, len(list))
	for i := range list {
		out[i] = viewCost(&list[i])
	}
	return out, nil
}

func simCost(ctx context.Context, x *exchange) (any, error) {
	list, err := x.costs(ctx, func(ctx context.Context) ([]sim.SIM, error) {
		s, err := x.only(ctx)
		if err != nil {
			return nil, err
		}
		return []sim.SIM{*s}, nil
	})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func simCosts(ctx context.Context, x *exchange) (any, error) { return x.costs(ctx, x.chosen) }

type balanceView struct {
	Used     int64       `json:"data_used"`
	Cost     json.Number `json:"data_cost"`
	Currency string      `json:"currency"`
	Month    int         `json:"month"`
	Year     int         `json:"year"`
}

// accountBalance answers for the month at hand in any case, for others when there
// is a record.
func accountBalance(ctx context.Context, x *exchange) (any, error) {
	now := x.fleet.Now()
	year, month, err := x.p.month(now)
	if err != nil {
		return nil, err
	}
	m, found, err := x.fleet.AccountCost(ctx, x.request, &x.bearer.Home, year, month)
	if err != nil {
		return nil, err
	}
	if !found && (year != now.Year() || month != int(now.Month())) {
		return nil, &problem{http.StatusNotFound, codeNoBalance, "no account balance history in that month"}
	}
	return balanceView{m.Bytes, amount(m.Cost), string(x.bearer.Home.Currency), month, year}, nil
}

type sessionView struct {
	ID       string      `json:"id"`
	Country  string      `json:"country"`
	Alpha3   string      `json:"alpha3"`
	Operator string      `json:"operator"`
	Size     int64       `json:"data_size"`
	Cost     json.Number `json:"data_cost"`
	Currency string      `json:"currency"`
	Start    int64       `json:"start_time"`
}

// spanned is the envelope of what happened in a time range.
type spanned struct {
	envelope
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

type sessionsPage struct {
	spanned
	Sessions []sessionView `json:"sessions"`
}

func simSessions(ctx context.Context, x *exchange) (any, error) {
	sims, env, from, to, err := x.during(ctx)
	if err != nil {
		return nil, err
	}
	list, total, err := x.fleet.DataSessions(ctx, x.request, iccidsOf(sims), from, to, env.Offset, MaxSIMs)
	if err != nil {
		return nil, err
	}
	around, err := x.fleet.Around(ctx, x.request, sims)
	if err != nil {
		return nil, err
	}
	currency := map[int64]string{}
	for i := range sims {
		currency[sims[i].ID] = string(around.Portfolios[sims[i].Portfolio].Currency)
	}
	env.Found, env.Total = len(list), total
	out := sessionsPage{env, make([]sessionView, len(list))}
	for i := range list {
		s := &list[i]
		country, alpha3 := ident.Country(s.Last.MCC)
		out.Sessions[i] = sessionView{strconv.FormatInt(s.ID, 10), country, alpha3, operator(s.Last.MCC, s.Last.MNC), s.Total(), amount(s.Cost),
			currency[s.SIM], s.StartedAt.UnixMilli()}
	}
	return out, nil
}

// during reads what calls about a time range have in common.
func (x *exchange) during(ctx context.Context) (sims []sim.SIM, env spanned, from, to time.Time, err error) {
	var errs [2]error
	env.Offset, errs[0] = x.p.offset()
	from, to, errs[1] = x.p.span(x.fleet.Now())
	if err = fault.Join(errs[:]...); err != nil {
		return nil, env, from, to, err
	}
	env.From, env.To = from.UnixMilli(), to.UnixMilli()
	sims, err = x.chosen(ctx)
	return sims, env, from, to, err
}

type diagnosticsView struct {
	IMEI     *string `json:"imei"`
	Device   *string `json:"deviceName"`
	Session  *bool   `json:"inDataSession"`
	Last     *int64  `json:"lastNetworkActivity"`
	Country  *string `json:"lastCountry"`
	Operator *string `json:"lastOperator"`
	Lat      float64 `json:"latitude"`
	Lon      float64 `json:"longitude"`
	Radius   float64 `json:"radius"` // 0 where the position is not known
}

// cellRadius is how far from the middle of its cell a device may be, in metres,
// where nothing better is known.
const cellRadius = 2000

func diagnostics(ctx context.Context, x *exchange) (any, error) {
	s, err := x.only(ctx)
	if err != nil {
		return nil, err
	}
	around, err := x.fleet.Around(ctx, x.request, []sim.SIM{*s})
	if err != nil {
		return nil, err
	}
	a, known := around.Activity[s.ID]
	if !known {
		return nil, &problem{http.StatusNotFound, codeNoDiagnostics, "no diagnostics for the SIM"}
	}
	country, _ := ident.Country(a.MCC)
	v := diagnosticsView{IMEI: orNull(cmp.Or(a.IMEI, string(s.IMEI))), Device: orNull(s.Device), Last: millis(a.LastHeard()), Country: orNull(country),
		Operator: orNull(cmp.Or(a.Network, operator(a.MCC, a.MNC)))}
	if !a.SessionStart.IsZero() {
		open := a.SessionStop.IsZero()
		v.Session = &open
	}
	lat, err1 := strconv.ParseFloat(a.Lat, 64)
	lon, err2 := strconv.ParseFloat(a.Lon, 64)
	if err1 == nil && err2 == nil {
		v.Lat, v.Lon, v.Radius = lat, lon, cellRadius
	}
	return v, nil
}

// orNull writes an empty text as null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type messageView struct {
	ID        string `json:"id"`
	ICCID     string `json:"iccid"`
	Direction string `json:"direction"`
	Text      string `json:"text"`
	Status    string `json:"status"`
	Timestamp int64  `json:"timestamp"`
}

type messagesPage struct {
	spanned
	Messages []messageView `json:"sms"`
}

func simMessages(ctx context.Context, x *exchange) (any, error) {
	sims, env, from, to, err := x.during(ctx)
	if err != nil {
		return nil, err
	}
	// What was sent in this very millisecond is part of what has been until now.
	list, total, err := x.fleet.Messages(ctx, x.request, iccidsOf(sims), from, to.Add(time.Millisecond), env.Offset, MaxSIMs)
	if err != nil {
		return nil, err
	}
	env.Found, env.Total = len(list), total
	out := messagesPage{env, make([]messageView, len(list))}
	for i := range list {
		m := &list[i]
		out.Messages[i] = messageView{strconv.FormatInt(m.ID, 10), string(m.ICCID), string(m.Direction), m.Text, string(m.Status), m.At.UnixMilli()}
	}
	return out, nil
}

type entryView struct {
	ID        string         `json:"id"`
	Timestamp int64          `json:"timestamp"`
	Event     string         `json:"event"`
	Actor     string         `json:"actor"`
	Action    string         `json:"action"`
	From      string         `json:"from"`
	To        string         `json:"to"`
	Reason    string         `json:"reason"`
	Changes   []event.Change `json:"changes"`
}

type logPage struct {
	envelope
	Log []entryView `json:"log"`
}

// simLog answers with a page of what happened to a SIM, newest first. The whole
// of a SIM's log is read to be counted.
func simLog(ctx context.Context, x *exchange) (any, error) {
	offset, err := x.p.offset()
	if err != nil {
		return nil, err
	}
	s, err := x.only(ctx)
	if err != nil {
		return nil, err
	}
	out := logPage{envelope{Offset: offset}, []entryView{}}
	for q := (event.Query{ICCID: s.ICCID, Limit: MaxSIMs}); ; {
		list, err := x.fleet.Events(ctx, x.request, q)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if n := out.Total; n >= int64(offset) && len(out.Log) < MaxSIMs {
				out.Log = append(out.Log, viewEntry(&list[i]))
			}
			out.Total++
		}
		if len(list) < MaxSIMs {
			out.Found = len(out.Log)
			return out, nil
		}
		q.Before = list[len(list)-1].ID
	}
}

func viewEntry(e *event.Event) entryView {
	v := entryView{strconv.FormatInt(e.ID, 10), e.At.UnixMilli(), string(e.Kind), e.Actor, e.Data.Verb, e.Data.From, e.Data.To, e.Data.Reason, e.Data.Changes}
	if v.Changes == nil {
		v.Changes = []event.Change{}
	}
	return v
}
