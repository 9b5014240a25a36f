package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Every command explains itself, gives an example, and names the environment
// variable of each of its flags.
func TestEveryCommandHasItsManual(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)  +[A-Z]`).FindAllStringSubmatch(string(out), -1)
	if len(commands) < 25 {
		t.Fatalf("%d commands in\n%s", len(commands), out)
	}
	for _, c := range commands {
		help, err := exec.Command(binary, append(strings.Fields(c[1]), "--help")...).Output()
		if err != nil {
			t.Errorf("%s --help: %v", c[1], err)
		}
		if !bytes.Contains(help, []byte("Example:\n\n    ")) || !bytes.Contains(help, []byte("simurgh "+c[1])) {
			t.Errorf("%s has no example", c[1])
		}
		_, flags, _ := strings.Cut(string(help), "\nFlags:")
		for _, flag := range flagsOf(flags) {
			name := strings.TrimPrefix(flag[0], "[no-]")
			if env := "$SIMURGH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); name != "help" && !strings.Contains(flag[1], env+")") {
				t.Errorf("%s --%s does not name %s:\n%s", c[1], name, env, flag[1])
			}
		}
	}
}

// flagsOf cuts a manual into flags and their words, with line breaks undone.
func flagsOf(help string) [][2]string {
	var out [][2]string
	start := regexp.MustCompile(`^ +(?:-[a-z], )?--((?:\[no-\])?[a-z][a-z0-9-]*)`)
	for line := range strings.Lines(help) {
		if m := start.FindStringSubmatch(line); m != nil {
			out = append(out, [2]string{m[1], line})
		} else if n := len(out); n > 0 && strings.HasPrefix(line, "      ") {
			out[n-1][1] = strings.TrimSpace(out[n-1][1]) + " " + strings.TrimSpace(line)
		}
	}
	return out
}

// A signal lets callers hear their answers; a second one does not wait.
func TestSignals(t *testing.T) {
	t.Parallel()
	p := platform{data: t.TempDir()}
	n := p.serve(t)
	slow := halfCall(t, n)
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "nobody is let in any more", func() bool { return !dials(n) })
	if _, err := slow.Write([]byte("[]")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	if k, err := slow.Read(answer); err != nil || !bytes.Contains(answer[:k], []byte("200 OK")) {
		t.Errorf("the caller who was let in heard %q, %v", answer[:k], err)
	}
	if <-n.done; n.err != nil {
		t.Errorf("the server ended with %v", n.err)
	}

	n = p.serve(t)
	halfCall(t, n)
	for range 2 {
		if err := n.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		until(t, "nobody is let in any more", func() bool { return !dials(n) })
	}
	<-n.done
	if exit, ok := errors.AsType[*exec.ExitError](n.err); !ok || exit.ExitCode() != 128+int(syscall.SIGINT) {
		t.Errorf("the second signal ended the server with %v", n.err)
	}
}

// halfCall opens a call whose body is still to come.
func halfCall(t *testing.T, n *node) net.Conn {
	t.Helper()
	at, err := url.Parse(n.url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	// 100-continue is the proof that the server waits for the body.
	if _, err := fmt.Fprintf(c, "POST /Japi/Tigrillo/ping HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", at.Host); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, 256)
	if k, err := c.Read(heard); err != nil || !bytes.Contains(heard[:k], []byte("100 Continue")) {
		t.Fatalf("heard %q, %v", heard[:k], err)
	}
	return c
}

func dials(n *node) bool {
	at, err := url.Parse(n.url)
	if err != nil {
		return false
	}
	c, err := net.Dial("tcp", at.Host)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// Nothing that the program prints or logs holds a secret of a batch or of a
// person.
func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	const ki, puk = "465b5ce8b199b49faa5f0a2ee238a6bc", "31415926"
	p := platform{data: t.TempDir()}
	p.furnish(t, 0)
	file := filepath.Join(t.TempDir(), "one.csv")
	if err := os.WriteFile(file, []byte("iccid,imsi,ki,puk1\n8944538599000000017,234150000000017,"+ki+","+puk+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := p.serve(t, "--log-level", "debug")
	n.log.keepAll()
	c, err := signIn(n.url, labPortfolio)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var all bytes.Buffer
	for _, args := range [][]string{
		{"sims", "import", file, "--portfolio", labPortfolio, "--package", labPackage}, {"sims", "activate", "8944538599000000017"},
		{"sims", "show", "8944538599000000017"}, {"sims", "show", "8944538599000000017", "--json"}, {"sims", "export"}, {"user", "list", "--json"},
		{"operations", "list"}, {"network", "list", "--json"}, {"reconcile", "--network", "simulated"},
	} {
		cmd := p.command(append(args, "--log-level", "debug")...)
		cmd.Stdout, cmd.Stderr = &all, &all
		_ = cmd.Run() // a reconciliation may find drift
	}
	_, metrics, err := n.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	all.WriteString(metrics + n.log.String())
	for _, secret := range []string{ki, puk, labPassword, c.cookie, "argon2"} {
		if strings.Contains(strings.ToLower(all.String()), strings.ToLower(secret)) {
			t.Errorf("%q was printed", secret)
		}
	}
	raw, err := os.ReadFile(filepath.Join(p.data, "simurgh.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(puk)) || bytes.Contains(raw, []byte(labPassword)) {
		t.Error("a secret lies in the database in the clear")
	}
}
