// Package hlrtest starts a real OsmoHLR for a test, as its child and on an
// address of its own.
//
// It knows the program and no driver.
package hlrtest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const program = "osmo-hlr"

// The ports of an OsmoHLR, which are fixed.
const (
	VTYPort  = 4258
	CTRLPort = 4259
	GSUPPort = 4222
)

// HLR is a real OsmoHLR. Its ports are fixed, so each has a loopback address of
// its own, and keeps it.
type HLR struct {
	Host string

	Extra    string // lines of its "hlr" section
	Top, VTY string // lines at the top of its configuration, and of its "line vty"

	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	log    *output
}

// output is what the program says, to be read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Start starts an OsmoHLR with no subscribers, which ends with the test. Where
// the program is not installed, it skips the test, but fails it under CI.
func Start(t testing.TB, options ...func(*HLR)) *HLR {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed (Debian package osmo-hlr): %v", program, err)
		}
		t.Skipf("not run: %s is not installed (Debian package osmo-hlr)", program)
	}
	h := &HLR{dir: t.TempDir()}
	for _, o := range options {
		o(h)
	}
	t.Cleanup(h.Stop)
	for range 20 {
		h.Host = fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(254))
		if h.start(t) {
			return h
		}
	}
	t.Fatalf("%s does not start:\n%s", program, h.log)
	return nil
}

// start starts the program on what its folder holds, and reports whether it
// answers; it does not where another has its address.
func (h *HLR) start(t testing.TB) bool {
	t.Helper()
	config := filepath.Join(h.dir, "hlr.cfg")
	text := fmt.Sprintf("%s\nlog stderr\n logging filter all 1\n logging color 0\n logging level set-all error\nline vty\n%s\n bind %s\nctrl\n bind %s\nhlr\n gsup\n  bind ip %s\n%s\n",
		h.Top, h.VTY, h.Host, h.Host, h.Host, h.Extra)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.log = &output{}
	h.cmd = exec.Command(program, "-c", config, "-l", h.Database()) //nolint:noctx // it ends with the test
	h.cmd.Stderr = h.log
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	h.exited = exited
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(exited) }(h.cmd)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		select {
		case <-exited:
			return false
		default:
		}
		conn, err := net.DialTimeout("tcp", h.Addr(CTRLPort), time.Second) //nolint:noctx // a test's own
		if err == nil {
			_ = conn.Close()
			return true
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
	return false
}

// Stop kills the program and waits for its end. What it has stored stays.
func (h *HLR) Stop() {
	if h.cmd != nil && h.cmd.Process != nil {
		_ = h.cmd.Process.Kill()
		<-h.exited
		h.cmd = nil
	}
}

// Restart stops the program, if it runs, and starts it where it was.
func (h *HLR) Restart(t testing.TB) {
	t.Helper()
	h.Stop()
	if !h.start(t) {
		t.Fatalf("%s does not start again:\n%s", program, h.log)
	}
}

// Database is the file that the program keeps its subscribers in.
func (h *HLR) Database() string { return filepath.Join(h.dir, "hlr.db") }

// Addr is the address of one of its ports.
func (h *HLR) Addr(port int) string { return fmt.Sprintf("%s:%d", h.Host, port) }

// Control says one line to the control interface, such as "GET 1 name" or "SET
// 1 name value", and returns the answer.
func (h *HLR) Control(t testing.TB, line string) string {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr(CTRLPort)) //nolint:noctx // a test's own
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(Frame(line)); err != nil {
		t.Fatal(err)
	}
	answer, err := ReadFrame(conn)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

const ipaOsmo = 0xEE // the protocol of Osmocom's own extensions

// Frame is a line as the control interface reads it.
func Frame(line string) []byte {
	n := len(line) + 1
	return append([]byte{byte(n >> 8), byte(n), ipaOsmo, 0}, line...)
}

// ReadFrame reads what the control interface says.
func ReadFrame(r io.Reader) (string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	text := make([]byte, int(head[0])<<8+int(head[1])-1)
	_, err := io.ReadFull(r, text)
	return string(text), err
}
