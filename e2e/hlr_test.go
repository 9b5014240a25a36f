package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
)

// Ways of the lab's second package, whose SIMs live in a real HLR.
const (
	hlrNetwork = "core"
	hlrPackage = "2000"
)

// has returns what a real HLR has of a SIM of the lab, by its names; nil for
// nothing.
func has(t testing.TB, h *hlrtest.HLR, n int) map[string]string {
	t.Helper()
	answer := h.Control(t, "GET 1 subscriber.by-imsi-"+string(imsiOf(n))+".info-all")
	if answer == "ERROR 1 No such subscriber." {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(answer) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out[name] = value
	}
	return out
}

// set changes something in the HLR behind everybody's back.
func set(t testing.TB, h *hlrtest.HLR, n int, what, value string) {
	t.Helper()
	if answer := h.Control(t, fmt.Sprintf("SET 1 subscriber.by-imsi-%s.%s %s", imsiOf(n), what, value)); !strings.HasPrefix(answer, "SET_REPLY") {
		t.Fatal(answer)
	}
}

// wants is what an HLR should have of an active SIM of the lab.
func wants(n int) map[string]string {
	return map[string]string{
		"msisdn": fmt.Sprintf("4477%08d", n), "nam_ps": "1", "nam_cs": "1",
		"aud3g.algo": "MILENAGE", "aud3g.k": fmt.Sprintf("%032x", n+1), "aud3g.opc": fmt.Sprintf("%032x", n+2),
	}
}

// differs tells in what the HLR is not as it should be.
func differs(t testing.TB, h *hlrtest.HLR, n int, want map[string]string) string {
	t.Helper()
	got := has(t, h, n)
	if got == nil {
		return "it is not there"
	}
	for name, value := range want {
		if got[name] != value {
			return fmt.Sprintf("%s is %q and not %q", name, got[name], value)
		}
	}
	return ""
}

// exits runs a command that must end with that code and decodes its document.
func (p platform) exits(t testing.TB, code int, answer any, args ...string) {
	t.Helper()
	out, err := p.command(append(args, "--json")...).Output()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != code {
		t.Fatalf("simurgh %v: exit code %d, want %d\n%s", args, got, code, out)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("simurgh %v printed %q: %v", args, out, err)
	}
}

// state is that of a SIM of the lab.
func (p platform) state(t testing.TB, n int) string {
	t.Helper()
	var shown struct{ SIM struct{ State string } }
	p.run(t, &shown, "sims", "show", string(iccidOf(n)))
	return shown.SIM.State
}

// furnishHLR puts the lab's SIMs on a package whose network is the HLR.
func (p platform) furnishHLR(t testing.TB, h *hlrtest.HLR, sims int) {
	t.Helper()
	p.furnish(t, 0)
	p.run(t, nil, "network", "add", "--name", hlrNetwork, "--driver", "osmohlr", "--address", h.Host, "--config", "timeout=1s")
	p.run(t, nil, "package", "create", "--name", "Core", "--id", hlrPackage, "--portfolio", labPortfolio, "--network", hlrNetwork)
	p.run(t, nil, "sims", "import", batchFile(t, sims), "--portfolio", labPortfolio, "--package", hlrPackage)
}

func (c *client) must(t testing.TB, method string, body any) {
	t.Helper()
	if err := c.call(method, body, nil); err != nil {
		t.Fatal(err)
	}
}

func some(sims ...int) []ident.ICCID {
	out := make([]ident.ICCID, len(sims))
	for i, n := range sims {
		out[i] = iccidOf(n)
	}
	return out
}

// activate asks for SIMs to be activated, over the API.
func (c *client) activate(t testing.TB, pkg string, sims ...int) {
	t.Helper()
	type one struct{ ICCID ident.ICCID }
	var list []one
	for _, iccid := range some(sims...) {
		list = append(list, one{iccid})
	}
	c.must(t, "activateSIMs", map[string]any{"sims": list, "tariffID": pkg})
}

