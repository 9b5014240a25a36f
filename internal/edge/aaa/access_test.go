package aaa_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// What the SIMs of the questions below are.
const (
	plainSIM = iota
	staticSIM
	static6SIM
	suspendedSIM
	limitedSIM
	nearLimitSIM
	lockedSIM
	boundSIM // to an APN
	barredSIM
	stockSIM
)

func (w *world) variety() {
	w.sim(plainSIM, nil)
	w.sim(staticSIM, func(s *sim.SIM) { s.IP = netip.MustParseAddr("10.45.0.7") })
	w.sim(static6SIM, func(s *sim.SIM) { s.IP = netip.MustParseAddr("2001:db8:1:2::7") })
	w.sim(suspendedSIM, nil)
	w.command(suspendedSIM, sim.SuspendCustomer, "winter")
	w.sim(limitedSIM, func(s *sim.SIM) { s.DataLimit = 1 })
	w.sim(nearLimitSIM, func(s *sim.SIM) { s.DataLimit = 1 })
	w.sim(lockedSIM, func(s *sim.SIM) { s.IMEILock = "490154203237518" })
	w.sim(boundSIM, func(s *sim.SIM) { s.APN = "iot.example" })
	w.sim(barredSIM, func(s *sim.SIM) { s.Barred = sim.Data })
	w.sim(stockSIM, func(s *sim.SIM) {
		s.Wanted = sim.Condition{State: sim.Available}
		s.Settled = s.Wanted
	})
	for n, bytes := range map[int]int{limitedSIM: usage.Megabyte, nearLimitSIM: usage.Megabyte * 9 / 10} {
		w.radclient("acct", fmt.Sprintf(`Acct-Status-Type = Stop, Acct-Session-Id = "before%d", 3GPP-IMSI = "%s", Acct-Input-Octets = %d`, n, imsi(n), bytes))
	}
	w.counted()
	w.command(limitedSIM, sim.ResumeSystem, "the limit itself must hold")
}

// question is what a gateway asks, and what it must hear.
type question struct {
	name, ask string
	n         int
	want      []string // in the answer
	result    string
	reason    string // on the SIM's timeline; empty for an accept
}

func questions() []question {
	by := func(n int, more string) string { return fmt.Sprintf(`3GPP-IMSI = "%s"%s`, imsi(n), more) }
	accept := []string{"Received Access-Accept", "Acct-Interim-Interval = 300"}
	reject := []string{"Received Access-Reject"}
	return []question{
		{"3GPP-IMSI", by(plainSIM, ""), plainSIM, append(accept, "Class = 0x73696d75726768313a", "Session-Timeout = 86400"), aaa.Accepted, ""},
		{"User-Name", fmt.Sprintf(`User-Name = "%s", User-Password = "anything"`, imsi(plainSIM)), plainSIM, accept, aaa.Accepted, ""},
		{"User-Name with a realm", fmt.Sprintf(`User-Name = "0%s@wlan.mnc015.mcc234.3gppnetwork.org"`, imsi(plainSIM)), plainSIM, accept, aaa.Accepted, ""},
		{"Calling-Station-Id", `User-Name = "gprs", Calling-Station-Id = "447700000000"`, plainSIM, append(accept, fmt.Sprintf("Class = 0x%x", "simurgh1:"+imsi(plainSIM))), aaa.Accepted, ""},
		{"static IPv4", by(staticSIM, ""), staticSIM, append(accept, "Framed-IP-Address = 10.45.0.7"), aaa.Accepted, ""},
		{"static IPv6", by(static6SIM, ""), static6SIM, append(accept, "Framed-IPv6-Prefix = 2001:db8:1:2::/64", "Framed-Interface-Id = 0:0:0:7"), aaa.Accepted, ""},
		{"near its limit", by(nearLimitSIM, ""), nearLimitSIM, []string{"Received Access-Accept", "Acct-Interim-Interval = 60"}, aaa.Accepted, ""},
		{"suspended", by(suspendedSIM, ""), suspendedSIM, reject, "suspended", "suspended (customer): winter"},
		{"over its limit", by(limitedSIM, ""), limitedSIM, reject, "limit", "the data limit of 1 MB is reached"},
		{"its device", by(lockedSIM, `, 3GPP-IMEISV = "4901542032375101"`), lockedSIM, accept, aaa.Accepted, ""},
		{"another device", by(lockedSIM, `, 3GPP-IMEISV = "3569380356438091"`), lockedSIM, reject, "device", "the SIM is bound to device 490154203237518, and is in 3569380356438091"},
		{"no device", by(lockedSIM, ""), lockedSIM, reject, "device", "the SIM is bound to a device, and the network does not say which it is in"},
		{"its APN", by(boundSIM, `, Called-Station-Id = "IOT.example.mnc015.mcc234.gprs"`), boundSIM, accept, aaa.Accepted, ""},
		{"another APN", by(boundSIM, `, Called-Station-Id = "internet"`), boundSIM, reject, "apn", `the APN is "internet"; the SIM's is "iot.example"`},
		{"barred", by(barredSIM, ""), barredSIM, reject, "barred", "data is barred"},
		{"in stock", by(stockSIM, ""), stockSIM, reject, "state", "the SIM is available"},
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		s.options = func(o *aaa.Options) { o.SessionTimeout = 24 * time.Hour }
		w := newWorld(t, s)
		w.variety()
		for i, q := range questions() {
			before, apn := w.seen.count("access "+q.result), fmt.Sprintf(", NAS-Identifier = \"q%d\"", i)
			out := w.radclient("auth", q.ask+apn)
			for _, want := range q.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s: no %q in\n%s", q.name, want, out)
				}
			}
			if strings.Contains(out, "Reply-Message") {
				t.Errorf("%s: a network is told why", q.name)
			}
			if w.seen.count("access "+q.result) != before+1 {
				t.Errorf("%s: not counted as %s", q.name, q.result)
			}
			w.timeline(q, fmt.Sprintf("q%d", i))
		}
	})
}

