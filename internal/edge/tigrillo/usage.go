package tigrillo

import (
	"context"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

type billingAnswer struct {
	plain
	Total int64         `json:"totalRecs"` // not totRecs, as in getSIMs
	Recs  []billingItem `json:"recs"`
}

type billingItem struct {
	Activity    string  `json:"activity"`
	Start       *string `json:"start"`
	Stop        *string `json:"stop"`
	Description string  `json:"description"`
	Quantity    int64   `json:"quantity"`
	Price       string  `json:"price"`
	MCC         *string `json:"mcc"`
	MNC         *string `json:"mnc"`
	PackageID   *int64  `json:"packageID"`
}

func (h *handler) getSIMBilling(ctx context.Context, x *exchange) (any, error) {
	iccid, err := x.in.iccid(invalid("ICCID"), invalid("ICCID"))
	if err != nil {
		return nil, err
	}
	q, err := x.in.rated()
	if err != nil {
		return nil, err
	}
	events, total, err := h.Fleet.Rated(ctx, x.request, iccid, q)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, unrecognised(string(iccid))
		}
		return nil, err
	}
	answer := billingAnswer{ok, total, make([]billingItem, len(events))}
	for i := range events {
		answer.Recs[i] = billed(&events[i])
	}
	return answer, nil
}

var billedKinds = map[string][]usage.Kind{"": nil, "D": {usage.Data}, "S": {usage.SMS}, "V": {usage.Voice}}

// rated reads the parameters of getSIMBilling. The dates bound the start of a
// record, the first included and the last not.
func (p params) rated() (usage.RatedQuery, error) {
	var q usage.RatedQuery
	var err error
	if q.From, err = p.moment("startDate"); err != nil {
		return q, err
	}
	if q.To, err = p.moment("endDate"); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return q, invalid("endDate")
	}
	order, err := p.word("sortOrder")
	if err != nil {
		return q, err
	}
	var known bool
	if q.ByKind, q.Descending, known = recordsBy(order); !known {
		return q, invalid("sortOrder")
	}
	if q.From.IsZero() && q.To.IsZero() {
		q.Descending = true // the most recent ones are asked for
	}
	filter, err := p.word("filter")
	if err != nil {
		return q, err
	}
	if q.Kinds, known = billedKinds[filter]; !known {
		return q, invalid("filter")
	}
	q.Offset, q.Limit, err = p.page()
	return q, err
}

// recordsBy reads A (activity) or E (event, by its time) and a direction,
// ascending when there is none. Nothing means the newest event first.
func recordsBy(s string) (byKind, descending, known bool) {
	switch s {
	case "", "ED":
		return false, true, true
	case "E", "EA":
		return false, false, true
	case "A", "AA", "AD":
		return true, strings.HasSuffix(s, "D"), true
	}
	return false, false, false
}

func billed(e *usage.RatedEvent) billingItem {
	out := billingItem{Activity: string(e.Kind), Start: timeOrNull(e.Start), Stop: timeOrNull(e.Stop), Description: e.Description,
		Quantity: e.Quantity, Price: e.Price.Format(2), MCC: orNull(e.MCC), MNC: orNull(e.MNC)}
	if e.Package != 0 {
		out.PackageID = &e.Package
	}
	return out
}

type activityAnswer struct {
	plain
	Info activityInfo `json:"info"`
}

