package aaa_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// report has radclient send one accounting message, which must be answered.
func (w *world) report(attributes string) {
	w.t.Helper()
	out, err := w.try("acct", attributes)
	if err != nil || !strings.Contains(out, "Received Accounting-Response") {
		w.t.Fatalf("%s: %v\n%s", attributes, err, out)
	}
}

// said is one accounting message of a script.
type said struct {
	status   string // of Acct-Status-Type
	id       string
	at       int // seconds after the script's begin, as the gateway's clock says
	seconds  int // Acct-Session-Time
	in, out  uint64
	more     string
	repeated int // how often it is sent again
}

func (s *said) attributes(n int, begun time.Time) string {
	return fmt.Sprintf(`Acct-Status-Type = %s, Acct-Session-Id = "%s", 3GPP-IMSI = "%s", NAS-Identifier = "ggsn", Event-Timestamp = %d, Acct-Session-Time = %d, `+
		`Acct-Input-Octets = %d, Acct-Input-Gigawords = %d, Acct-Output-Octets = %d, Acct-Output-Gigawords = %d%s`, s.status, s.id, imsi(n),
		begun.Add(time.Duration(s.at)*time.Second).Unix(), s.seconds, uint32(s.in), s.in>>32, uint32(s.out), s.out>>32, s.more)
}

// stories are what gateways tell, in whatever order the network brings it, and
// what must stand in the end.
func stories() []story {
	const giga = 1 << 32
	return []story{
		{"a session", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 60, 60, 1000, 500, "", 0}, {"Stop", "a", 120, 120, 2000, 1500, "", 0}}, 2000, 1500, "closed"},
		{"beyond 4 GB", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 60, 60, 3*giga + 7, giga - 1, "", 0}, {"Stop", "a", 90, 90, 3*giga + 8, giga, "", 0}}, 3*giga + 8, giga, "closed"},
		{"repetitions", []said{{"Start", "a", 0, 0, 0, 0, "", 2}, {"Interim-Update", "a", 60, 60, 1000, 500, "", 2}, {"Stop", "a", 120, 120, 2000, 1500, "", 2}}, 2000, 1500, "closed"},
		{"repetitions with a delay", []said{{"Interim-Update", "a", 60, 60, 1000, 500, ", Acct-Delay-Time = 0", 0}, {"Interim-Update", "a", 60, 60, 1000, 500, ", Acct-Delay-Time = 3", 0}}, 1000, 500, "open"},
		{"an interim before its start", []said{{"Interim-Update", "a", 60, 60, 1000, 500, "", 0}, {"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 120, 120, 1500, 500, "", 0}}, 1500, 500, "open"},
		{"interims that overtake", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 120, 120, 2000, 0, "", 0}, {"Interim-Update", "a", 60, 60, 1000, 0, "", 0}}, 2000, 0, "open"},
		{"a late interim after the stop", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Stop", "a", 120, 120, 2000, 10, "", 0}, {"Interim-Update", "a", 60, 60, 1000, 5, "", 0}}, 2000, 10, "closed"},
		{"a late start after the stop", []said{{"Stop", "a", 120, 120, 2000, 10, "", 0}, {"Start", "a", 0, 0, 0, 0, "", 0}}, 2000, 10, "closed"},
		{"a stop without a start", []said{{"Stop", "a", 120, 120, 700, 70, "", 1}}, 700, 70, "closed"},
		{"an id that is used again", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Stop", "a", 60, 60, 100, 0, "", 0}, {"Start", "a", 600, 0, 0, 0, "", 0}, {"Stop", "a", 660, 60, 40, 2, "", 0}}, 140, 2, "closed, closed"},
		{"an id that is used again without a stop", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 60, 60, 100, 0, "", 0}, {"Start", "a", 600, 0, 0, 0, "", 0}, {"Interim-Update", "a", 660, 60, 40, 2, "", 0}}, 140, 2, "open, lost"},
		{"an id in use twice, by Charging-Id", []said{{"Interim-Update", "a", 60, 60, 100, 1, ", 3GPP-Charging-Id = 1", 0}, {"Interim-Update", "a", 60, 60, 200, 2, ", 3GPP-Charging-Id = 2", 0}}, 300, 3, "open, open"},
		{"counters that begin anew", []said{{"Interim-Update", "a", 60, 60, 1000, 500, "", 0}, {"Interim-Update", "a", 120, 120, 30, 20, "", 1}, {"Stop", "a", 180, 180, 40, 20, "", 1}}, 1040, 520, "closed"},
		{"no bytes", []said{{"Start", "a", 0, 0, 0, 0, "", 0}, {"Interim-Update", "a", 60, 60, 0, 0, "", 0}, {"Stop", "a", 120, 120, 0, 0, "", 0}}, 0, 0, "closed"},
		{"a stop that says less", []said{{"Interim-Update", "a", 60, 60, 1000, 0, "", 0}, {"Stop", "a", 120, 120, 0, 0, "", 0}}, 1000, 0, "closed"},
	}
}

