package simapi

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Of calls and USSD sessions only rated events are stored: what they do not tell
// is null.

// reader lists rated events of the exchange's SIM.
type reader func(context.Context, usage.RatedQuery) ([]usage.RatedEvent, int64, error)

// events returns a page of rated events of some kinds, the newest first.
func (x *exchange) events(ctx context.Context, from, to time.Time, read reader, kinds ...usage.Kind) (list []usage.RatedEvent, next *string, err error) {
	next, err = x.offset(ctx, func(skip, n int) (int, int64, error) {
		var total int64
		var err error
		list, total, err = read(ctx, usage.RatedQuery{From: from, To: to, Kinds: kinds, Descending: true, Offset: skip, Limit: n})
		return len(list), total, err
	})
	return list, next, err
}

// between reads one of the contract's periods; everything when the query names
// neither a period nor a start.
func (x *exchange) between(name, otherwise string) (from, to time.Time, err error) {
	if x.query.text(name) == "" && x.query.text("startTime") == "" {
		return time.Unix(0, 0).UTC(), x.fleet.Now().AddDate(1, 0, 0), nil
	}
	from, to, _, err = x.query.span(name, otherwise, x.fleet.Now())
	return from, to, err
}

// offset reads the page that the query asks for of a list that is read by
// offset, and returns the token of the next.
func (x *exchange) offset(ctx context.Context, read func(skip, n int) (int, int64, error)) (*string, error) {
	skip := 0
	if _, err := x.place(ctx, &skip); err != nil {
		return nil, err
	}
	n, total, err := read(skip, x.query.pageSize())
	if end := skip + n; err == nil && int64(end) < total && n > 0 {
		return x.next(ctx, end)
	}
	return nil, err
}

// during is events in a period.
func (x *exchange) during(ctx context.Context, name, otherwise string, kinds ...usage.Kind) ([]usage.RatedEvent, *string, error) {
	from, to, err := x.between(name, otherwise)
	if err != nil {
		return nil, nil, err
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
	x := of(ctx)
	from, to, err := x.between("periodId", "9")
	if err != nil {
		return nil, err
	}
	out := ListSMSActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), Items: []Message{}}
	out.NextPageToken, err = x.offset(ctx, func(skip, n int) (int, int64, error) {
		list, total, err := x.fleet.Messages(ctx, x.request, []ident.ICCID{x.sim.ICCID}, from, to, skip, n)
		for i := range list {
			out.Items = append(out.Items, sms(&list[i]))
		}
		out.ItemCount = len(list)
		return len(list), total, err
	})
	return out, err
}

func sms(m *usage.Message) Message {
	direction := string(m.Direction) + " SMS"
	status := map[usage.MessageStatus]string{usage.MessageQueued: "sent", usage.MessageDelivered: "delivered", usage.MessageFailed: "blocked"}[m.Status]
	if m.Direction == usage.FromDevice {
		status = "received"
	}
	return Message{DateTime: at(m.At), Msisdn: orNull(m.Peer), Direction: &direction, Status: orNull(status), Text: &m.Text}
}

// ListUSSDActivity implements StrictServerInterface.
func (h *handler) ListUSSDActivity(ctx context.Context, _ ListUSSDActivityRequestObject) (ListUSSDActivityResponseObject, error) {
	x := of(ctx)
	list, next, err := x.during(ctx, "periodId", "9", usage.Other)
	out := ListUSSDActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), ItemCount: len(list), NextPageToken: next,
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
	from, to, err := x.between("period", "day")
	if err != nil {
		return nil, err
	}
	out := ListAuthenticationActivity200JSONResponse{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize(), Items: []Session{}}
	out.NextPageToken, err = x.offset(ctx, func(skip, n int) (int, int64, error) {
		list, total, err := x.fleet.Authentications(ctx, x.request, x.sim, from, to, skip, n)
		for _, a := range list {
			if a.Reject != nil {
				out.Items = append(out.Items, x.reject(a.Reject))
			} else {
				out.Items = append(out.Items, session(a.Session))
			}
		}
		out.ItemCount = len(list)
		return len(list), total, err
	})
	return out, err
}

func session(s *usage.Session) Session {
	in, sent := s.InBase+s.In, s.OutBase+s.Out
	out := Session{StartTime: at(s.StartedAt), StopTime: at(s.StoppedAt), Bytes: in + sent, InputOctets: &in, OutputOctets: &sent,
		Imsi: orNull(string(s.Last.IMSI)), Mccmnc: orNull(s.Last.MCC + s.Last.MNC), Apn: orNull(s.Last.APN), Rat: orNull(s.Last.RAT), AuthState: AccessAccept}
	if s.Last.IP.IsValid() {
		ip := s.Last.IP.String()
		out.Ip = &ip
	}
	return out
}

// reject is a request for access, or several, that was answered with no.
func (x *exchange) reject(a *usage.AccessRecord) Session {
	last := a.LastAt
	if last.IsZero() {
		last = a.Access.At
	}
	return Session{StartTime: at(a.Access.At), StopTime: at(last), Imsi: orNull(string(x.sim.IMSI)), Mccmnc: orNull(a.Access.MCC + a.Access.MNC),
		Apn: orNull(a.Access.APN), Rat: orNull(a.Access.RAT), AuthState: AccessReject, Reason: orNull(a.Verdict.Reason), Count: &a.Times}
}

// steps is the span that the query asks for.
func (x *exchange) steps() (fleet.Span, error) {
	from, to, d, err := x.query.span("period", "day", x.fleet.Now())
	return fleet.Span{From: from, To: to, Step: d.step}, err
}

// CountAuthenticationActivity implements StrictServerInterface.
func (h *handler) CountAuthenticationActivity(ctx context.Context, _ CountAuthenticationActivityRequestObject) (CountAuthenticationActivityResponseObject, error) {
	x := of(ctx)
	in, err := x.steps()
	if err != nil {
		return nil, err
	}
	list, err := x.fleet.Attempts(ctx, x.request, x.sim, in)
	out := CountAuthenticationActivity200JSONResponse{Items: make([]AuthenticationStep, len(list))}
	for i, a := range list {
		out.Items[i] = AuthenticationStep{Time: Moment{a.Start}, Accepts: a.Accepts, Rejects: a.Rejects}
	}
	return out, err
}

// GetNetflowActivity implements StrictServerInterface.
func (h *handler) GetNetflowActivity(ctx context.Context, _ GetNetflowActivityRequestObject) (GetNetflowActivityResponseObject, error) {
	x := of(ctx)
	in, err := x.steps()
	if err != nil {
		return nil, err
	}
	list, err := x.fleet.Traffic(ctx, x.request, x.sim, in)
	out := GetNetflowActivity200JSONResponse{Items: make([]NetflowStep, len(list))}
	for i := range list {
		f := &list[i]
		out.Items[i] = NetflowStep{Time: Moment{f.Start}, Bytes: f.In + f.Out, MoBytes: f.In, MtBytes: f.Out}
		out.TotalBytes += f.In + f.Out
	}
	return out, err
}
