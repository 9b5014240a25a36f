package main

import (
	"context"
	"io"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// heardSince is how far back sessions and answers of a SIM are shown.
const heardSince = 400 * 24 * time.Hour

// heard reads what gateways asked and reported of the SIM.
func (p *portrait) heard(ctx context.Context, a *app.App, r fleet.Request) (err error) {
	from, to := time.Now().Add(-heardSince), time.Now().Add(time.Hour)
	if p.sessions, _, err = a.Fleet.DataSessions(ctx, r, []ident.ICCID{p.sim.ICCID}, from, to, 0, lastShown); err != nil {
		return err
	}
	if p.answers, _, err = a.Fleet.Accesses(ctx, r, p.sim.ICCID, from, to, 0, lastShown); err != nil {
		return err
	}
	p.cuts, err = a.Fleet.Cuts(ctx, r, p.sim.ICCID, lastShown)
	return err
}

type sessionView struct {
	ID      string     `json:"id"`
	Gateway string     `json:"gateway"`
	State   string     `json:"state"` // open, closed, lost with its gateway, stale
	Started *time.Time `json:"started"`
	Heard   *time.Time `json:"heard"`
	Stopped *time.Time `json:"stopped"`
	In      int64      `json:"bytesFromDevice"`
	Out     int64      `json:"bytesToDevice"`
	IP      string     `json:"ip,omitempty"`
	APN     string     `json:"apn,omitempty"`
	Network string     `json:"network,omitempty"` // visited: MCC-MNC
	IMEI    string     `json:"imei,omitempty"`
	Cut     *cutView   `json:"cut"` // null unless it was ordered to end, or to be reported more often
}

type cutView struct {
	Reason   string     `json:"reason"`
	Asked    *time.Time `json:"asked"`
	Attempts int        `json:"attempts"`
	Proof    string     `json:"proof"` // empty while it has still to be done
	Done     *time.Time `json:"done"`
}

var phases = map[usage.Phase]string{usage.Open: "open", usage.Closed: "closed", usage.Lost: "lost", usage.Stale: "stale"}

func (p *portrait) viewSession(s *usage.Session) sessionView {
	in, out := s.Bytes()
	v := sessionView{ID: s.Key.ID, Gateway: s.Key.NAS, State: phases[s.Phase], Started: at(s.StartedAt), Heard: at(s.LastAt), Stopped: at(s.StoppedAt),
		In: in, Out: out, APN: s.Last.APN, IMEI: string(s.Last.IMEI)}
	if s.Last.IP.IsValid() {
		v.IP = s.Last.IP.String()
	}
	if s.Last.MCC != "" {
		v.Network = s.Last.MCC + "-" + s.Last.MNC
	}
	for _, c := range p.cuts {
		if c.Key == s.Key && v.Cut == nil && !c.AskedAt.Before(s.StartedAt) {
			v.Cut = &cutView{c.Reason, at(c.AskedAt), c.Attempts, string(c.Outcome), at(c.DoneAt)}
		}
	}
	return v
}

type answerView struct {
	At       *time.Time `json:"at"`
	Gateway  string     `json:"gateway"`
	Accepted bool       `json:"accepted"`
	Reason   string     `json:"reason,omitempty"` // why not
	Times    int64      `json:"times"`            // how many answers these are, within a minute
	Last     *time.Time `json:"last,omitempty"`   // the last of several
	APN      string     `json:"apn,omitempty"`
	IMEI     string     `json:"imei,omitempty"`
}

func viewAnswer(a *usage.AccessRecord) answerView {
	return answerView{at(a.Access.At), a.Access.NAS, a.Verdict.Accept, a.Verdict.Reason, a.Times, at(a.LastAt), a.Access.APN, string(a.Access.IMEI)}
}

// network prints what gateways asked and reported.
func (p *portrait) network(w io.Writer) {
	if len(p.sessions) > 0 {
		heading(w, "Last data sessions")
		t := newTable(w, "STARTED", "STATE", "FROM DEVICE", "TO DEVICE", "GATEWAY", "ADDRESS", "VISITED", "CUT")
		for i := range p.sessions {
			s := p.viewSession(&p.sessions[i])
			t.row(clock(*s.Started), s.State, fmtInt(s.In), fmtInt(s.Out), s.Gateway, s.IP, s.Network, s.Cut.words())
		}
		t.flush()
	}
	if len(p.answers) > 0 {
		heading(w, "Last answers to gateways")
		t := newTable(w, "TIME", "ANSWER", "GATEWAY", "WHY")
		for i := range p.answers {
			a := viewAnswer(&p.answers[i])
			why := a.Reason
			if a.Times > 1 {
				why += " (" + fmtInt(a.Times) + " times until " + clock(*a.Last) + ")"
			}
			t.row(clock(*a.At), yes(a.Accepted, "accept")+yes(!a.Accepted, "reject"), a.Gateway, why)
		}
		t.flush()
	}
}

func (c *cutView) words() string {
	switch {
	case c == nil:
		return ""
	case c.Proof == "":
		return "ordered: " + c.Reason
	}
	return c.Proof + ": " + c.Reason
}