type story struct {
	name    string
	told    []said
	in, out int64
	phases  string // of its sessions, newest first
}

var phaseNames = map[usage.Phase]string{usage.Open: "open", usage.Closed: "closed", usage.Lost: "lost", usage.Stale: "stale"}

func TestAccounting(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		begun := time.Now().Truncate(time.Hour).Add(-2 * time.Hour)
		if begun.Month() != time.Now().Month() {
			begun = time.Now().Add(-9 * time.Minute)
		}
		for n, story := range stories() {
			w.sim(n, nil)
			for _, msg := range story.told {
				msg.id = fmt.Sprintf("%d-%s", n, msg.id)
				for range 1 + msg.repeated {
					w.report(msg.attributes(n, begun))
				}
			}
			if m := w.month(n); m.In != story.in || m.Out != story.out {
				t.Errorf("%s: %d in and %d out, want %d and %d", story.name, m.In, m.Out, story.in, story.out)
			}
			var phases []string
			for _, s := range w.sessions(n) {
				phases = append(phases, phaseNames[s.Phase])
			}
			if got := strings.Join(phases, ", "); got != story.phases {
				t.Errorf("%s: sessions are %q, want %q", story.name, got, story.phases)
			}
		}
		w.must(w.db.Check(t.Context()))
	})
}

// Without an Event-Timestamp a repeated Start seems to be a little later.
func TestARepeatedStartWithoutATimestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.sim(0, nil)
	for range 3 {
		w.report(fmt.Sprintf(`Acct-Status-Type = Start, Acct-Session-Id = "a", 3GPP-IMSI = "%s"`, imsi(0)))
	}
	if list := w.sessions(0); len(list) != 1 || list[0].Phase != usage.Open {
		t.Errorf("sessions %+v", list)
	}
}

// What a network tells of place and device is what every dialect reads.
func TestAccountingTellsOfPlaceAndDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.sim(0, nil)
	const of = `Acct-Session-Id = "a", User-Name = "me@iot", 3GPP-IMSI = "234150000000000", Called-Station-Id = "internet", Framed-IP-Address = 10.45.0.9, `
	w.report(`Acct-Status-Type = Start, ` + of + `3GPP-IMEISV = "4901542032375101", 3GPP-RAT-Type = 6, 3GPP-SGSN-MCC-MNC = "26201", 3GPP-User-Location-Info = 0x8262f2101a2b62f2100033f001`)
	w.report(`Acct-Status-Type = Interim-Update, Acct-Session-Time = 60, Acct-Input-Octets = 5, Acct-Output-Octets = 6, ` + of + `3GPP-RAT-Type = 8`)
	a := w.activity(0)
	if a.MCC != "262" || a.MNC != "01" || a.LAI != "1a2b" || a.CI != "33f001" || a.RAT != "NB-IoT" && a.RAT != "EUTRAN-NB-IoT" || a.IMEI != "4901542032375101" ||
		a.APN != "internet" || a.IP != "10.45.0.9" || a.User != "me@iot" || a.SessionBytes != 11 || a.IMSI != string(imsi(0)) || !a.SessionStop.IsZero() {
		t.Errorf("%+v", a)
	}
}

