package terminal

import (
	"cmp"
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// simView is a SIM as the contract writes it.
type simView struct {
	ICCID  string     `json:"iccid"`
	EID    string     `json:"eid,omitempty"`
	Type   string     `json:"type"`
	Form   string     `json:"form"`
	Name   string     `json:"name"`
	Group  string     `json:"group"`
	MSISDN string     `json:"msisdn"`
	IMSI   string     `json:"imsi"`
	IMEI   string     `json:"imei"`
	APN    string     `json:"apn"`
	Limit  int64      `json:"data_limit"`
	Status statusView `json:"status"`
	State  string     `json:"state"`

	*cardView

	LastNetwork  *int64 `json:"lastNetworkActivityMillis"`
	LastModified *int64 `json:"lastModifiedMillis"`
	LastSession  *int64 `json:"lastDataSessionMillis"`
	LastUsage    *int64 `json:"lastUsageUpdate"`

	Locked     bool   `json:"imei_locked"`
	LockedIMEI string `json:"locked_imei"`
	Frozen     bool   `json:"status_locked"`
	IP         string `json:"ip"`
	DataUsed   int64  `json:"data_used"`
	SMSUsed    int64  `json:"sms_used"`
	Plan       string `json:"data_plan"`
	Message    string `json:"message,omitempty"`
}

// cardView is what only SIMs on an eUICC have.
type cardView struct {
	Active     *string  `json:"active_profile"`
	Downloaded []string `json:"downloaded_profiles"`
}

// statusView is the older pair of words.
type statusView struct {
	Primary   string  `json:"primary"`
	Secondary *string `json:"secondary"`
}

var stateNames = map[sim.Station]string{
	sim.Shipping: "SHIPPING", sim.InTest: "TEST", sim.ReadyToUse: "ACTIVE_READY", sim.InService: "LIVE", sim.Offline: "OFFLINE", sim.Scrapped: "CLOSED",
}

// status is the older pair: whether something is pending, and where the SIM is,
// or is to be.
func (h *handler) status(l *sim.Lifecycle) statusView {
	pending := l.Pending() || l.Waiting()
	target := l.Station()
	word := map[sim.Station]string{sim.InTest: "TEST", sim.ReadyToUse: "ACTIVE_READY", sim.InService: "LIVE", sim.Offline: "OFF", sim.Shipping: "OFF",
		sim.Scrapped: "DELETED"}[target]
	suspended := target == sim.Offline && (l.Wanted.State == sim.Provisioned || l.Wanted.State == sim.Provisioning)
	if h.o.OldStatus {
		switch {
		case suspended:
			word = "SUSPENDED"
		case target == sim.ReadyToUse:
			word = "TEST"
		}
	}
	switch {
	case pending:
		return statusView{"PENDING", &word}
	case word == "OFF" || word == "DELETED":
		return statusView{Primary: word}
	}
	return statusView{"ON", &word}
}

// view writes a SIM with what is known around it.
func (h *handler) view(s *sim.SIM, around *fleet.Around) simView {
	a, m := around.Activity[s.ID], around.Month[s.ID]
	v := simView{ICCID: string(s.ICCID), EID: string(s.EID), Type: cmp.Or(s.Type, "UICC"), Form: s.Form, Name: s.Name, Group: s.Group,
		MSISDN: string(s.MSISDN), IMSI: string(s.IMSI), IMEI: cmp.Or(a.IMEI, string(s.IMEI)), APN: cmp.Or(s.APN, a.APN), Limit: s.DataLimit,
		Status: h.status(&s.Lifecycle), State: stateNames[s.StandsAt()],
		LastNetwork: millis(a.LastHeard()), LastModified: millis(s.ModifiedAt), LastSession: millis(latest(a.SessionStart, a.SessionStop)),
		LastUsage: millis(latest(m.DataAt, m.SMSAt, m.USSDAt, m.VoiceAt, a.SessionStop)),
		Locked:    s.IMEILock != "", LockedIMEI: string(s.IMEILock), Frozen: !s.Lock.Since.IsZero(), IP: cmp.Or(s.Value(sim.ByIP), a.IP),
		DataUsed: m.Bytes, SMSUsed: m.SMS}
	if p := around.Packages[s.Package]; p != nil {
		v.Plan = p.Name
	}
	if s.IsEUICC() {
		v.cardView = &cardView{Downloaded: []string{}}
		for _, p := range around.Profiles[s.ID] {
			v.Downloaded = append(v.Downloaded, p.Name)
			if p.Enabled {
				v.Active = &p.Name
			}
		}
	}
	return v
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}

// millis writes a time; nil for none.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixMilli()
	return &n
}

// views writes SIMs.
func (x *exchange) views(ctx context.Context, sims []sim.SIM) ([]simView, error) {
	around, err := x.fleet.Around(ctx, x.request, sims)
	if err != nil {
		return nil, err
	}
	out := make([]simView, len(sims))
	for i := range sims {
		out[i] = x.view(&sims[i], &around)
	}
	return out, nil
}
