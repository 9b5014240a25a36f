package simapi

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Rated events are all that is stored of single sessions, messages and calls:
// what they do not tell is null.

// reader lists rated events of the exchange's SIM.
type reader func(context.Context, usage.RatedQuery) ([]usage.RatedEvent, int64, error)

// events returns a page of rated events of some kinds, the newest first.
func (x *exchange) events(ctx context.Context, from, to time.Time, read reader, kinds ...usage.Kind) (list []usage.RatedEvent, next *string, err error) {
	q := usage.RatedQuery{From: from, To: to, Kinds: kinds, Descending: true, Limit: x.query.pageSize()}
	if _, err := x.place(ctx, &q.Offset); err != nil {
		return nil, nil, err
	}
	list, total, err := read(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if end := q.Offset + len(list); int64(end) < total && len(list) > 0 {
		next, err = x.next(ctx, end)
	}
	return list, next, err
}

// during is events in one of the contract's periods; all of them when the
// query names neither a period nor a start.
func (x *exchange) during(ctx context.Context, name, otherwise string, kinds ...usage.Kind) ([]usage.RatedEvent, *string, error) {
	var from, to time.Time
	if x.query.text(name) != "" || x.query.text("startTime") != "" {
		var err error
		if from, to, _, err = x.query.span(name, otherwise, x.fleet.Now()); err != nil {
			return nil, nil, err
		}
	}
	return x.events(ctx, from, to, func(ctx context.Context, q usage.RatedQuery) ([]usage.RatedEvent, int64, error) {
		return x.fleet.Sessions(ctx, x.request, x.sim, q)
	}, kinds...)
}

// ListBillingActivity implements StrictServerInterface.
func (h *handler) ListBillingActivity(ctx context.Context, _ ListBillingActivityRequestObject) (ListBillingActivityResponseObject, error) {
	x := of(ctx)
	from, err1 := x.query.moment("startTime")
	to, err2 := x.query.moment("stopTime")
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	list, next, err := x.events(ctx, from, to, func(ctx context.Context, q usage.RatedQuery) ([]usage.RatedEvent, int64, error) {
		return x.fleet.Rated(ctx, x.request, x.sim.ICCID, q)
	})
	out := ListBillingActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(list),
		NextPageToken: next, Items: make([]BillingItem, len(list))}
	for i, e := range list {
		out.Items[i] = BillingItem{Activity: BillingItemActivity(e.Kind), Description: e.Description, StartTime: at(e.Start), StopTime: at(e.Stop),
			Quantity: e.Quantity, Price: decimal(e.Price), Mcc: orNull(e.MCC), Mnc: orNull(e.MNC), PackageId: idOrNull(e.Package)}
	}
	return out, err
}

// ListSMSActivity implements StrictServerInterface.
func (h *handler) ListSMSActivity(ctx context.Context, _ ListSMSActivityRequestObject) (ListSMSActivityResponseObject, error) {
	out, err := of(ctx).messages(ctx, usage.SMS)
	return ListSMSActivity200JSONResponse(out), err
}

// ListUSSDActivity implements StrictServerInterface.
func (h *handler) ListUSSDActivity(ctx context.Context, _ ListUSSDActivityRequestObject) (ListUSSDActivityResponseObject, error) {
	out, err := of(ctx).messages(ctx, usage.Other)
	return ListUSSDActivity200JSONResponse(out), err
}

func (x *exchange) messages(ctx context.Context, kind usage.Kind) (MessagePage, error) {
	list, next, err := x.during(ctx, "periodId", "9", kind)
	out := MessagePage{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(list), NextPageToken: next,
		Items: make([]Message, len(list))}
	for i, e := range list {
		out.Items[i] = Message{DateTime: at(e.Start), Msisdn: orNull(string(x.sim.MSISDN))}
	}
	return out, err
}

// ListVoiceActivity implements StrictServerInterface.
func (h *handler) ListVoiceActivity(ctx context.Context, _ ListVoiceActivityRequestObject) (ListVoiceActivityResponseObject, error) {
	x := of(ctx)
	list, next, err := x.during(ctx, "periodId", "9", usage.Voice)
	out := ListVoiceActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(list),
		NextPageToken: next, Items: make([]Call, len(list))}
	for i, e := range list {
		out.Items[i] = Call{StartTime: at(e.Start), StopTime: at(e.Stop), Msisdn: orNull(string(x.sim.MSISDN)), Seconds: e.Quantity}
	}
	return out, err
}

// ListAuthenticationActivity implements StrictServerInterface.
func (h *handler) ListAuthenticationActivity(ctx context.Context, _ ListAuthenticationActivityRequestObject) (ListAuthenticationActivityResponseObject, error) {
	x := of(ctx)
	list, next, err := x.during(ctx, "period", "day", usage.Data)
	if err != nil {
		return nil, err
	}
	last, _, _, err := x.fleet.LastActivity(ctx, x.request, x.sim.ICCID)
	out := ListAuthenticationActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(list),
		NextPageToken: next, Items: make([]Session, len(list))}
	for i, e := range list {
		out.Items[i] = Session{StartTime: at(e.Start), StopTime: at(e.Stop), Bytes: e.Quantity, Imsi: orNull(string(x.sim.IMSI)),
			Mccmnc: orNull(e.MCC + e.MNC), AuthState: AccessAccept}
		if e.Start.Equal(last.SessionStart) { // of the last one, more is known
			out.Items[i].Apn, out.Items[i].Ip, out.Items[i].Rat = orNull(last.APN), orNull(last.IP), orNull(last.RAT)
		}
	}
	return out, err
}

// series adds up the SIM's data sessions in the steps of a period.
func (x *exchange) series(ctx context.Context) ([]usage.Sum, error) {
	from, to, d, err := x.query.span("period", "day", x.fleet.Now())
	if err != nil {
		return nil, err
	}
	return x.fleet.Series(ctx, x.request, x.sim, usage.Data, from, to, d.step)
}

// CountAuthenticationActivity implements StrictServerInterface.
func (h *handler) CountAuthenticationActivity(ctx context.Context, _ CountAuthenticationActivityRequestObject) (CountAuthenticationActivityResponseObject, error) {
	sums, err := of(ctx).series(ctx)
	out := CountAuthenticationActivity200JSONResponse{Items: make([]AuthenticationStep, len(sums))}
	for i, s := range sums {
		out.Items[i] = AuthenticationStep{Time: Moment{s.Start}, Accepts: s.Events}
	}
	return out, err
}

// GetNetflowActivity implements StrictServerInterface.
func (h *handler) GetNetflowActivity(ctx context.Context, _ GetNetflowActivityRequestObject) (GetNetflowActivityResponseObject, error) {
	sums, err := of(ctx).series(ctx)
	out := GetNetflowActivity200JSONResponse{Items: make([]NetflowStep, len(sums))}
	for i, s := range sums {
		out.Items[i] = NetflowStep{Time: Moment{s.Start}, Bytes: s.Quantity}
		out.TotalBytes += s.Quantity
	}
	return out, err
}
