// Package bench_test measures the RADIUS edge against FreeRADIUS with
// PostgreSQL: the same load, on the same machine, in the same run, in turns.
package bench_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
	"github.com/simurgh-iot/simurgh/internal/wire/radius/radiusload"
)

// How the comparison is made: in turns, so that what else the machine does
// meanwhile hits all alike; the middle one of the rounds counts.
const (
	rounds = 5
	turn   = 4 * time.Second
	settle = 2 * time.Second // before the first round, unmeasured
)

// contender is one server under comparison.
type contender struct {
	name string
	to   target
	acct accounting
	got  map[string][]measured // by kind of request
	rate map[string]float64    // of the last measurement, by kind
	pids map[int]bool          // what was started for it, with all below
}

// newContender starts a server.
func newContender(name string, start func() target) *contender {
	before := children()
	c := &contender{name: name, to: start(), acct: accounting{begun: time.Now().Truncate(time.Hour).Add(-time.Hour)},
		got: map[string][]measured{}, rate: map[string]float64{}, pids: children()}
	maps.DeleteFunc(c.pids, func(pid int, _ bool) bool { return before[pid] })
	return c
}

// kinds are the requests, by the name that metrics carry.
var kinds = []string{"auth", "acct"}

// run measures one kind for a while.
func (c *contender) run(b *testing.B, kind string, d time.Duration) measured {
	b.Helper()
	// What the last measurement says that there is time for is built ahead.
	ahead := int(1.3 * c.rate[kind] * d.Seconds())
	var m measured
	if kind == "auth" {
		m = measure(b, c.to.auth, d, ahead, access, radius.AccessAccept)
	} else {
		m = measureCounted(b, c.to, d, ahead, c.acct.request)
		c.acct.from += int(m.Answered + m.Lost)
	}
	c.rate[kind] = m.PerSecond()
	return m
}

// median is the round with the middle rate.
func (c *contender) median(kind string) measured {
	list := slices.Clone(c.got[kind])
	slices.SortFunc(list, func(x, y measured) int { return int(x.PerSecond() - y.PerSecond()) })
	return list[len(list)/2]
}

// BenchmarkAgainstFreeRADIUS compares authentication, and accounting that is
// durable before it is answered, of 100,000 subscribers with 64 requests under
// way. FreeRADIUS comes twice: as Debian ships it, which the figures are relative
// to, and without what it could do without. The metrics are how many times its
// rate each of the others has, and how many times less processor time a request
// takes: the rates say little on a machine that is busy with other work. Ours
// answers accounting once it is durable and counts it behind the answers: every
// turn lasts until all of it is counted. Sessions go on from turn to turn, and who
// is not measured stands still: what a database does behind its answers, nobody
// else's turn pays for.
func BenchmarkAgainstFreeRADIUS(b *testing.B) {
	free := newContender("freeradius", func() target { return startFreeRADIUS(b, pgtest.Start(b).Empty(b), asShipped) })
	all := []*contender{free,
		newContender("freeradius-lean", func() target { return startFreeRADIUS(b, pgtest.Start(b).Empty(b), lean) }),
		newContender("sqlite", func() target { return startCounted(b, "sqlite", store.Options{Dir: b.TempDir()}) }),
		newContender("postgres", func() target { return startCounted(b, "postgres", store.Options{URL: pgtest.Start(b).URL(b)}) })}
	b.Cleanup(func() { // who is stopped does not end
		for _, c := range all {
			signal(c.pids, syscall.SIGCONT)
		}
	})
	for _, c := range all {
		for _, kind := range kinds {
			c.run(b, kind, settle)
		}
		signal(c.pids, syscall.SIGSTOP)
	}
	for range rounds {
		for _, kind := range kinds {
			for _, c := range all {
				signal(c.pids, syscall.SIGCONT)
				c.got[kind] = append(c.got[kind], c.run(b, kind, turn))
				signal(c.pids, syscall.SIGSTOP)
			}
		}
	}
	tell(b, all)
	signal(free.pids, syscall.SIGCONT)
	checkLoad(b, free)
	b.ReportMetric(0, "ns/op")
}

// startCounted starts one of ours, which tells at the end what it did not record.
func startCounted(b *testing.B, name string, o store.Options) target {
	b.Helper()
	to, stop := startSimurgh(b, o)
	b.Cleanup(func() {
		if n := stop(); n > 0 {
			b.Logf("%s did not keep %d answers for timelines: more came than were written", name, n)
		}
	})
	return to
}

