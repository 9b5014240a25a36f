package aaa_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// proxying is a FreeRADIUS that hands everything on over TLS. Its parameters: a
// folder, its port, ours, and the folder of the certificates.
const proxying = `
logdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
proxy_requests = yes
security {
	reject_delay = 0
	status_server = yes
}
thread pool {
	start_servers = 2
	max_servers = 4
	min_spare_servers = 1
	max_spare_servers = 2
	max_requests_per_server = 0
	auto_limit_acct = no
}
modules {
	always ok {
		rcode = ok
	}
}
client localhost {
	ipaddr = 127.0.0.1
	secret = "` + secret + `"
}
proxy server {
	default_fallback = no
}
home_server simurgh {
	ipaddr = 127.0.0.1
	port = %[3]d
	type = auth+acct
	secret = radsec
	proto = tcp
	status_check = none
	tls {
		private_key_file = %[4]s/hub.key
		certificate_file = %[4]s/hub.crt
		ca_file = %[4]s/ca.crt
		check_crl = no
		tls_min_version = "1.2"
		tls_max_version = "1.3"
	}
}
home_server_pool simurgh {
	type = fail-over
	home_server = simurgh
}
realm simurgh {
	pool = simurgh
	nostrip
}
server default {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	preacct {
		update control {
			&Proxy-To-Realm := "simurgh"
		}
	}
	accounting {
		ok
	}
	pre-proxy {
		ok
	}
	post-proxy {
		ok
	}
}
`

// proxy is a running FreeRADIUS before the server.
type proxy struct {
	at  netip.AddrPort
	log *output
}

// output keeps what a program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (l *linked) proxy() *proxy {
	l.t.Helper()
	exe, err := exec.LookPath("freeradius")
	if err != nil {
		if os.Getenv("CI") != "" {
			l.t.Fatal("freeradius is not installed (Debian package freeradius)")
		}
		l.t.Skip("freeradius is not installed (Debian package freeradius)")
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	l.must(err)
	p := &proxy{at: conn.LocalAddr().(*net.UDPAddr).AddrPort(), log: new(output)}
	l.must(conn.Close())
	l.a.issue("hub")
	dir := l.t.TempDir()
	l.must(os.WriteFile(filepath.Join(dir, "radiusd.conf"), fmt.Appendf(nil, proxying, dir, p.at.Port(), l.at.Port(), l.a.dir), 0o600))
	l.must(os.WriteFile(filepath.Join(dir, "dictionary"), nil, 0o600))
	cmd := exec.Command(exe, "-f", "-X", "-d", dir, "-n", "radiusd")
	cmd.Stdout, cmd.Stderr = p.log, p.log
	l.must(cmd.Start())
	l.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if l.t.Failed() {
			l.t.Log(p.log)
		}
	})
	until(l.t, "freeradius starts", func() bool { return strings.Contains(p.log.String(), "Ready to process requests") })
	return p
}

// report has radclient report to the proxy.
func (l *linked) report(p *proxy, attributes string) {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), "radclient", "-x", "-r", "1", "-t", "10", p.at.String(), "acct", secret)
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || !strings.Contains(string(out), "Received Accounting-Response") {
		l.t.Fatalf("%v\n%s", err, out)
	}
}

// A FreeRADIUS in front reports over TLS. The one that Debian ships is built
// without reverse CoA: it says nothing to an order, which goes to the gateway's
// address then.
func TestFreeRADIUSReportsOverTLS(t *testing.T) {
	t.Parallel()
	l := newLinked(t, setup{})
	l.sim(0, nil)
	p := l.proxy()
	of := fmt.Sprintf(`User-Name = "%s", Acct-Session-Id = "a1", NAS-Identifier = "hub", NAS-IP-Address = 127.0.0.1, 3GPP-IMSI = "%s"`, imsi(0), imsi(0))
	l.report(p, of+", Acct-Status-Type = Start")
	l.counted()
	l.command(0, sim.SuspendAdmin, "unpaid")
	until(t, "the session is cut", func() bool { return l.proof(0) == "ack" })
	if n := len(l.udp.requests()); n != 1 {
		t.Errorf("%d orders went to the address", n)
	}
	if !strings.Contains(p.log.String(), "Invalid packet code 40 sent to a proxy port") {
		t.Error("no order went over the link first; if this FreeRADIUS takes them, its answer is to be tested")
	}
	l.report(p, of+", Acct-Status-Type = Stop, Acct-Input-Octets = 7") // the link goes on
	if m := l.month(0); m.In != 7 {
		t.Errorf("%d bytes", m.In)
	}
}
