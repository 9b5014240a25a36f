package terminal

import (
	"context"
	"net/http"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// envelope is around every page.
type envelope struct {
	Found  int   `json:"found"` // in this page
	Offset int   `json:"offset"`
	Total  int64 `json:"total"`
}

type simsPage struct {
	envelope
	SIMs []simView `json:"sims"`
}

// sims answers with a page of what a query finds, by ICCID.
func (x *exchange) sims(ctx context.Context, q sim.Query) (any, error) {
	var err error
	if q.Offset, err = x.p.offset(); err != nil {
		return nil, err
	}
	whole := q.ICCIDs != nil && q.Offset == 0 // so many fit on one page
	q.Limit, q.Count = MaxSIMs, !whole
	page, err := x.fleet.SIMs(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	if whole {
		page.Total = int64(len(page.SIMs))
	}
	list, err := x.views(ctx, page.SIMs)
	return simsPage{envelope{len(list), q.Offset, page.Total}, list}, err
}

func accountSIMs(ctx context.Context, x *exchange) (any, error) { return x.sims(ctx, sim.Query{}) }

func groupSIMs(ctx context.Context, x *exchange) (any, error) {
	group, err := x.group()
	if err != nil {
		return nil, err
	}
	return x.sims(ctx, sim.Query{Group: &group})
}

// group reads the name of a group that is asked about.
func (x *exchange) group() (string, error) {
	group := x.p.text("group")
	if group == "" {
		return "", fault.InvalidField("group", "is missing")
	}
	return group, nil
}

func someSIMs(ctx context.Context, x *exchange) (any, error) {
	s, err := x.p.selector()
	switch {
	case err != nil:
		return nil, err
	case s.empty():
		return accountSIMs(ctx, x)
	}
	return x.sims(ctx, sim.Query{ICCIDs: s.iccids, EIDs: s.eids})
}

func accountGroups(ctx context.Context, x *exchange) (any, error) {
	list, err := x.fleet.Groups(ctx, x.request)
	if list == nil {
		list = []string{}
	}
	return list, err
}

func availableProfiles(ctx context.Context, x *exchange) (any, error) {
	list, err := x.fleet.Offered(ctx, x.request, x.bearer.Home.ID)
	if list == nil {
		list = []string{}
	}
	return list, err
}

// chosen reads the SIMs that a call names, one at least. All of them must be
// there.
func (x *exchange) chosen(ctx context.Context) ([]sim.SIM, error) {
	s, err := x.p.selector()
	if err != nil {
		return nil, err
	}
	if s.empty() {
		return nil, fault.InvalidField("iccid", "is missing; name a SIM by iccid or eid")
	}
	page, err := x.fleet.SIMs(ctx, x.request, sim.Query{ICCIDs: s.iccids, EIDs: s.eids})
	if err != nil {
		return nil, err
	}
	if missing := s.without(page.SIMs); len(missing) > 0 {
		return nil, noSIM(missing)
	}
	if n := len(page.SIMs); n > MaxSIMs {
		return nil, tooMany(n)
	}
	return page.SIMs, nil
}

// without lists the ids that none of the SIMs has.
func (s *selector) without(sims []sim.SIM) []string {
	iccids, eids := map[ident.ICCID]bool{}, map[ident.EID]bool{}
	for i := range sims {
		iccids[sims[i].ICCID], eids[sims[i].EID] = true, true
	}
	var out []string
	for _, id := range s.iccids {
		if !iccids[id] {
			out = append(out, string(id))
		}
	}
	for _, id := range s.eids {
		if !eids[id] {
			out = append(out, string(id))
		}
	}
	return out
}

// only is chosen for calls about one SIM.
func (x *exchange) only(ctx context.Context) (*sim.SIM, error) {
	list, err := x.chosen(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return nil, malformed("this call is about one SIM, and " + strconv.Itoa(len(list)) + " are named")
	}
	return &list[0], nil
}

func oneSIM(ctx context.Context, x *exchange) (any, error) {
	s, err := x.only(ctx)
	if err != nil {
		return nil, err
	}
	list, err := x.views(ctx, []sim.SIM{*s})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

type alertView struct {
	ID        string `json:"id"`
	Trigger   string `json:"trigger"`
	Timestamp int64  `json:"timestamp"`
	Read      bool   `json:"is_read"`
	ICCID     string `json:"iccid"`
}

type alertsPage struct {
	envelope
	Alerts []alertView `json:"alerts"`
}

func accountAlerts(ctx context.Context, x *exchange) (any, error) {
	return x.alerts(ctx, usage.AlertQuery{})
}

func groupAlerts(ctx context.Context, x *exchange) (any, error) {
	group, err := x.group()
	if err != nil {
		return nil, err
	}
	return x.alerts(ctx, usage.AlertQuery{Group: &group})
}

func simAlerts(ctx context.Context, x *exchange) (any, error) {
	list, err := x.chosen(ctx)
	if err != nil {
		return nil, err
	}
	return x.alerts(ctx, usage.AlertQuery{ICCIDs: iccidsOf(list)})
}

// alerts answers with a page of alerts, newest first. Those that are to be marked
// as read still show as they were.
func (x *exchange) alerts(ctx context.Context, q usage.AlertQuery) (any, error) {
	var errs [3]error
	var mark bool
	q.Offset, errs[0] = x.p.offset()
	q.Unread, errs[1] = x.p.flag("only_unread", "unread")
	mark, errs[2] = x.p.flag("mark_as_read", "markRead")
	if err := fault.Join(errs[:]...); err != nil {
		return nil, err
	}
	q.Limit = MaxSIMs
	list, total, err := x.fleet.Alerts(ctx, x.request, q)
	if err != nil {
		return nil, err
	}
	out := alertsPage{envelope{len(list), q.Offset, total}, make([]alertView, len(list))}
	var ids []int64
	for i, a := range list {
		out.Alerts[i] = alertView{strconv.FormatInt(a.ID, 10), string(a.Kind), a.At.UnixMilli(), a.Read, string(a.ICCID)}
		if !a.Read {
			ids = append(ids, a.ID)
		}
	}
	if mark && len(ids) > 0 {
		_, err = x.fleet.ReadAlerts(ctx, x.request, ids)
	}
	return out, err
}

func markAlerts(ctx context.Context, x *exchange) (any, error) {
	texts := x.p.list("id")
	if len(texts) == 0 {
		return nil, fault.InvalidField("id", "is missing")
	}
	if n := len(texts); n > MaxSIMs {
		return nil, fault.InvalidField("id", "is given %d times; at most %d are allowed", n, MaxSIMs)
	}
	ids := make([]int64, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fault.InvalidField("id", "is %q, which is no id of an alert", clip(text))
		}
	}
	n, err := x.fleet.ReadAlerts(ctx, x.request, ids)
	return map[string]int64{"marked": n}, err
}

func iccidsOf(list []sim.SIM) []ident.ICCID {
	out := make([]ident.ICCID, len(list))
	for i := range list {
		out[i] = list[i].ICCID
	}
	return out
}

type meView struct {
	Username string   `json:"username"`
	Account  string   `json:"account"`
	Features []string `json:"features"`
}

func me(_ context.Context, x *exchange) (any, error) {
	out := meView{fleet.APIUsername(x.bearer.Name), x.bearer.Home.Name, []string{}}
	for _, f := range x.bearer.Features.Names() {
		out.Features = append(out.Features, upper(f))
	}
	return answer{http.StatusOK, out}, nil
}
