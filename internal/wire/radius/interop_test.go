package radius_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// program finds a program of FreeRADIUS. Where it is not installed the test is
// skipped, but not in CI.
func program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("%s is not installed; CI needs the Debian packages freeradius and freeradius-utils", name)
	}
	tb.Skipf("%s is not installed (Debian packages freeradius and freeradius-utils)", name)
	return ""
}

// loopback serves on a port of its own until the test ends.
func loopback(tb testing.TB, s *radius.Server) netip.AddrPort {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		tb.Fatal(err)
	}
	s.Clients = func(netip.Addr) (radius.Client, bool) { return radius.Client{Secret: nasSecret}, true }
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, conn) }()
	tb.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, conn.Close()); err != nil {
			tb.Error(err)
		}
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// radclient sends one request and returns what it printed; err is not nil when
// it got no reply or a refusal.
func radclient(tb testing.TB, to netip.AddrPort, command, attributes string) (string, error) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), program(tb, "radclient"), "-x", "-r", "1", "-t", "10", to.String(), command, string(nasSecret))
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestRadclientAuthenticates(t *testing.T) {
	t.Parallel()
	at := loopback(t, &radius.Server{Services: radius.Authentication, Handler: func(_ context.Context, r *radius.Request) *radius.Packet {
		password, ok := r.Packet.RevealUserPassword(nasSecret)
		if (!ok || password != "open sesame") && !r.Packet.VerifyCHAP("open sesame") {
			return radius.New(radius.AccessReject)
		}
		p := radius.New(radius.AccessAccept)
		radius.FramedIPAddress.Add(p, netip.MustParseAddr("10.45.0.7"))
		radius.IPv6DNSServers.Add(p, []netip.Addr{netip.MustParseAddr("2001:db8::53")})
		return p
	}})
	const signed = ", Message-Authenticator = 0x00"
	for _, c := range []struct {
		name, attributes, want string
		accepted               bool
	}{
		{"PAP", `User-Name = "nemo", User-Password = "open sesame"` + signed, "Framed-IP-Address = 10.45.0.7", true},
		{"PAP with a wrong password", `User-Name = "nemo", User-Password = "close"` + signed, "Access-Reject", false},
		{"CHAP", `User-Name = "nemo", CHAP-Password = "open sesame"` + signed, "Received Access-Accept", true},
		{"CHAP with a wrong password", `User-Name = "nemo", CHAP-Password = "close"` + signed, "Access-Reject", false},
		{"proxied", `User-Name = "nemo", User-Password = "open sesame", Proxy-State = 0x0102` + signed, "Proxy-State = 0x0102", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := radclient(t, at, "auth", c.attributes)
			if (err == nil) != c.accepted || !strings.Contains(out, c.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestRadclientAccounts(t *testing.T) {
	t.Parallel()
	type record struct {
		status   radius.StatusType
		imsi     string
		in       uint64
		location string
	}
	seen := make(chan record, 3)
	at := loopback(t, &radius.Server{Services: radius.Accounting, Handler: func(_ context.Context, r *radius.Request) *radius.Packet {
		in, _ := radius.InputOctets(r.Packet)
		l := value(t, r.Packet, radius.UserLocationInfo)
		seen <- record{value(t, r.Packet, radius.AcctStatusType), value(t, r.Packet, radius.IMSI), in, fmt.Sprintf("%v %x", l.PLMN(), l.CellID)}
		return radius.New(radius.AccountingResponse)
	}})
	for _, c := range []struct {
		name string
		want record
	}{
		{"Start", record{radius.StatusStart, "234150000000001", 0, "23415 56789a"}},
		{"Interim-Update", record{radius.StatusInterimUpdate, "234150000000001", 1<<32 + 5, "23415 56789a"}},
		{"Stop", record{radius.StatusStop, "234150000000001", 2<<32 + 7, "23415 56789a"}},
	} {
		attributes := fmt.Sprintf(`Acct-Status-Type = %s, Acct-Session-Id = "1", Acct-Input-Octets = %d, Acct-Input-Gigawords = %d, `+
			`3GPP-IMSI = "234150000000001", 3GPP-User-Location-Info = 0x8232f451123432f4510056789a`, c.name, uint32(c.want.in), c.want.in>>32)
		out, err := radclient(t, at, "acct", attributes)
		if err != nil || !strings.Contains(out, "Received Accounting-Response") {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		if got := <-seen; got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// With many requests under way radclient reuses identifiers within
// milliseconds; none of them may be taken for a duplicate.
func TestRadclientInParallel(t *testing.T) {
	t.Parallel()
	const requests = 2000
	s := &radius.Server{Services: radius.Accounting, Handler: accept}
	at := loopback(t, s)
	list := filepath.Join(t.TempDir(), "requests")
	var all strings.Builder
	for i := range requests {
		fmt.Fprintf(&all, "Acct-Status-Type = Start, Acct-Session-Id = \"%d\"\n\n", i)
	}
	if err := os.WriteFile(list, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program(t, "radclient"), "-q", "-s", "-p", "128", "-f", list, at.String(), "acct", string(nasSecret))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got := s.Stats(); got.Handled != requests || got.Dropped[radius.DropDuplicate] != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRadclientAsksForStatus(t *testing.T) {
	t.Parallel()
	at := loopback(t, &radius.Server{Services: radius.Accounting, Handler: accept})
	out, err := radclient(t, at, "status", "Message-Authenticator = 0x00")
	if err != nil || !strings.Contains(out, "Received Accounting-Response") && !strings.Contains(out, "Received Access-Accept") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRadclientChangesAndEndsSessions(t *testing.T) {
	t.Parallel()
	at := loopback(t, &radius.Server{Services: radius.DynamicAuthorization, Handler: func(_ context.Context, r *radius.Request) *radius.Packet {
		ack, nak := radius.DisconnectACK, radius.DisconnectNAK
		if r.Packet.Code == radius.CoARequest {
			ack, nak = radius.CoAACK, radius.CoANAK
		}
		if value(t, r.Packet, radius.AcctSessionID) == "here" {
			return radius.New(ack)
		}
		p := radius.New(nak)
		radius.ErrorCause.Add(p, radius.CauseSessionNotFound)
		return p
	}})
	for _, c := range []struct {
		command, session, want string
		accepted               bool
	}{
		{"disconnect", "here", "Received Disconnect-ACK", true},
		{"disconnect", "gone", "Error-Cause = Session-Context-Not-Found", false},
		{"coa", "here", "Received CoA-ACK", true},
		{"coa", "gone", "Error-Cause = Session-Context-Not-Found", false},
	} {
		t.Run(c.command+" "+c.session, func(t *testing.T) {
			t.Parallel()
			out, err := radclient(t, at, c.command, fmt.Sprintf(`Acct-Session-Id = %q, 3GPP-Teardown-Indicator = 1`, c.session))
			if (err == nil) != c.accepted || !strings.Contains(out, c.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// freeRADIUS is the least that it can be: it authenticates by password, takes
// accounting, and knows one session.
const freeRADIUS = `
raddbdir = %[1]s
logdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
cleanup_delay = 5
security {
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
client localhost {
	ipaddr = 127.0.0.1
	secret = "%[2]s"
	require_message_authenticator = yes
}
modules {
	pap { }
	chap { }
	always ok {
		rcode = ok
	}
	always reject {
		rcode = reject
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[3]d
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = %[4]d
	}
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = %[5]d
	}
	authorize {
		update control {
			Cleartext-Password := "open sesame"
		}
		pap
		chap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
	}
	post-auth {
		update reply {
			Framed-IP-Address := 10.45.0.7
			Framed-IPv6-Prefix := 2001:db8:1:2::/64
			Session-Timeout := 3600
		}
	}
	preacct {
		ok
	}
	accounting {
		ok
	}
	recv-coa {
		if (Acct-Session-Id == "gone") {
			update reply {
				Error-Cause := Session-Context-Not-Found
			}
			reject
		}
		ok
	}
}
`

// peers are the ports of a running FreeRADIUS.
type peers struct{ auth, acct, coa radius.Peer }

// startFreeRADIUS runs a server of its own and waits until it is ready.
func startFreeRADIUS(tb testing.TB) peers {
	tb.Helper()
	path := program(tb, "freeradius")
	dir := tb.TempDir()
	ports := freePorts(tb, 3)
	config := fmt.Sprintf(freeRADIUS, dir, nasSecret, ports[0], ports[1], ports[2])
	for name, content := range map[string]string{"radiusd.conf": config, "dictionary": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-f", "-l", "stdout", "-d", dir, "-n", "radiusd")
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	drained := make(chan struct{})
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	ready := make(chan string, 1)
	go func() {
		defer close(drained)
		awaitReady(out, ready)
	}()
	if log := <-ready; log != "" {
		tb.Fatalf("freeradius did not start:\n%s", log)
	}
	peer := func(port uint16) radius.Peer {
		return radius.Peer{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Secret: nasSecret, AllowUnsigned: true}
	}
	return peers{peer(ports[0]), peer(ports[1]), peer(ports[2])}
}

// awaitReady reads a log until its end and tells "" as soon as the server is
// ready, or else the log.
func awaitReady(out io.Reader, ready chan<- string) {
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to process requests") {
			ready <- ""
			_, _ = io.Copy(io.Discard, out)
			return
		}
		fmt.Fprintln(&log, lines.Text())
	}
	ready <- log.String() + "(end of its log)"
}

// freePorts returns ports that nobody has now.
func freePorts(tb testing.TB, n int) []uint16 {
	tb.Helper()
	var ports []uint16
	for range n {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			tb.Fatal(err)
		}
		ports = append(ports, conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		defer func() { _ = conn.Close() }()
	}
	return ports
}

func TestFreeRADIUSAnswersTheSender(t *testing.T) {
	t.Parallel()
	to := startFreeRADIUS(t)
	s := &radius.Sender{Retry: radius.Retry{Initial: time.Second}}
	t.Cleanup(func() { _ = s.Close() })
	exchange := func(t *testing.T, to radius.Peer, p *radius.Packet) *radius.Packet {
		t.Helper()
		reply, err := s.Exchange(t.Context(), to, p)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	login := func(password string) *radius.Packet {
		p := radius.New(radius.AccessRequest)
		radius.UserName.Add(p, "nemo")
		p.SetUserPassword(password, nasSecret)
		return p
	}
	reply := exchange(t, to.auth, login("open sesame"))
	if reply.Code != radius.AccessAccept || value(t, reply, radius.FramedIPAddress) != netip.MustParseAddr("10.45.0.7") ||
		value(t, reply, radius.FramedIPv6Prefix) != netip.MustParsePrefix("2001:db8:1:2::/64") || value(t, reply, radius.SessionTimeout) != 3600 {
		t.Errorf("PAP: %v", reply.Code)
	}
	if reply := exchange(t, to.auth, login("close")); reply.Code != radius.AccessReject {
		t.Errorf("PAP with a wrong password: %v", reply.Code)
	}
	chap := radius.New(radius.AccessRequest)
	radius.UserName.Add(chap, "nemo")
	radius.CHAPPassword.Add(chap, radius.CHAPResponse(9, "open sesame", chap.Authenticator[:]))
	if reply := exchange(t, to.auth, chap); reply.Code != radius.AccessAccept {
		t.Errorf("CHAP: %v", reply.Code)
	}
	acct := radius.New(radius.AccountingRequest)
	radius.AcctStatusType.Add(acct, radius.StatusStart)
	radius.AcctSessionID.Add(acct, "1")
	if reply := exchange(t, to.acct, acct); reply.Code != radius.AccountingResponse {
		t.Errorf("accounting: %v", reply.Code)
	}
	if reply := exchange(t, to.auth, radius.New(radius.StatusServer)); reply.Code != radius.AccessAccept {
		t.Errorf("status: %v", reply.Code)
	}
	// Its require_message_authenticator holds for these, too.
	sign := func(p *radius.Packet) *radius.Packet {
		radius.MessageAuthenticator.Add(p, [16]byte{})
		return p
	}
	if reply := exchange(t, to.coa, sign(disconnect("here"))); reply.Code != radius.DisconnectACK {
		t.Errorf("disconnect: %v", reply.Code)
	}
	if reply := exchange(t, to.coa, sign(disconnect("gone"))); reply.Code != radius.DisconnectNAK || value(t, reply, radius.ErrorCause) != radius.CauseSessionNotFound {
		t.Errorf("disconnect of none: %v", reply.Code)
	}
	change := func(session string) *radius.Packet {
		p := sign(radius.New(radius.CoARequest))
		radius.AcctSessionID.Add(p, session)
		radius.AcctInterimInterval.Add(p, 60)
		return p
	}
	if reply := exchange(t, to.coa, change("here")); reply.Code != radius.CoAACK {
		t.Errorf("change: %v", reply.Code)
	}
	if reply := exchange(t, to.coa, change("gone")); reply.Code != radius.CoANAK || value(t, reply, radius.ErrorCause) != radius.CauseSessionNotFound {
		t.Errorf("change of none: %v", reply.Code)
	}
}