// activityInfo has every key always: totals begin at 0, dates and what is not
// known are null.
type activityInfo struct {
	LastLat           *string `json:"LastLat"`
	LastLon           *string `json:"LastLon"`
	LastLatLonDate    *string `json:"LastLatLonDate"`
	LastAPN           *string `json:"LastAPN"`
	LastRadiusBytes   int64   `json:"LastRadiusBytes"`
	LastUsername      *string `json:"LastUsername"`
	LastMCC           *string `json:"LastMCC"`
	LastMNC           *string `json:"LastMNC"`
	LastLAI           *string `json:"LastLAI"`
	LastCI            *string `json:"LastCI"`
	LastRAT           *string `json:"LastRAT"`
	LastIP            *string `json:"LastIP"`
	LastMCCMNCDate    *string `json:"LastMCCMNCDate"`
	LastLAICIDate     *string `json:"LastLAICIDate"`
	LastRadiusStart   *string `json:"LastRadiusStart"`
	LastRadiusStop    *string `json:"LastRadiusStop"`
	MonthsRadiusBytes int64   `json:"MonthsRadiusBytes"`
	LastSMSMO         *string `json:"LastSMSMO"`
	LastSMSMT         *string `json:"LastSMSMT"`
	LastVoiceMO       *string `json:"LastVoiceMO"`
	LastVoiceMT       *string `json:"LastVoiceMT"`
	LastUSSDMO        *string `json:"LastUSSDMO"`
	LastUSSDMT        *string `json:"LastUSSDMT"`
	LastIMEI          *string `json:"LastIMEI"`
	LastIMEIDate      *string `json:"LastIMEIDate"`
	LastIMSI          *string `json:"LastIMSI"`
	LastIMSIDate      *string `json:"LastIMSIDate"`
	MonthsDataTotal   int64   `json:"MonthsDataTotal"`
	LastMonthsData    int64   `json:"LastMonthsDataTotal"`
	MonthsDataDate    *string `json:"MonthsDataDate"`
	MonthsSMSTotal    int64   `json:"MonthsSMSTotal"`
	MonthsSMSDate     *string `json:"MonthsSMSDate"`
	MonthsUSSDTotal   int64   `json:"MonthsUSSDTotal"`
	MonthsUSSDDate    *string `json:"MonthsUSSDDate"`
	MonthsVoiceTotal  int64   `json:"MonthsVoiceTotal"`
	MonthsVoiceDate   *string `json:"MonthsVoiceDate"`
	MonthsMsgTotal    *int64  `json:"MonthsMsgTotal"` // nobody has defined it
	MonthsMsgDate     *string `json:"MonthsMsgDate"`
	MonthsPriceTotal  string  `json:"MonthsPriceTotal"`
	MonthsPriceDate   *string `json:"MonthsPriceDate"`
	LastSMSMTReceipt  *string `json:"LastSMSMT_DR"`
	LastNetworkName   *string `json:"LastNetworkName"`
}

func (h *handler) getSIMLastActivity(ctx context.Context, x *exchange) (any, error) {
	iccid, err := x.in.iccid(invalid("ICCID"), invalid("ICCID"))
	if err != nil {
		return nil, err
	}
	a, now, last, err := h.Fleet.LastActivity(ctx, x.request, iccid)
	if err != nil {
		return nil, err
	}
	return activityAnswer{ok, heard(&a, &now, &last)}, nil
}

func heard(a *usage.Activity, now, last *usage.Month) activityInfo {
	out := activityInfo{
		LastRadiusBytes: a.SessionBytes, MonthsRadiusBytes: now.Bytes, MonthsDataTotal: now.Rounded, LastMonthsData: last.Rounded,
		MonthsSMSTotal: now.SMS, MonthsUSSDTotal: now.USSD, MonthsVoiceTotal: now.Voice, MonthsPriceTotal: now.Cost.Format(4),
	}
	for to, text := range map[**string]string{
		&out.LastLat: a.Lat, &out.LastLon: a.Lon, &out.LastAPN: a.APN, &out.LastUsername: a.User, &out.LastMCC: a.MCC, &out.LastMNC: a.MNC,
		&out.LastLAI: a.LAI, &out.LastCI: a.CI, &out.LastRAT: a.RAT, &out.LastIP: a.IP, &out.LastIMEI: a.IMEI, &out.LastIMSI: a.IMSI,
		&out.LastNetworkName: a.Network,
	} {
		*to = orNull(text)
	}
	for to, at := range map[**string]time.Time{
		&out.LastLatLonDate: a.LocatedAt, &out.LastMCCMNCDate: a.AttachedAt, &out.LastLAICIDate: a.CellAt,
		&out.LastRadiusStart: a.SessionStart, &out.LastRadiusStop: a.SessionStop, &out.LastSMSMO: a.SMSOut, &out.LastSMSMT: a.SMSIn,
		&out.LastSMSMTReceipt: a.SMSReceipt, &out.LastVoiceMO: a.VoiceOut, &out.LastVoiceMT: a.VoiceIn, &out.LastUSSDMO: a.USSDOut,
		&out.LastUSSDMT: a.USSDIn, &out.LastIMEIDate: a.IMEIAt, &out.LastIMSIDate: a.IMSIAt, &out.MonthsDataDate: now.DataAt,
		&out.MonthsSMSDate: now.SMSAt, &out.MonthsUSSDDate: now.USSDAt, &out.MonthsVoiceDate: now.VoiceAt, &out.MonthsPriceDate: now.CostAt,
	} {
		*to = timeOrNull(at)
	}
	return out
}