// BenchmarkSimurgh measures ours alone, for profiles: SIMURGH_BENCH_PROFILE names
// the file that the server writes one to.
func BenchmarkSimurgh(b *testing.B) {
	for _, name := range []string{"sqlite", "postgres"} {
		for _, kind := range kinds {
			b.Run(name+"/"+kind, func(b *testing.B) {
				o := store.Options{Dir: b.TempDir()}
				if name == "postgres" {
					o = store.Options{URL: pgtest.Start(b).URL(b)}
				}
				var stop func() int
				c := newContender(name, func() (to target) {
					to, stop = startSimurgh(b, o)
					return to
				})
				c.run(b, kind, settle)
				m := c.run(b, kind, 2*turn)
				b.Logf("%s %s: %s; all counted %v later; processor per request: server %v, load %v; %d not recorded", name, kind, m.String(), m.Behind, m.Server, m.Load, stop())
				b.ReportMetric(m.PerSecond(), "req/s")
				b.ReportMetric(m.Server.Seconds()*1e6, "cpu-µs/req")
			})
		}
	}
}

// tell prints what was found, and fails for requests that were lost.
func tell(b *testing.B, all []*contender) {
	b.Helper()
	for _, kind := range kinds {
		base := all[0].median(kind)
		for _, c := range all {
			m := c.median(kind)
			b.Logf("%s %-10s %s; processor per request %v; %.1f times", kind, c.name, m.String(), m.Server, m.PerSecond()/base.PerSecond())
			for _, round := range c.got[kind] {
				if round.Lost > 0 {
					b.Errorf("%s %s lost %d: %v", kind, c.name, round.Lost, round.FirstErr)
				}
			}
			if c != all[0] {
				b.ReportMetric(m.PerSecond()/base.PerSecond(), kind+"-"+c.name+"-x")
				b.ReportMetric(float64(base.Server)/float64(max(m.Server, 1)), kind+"-"+c.name+"-cpu-x")
				b.ReportMetric(m.Latency.Quantile(0.99).Seconds()*1000, kind+"-"+c.name+"-p99-ms")
			}
		}
	}
}

// checkLoad holds our load generator against radclient: the same requests to
// the same server, as many at once, must be answered about as fast.
func checkLoad(b *testing.B, c *contender) {
	b.Helper()
	const requests = 4000
	file := filepath.Join(b.TempDir(), "requests")
	var text strings.Builder
	for n := range requests {
		fmt.Fprintf(&text, "User-Name = \"%s\", User-Password = \"%s\", Message-Authenticator = 0x00\n\n", imsi(scattered(n)), password)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	var theirs, ours []float64
	for range 3 {
		begun := time.Now()
		out, err := exec.CommandContext(b.Context(), program(b, "radclient"), "-q", "-s", "-p", fmt.Sprint(inFlight), "-f", file, c.to.auth.String(), "auth", secret).CombinedOutput()
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("Accepted      : %d", requests)) {
			b.Fatalf("%v\n%s", err, out)
		}
		theirs = append(theirs, requests/time.Since(begun).Seconds())
		ours = append(ours, loadOf(b, c.to.auth, requests))
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	ratio := ours[1] / theirs[1]
	b.Logf("authentication at %s: radclient is answered %.0f/s, our load %.0f/s", c.name, theirs[1], ours[1])
	b.ReportMetric(ratio, "load-radclient-x")
	if ratio < 0.5 || ratio > 2 {
		b.Errorf("our load generator is answered %.2f times as fast as radclient", ratio)
	}
}

// loadOf has our generator send a number of requests and returns the rate.
func loadOf(b *testing.B, to netip.AddrPort, requests int) float64 {
	b.Helper()
	r := load(b, radiusload.Plan{Requests: requests, Ahead: requests, Want: radius.AccessAccept, Build: func(n int) *radius.Packet {
		p := radius.New(radius.AccessRequest)
		radius.UserName.Add(p, imsi(scattered(n)))
		p.SetUserPassword(password, []byte(secret))
		return p
	}}, to, time.Minute, nil)
	if r.Lost > 0 {
		b.Error(errors.Join(errors.New("requests were lost"), r.FirstErr))
	}
	return r.PerSecond()
}