// A SIM's life in a real HLR: its number, keys and services arrive with its
// activation, what is changed behind our back is found and mended, a suspension
// takes data away at once, and a termination takes all.
func TestLifeInARealHLR(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, p platform) {
		const sims = 6
		h := hlrtest.Start(t)
		p.furnishHLR(t, h, sims)
		var seen struct {
			Networks []struct {
				Answers  bool
				Software string
			}
		}
		p.run(t, &seen, "network", "check", hlrNetwork)
		if got := seen.Networks[0]; !got.Answers || !strings.HasPrefix(got.Software, "OsmoHLR 1.") {
			t.Errorf("the HLR is %+v", got)
		}
		n := p.serve(t)
		c, err := signIn(n.url, labPortfolio)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()

		c.activate(t, hlrPackage, 0, 1, 2, 3)
		for i := range 4 {
			until(t, "the HLR has the SIM", func() bool { return differs(t, h, i, wants(i)) == "" })
			until(t, "the SIM is active", func() bool { return p.state(t, i) == "provisioned" })
		}
		if got := has(t, h, 4); got != nil {
			t.Errorf("a SIM in stock is in the HLR: %v", got)
		}
		p.repairsHLR(t, h)
		suspendsInHLR(t, h, c)

		c.must(t, "terminateSIMs", map[string]any{"sims": some(0, 1, 2)})
		for i := range 3 {
			until(t, "the HLR has forgotten the SIM", func() bool { return has(t, h, i) == nil })
			until(t, "the SIM is terminated", func() bool { return p.state(t, i) == "unprovisioned" })
		}
		if d := differs(t, h, 3, wants(3)); d != "" {
			t.Errorf("the neighbour of those who are terminated: %s", d)
		}
	})
}

// repairsHLR changes what the HLR has behind our back. The reconciler finds all
// of it, touches nothing before it is told to, and leaves strangers alone.
func (p platform) repairsHLR(t *testing.T, h *hlrtest.HLR) {
	t.Helper()
	const stranger = 99
	set(t, h, 0, "ps-enabled", "0")
	set(t, h, 1, "msisdn", "447799999999")
	h.Control(t, "SET 1 subscriber.delete "+string(imsiOf(2)))
	h.Control(t, "SET 1 subscriber.create "+string(imsiOf(4))) // in stock
	h.Control(t, "SET 1 subscriber.create "+string(imsiOf(stranger)))
	type found struct {
		Checked, Drifted, Queued, Remaining, Unknown int
		Drifts                                       []struct {
			IMSI    ident.IMSI
			Changes []struct{ Field, From, To string }
		}
		Strangers []struct{ IMSI ident.IMSI } `json:"unknownSubscribers"`
	}
	var first found
	p.exits(t, 3, &first, "reconcile", "--network", hlrNetwork)
	var got []string
	for _, d := range first.Drifts {
		for _, ch := range d.Changes {
			got = append(got, fmt.Sprintf("%s %s %s>%s", d.IMSI, ch.Field, ch.From, ch.To))
		}
	}
	want := []string{
		string(imsiOf(0)) + " barred data>", string(imsiOf(1)) + " msisdn 447799999999>447700000001",
		string(imsiOf(2)) + " present false>true", string(imsiOf(4)) + " present true>false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || first.Remaining != 4 || first.Queued != 0 {
		t.Errorf("it found %+v", first)
	}
	if len(first.Strangers) != 1 || first.Strangers[0].IMSI != imsiOf(stranger) {
		t.Errorf("the strangers are %v", first.Strangers)
	}
	if has(t, h, 2) != nil {
		t.Error("a reconciliation without --repair has changed the HLR")
	}
	var second found
	p.exits(t, 0, &second, "reconcile", "--network", hlrNetwork, "--repair")
	if second.Queued != 4 || second.Remaining != 0 {
		t.Errorf("the repair is %+v", second)
	}
	for i := range 4 {
		if d := differs(t, h, i, wants(i)); d != "" {
			t.Errorf("SIM %d after the repair: %s", i, d)
		}
	}
	if has(t, h, 4) != nil || has(t, h, stranger) == nil {
		t.Error("after the repair, who is in stock is there, or who is none of ours is not")
	}
	var shown struct {
		Events []struct{ Kind string }
	}
	p.run(t, &shown, "sims", "show", string(iccidOf(1)))
	if len(shown.Events) == 0 || !strings.Contains(fmt.Sprint(shown.Events), "sim.drifted") {
		t.Errorf("the timeline does not tell of the drift: %v", shown.Events)
	}
}

