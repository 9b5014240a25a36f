package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shipped is where Debian keeps what FreeRADIUS brings: its policies, and the
// schema and queries of rlm_sql.
const shipped = "/etc/freeradius/3.0"

// leanFreeRADIUS is FreeRADIUS without what costs it time and does not serve the
// comparison: no detail files, no EAP, no realms. Threads, pool, queries, schema
// and indexes are the shipped ones. The parameters are of [place].
const leanFreeRADIUS = `
raddbdir = %[1]s
logdir = %[1]s
run_dir = %[1]s
modconfdir = ` + shipped + `/mods-config
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
max_requests = 131072
cleanup_delay = 5
max_request_time = 30
hostname_lookups = no
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
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
	auto_limit_acct = no
}
modules {
	$INCLUDE ` + shipped + `/mods-available/expr
	pap { }
	sql {
		dialect = "postgresql"
		driver = "rlm_sql_postgresql"
		server = "%[5]s"
		login = "%[6]s"
		radius_db = "%[7]s"
		acct_table1 = "radacct"
		acct_table2 = "radacct"
		postauth_table = "radpostauth"
		authcheck_table = "radcheck"
		groupcheck_table = "radgroupcheck"
		authreply_table = "radreply"
		groupreply_table = "radgroupreply"
		usergroup_table = "radusergroup"
		delete_stale_sessions = yes
		pool {
			start = ${thread[pool].start_servers}
			min = ${thread[pool].min_spare_servers}
			max = ${thread[pool].max_servers}
			spare = ${thread[pool].max_spare_servers}
			uses = 0
			retry_delay = 30
			lifetime = 0
			idle_timeout = 60
		}
		client_table = "nas"
		group_attribute = "SQL-Group"
		$INCLUDE ${modconfdir}/sql/main/${dialect}/queries.conf
	}
}
instantiate {
	expr
}
policy {
	$INCLUDE ` + shipped + `/policy.d/accounting
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
	authorize {
		sql
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
	}
	preacct {
		acct_unique
	}
	accounting {
		sql
	}
	post-auth {
		sql
	}
}
`

// place is where a FreeRADIUS lives.
type place struct {
	dir        string
	auth, acct uint16
	host, user string // of its database
	database   string
}

// lean is the configuration of [leanFreeRADIUS].
func lean(_ testing.TB, p place) map[string]string {
	return map[string]string{"radiusd.conf": fmt.Sprintf(leanFreeRADIUS, p.dir, secret, p.auth, p.acct, p.host, p.user, p.database)}
}

// startFreeRADIUS runs a server over a database that rlm_sql's schema and the
// subscribers are in, and waits until it is ready.
func startFreeRADIUS(tb testing.TB, database string, configure func(testing.TB, place) map[string]string) target {
	tb.Helper()
	exe := program(tb, "freeradius")
	seedFreeRADIUS(tb, database)
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	ports := freePorts(tb, 2)
	p := place{dir: tb.TempDir(), auth: ports[0], acct: ports[1], host: u.Query().Get("host"), user: u.User.Username(), database: strings.TrimPrefix(u.Path, "/")}
	files := configure(tb, p)
	files["dictionary"] = ""
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cmd := exec.Command(exe, "-f", "-l", "stdout", "-d", p.dir, "-n", "radiusd")
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	drained, ready := make(chan struct{}), make(chan string, 1)
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	go func() {
		defer close(drained)
		awaitReady(out, ready)
	}()
	if log := <-ready; log != "" {
		tb.Fatalf("freeradius did not start:\n%s", log)
	}
	return target{auth: loopback(ports[0]), acct: loopback(ports[1])}
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

// seedFreeRADIUS makes rlm_sql's tables and, for each subscriber, a password to
// check and an address to reply.
func seedFreeRADIUS(tb testing.TB, database string) {
	tb.Helper()
	ctx := tb.Context()
	schema, err := os.ReadFile(filepath.Join(shipped, "mods-config/sql/main/postgresql/schema.sql"))
	if err != nil {
		tb.Skip("the schema of rlm_sql is not installed (Debian package freeradius-postgresql)")
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, text := range []string{string(schema), fmt.Sprintf(`
		INSERT INTO radcheck (username, attribute, op, value) SELECT '23415' || lpad(n::text, 10, '0'), 'Cleartext-Password', ':=', '%s' FROM generate_series(0, %d) n;
		INSERT INTO radreply (username, attribute, op, value) SELECT '23415' || lpad(n::text, 10, '0'), 'Framed-IP-Address', ':=', host('10.0.0.0'::inet + n) FROM generate_series(0, %d) n;
		ANALYZE`, password, subscribers-1, subscribers-1)} {
		if _, err := conn.Exec(ctx, text); err != nil {
			tb.Fatal(err)
		}
	}
}

// program finds a program that a comparison needs. Where it is not installed
// the benchmark is skipped, but not in CI.
func program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("%s is not installed; CI needs the Debian packages freeradius, freeradius-postgresql and freeradius-utils", name)
	}
	tb.Skipf("%s is not installed (Debian packages freeradius, freeradius-postgresql and freeradius-utils)", name)
	return ""
}

// freePorts returns ports that nobody has now.
func freePorts(tb testing.TB, n int) []uint16 {
	tb.Helper()
	var ports []uint16
	for range n {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback(0)))
		if err != nil {
			tb.Fatal(err)
		}
		ports = append(ports, conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		defer func() { _ = conn.Close() }()
	}
	return ports
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}
