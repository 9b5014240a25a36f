package bench_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
	"github.com/simurgh-iot/simurgh/internal/wire/radius/radiusload"
)

// The load: what the comparison promises.
const (
	subscribers = 100_000
	inFlight    = 64
	secret      = "the-secret-of-the-gateway"
	password    = "open sesame"
)

// target is a server under load.
type target struct {
	auth, acct netip.AddrPort
	behind     bool // it counts behind its answers
}

func imsi(n int) string { return fmt.Sprintf("23415%010d", n%subscribers) }

// scattered spreads consecutive numbers over the subscribers.
func scattered(n int) int { return int(uint64(n) * 40503 % subscribers) }

// access asks for one subscriber after the other, in no order that an index or
// a cache would like.
func access(n int) *radius.Packet {
	p := radius.New(radius.AccessRequest)
	id := imsi(scattered(n))
	radius.UserName.Add(p, id)
	p.SetUserPassword(password, []byte(secret))
	radius.IMSI.Add(p, id)
	describe(p)
	return p
}

func describe(p *radius.Packet) {
	radius.NASIdentifier.Add(p, "pgw1")
	radius.NASIPAddress.Add(p, netip.MustParseAddr("127.0.0.1"))
	radius.CalledStationID.Add(p, "internet")
	radius.IMEISV.Add(p, "4901542032375101")
	radius.RATType.Add(p, radius.RATLTE)
	radius.SGSNMCCMNC.Add(p, "23415")
}

// A session is a Start, four Interims and a Stop. At any time the sessions of
// six cohorts are under way, each at another of these steps; the requests of a
// session lie a cohort's size apart.
const (
	steps  = 6
	cohort = 2000
)

type accounting struct {
	from  int // requests that earlier measurements have had answered
	begun time.Time
}

// request is request number n of the measurement.
func (a accounting) request(n int) *radius.Packet {
	n += a.from
	place, c, turn := n%cohort, n/cohort%steps, n/cohort/steps
	step := (turn + c) % steps
	session := ((turn+c)/steps*steps+c)*cohort + place
	id := imsi(scattered(session))
	p := radius.New(radius.AccountingRequest)
	radius.UserName.Add(p, id)
	radius.AcctStatusType.Add(p, [...]radius.StatusType{radius.StatusStart, radius.StatusInterimUpdate, radius.StatusInterimUpdate,
		radius.StatusInterimUpdate, radius.StatusInterimUpdate, radius.StatusStop}[step])
	radius.AcctSessionID.Add(p, fmt.Sprintf("aa-%08x", session))
	radius.IMSI.Add(p, id)
	radius.EventTimestamp.Add(p, a.begun.Add(time.Duration(session%3300+step*60)*time.Second))
	radius.AcctSessionTime.Add(p, uint32(step*60))
	radius.AddOctets(p, uint64(step)*1000, uint64(step)*50_000)
	radius.FramedIPAddress.Add(p, netip.AddrFrom4([4]byte{10, byte(session >> 16), byte(session >> 8), byte(session)}))
	radius.CallingStationID.Add(p, "447700900000")
	radius.ChargingID.Add(p, uint32(session))
	radius.UserLocationInfo.Add(p, radius.Location{Type: radius.LocationTAIECGI, Area: "23415", AreaID: 0x1a2b, Cell: "23415", CellID: 0x33f001})
	describe(p)
	if step == steps-1 {
		radius.AcctTerminateCause.Add(p, 1)
	}
	return p
}

// measured is what a measurement found: the answers, and how much processor
// time each took the server with its database, and the load.
type measured struct {
	radiusload.Report
	Server, Load time.Duration
	Behind       time.Duration // of Elapsed: after the last answer, until all was counted
}

// measure loads a server for a while, with so many requests built ahead. Lost
// requests are those that even sending them again did not get an answer to, or
// not the wanted one.
func measure(tb testing.TB, to netip.AddrPort, d time.Duration, ahead int, build func(n int) *radius.Packet, want radius.Code) measured {
	tb.Helper()
	return load(tb, radiusload.Plan{Ahead: ahead, Build: build, Want: want}, to, d, nil)
}

// measureCounted is measure of accounting, until the server has counted what it
// has answered: that it lets nothing lie is part of its rate. An Accounting-On is
// answered after all that was reported before.
func measureCounted(tb testing.TB, to target, d time.Duration, ahead int, build func(n int) *radius.Packet) measured {
	tb.Helper()
	return load(tb, radiusload.Plan{Ahead: ahead, Build: build, Want: radius.AccountingResponse}, to.acct, d, func() {
		if !to.behind {
			return
		}
		sender := radius.Sender{Retry: radius.Retry{Initial: 10 * time.Second, Sends: 6, Total: time.Minute}}
		defer func() { _ = sender.Close() }()
		on := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(on, radius.StatusAccountingOn)
		radius.NASIdentifier.Add(on, "has-no-session")
		if _, err := sender.Exchange(tb.Context(), radius.Peer{Addr: to.acct, Secret: []byte(secret)}, on); err != nil {
			tb.Error(err)
		}
	})
}

// load carries out a plan, for so long at most, and what comes after it, which
// may be nil and is part of the measurement.
func load(tb testing.TB, p radiusload.Plan, to netip.AddrPort, d time.Duration, after func()) measured {
	tb.Helper()
	p.To, p.InFlight = radius.Peer{Addr: to, Secret: []byte(secret), AllowUnsigned: true}, inFlight
	ready, err := radiusload.Prepare(p)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	defer cancel()
	used, servers := cpu()
	r, answered := ready.Run(ctx), time.Now()
	if after != nil {
		after()
	}
	behind := time.Since(answered)
	r.Elapsed += behind
	used2, servers2 := cpu()
	n := time.Duration(max(r.Answered, 1))
	return measured{r, (servers2 - servers) / n, (used2 - used) / n, behind}
}
