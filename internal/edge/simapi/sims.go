package simapi

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// ListSIMs implements StrictServerInterface.
func (h *handler) ListSIMs(ctx context.Context, _ ListSIMsRequestObject) (ListSIMsResponseObject, error) {
	x := of(ctx)
	q, err := x.search()
	if err != nil {
		return nil, err
	}
	q.Limit = x.query.pageSize()
	var after sim.Cursor
	switch found, err := x.place(ctx, &after); {
	case err != nil:
		return nil, err
	case found:
		q.After = &after
	}
	page, err := x.fleet.SIMs(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	out := simsAnswer{PageToken: x.query.pageToken(), RequestedPageSize: q.Limit, ItemCount: len(page.SIMs)}
	if out.Items, err = x.shown(ctx, page.SIMs); err != nil {
		return nil, err
	}
	if page.Next != nil {
		out.NextPageToken, err = x.next(ctx, page.Next)
	}
	return out, err
}

// GetSIM implements StrictServerInterface.
func (h *handler) GetSIM(ctx context.Context, _ GetSIMRequestObject) (GetSIMResponseObject, error) {
	x := of(ctx)
	out, err := x.one(ctx, x.sim)
	if err != nil {
		return nil, err
	}
	if x.query.text("enrich") != "" {
		if err := x.enrich(ctx, &out); err != nil {
			return nil, err
		}
	}
	if out.History, err = x.history(ctx); err != nil {
		return nil, err
	}
	return (*simAnswer)(&out), nil
}

// one writes one SIM as the contract has it.
func (x *exchange) one(ctx context.Context, s *sim.SIM) (SIM, error) {
	if x.known && s == x.sim {
		out := show(s)
		out.Attributes = attributesOf(s.ICCID, x.carries)
		codes, err := x.fleet.Codes(ctx, x.request, []sim.SIM{*s})
		out.codes(codes[s.ID])
		return out, err
	}
	out, err := x.shown(ctx, []sim.SIM{*s})
	if err != nil {
		return SIM{}, err
	}
	return out[0], nil
}

// shown writes SIMs as the contract has them, with their attributes, and with
// their codes for callers who may see those.
func (x *exchange) shown(ctx context.Context, sims []sim.SIM) ([]SIM, error) {
	attributes, err := x.fleet.Attributes(ctx, x.request, sims)
	if err != nil {
		return nil, err
	}
	codes, err := x.fleet.Codes(ctx, x.request, sims)
	if err != nil {
		return nil, err
	}
	out := make([]SIM, len(sims))
	for i := range sims {
		s := &sims[i]
		out[i] = show(s)
		out[i].Attributes = attributesOf(s.ICCID, attributes[s.ID])
		out[i].codes(codes[s.ID])
	}
	return out, nil
}

func show(s *sim.SIM) SIM {
	held := s.Wanted.Suspended
	return SIM{
		IccId: string(s.ICCID), SimId: s.Number, IccMnoId: s.MNO, IccSpecId: s.Spec, IccTypeId: s.Part, RspId: s.RSP, EId: orNull(string(s.EID)),
		AdminSuspend: flag(held.Has(sim.Admin)), SystemSuspend: flag(held.Has(sim.System)), CustomerSuspend: flag(held.Has(sim.Customer)),
		DataSuspend: flag(s.Barred&sim.Data != 0), MessagingSuspend: flag(s.Barred&sim.Messaging != 0), VoiceSuspend: flag(s.Barred&sim.Voice != 0),
		Status: statusOf(s.Wanted.State), ActivatedDate: at(s.ActivatedAt), TerminatedDate: at(s.TerminatedAt),
		PortfolioPackage: PortfolioPackage{PackageId: idOrNull(s.Package), PortfolioId: string(s.Portfolio),
			ContractStartDate: at(s.ContractStart), ContractEndDate: at(s.ContractEnd)},
	}
}

func (s *SIM) codes(c fleet.Codes) {
	s.Pin1, s.Puk1 = orNull(c.PIN1.Reveal()), orNull(c.PUK1.Reveal())
	s.Pin2, s.Puk2 = orNull(c.PIN2.Reveal()), orNull(c.PUK2.Reveal())
}

// enrich adds the names of the package and the portfolio.
func (x *exchange) enrich(ctx context.Context, s *SIM) error {
	folio, err := x.fleet.Portfolio(ctx, x.request, x.sim.Portfolio)
	if err != nil {
		return err
	}
	s.PortfolioPackage.PortfolioTitle = &folio.Name
	if x.sim.Package == 0 {
		return nil
	}
	p, err := x.fleet.PackageOf(ctx, x.request, x.sim)
	s.PortfolioPackage.PackageTitle = &p.Name
	return err
}

// history lists what happened to the SIM in the time that is asked for; nil
// when none is.
func (x *exchange) history(ctx context.Context) (*[]HistoryItem, error) {
	from, err1 := x.query.moment("startDate")
	to, err2 := x.query.moment("stopDate")
	if err := fault.Join(err1, err2); err != nil {
		return nil, err
	}
	if from.IsZero() && to.IsZero() {
		return nil, nil
	}
	if len(x.query.text("stopDate")) == len(time.DateOnly) {
		to = to.Add(day - 1)
	}
	events, err := x.fleet.Events(ctx, x.request, event.Query{ICCID: x.sim.ICCID, Since: from})
	if err != nil {
		return nil, err
	}
	out := []HistoryItem{}
	for i := range events {
		if to.IsZero() || !events[i].At.After(to) {
			out = append(out, happened(&events[i]))
		}
	}
	return &out, nil
}

func happened(e *event.Event) HistoryItem {
	out := HistoryItem{DateTime: Moment{e.At}, Event: string(e.Kind), User: e.Actor, Action: orNull(e.Data.Verb), From: orNull(e.Data.From),
		To: orNull(e.Data.To), Reason: orNull(e.Data.Reason)}
	out.Changes = make([]FieldChange, len(e.Data.Changes))
	for i, c := range e.Data.Changes {
		out.Changes[i] = FieldChange{Field: c.Field, From: c.From, To: c.To}
	}
	return out
}
