package simapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// GetAssignment implements StrictServerInterface.
func (h *handler) GetAssignment(ctx context.Context, _ GetAssignmentRequestObject) (GetAssignmentResponseObject, error) {
	x := of(ctx)
	out, err := x.assignment(ctx, x.sim)
	return GetAssignment200JSONResponse(out), err
}

// ChangeAssignment implements StrictServerInterface.
func (h *handler) ChangeAssignment(ctx context.Context, r ChangeAssignmentRequestObject) (ChangeAssignmentResponseObject, error) {
	x := of(ctx)
	out, err := x.reassign(ctx, x.sim.ICCID, r.Body)
	return ChangeAssignment200JSONResponse(out), err
}

// ChangeAssignmentRecord implements StrictServerInterface.
func (h *handler) ChangeAssignmentRecord(ctx context.Context, r ChangeAssignmentRecordRequestObject) (ChangeAssignmentRecordResponseObject, error) {
	x := of(ctx)
	iccid, err := x.fleet.AssignedSIM(ctx, x.request, r.IccPortfolioPackageId)
	if err != nil {
		return nil, err
	}
	out, err := x.reassign(ctx, iccid, r.Body)
	return ChangeAssignmentRecord200JSONResponse(out), err
}

func (x *exchange) reassign(ctx context.Context, iccid ident.ICCID, b *AssignmentChange) (Assignment, error) {
	c, err := x.readMove(b.PackageId, b.PortfolioId)
	if err != nil {
		return Assignment{}, err
	}
	s, err := x.carryOut(ctx, iccid, c)
	if err != nil {
		return Assignment{}, err
	}
	return x.assignment(ctx, &s)
}

func (x *exchange) assignment(ctx context.Context, s *sim.SIM) (Assignment, error) {
	p, err := x.fleet.PackageOf(ctx, x.request, s)
	if err != nil {
		return Assignment{}, err
	}
	since, err := x.fleet.Assigned(ctx, x.request, s)
	return Assignment{IccPortfolioPackageId: s.ID, IccId: string(s.ICCID), PortfolioId: string(s.Portfolio), PackageId: p.ID,
		PortfolioStartDate: Moment{since.PortfolioAt}, PackageStartDate: Moment{since.PackageAt},
		ContractStartDate: at(s.ContractStart), ContractEndDate: at(s.ContractEnd), Status: LifeStatusActive}, err
}

// GetContract implements StrictServerInterface.
func (h *handler) GetContract(ctx context.Context, _ GetContractRequestObject) (GetContractResponseObject, error) {
	x := of(ctx)
	when, err := x.query.moment("requestDateTime")
	if err != nil {
		return nil, err
	}
	if when.IsZero() {
		when = x.fleet.Now()
	}
	p, err := x.fleet.PackageOf(ctx, x.request, x.sim)
	if err != nil {
		return nil, err
	}
	s := x.sim
	in := !s.ContractStart.IsZero() && !when.Before(s.ContractStart) && when.Before(s.ContractEnd)
	return GetContract200JSONResponse{IccId: string(s.ICCID), PackageId: p.ID, PortfolioId: string(s.Portfolio),
		ContractStartDate: at(s.ContractStart), ContractEndDate: at(s.ContractEnd), ContractPeriod: p.ContractMonths,
		BillingPeriod: p.BillingMonths, Price: decimal(p.Price), Currency: string(p.Currency), InContract: flag(in)}, nil
}

// SwapSIM implements StrictServerInterface.
func (h *handler) SwapSIM(ctx context.Context, r SwapSIMRequestObject) (SwapSIMResponseObject, error) {
	x := of(ctx)
	w := fleet.Swap{Old: x.sim.ICCID, Contract: r.Body.PreserveContract == nil || *r.Body.PreserveContract}
	var err1, err2 error
	w.New, err1 = ident.ParseICCID(string(r.Body.NewIccId))
	if m := r.Body.Msisdn; m != nil && *m != "" {
		w.MSISDN, err2 = ident.ParseMSISDN(string(*m))
	}
	if err := fault.Join(ident.As("newIccId", err1), err2); err != nil {
		return nil, err
	}
	s, err := x.fleet.SwapSIM(ctx, x.request, w, unsuspended)
	if err != nil {
		return nil, err
	}
	out, err := x.one(ctx, &s)
	return SwapSIM200JSONResponse(out), err
}

// unsuspended refuses a SIM that anybody has suspended.
func unsuspended(s *sim.SIM) error {
	if s.Wanted.Suspended != 0 {
		return &problem{status: http.StatusBadRequest, code: codeSuspended, message: errSuspended.message,
			details: map[string]any{"iccId": string(s.ICCID)}}
	}
	return nil
}

