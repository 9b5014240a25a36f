package simapi

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

func placed(s *sim.SIM) SnapshotPackage {
	return SnapshotPackage{PortfolioId: string(s.Portfolio), PackageId: idOrNull(s.Package)}
}

// labels returns the attributes of the exchange's SIM.
func (x *exchange) labels(ctx context.Context) ([]Attribute, error) {
	all, err := x.fleet.Attributes(ctx, x.request, []sim.SIM{*x.sim})
	return attributesOf(x.sim.ICCID, all[x.sim.ID]), err
}

// GetBillingSnapshot implements StrictServerInterface.
func (h *handler) GetBillingSnapshot(ctx context.Context, _ GetBillingSnapshotRequestObject) (GetBillingSnapshotResponseObject, error) {
	x := of(ctx)
	s := x.sim
	months, _, err := x.fleet.MonthToDate(ctx, []sim.SIM{*s})
	if err != nil {
		return nil, err
	}
	out := GetBillingSnapshot200JSONResponse{IccId: string(s.ICCID), SimId: s.Number, PortfolioPackage: placed(s),
		PackageItemCategory: amounts(months[s.ID])}
	if out.Attributes, err = x.labels(ctx); err != nil || s.Package == 0 {
		return out, err
	}
	p, err := x.fleet.PackageOf(ctx, x.request, s)
	price := decimal(p.Price)
	out.Price = &price
	return out, err
}

// amounts lists what was used of every category; nothing was counted of those
// that are null.
func amounts(m usage.Month) []CategoryAmount {
	used := map[plan.Category]struct {
		n  int64
		at time.Time
	}{plan.DataItem: {m.Bytes, m.DataAt}, plan.SMSItem: {m.SMS, m.SMSAt}, plan.VoiceItem: {m.Voice, m.VoiceAt}, plan.USSDItem: {m.USSD, m.USSDAt}}
	var out []CategoryAmount
	for _, c := range plan.Categories() {
		a := CategoryAmount{PackageItemCategoryId: CategoryId(c), Title: c.String(), UpdateTime: at(used[c].at)}
		if a.UpdateTime != nil {
			n := used[c].n
			a.Amount = &n
		}
		out = append(out, a)
	}
	return out
}

// GetNetworkSnapshot implements StrictServerInterface.
func (h *handler) GetNetworkSnapshot(ctx context.Context, _ GetNetworkSnapshotRequestObject) (GetNetworkSnapshotResponseObject, error) {
	x := of(ctx)
	a, _, _, err := x.fleet.LastActivity(ctx, x.request, x.sim.ICCID)
	if err != nil {
		return nil, err
	}
	out := GetNetworkSnapshot200JSONResponse{
		IccId: string(x.sim.ICCID), SimId: x.sim.Number, PortfolioPackage: placed(x.sim),
		Network:  SnapshotNetwork{Imsi: orNull(a.IMSI), Rat: orNull(a.RAT), Mcc: orNull(a.MCC), Mnc: orNull(a.MNC), UpdateTime: at(a.AttachedAt)},
		Device:   SnapshotDevice{Imei: orNull(a.IMEI), UpdateTime: at(a.IMEIAt)},
		Location: SnapshotLocation{Lat: orNull(a.Lat), Lon: orNull(a.Lon), UpdateTime: at(a.LocatedAt)},
	}
	if out.Data, err = x.lastSession(ctx, &a); err != nil {
		return nil, err
	}
	out.Attributes, err = x.labels(ctx)
	return out, err
}

// lastSession shows the last data session that is over: the contract shows none that is
// open, which is what was heard of last where there is one.
func (x *exchange) lastSession(ctx context.Context, a *usage.Activity) (SnapshotSession, error) {
	if !a.SessionStop.IsZero() || a.SessionStart.IsZero() {
		return SnapshotSession{Apn: orNull(a.APN), Ip: orNull(a.IP), Username: orNull(a.User), StartTime: at(a.SessionStart),
			StopTime: at(a.SessionStop), UpdateTime: at(a.SessionStop)}, nil
	}
	s, found, err := x.fleet.LastEnded(ctx, x.request, x.sim)
	if err != nil || !found {
		return SnapshotSession{}, err
	}
	ip := ""
	if s.Last.IP.IsValid() {
		ip = s.Last.IP.String()
	}
	return SnapshotSession{Apn: orNull(s.Last.APN), Ip: orNull(ip), Username: orNull(s.Last.User), StartTime: at(s.StartedAt),
		StopTime: at(s.StoppedAt), UpdateTime: at(s.StoppedAt)}, nil
}

// GetLocation implements StrictServerInterface.
func (h *handler) GetLocation(ctx context.Context, _ GetLocationRequestObject) (GetLocationResponseObject, error) {
	x := of(ctx)
	a, _, _, err := x.fleet.LastActivity(ctx, x.request, x.sim.ICCID)
	return GetLocation200JSONResponse{IccId: string(x.sim.ICCID), Lat: orNull(a.Lat), Lon: orNull(a.Lon), Source: Cell, UpdateTime: at(a.LocatedAt)}, err
}

// GetBillingTotal implements StrictServerInterface.
func (h *handler) GetBillingTotal(ctx context.Context, _ GetBillingTotalRequestObject) (GetBillingTotalResponseObject, error) {
	x := of(ctx)
	months, _, err := x.fleet.MonthToDate(ctx, []sim.SIM{*x.sim})
	if err != nil {
		return nil, err
	}
	folio, err := x.fleet.Portfolio(ctx, x.request, x.sim.Portfolio)
	now, m := x.fleet.Now(), months[x.sim.ID]
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return GetBillingTotal200JSONResponse{IccId: string(x.sim.ICCID), PeriodStart: Moment{start}, PeriodEnd: Moment{start.AddDate(0, 1, 0)},
		Data: m.Bytes, Sms: m.SMS, Voice: m.Voice, Ussd: m.USSD, Charge: decimal(m.Cost), Currency: string(folio.Currency)}, err
}