// timeline holds that the answer to a question stands on the SIM's timeline.
func (w *world) timeline(q question, nas string) {
	w.t.Helper()
	var found *usage.AccessRecord
	until(w.t, q.name+" is on the timeline", func() bool {
		list, _, err := w.fleet.Accesses(w.t.Context(), operator, iccid(q.n), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 0, 50)
		w.must(err)
		for i := range list {
			if list[i].Access.NAS == nas {
				found = &list[i]
			}
		}
		return found != nil
	})
	if found.Verdict.Accept != (q.result == aaa.Accepted) || found.Verdict.Reason != q.reason {
		w.t.Errorf("%s: the timeline says %+v", q.name, found.Verdict)
	}
}

func TestAccessOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{options: func(o *aaa.Options) { o.Explain = true }})
	w.sim(plainSIM, nil)
	for name, c := range map[string]struct{ ask, want, result string }{
		"unknown": {`3GPP-IMSI = "999990000000000"`, "unknown subscriber", "unknown"},
		"nobody":  {`User-Name = "gprs"`, "no subscriber is named", "unknown"},
		"EAP":     {`3GPP-IMSI = "234150000000000", EAP-Message = 0x0201000501`, "EAP is not spoken here", aaa.RefusedEAP},
	} {
		before := w.seen.count("access " + c.result)
		out := w.radclient("auth", c.ask)
		if !strings.Contains(out, "Received Access-Reject") || !strings.Contains(out, `Reply-Message = "`+c.want+`"`) {
			t.Errorf("%s:\n%s", name, out)
		}
		if w.seen.count("access "+c.result) != before+1 {
			t.Errorf("%s: not counted as %s", name, c.result)
		}
	}
}

// A suspension holds from the moment that it is set, and ends with its lifting.
func TestAccessFollowsTheSIM(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.sim(plainSIM, nil)
		ask := func(want string) {
			t.Helper()
			if out := w.radclient("auth", fmt.Sprintf(`3GPP-IMSI = "%s"`, imsi(plainSIM))); !strings.Contains(out, "Received Access-"+want) {
				t.Errorf("want %s:\n%s", want, out)
			}
		}
		ask("Accept")
		w.command(plainSIM, sim.SuspendAdmin, "unpaid")
		ask("Reject")
		w.command(plainSIM, sim.ResumeAdmin, "")
		ask("Accept")
		w.command(plainSIM, sim.Terminate, "")
		ask("Reject")
	})
}

// Questions that are answered together are answered as each would be alone.
func TestAccessTogether(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.variety()
		ask := func(change func(p *radius.Packet)) *radius.Request {
			p := radius.New(radius.AccessRequest)
			change(p)
			return &radius.Request{Packet: p, Client: radius.Client{Name: "nas", Secret: []byte(secret)}, Arrived: time.Now()}
		}
		var requests []*radius.Request
		for n := range stockSIM + 2 { // the last one is nobody's
			requests = append(requests, ask(func(p *radius.Packet) { radius.IMSI.Add(p, string(imsi(n))) }),
				ask(func(p *radius.Packet) { radius.CallingStationID.Add(p, fmt.Sprintf("4477%08d", n)) }))
		}
		requests = append(requests, ask(func(*radius.Packet) {}), ask(func(p *radius.Packet) { radius.EAPMessage.Add(p, []byte{2, 1, 0, 4}) }))
		for round, want := range [][]*radius.Packet{nil, make([]*radius.Packet, len(requests))} {
			if round == 1 { // nobody is rejected because the database is away
				w.must(w.db.Close())
			}
			got := w.server.HandleTogether(t.Context(), requests)
			for i, r := range requests {
				if round == 0 {
					want = append(want, w.server.Handle(t.Context(), r))
				}
				if round == 1 && i >= len(requests)-2 {
					continue // these need no database
				}
				if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
					t.Errorf("round %d, question %d: %v, not %v", round, i, got[i], want[i])
				}
			}
			if replies := slices.DeleteFunc(got, func(p *radius.Packet) bool { return p == nil }); len(replies) != []int{len(requests), 2}[round] {
				t.Errorf("round %d: %d replies", round, len(replies))
			}
		}
	})
}
