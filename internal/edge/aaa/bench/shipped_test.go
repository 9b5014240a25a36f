package bench_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// asShipped is the configuration that Debian installs, with the edits that its
// own comments ask for to have SQL on PostgreSQL, ports of our own, and room for
// as many requests as come within the cleanup delay: without that it answers no
// more than 3,277 authentications a second, for it refuses the others.
func asShipped(tb testing.TB, p place) map[string]string {
	tb.Helper()
	const include = "$$INCLUDE " // a dollar that stays
	main := edited(tb, "radiusd.conf",
		edit{`\$INCLUDE clients\.conf`, client},
		edit{`\$INCLUDE sites-enabled/`, include + p.dir + "/default\n" + include + p.dir + "/inner-tunnel"},
		edit{`\$INCLUDE mods-enabled/`, include + "mods-enabled/\n" + include + p.dir + "/sql"},
		edit{`(?m)^(\s*)\$INCLUDE ([a-z])`, "${1}" + include + shipped + "/${2}"},
		edit{`(?m)^\s*(user|group) = freerad$`, ""}, // it runs as whoever runs the comparison
		edit{`(?m)^(modconfdir|certdir|cadir)\s*= \$\{confdir\}`, "${1} = " + shipped},
		edit{`(?m)^logdir = .*$`, "logdir = " + p.dir},
		edit{`(?m)^run_dir = .*$`, "run_dir = " + p.dir},
		edit{`(?m)^max_requests = .*$`, "max_requests = 131072"})
	site := edited(tb, "sites-available/default",
		edit{`(?m)^\s*ipaddr = \*$`, "ipaddr = 127.0.0.1"},
		edit{`(?m)^\s*ipv6addr = ::.*$`, "ipv6addr = ::1"})
	site = listening(site, `type = auth`, p.auth)
	site = listening(site, `type = acct`, p.acct)
	sql := edited(tb, "mods-available/sql",
		edit{`(?m)^\s*dialect = .*$`, `dialect = "postgresql"`},
		edit{`(?m)^\s*driver = .*$`, `driver = "rlm_sql_$${dialect}"`},
		edit{`(?m)^\s*radius_db = .*$`, fmt.Sprintf("server = %q\nlogin = %q\nradius_db = %q", p.host, p.user, p.database)})
	tunnel := edited(tb, "sites-available/inner-tunnel", edit{`(?m)^\s*port = .*$`, fmt.Sprint("port = ", freePorts(tb, 1)[0])})
	if err := os.MkdirAll(filepath.Join(p.dir, "radacct"), 0o700); err != nil {
		tb.Fatal(err)
	}
	return map[string]string{"radiusd.conf": main, "default": site, "inner-tunnel": tunnel, "sql": sql}
}

const client = `client localhost {
	ipaddr = 127.0.0.1
	secret = "` + secret + `"
	require_message_authenticator = yes
}`

// edit is what is changed in a file; each changes something, or else what ships
// has changed.
type edit struct{ find, put string }

// edited returns a shipped file without its comments, and with edits.
func edited(tb testing.TB, name string, edits ...edit) string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(shipped, name))
	if errors.Is(err, os.ErrPermission) {
		tb.Skip("the configuration of FreeRADIUS cannot be read; only its group and root may")
	}
	if err != nil {
		tb.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^\s*#.*$\n?`).ReplaceAllString(string(raw), "")
	for _, e := range edits {
		find := regexp.MustCompile(e.find)
		if !find.MatchString(text) {
			tb.Fatalf("%s has nothing like %s", name, e.find)
		}
		text = find.ReplaceAllString(text, e.put)
	}
	return text
}

// listening gives the sockets of one kind their port.
func listening(site, kind string, port uint16) string {
	blocks := strings.Split(site, "listen {")
	for i, b := range blocks {
		if strings.Contains(b, kind) && i > 0 {
			blocks[i] = strings.Replace(b, "port = 0", fmt.Sprint("port = ", port), 1)
		}
	}
	return strings.Join(blocks, "listen {")
}
