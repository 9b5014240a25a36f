package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

const radiusSecret = "s3cret-of-pgw1"

// served is a server that gateways reach.
type served struct {
	*node
	auth, acct string
}

// serveRADIUS is serve with both ports for gateways; any free ones unless the
// arguments name some.
func (p platform) serveRADIUS(t testing.TB, args ...string) *served {
	t.Helper()
	var said struct{ Radius map[string]string }
	all := []string{"serve", "--json", "--http", "127.0.0.1:0"}
	if len(args) == 0 {
		args = []string{"--radius-auth", "127.0.0.1:0", "--radius-acct", "127.0.0.1:0"}
	}
	n, err := startWith(p.command(append(all, args...)...), &said)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of the server at %s:\n%s", n.url, n.log)
		}
	})
	return &served{n, said.Radius["auth"], said.Radius["acct"]}
}

// radclient has Debian's radclient send one request and returns what it
// printed. It must be answered.
func radclient(t testing.TB, to, command, attributes string) string {
	t.Helper()
	path, err := exec.LookPath("radclient")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("radclient is not installed (Debian package freeradius-utils)")
		}
		t.Skip("radclient is not installed (Debian package freeradius-utils)")
	}
	cmd := exec.Command(path, "-x", "-r", "2", "-t", "10", to, command, radiusSecret)
	if command == "auth" {
		attributes += ", Message-Authenticator = 0x00"
	}
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || !strings.Contains(string(out), "Received ") {
		t.Fatalf("%s: %v\n%s", attributes, err, out)
	}
	return string(out)
}

// gateway takes Disconnect-Requests and acknowledges them.
type gateway struct {
	port int
	mu   sync.Mutex
	cut  []string // Acct-Session-Ids
}

func newGateway(t testing.TB) *gateway {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{port: conn.LocalAddr().(*net.UDPAddr).Port}
	s := &radius.Server{Services: radius.DynamicAuthorization, Handler: g.handle,
		Clients: func(netip.Addr) (radius.Client, bool) { return radius.Client{Secret: []byte(radiusSecret)}, true }}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gateway) handle(_ context.Context, r *radius.Request) *radius.Packet {
	id, _ := radius.AcctSessionID.Get(r.Packet)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = append(g.cut, id)
	return radius.New(radius.DisconnectACK)
}

func (g *gateway) hasCut(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.cut {
		if c == id {
			return true
		}
	}
	return false
}

// letIn lets the gateway on this machine speak to the platform.
func (p platform) letIn(t testing.TB, g *gateway) {
	t.Helper()
	p.run(t, nil, "nas", "add", "--name", "pgw1", "--address", "127.0.0.1", "--secret", radiusSecret, "--coa-port", strconv.Itoa(g.port))
}

// heard is what sims show says of the network's side of a SIM.
type heard struct {
	Sessions []struct {
		ID, State string
		In        int64 `json:"bytesFromDevice"`
		Out       int64 `json:"bytesToDevice"`
		Cut       *struct{ Reason, Proof string }
	}
	Answers []struct {
		Accepted bool
		Reason   string
	}
}

func (p platform) heard(t testing.TB, n int) (h heard) {
	t.Helper()
	p.run(t, &h, "sims", "show", string(iccidOf(n)))
	return h
}

// A SIM's life with a real HLR and Debian's radclient: it is let in once it is
// active, its usage is counted once whatever is repeated, and a suspension
// takes it off everywhere within a second.
func TestLifeBetweenAnHLRAndAGateway(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, p platform) {
		h, g := hlrtest.Start(t), newGateway(t)
		p.furnishHLR(t, h, 2)
		p.letIn(t, g)
		n := p.serveRADIUS(t)
		c, err := signIn(n.url, labPortfolio)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		ask := func() string { return radclient(t, n.auth, "auth", fmt.Sprintf(`3GPP-IMSI = "%s"`, imsiOf(0))) }
		if out := ask(); !strings.Contains(out, "Received Access-Reject") {
			t.Errorf("a SIM in stock:\n%s", out)
		}
		c.activate(t, hlrPackage, 0)
		until(t, "the HLR has the SIM", func() bool { return differs(t, h, 0, wants(0)) == "" })
		until(t, "the SIM is active", func() bool { return p.state(t, 0) == "provisioned" })
		if out := ask(); !strings.Contains(out, "Received Access-Accept") {
			t.Errorf("an active SIM:\n%s", out)
		}
		p.counts(t, n)
		suspendedEverywhere(t, h, g, c, ask)
		until(t, "the proof and the reason are shown", func() bool {
			seen := p.heard(t, 0)
			return seen.Sessions[0].Cut != nil && seen.Sessions[0].Cut.Proof == "ack" && !seen.Answers[0].Accepted &&
				strings.HasPrefix(seen.Answers[0].Reason, "suspended (customer)")
		})
		c.must(t, "terminateSIMs", map[string]any{"sims": some(0)})
		until(t, "the HLR has forgotten the SIM", func() bool { return has(t, h, 0) == nil })
	})
}

// counts has a session reported, each message several times.
func (p platform) counts(t *testing.T, n *served) {
	t.Helper()
	now := time.Now().Unix()
	for i, status := range []string{"Start", "Interim-Update", "Interim-Update"} {
		for range 3 {
			radclient(t, n.acct, "acct", fmt.Sprintf(`Acct-Status-Type = %s, Acct-Session-Id = "s1", 3GPP-IMSI = "%s", NAS-Identifier = pgw1, Event-Timestamp = %d, `+
				`Acct-Session-Time = %d, Acct-Input-Octets = %d, Acct-Output-Octets = %d`, status, imsiOf(0), now+int64(i), i, i*1000, i*70))
		}
	}
	seen := p.heard(t, 0)
	if len(seen.Sessions) != 1 || seen.Sessions[0].In != 2000 || seen.Sessions[0].Out != 140 || seen.Sessions[0].State != "open" {
		t.Errorf("sessions %+v", seen.Sessions)
	}
}

// suspendedEverywhere holds that a suspension reaches the answers to gateways,
// the HLR and the open session within a second.
func suspendedEverywhere(t *testing.T, h *hlrtest.HLR, g *gateway, c *client, ask func() string) {
	t.Helper()
	begun := time.Now()
	c.must(t, "suspendSIMs", map[string]any{"sims": some(0)})
	if out := ask(); !strings.Contains(out, "Received Access-Reject") {
		t.Errorf("a suspended SIM:\n%s", out)
	}
	until(t, "PS is off in the HLR", func() bool { return differs(t, h, 0, map[string]string{"nam_ps": "0"}) == "" })
	until(t, "the gateway is told", func() bool { return g.hasCut("s1") })
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %s", took)
	} else {
		t.Logf("off everywhere after %s", took)
	}
}
