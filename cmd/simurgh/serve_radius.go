package main

import (
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// radiusFlags are the door for gateways.
type radiusFlags struct {
	RADIUSAuth    string `name:"radius-auth" placeholder:"ADDRESS" help:"Answer gateways whether a SIM may have a data session, here: 127.0.0.1:1812. Default: not at all."`
	RADIUSAcct    string `name:"radius-acct" placeholder:"ADDRESS" help:"Take the accounting of gateways here: 127.0.0.1:1813. Default: not at all. On a host with several addresses name the one that gateways ask."`
	RadSec        string `name:"radsec" placeholder:"ADDRESS" help:"Both over TLS (RFC 6614), here: 127.0.0.1:2083. Default: not at all."`
	RadSecCert    string `name:"radsec-cert" type:"path" placeholder:"FILE" help:"The server's certificate, PEM."`
	RadSecKey     string `name:"radsec-key" type:"path" placeholder:"FILE" help:"Its key, PEM."`
	RadSecClients string `name:"radsec-clients" type:"path" placeholder:"FILE" help:"The authority that signs the certificates of gateways, PEM. A certificate must name a gateway that was added."`

	RADIUSSessionTimeout time.Duration `name:"radius-session-timeout" placeholder:"24h" help:"Have gateways end every session after this time. Default: no limit."`
	RADIUSExplain        bool          `name:"radius-explain" help:"Tell gateways in Reply-Message why a SIM is not let in; its timeline says so either way."`
}

func (f *radiusFlags) door() app.RADIUS {
	return app.RADIUS{Auth: f.RADIUSAuth, Acct: f.RADIUSAcct, RadSec: f.RadSec, Cert: f.RadSecCert, Key: f.RadSecKey, Clients: f.RadSecClients,
		SessionTimeout: f.RADIUSSessionTimeout, Explain: f.RADIUSExplain}
}

// Validate refuses what no packet can carry.
func (f *radiusFlags) Validate() error {
	if d := f.RADIUSSessionTimeout; d != 0 && (d < time.Minute || d > 365*24*time.Hour) {
		return fault.InvalidField("--radius-session-timeout", "is %s; a minute to a year is allowed", d)
	}
	return nil
}

// usageFlags are the rules on what networks report.
type usageFlags struct {
	UsageMonths   int           `default:"13" help:"Months that sessions, hours of usage, answers to gateways and alerts are kept; 0 for ever. The sums of months stay."`
	UsageStale    time.Duration `default:"2h" help:"A data session that nothing is heard of for so long is shown as stale."`
	TestKilobytes int64         `default:"20" help:"Data after which a SIM's test period ends."`
	TestMessages  int64         `default:"2" help:"Messages after which a SIM's test period ends."`
	TestDays      int           `default:"90" help:"Days after which a SIM's test period ends."`
	ReadyDays     int           `help:"Days after its activation at which a SIM that waits for its first use goes live, used or not; 0 for never."`
	LimitAlert    int           `default:"80" help:"Per cent of a data limit at which its owner is alerted, unless the account has a rule of its own."`
	LimitHolds    bool          `help:"A SIM that reached its data limit stays suspended when the next month begins."`
}

func (f *usageFlags) rules() fleet.Rules {
	return fleet.Rules{TestBytes: f.TestKilobytes * 1024, TestSMS: f.TestMessages, TestTime: time.Duration(f.TestDays) * 24 * time.Hour,
		ReadyTime: time.Duration(f.ReadyDays) * 24 * time.Hour,
		Threshold: f.LimitAlert, NoResume: f.LimitHolds}
}

func (f *usageFlags) keeping() app.Usage {
	return app.Usage{Months: f.UsageMonths, Stale: f.UsageStale}
}

// Validate refuses what makes no sense.
func (f *usageFlags) Validate() error {
	var errs []error
	within := func(flag string, n, least, most int64) {
		if n < least || n > most {
			errs = append(errs, fault.InvalidField(flag, "is %d; %d to %d are allowed", n, least, most))
		}
	}
	within("--usage-months", int64(f.UsageMonths), 0, 1200)
	within("--test-kilobytes", f.TestKilobytes, 1, 1<<30)
	within("--test-messages", f.TestMessages, 1, 1_000_000)
	within("--test-days", int64(f.TestDays), 1, 3650)
	within("--ready-days", int64(f.ReadyDays), 0, 3650)
	within("--limit-alert", int64(f.LimitAlert), 1, 99)
	if f.UsageStale < time.Minute {
		errs = append(errs, fault.InvalidField("--usage-stale", "is %s; one minute at least is needed", f.UsageStale))
	}
	return fault.Join(errs...)
}

// heard notes where gateways reach the server.
func (sh *shell) heard(port string, at netip.AddrPort) {
	if sh.ports == nil {
		sh.ports = map[string]string{}
	}
	sh.ports[port] = at.String()
}
