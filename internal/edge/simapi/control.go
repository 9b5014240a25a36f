package simapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// control does something with a SIM on its network. What uses a service that a
// suspension takes away is refused while there is one.
func (x *exchange) control(ctx context.Context, s *sim.SIM, c sim.Control, detail any) (ControlReceipt, error) {
	if c.NeedsService() && s.Wanted.Suspended != 0 {
		return ControlReceipt{}, errSuspended
	}
	body, err := json.Marshal(detail)
	if err != nil {
		return ControlReceipt{}, err
	}
	id, err := x.fleet.Control(ctx, x.request, s, c, body)
	return ControlReceipt{RequestId: id, Status: ControlReceiptStatusQueued}, err
}

// RequestDisconnect implements StrictServerInterface.
func (h *handler) RequestDisconnect(ctx context.Context, _ RequestDisconnectRequestObject) (RequestDisconnectResponseObject, error) {
	x := of(ctx)
	out, err := x.control(ctx, x.sim, sim.Disconnect, nil)
	return RequestDisconnect200JSONResponse(out), err
}

// RequestCancelLocation implements StrictServerInterface.
func (h *handler) RequestCancelLocation(ctx context.Context, _ RequestCancelLocationRequestObject) (RequestCancelLocationResponseObject, error) {
	x := of(ctx)
	out, err := x.control(ctx, x.sim, sim.CancelLocation, nil)
	return RequestCancelLocation200JSONResponse(out), err
}

// RequestPing implements StrictServerInterface.
func (h *handler) RequestPing(ctx context.Context, r RequestPingRequestObject) (RequestPingResponseObject, error) {
	x := of(ctx)
	out, err := x.control(ctx, x.sim, sim.Ping, r.Body)
	return RequestPing200JSONResponse(out), err
}

// RequestWget implements StrictServerInterface.
func (h *handler) RequestWget(ctx context.Context, r RequestWgetRequestObject) (RequestWgetResponseObject, error) {
	x := of(ctx)
	out, err := x.control(ctx, x.sim, sim.Wget, r.Body)
	return RequestWget200JSONResponse(out), err
}

// RequestOTA implements StrictServerInterface.
func (h *handler) RequestOTA(ctx context.Context, r RequestOTARequestObject) (RequestOTAResponseObject, error) {
	x := of(ctx)
	out, err := x.control(ctx, x.sim, sim.SendOTA, r.Body)
	return RequestOTA200JSONResponse(out), err
}

// RequestSMS implements StrictServerInterface.
func (h *handler) RequestSMS(ctx context.Context, r RequestSMSRequestObject) (RequestSMSResponseObject, error) {
	x := of(ctx)
	number, err := ident.ParseMSISDN(r.MsisdnId)
	if err != nil {
		return nil, ident.As("msisdnId", err)
	}
	page, err := x.fleet.SIMs(ctx, x.request, sim.Query{MSISDN: number, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.SIMs) == 0 {
		return nil, &problem{status: http.StatusNotFound, code: codeNoMSISDN, message: "The MSISDN is not on a portfolio of yours"}
	}
	out, err := x.control(ctx, &page.SIMs[0], sim.SendSMS, r.Body)
	out.MessageId = &out.RequestId
	return RequestSMS200JSONResponse(out), err
}