// A gateway that restarts has lost its sessions; others keep theirs.
func TestAccountingOnAndOff(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.sim(0, nil)
		for i, nas := range []string{"ggsn1", "ggsn1", "ggsn2"} {
			w.report(fmt.Sprintf(`Acct-Status-Type = Interim-Update, Acct-Session-Id = "%d", Acct-Input-Octets = 10, 3GPP-IMSI = "%s", NAS-Identifier = %s`, i, imsi(0), nas))
		}
		lost := func() (n int) {
			for _, s := range w.sessions(0) {
				if s.Phase == usage.Lost && !s.StoppedAt.IsZero() {
					n++
				}
			}
			return n
		}
		w.report(`Acct-Status-Type = Accounting-Off, NAS-Identifier = ggsn1`)
		if n := lost(); n != 2 {
			t.Errorf("%d sessions are lost with their gateway, want 2", n)
		}
		w.report(`Acct-Status-Type = Accounting-On, NAS-Identifier = ggsn2`)
		if n := lost(); n != 3 {
			t.Errorf("%d sessions are lost, want 3", n)
		}
		w.report(fmt.Sprintf(`Acct-Status-Type = Stop, Acct-Session-Id = "0", Acct-Session-Time = 90, Acct-Input-Octets = 25, 3GPP-IMSI = "%s", NAS-Identifier = ggsn1`, imsi(0)))
		if m := w.month(0); m.In != 45 {
			t.Errorf("%d bytes in all; what comes late counts, too", m.In)
		}
	})
}

// What cannot be kept is answered, or it would come back for ever, and counted.
func TestAccountingOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.report(`Acct-Status-Type = Start, Acct-Session-Id = "x", 3GPP-IMSI = "999990000000000"`)
	w.report(`Acct-Status-Type = Start, 3GPP-IMSI = "234150000000000"`)
	w.report(`Acct-Status-Type = Interim-Update, Acct-Session-Id = "x", 3GPP-IMSI = "234150000000000", Acct-Input-Gigawords = 4294967295, Acct-Input-Octets = 1`)
	w.report(`Acct-Status-Type = Tunnel-Start, Acct-Session-Id = "x"`)
	w.report(`Acct-Session-Id = "x"`)
	for key, want := range map[string]int{"unknown": 1, "accounting start incomplete": 1, "accounting interim incomplete": 1, "accounting other answered": 2} {
		if got := w.seen.count(key); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

// broken is a fleet whose database is away, or slow, for as long as the test
// says so.
type broken struct {
	aaa.Fleet
	mu    sync.Mutex
	err   error
	gate  chan struct{} // closed to let Keep go on; nil for no gate
	calls []int
}

func (b *broken) Keep(ctx context.Context, reports []usage.Report) error {
	b.mu.Lock()
	err, gate := b.err, b.gate
	b.calls = append(b.calls, len(reports))
	b.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err != nil {
		return err
	}
	return b.Fleet.Keep(ctx, reports)
}

// had returns how many reports it was handed.
func (b *broken) had() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.calls {
		n += k
	}
	return n
}

// waiting returns how many reports wait for the commit before theirs.
func (w *world) waiting() int {
	_, reports, _ := w.server.Waiting()
	return reports
}