// CountSIMs implements StrictServerInterface.
func (h *handler) CountSIMs(ctx context.Context, _ CountSIMsRequestObject) (CountSIMsResponseObject, error) {
	x := of(ctx)
	folio, err := x.folio()
	if err != nil {
		return nil, err
	}
	out := Count{PortfolioId: string(x.home.ID)}
	if folio != "" {
		if _, err := x.fleet.Portfolio(ctx, x.request, folio); err != nil {
			return nil, x.outside(folio, err)
		}
		out.PortfolioId = string(folio)
	}
	segment := x.query.text("segmentedBy")
	if segment == "iccTypeId" {
		err = x.countParts(ctx, &out, folio)
	} else {
		err = x.countStatuses(ctx, &out, folio, segment)
	}
	return CountSIMs200JSONResponse(out), err
}

// folio reads the portfolio of the query; "" when it is missing.
func (x *exchange) folio() (id ident.PortfolioID, err error) {
	return id, read("portfolioId", x.query, ident.ParsePortfolioID, &id)
}

func (x *exchange) outside(id ident.PortfolioID, err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return notInSphere(id)
	}
	return err
}

func (x *exchange) countStatuses(ctx context.Context, out *Count, folio ident.PortfolioID, by string) error {
	tallies, err := x.fleet.Tallies(ctx, x.request)
	if err != nil {
		return err
	}
	add := out.adder()
	for _, t := range tallies {
		if folio != "" && t.Portfolio != folio {
			continue
		}
		switch by {
		case "packageId":
			add(strconv.FormatInt(t.Package, 10), t.Count)
		case "suspended":
			add(string(flag(t.Held != 0)), t.Count)
		default:
			add(string(wordFor(t.Status)), t.Count)
		}
	}
	return nil
}

// wordFor is what the contract calls a status of the platform.
func wordFor(s sim.Status) SIMStatus {
	for _, active := range activeStatuses {
		if s == active {
			return SIMStatusActive
		}
	}
	return SIMStatusAvailable
}

func (x *exchange) countParts(ctx context.Context, out *Count, folio ident.PortfolioID) error {
	parts, err := x.fleet.PartTallies(ctx, x.request, folio, nil)
	add := out.adder()
	for _, t := range parts {
		if folio == "" || t.Portfolio == folio {
			add(strconv.FormatInt(t.Part, 10), t.Count)
		}
	}
	return err
}

// adder adds counts to segments, in the order in which they come up.
func (c *Count) adder() func(segment string, n int64) {
	place := map[string]int{}
	c.Items = []CountItem{}
	return func(segment string, n int64) {
		i, known := place[segment]
		if !known {
			i = len(c.Items)
			place[segment] = i
			c.Items = append(c.Items, CountItem{Segment: segment})
		}
		c.Items[i].Count += n
		c.Total += n
	}
}

// CountStock implements StrictServerInterface.
func (h *handler) CountStock(ctx context.Context, _ CountStockRequestObject) (CountStockResponseObject, error) {
	x := of(ctx)
	portal, err := x.inPortal(ctx)
	if err != nil {
		return nil, err
	}
	parts, err := x.fleet.PartTallies(ctx, x.request, "", []sim.Status{sim.StatusAvailable})
	if err != nil {
		return nil, err
	}
	part, pkg, by := x.query.id("iccTypeId"), x.query.id("packageId"), x.query.text("segmentedBy")
	if by == "" {
		by = "iccTypeId"
	}
	var c Count
	add := c.adder()
	for _, t := range parts {
		if portal != nil && !portal[t.Portfolio] || part != nil && t.Part != *part || pkg != nil && t.Package != *pkg {
			continue
		}
		add(map[string]string{"iccTypeId": strconv.FormatInt(t.Part, 10), "packageId": strconv.FormatInt(t.Package, 10),
			"portfolioId": string(t.Portfolio)}[by], t.Count)
	}
	out := CountStock200JSONResponse{Items: make([]StockItem, len(c.Items))}
	for i, item := range c.Items {
		out.Items[i] = StockItem{Segment: stockSegment(by, item.Segment), Count: item.Count}
	}
	return out, nil
}

// stockSegment names a segment by its id: accounts are texts, all else numbers.
func stockSegment(by, id string) map[string]any {
	if by == "portfolioId" {
		return map[string]any{by: id}
	}
	return map[string]any{by: json.Number(id)}
}
