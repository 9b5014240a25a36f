package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/network/pyhss/hsstest"
)

// TestLifeInAPyHSS follows a SIM through a PyHSS and its device: keys and number
// arrive, the device connects; a suspension throws it off and leads its next
// session nowhere, a resumption lets it come back by itself, and a termination
// removes the subscriber and leaves the count of its keys.
func TestLifeInAPyHSS(t *testing.T) {
	t.Parallel()
	engines(t, lifeInAPyHSS)
}

func lifeInAPyHSS(t *testing.T, p platform) {
	const key = "the-provisioning-key"
	hss := hsstest.Start(t)
	hss.Key = key
	imsi := string(imsiOf(0))
	p.furnishOn(t, 1, "--driver", "pyhss", "--address", hss.URL, "--secret-file", fileOf(t, key+"\n"), "--config", "apn=iot")
	n := p.serve(t)
	c, err := signIn(n.url, labPortfolio)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.activate(t, hlrPackage, 0)
	until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
	sub, auc := hss.Row("subscriber", "imsi", imsi), hss.Row("auc", "imsi", imsi)
	if sub["msisdn"] != "447700000000" || !strings.EqualFold(fmt.Sprint(auc["ki"]), fmt.Sprintf("%032x", 1)) || hss.Row("apn", "apn", "iot") == nil {
		t.Errorf("the subscriber is %v, its keys are %v", sub, auc)
	}
	if !hss.Attach(imsi) {
		t.Fatal("its device cannot connect")
	}
	hss.Set("auc", "imsi", imsi, hsstest.Row{"sqn": 4711.0}) // it counts on; no change of ours may set it back

	c.must(t, "suspendSIMs", map[string]any{"sims": some(0)})
	until(t, "the device is thrown off", func() bool { return !hss.Connected(imsi) })
	until(t, "the SIM is suspended", func() bool { return p.state(t, 0) == "suspended" })
	if hss.Attach(imsi) {
		t.Error("a suspended SIM is connected")
	}
	c.must(t, "unsuspendSIMs", map[string]any{"sims": some(0)})
	until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
	if !hss.Attach(imsi) {
		t.Error("its device cannot connect any more")
	}
	p.run(t, nil, "sims", "control", "cancelLocation", string(iccidOf(0)))
	if !hss.Connected(imsi) {
		t.Error("the device did not attach anew")
	}
	p.repairsPyHSS(t, hss, imsi)

	c.must(t, "terminateSIMs", map[string]any{"sims": some(0)})
	until(t, "the SIM is terminated", func() bool { return p.state(t, 0) == "unprovisioned" })
	if sub := hss.Row("subscriber", "imsi", imsi); sub != nil || hss.Connected(imsi) {
		t.Errorf("the core still knows it: %v", sub)
	}
	if auc := hss.Row("auc", "imsi", imsi); auc["sqn"] != 4711.0 {
		t.Errorf("the count of its keys was set back: %v", auc)
	}
}

// repairsPyHSS has the reconciler find and undo what somebody changed there.
func (p platform) repairsPyHSS(t *testing.T, hss *hsstest.Server, imsi string) {
	t.Helper()
	hss.Set("subscriber", "imsi", imsi, hsstest.Row{"msisdn": "999"})
	out, err := p.command("reconcile", "--network", "real", "--repair").CombinedOutput()
	if !strings.Contains(string(out), "999") {
		t.Errorf("the reconciler says %q, %v", out, err)
	}
	until(t, "the number is back", func() bool { return hss.Row("subscriber", "imsi", imsi)["msisdn"] == "447700000000" })
}