func (b *broken) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// No commit, no answer: the gateway repeats, and it is counted then.
func TestAccountingIsAnsweredAfterItsCommit(t *testing.T) {
	t.Parallel()
	b := &broken{err: fault.New(fault.Unavailable, "store.away", "the database is away")}
	w := newWorld(t, setup{options: func(o *aaa.Options) { b.Fleet = o.Fleet; o.Fleet = b }})
	w.sim(0, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered := make(chan error, 1)
	var sender radius.Sender
	sender.Retry.Initial = 100 * time.Millisecond
	defer func() { _ = sender.Close() }()
	go func() {
		_, err := sender.Exchange(ctx, radius.Peer{Addr: w.addr(aaa.PortAcct), Secret: []byte(secret)}, message(0, "a", radius.StatusStop, 100))
		answered <- err
	}()
	until(t, "it is tried again", func() bool { return w.seen.count("accounting stop unanswered") >= 2 })
	select {
	case err := <-answered:
		t.Fatalf("answered without a commit: %v", err)
	default:
	}
	b.set(nil)
	w.must(<-answered)
	if m := w.month(0); m.In != 100 {
		t.Errorf("%d bytes are counted, want 100", m.In)
	}
}

// message is an accounting message of SIM n.
func message(n int, id string, status radius.StatusType, in uint64) *radius.Packet {
	p := radius.New(radius.AccountingRequest)
	radius.AcctStatusType.Add(p, status)
	radius.AcctSessionID.Add(p, id)
	radius.IMSI.Add(p, string(imsi(n)))
	radius.NASIdentifier.Add(p, "ggsn")
	radius.AddOctets(p, in, 0)
	return p
}

// What comes while a commit is under way shares the next one.
func TestCommitsAreGrouped(t *testing.T) {
	t.Parallel()
	const sims = 60
	b := &broken{gate: make(chan struct{})}
	w := newWorld(t, setup{options: func(o *aaa.Options) { b.Fleet = o.Fleet; o.Fleet = b }})
	var all sync.WaitGroup
	for n := range sims {
		w.sim(n, nil)
	}
	for n := range sims {
		all.Go(func() { w.send(aaa.PortAcct, message(n, "a", radius.StatusStop, uint64(n))) })
	}
	until(t, "all wait", func() bool { return b.had()+w.waiting() == sims })
	close(b.gate)
	all.Wait()
	b.mu.Lock() // what was sent again may be on its way still
	if len(b.calls) > 3 {
		t.Errorf("%d messages took %d commits: %v", sims, len(b.calls), b.calls)
	}
	b.mu.Unlock()
	for n := range sims {
		if m := w.month(n); m.In != int64(n) {
			t.Errorf("SIM %d: %d bytes", n, m.In)
		}
	}
}

// stuck is a fleet that keeps reports and cannot count them for a while.
type stuck struct {
	aaa.Fleet
	err atomic.Pointer[error]
}

func (s *stuck) FoldShare(ctx context.Context, share int) (fleet.Folded, error) {
	if err := s.err.Load(); err != nil {
		return fleet.Folded{}, *err
	}
	return s.Fleet.FoldShare(ctx, share)
}

// A report is answered once it is kept, and counted as soon as that is possible;
// at the latest before the server ends, or else after its next start.
func TestWhatIsKeptIsCountedLater(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, o setup) {
		s, away := &stuck{}, error(fault.New(fault.Unavailable, "store.away", "the database is away"))
		s.err.Store(&away)
		o.options = func(o *aaa.Options) { s.Fleet = o.Fleet; o.Fleet = s }
		w := newWorld(t, o)
		w.sim(0, nil)
		w.send(aaa.PortAcct, message(0, "a", radius.StatusInterimUpdate, 100))
		until(t, "it is tried twice", func() bool { return w.seen.count("folds failed") >= 2 })
		s.err.Store(nil)
		if m := w.month(0); m.In != 100 {
			t.Errorf("%d bytes are counted, want 100", m.In)
		}
		s.err.Store(&away)
		w.send(aaa.PortAcct, message(0, "a", radius.StatusStop, 150))
		w.must(w.stop())
		if b, err := w.fleet.Backlog(t.Context()); err != nil || b.Reports != 1 || b.Oldest.IsZero() {
			t.Fatalf("what could not be counted is not kept: %+v, %v", b, err)
		}
		s.err.Store(nil)
		w.serve(o.options)
		if m := w.month(0); m.In != 150 {
			t.Errorf("%d bytes are counted after another start, want 150", m.In)
		}
		w.send(aaa.PortAcct, message(0, "b", radius.StatusStop, 50))
		w.must(w.stop())
		if b, err := w.fleet.Backlog(t.Context()); err != nil || b.Reports != 0 {
			t.Errorf("a server that ends leaves %+v, %v", b, err)
		}
	})
}

// A gateway that restarts ends the sessions that it reported just before.
func TestAGatewaysRestartComesAfterItsReports(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, o setup) {
		s, away := &stuck{}, error(fault.New(fault.Unavailable, "store.away", "the database is away"))
		s.err.Store(&away)
		o.options = func(o *aaa.Options) { s.Fleet = o.Fleet; o.Fleet = s }
		w := newWorld(t, o)
		w.sim(0, nil)
		w.send(aaa.PortAcct, message(0, "a", radius.StatusInterimUpdate, 100))
		on := radius.New(radius.AccountingRequest)
		radius.AcctStatusType.Add(on, radius.StatusAccountingOn)
		radius.NASIdentifier.Add(on, "ggsn")
		w.send(aaa.PortAcct, on)
		if list := w.sessions(0); len(list) != 1 || list[0].Phase != usage.Lost || list[0].In != 100 {
			t.Errorf("%+v", list)
		}
	})
}