// suspendsInHLR has data taken away within a second of the answer, and given
// back. The machine of the test may be busy: the best of a few counts.
func suspendsInHLR(t *testing.T, h *hlrtest.HLR, c *client) {
	t.Helper()
	best := time.Hour
	for i := range 4 {
		c.must(t, "suspendSIMs", map[string]any{"sims": some(i)})
		begun := time.Now()
		until(t, "data is off", func() bool { return differs(t, h, i, map[string]string{"nam_ps": "0", "nam_cs": "0"}) == "" })
		best = min(best, time.Since(begun))
	}
	t.Logf("data was off %s after the answer", best.Round(time.Millisecond))
	if best > time.Second {
		t.Errorf("data was off %s after the answer", best)
	}
	c.must(t, "unsuspendSIMs", map[string]any{"sims": some(0, 1, 2, 3)})
	for i := range 4 {
		until(t, "data is on again", func() bool { return differs(t, h, i, wants(i)) == "" })
	}
}

// A network that is down delays its own SIMs and nobody else's: they say why
// they wait, and are told once it is back.
func TestOneNetworkDownDelaysItsOwn(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, p platform) {
		h, other := hlrtest.Start(t), hlrtest.Start(t)
		p.furnishHLR(t, h, 3)
		p.run(t, nil, "network", "add", "--name", "second", "--driver", "osmohlr", "--address", other.Host)
		p.run(t, nil, "package", "create", "--name", "Second", "--id", "3000", "--portfolio", labPortfolio, "--network", "second")
		n := p.serve(t)
		c, err := signIn(n.url, labPortfolio)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		h.Stop()
		c.activate(t, hlrPackage, 0)
		c.activate(t, "3000", 1)     // moves to the second HLR
		c.activate(t, labPackage, 2) // moves to the simulated network
		for _, i := range []int{1, 2} {
			until(t, "a SIM of another network is active", func() bool { return p.state(t, i) == "provisioned" })
		}
		if d := differs(t, other, 1, wants(1)); d != "" {
			t.Errorf("in the second HLR: %s", d)
		}
		until(t, "the SIM says why it waits", func() bool {
			out, err := p.command("sims", "show", string(iccidOf(0))).Output()
			return err == nil && strings.Contains(string(out), "network core has still to answer") && strings.Contains(string(out), "the network does not answer")
		})
		var seen struct {
			Networks []struct {
				Network string
				Answers bool
			}
		}
		p.exits(t, 1, &seen, "network", "check")
		if got := fmt.Sprint(seen.Networks); got != "[{core false} {second true} {simulated true}]" {
			t.Errorf("the networks are %s", got)
		}
		until(t, "the server shows it", func() bool {
			code, body, err := n.get("/readyz")
			return err == nil && code == 200 && n.gauge(t, "simurgh_network_up", `"core"`) == 0 && n.gauge(t, "simurgh_network_up", `"second"`) == 1 &&
				strings.Contains(body, `"core":"the network does not answer, since `)
		})
		h.Restart(t)
		until(t, "the SIM is active once its network is back", func() bool { return p.state(t, 0) == "provisioned" })
		if d := differs(t, h, 0, wants(0)); d != "" {
			t.Errorf("in the HLR that is back: %s", d)
		}
	})
}
