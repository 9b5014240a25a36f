package bench_test

import (
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

func BenchmarkScratch(b *testing.B) {
	var to target
	stop := func() int { return 0 }
	switch os.Getenv("PEER") {
	case "freeradius":
		to = startFreeRADIUS(b, pgtest.Empty(b))
	case "sqlite":
		to, stop = startSimurgh(b, store.Options{Dir: b.TempDir()})
	case "postgres":
		to, stop = startSimurgh(b, store.Options{URL: pgtest.Start(b).URL(b)})
	}
	defer func() { b.Log("unrecorded", stop()) }()
	acct := accounting{run: "a", begun: time.Now().Add(-time.Hour)}
	for range 3 {
		r := measure(b, to.auth, 5*time.Second, access, radius.AccessAccept)
		b.Log("auth", r.String(), r.FirstErr, r.Server, r.Load)
		r = measure(b, to.acct, 5*time.Second, acct.request, radius.AccountingResponse)
		b.Log("acct", r.String(), r.FirstErr, r.Server, r.Load)
		acct.run += "a"
	}
}

func scratchReport(a accounting, n int) usage.Report {
	p := a.request(n)
	var r usage.Report
	get := func(s string, _ bool) string { return s }
	st, _ := radius.AcctStatusType.Get(p)
	r.Step = map[radius.StatusType]usage.Step{radius.StatusStart: usage.Start, radius.StatusInterimUpdate: usage.Interim, radius.StatusStop: usage.Stop}[st]
	r.Key.NAS = "pgw1"
	r.Key.ID = get(radius.AcctSessionID.Get(p))
	c, _ := radius.ChargingID.Get(p)
	r.Key.Charging = int64(c)
	r.At, _ = radius.EventTimestamp.Get(p)
	s, _ := radius.AcctSessionTime.Get(p)
	r.Seconds = int64(s)
	in, _ := radius.InputOctets(p)
	out, _ := radius.OutputOctets(p)
	r.In, r.Out = int64(in), int64(out)
	r.IMSI = ident.IMSI(get(radius.IMSI.Get(p)))
	r.IMEI = "4901542032375101"
	r.APN, r.User, r.RAT, r.MCC, r.MNC, r.LAI, r.CI = "internet", string(r.IMSI), "EUTRAN", "234", "15", "1a2b", "33f001"
	r.IP, _ = radius.FramedIPAddress.Get(p)
	r.Where = netip.MustParseAddrPort("127.0.0.1:3799")
	r.Class = []byte("class")
	return r
}

func BenchmarkIngest(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			o := store.Options{Dir: b.TempDir()}
			if engine == "postgres" {
				o = store.Options{URL: pgtest.Start(b).URL(b)}
			}
			f, db, err := openFleet(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			seed(b, f, db)
			a := accounting{run: "a", begun: time.Now().Add(-10 * time.Minute)}
			const batch = 64
			list := make([]usage.Report, batch)
			n := 0
			step := func() {
				for i := range list {
					list[i] = scratchReport(a, n)
					n++
				}
				b.StartTimer()
				res, err := f.Ingest(b.Context(), list)
				b.StopTimer()
				if err != nil || res.Taken != batch {
					b.Fatal(res, err)
				}
			}
			for range 60000 / batch {
				step()
			}
			b.ResetTimer()
			b.StopTimer()
			start := n
			cpu := cpuTime()
			for range b.N {
				step()
			}
			b.ReportMetric(float64(n-start)/b.Elapsed().Seconds(), "reports/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(n-start), "cpu-µs/report")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n-start), "µs/report")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
