package usage_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	live := sim.SIM{Lifecycle: sim.Lifecycle{Wanted: sim.Condition{State: sim.Provisioned, Phase: sim.Live}}}
	change := func(f func(*sim.SIM)) sim.SIM { s := live; f(&s); return s }
	limited := change(func(s *sim.SIM) { s.DataLimit = 10 })
	bound := change(func(s *sim.SIM) { s.IMEILock = "490154203237518" })
	apn := change(func(s *sim.SIM) { s.APN = "iot.example" })
	for _, c := range []struct {
		name  string
		sim   sim.SIM
		used  int64
		ask   usage.Access
		want  string // the reason; empty accepts
		every time.Duration
	}{
		{"live", live, 0, usage.Access{}, "", 5 * time.Minute},
		{"awaiting review", change(func(s *sim.SIM) { s.Wanted.State = sim.AwaitingReview }), 0, usage.Access{}, "", 5 * time.Minute},
		{"in stock", change(func(s *sim.SIM) { s.Wanted.State = sim.Available }), 0, usage.Access{}, "the SIM is available", 0},
		{"on its way", change(func(s *sim.SIM) { s.Wanted.State = sim.Provisioning }), 0, usage.Access{}, "the SIM is provisioning", 0},
		{"suspended, the network has still to hear", change(func(s *sim.SIM) {
			s.Wanted.Suspended = sim.Kinds(0).With(sim.Customer).With(sim.Admin)
			s.Holds[sim.Admin].Reason = "unpaid"
		}), 0, usage.Access{}, "suspended (admin): unpaid", 0},
		{"data barred", change(func(s *sim.SIM) { s.Barred = sim.Data }), 0, usage.Access{}, "data is barred", 0},
		{"SMS barred", change(func(s *sim.SIM) { s.Barred = sim.Messaging }), 0, usage.Access{}, "", 5 * time.Minute},
		{"below the limit", limited, 1 << 20, usage.Access{}, "", 5 * time.Minute},
		{"near the limit", limited, 9 << 20, usage.Access{}, "", time.Minute},
		{"at the limit", limited, 10 << 20, usage.Access{}, "the data limit of 10 MB is reached", 0},
		{"own device", bound, 0, usage.Access{IMEI: "4901542032375199"}, "", 5 * time.Minute},
		{"other device", bound, 0, usage.Access{IMEI: "356938035643809"}, "the SIM is bound to device 490154203237518, and is in 356938035643809", 0},
		{"device not told", bound, 0, usage.Access{}, "the SIM is bound to a device, and the network does not say which it is in", 0},
		{"own APN with operator", apn, 0, usage.Access{APN: "IoT.example.mnc015.mcc234.gprs"}, "", 5 * time.Minute},
		{"other APN", apn, 0, usage.Access{APN: "internet"}, `the APN is "internet"; the SIM's is "iot.example"`, 0},
		{"static address", change(func(s *sim.SIM) { s.IP = netip.MustParseAddr("10.0.0.7") }), 0, usage.Access{}, "", 5 * time.Minute},
	} {
		v := usage.Judge(&c.sim, usage.Month{Bytes: c.used}, c.ask)
		if v.Accept != (c.want == "") || v.Accept != (v.Refusal == "") || v.Reason != c.want || v.Interim != c.every || (v.Accept && v.IP != c.sim.IP) {
			t.Errorf("%s: %+v, want %q", c.name, v, c.want)
		}
	}
}
