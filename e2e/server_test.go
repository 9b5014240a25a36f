package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// node is one running server.
type node struct {
	url  string
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed when the process has ended
	err  error         // how it ended
}

// start starts the program, which must say where it listens, and waits for it.
func start(cmd *exec.Cmd) (*node, error) { return startWith(cmd, nil) }

// startWith is start, and decodes all that the program said into answer.
func startWith(cmd *exec.Cmd, answer any) (*node, error) {
	n := &node{cmd: cmd, log: &tail{}, done: make(chan struct{})}
	cmd.Stderr = n.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadBytes('\n')
	var ready struct {
		URL string `json:"url"`
	}
	if err == nil {
		err = json.Unmarshal(first, &ready)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(first, answer)
	}
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		n.err = cmd.Wait()
		close(n.done)
	}()
	if n.url = ready.URL; err != nil {
		_ = cmd.Process.Kill()
		<-n.done
		return nil, fmt.Errorf("the server did not start: %w\n%s%s", err, first, n.log)
	}
	return n, nil
}

// serve starts a server on a free port and stops it with the test.
func (p platform) serve(t testing.TB, args ...string) *node {
	t.Helper()
	n, err := start(p.command(append([]string{"serve", "--json", "--http", "127.0.0.1:0"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of the server at %s:\n%s", n.url, n.log)
		}
	})
	return n
}

// stop sends a signal and waits for the end of the process.
func (n *node) stop(s os.Signal) error {
	if err := n.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.done
	return n.err
}

// get returns an operator's page.
func (n *node) get(path string) (int, string, error) {
	r, err := http.Get(n.url + path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	return r.StatusCode, string(body), err
}

// gauge returns the sum of a metric over its labels that contain with.
func (n *node) gauge(t testing.TB, name, with string) float64 {
	t.Helper()
	_, text, err := n.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, name) || !strings.Contains(line, with) {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(strings.TrimSpace(line), ' '):], &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sum += v
	}
	return sum
}

// client is a signed-in user of the Tigrillo API.
type client struct {
	url    string
	cookie string
	http   *http.Client
}

// call asks a method and decodes its answer. The error is of the transport, or
// the code of the API.
func (c *client) call(method string, body, answer any) error {
	return c.callWith(method, "", body, answer)
}

// callWith is call with an idempotency key.
func (c *client) callWith(method, key string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, c.url+"/Japi/Tigrillo/"+method, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", "PHPSESSID="+c.cookie)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = got.Body.Close() }()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	var plain struct {
		Status struct{ Status, ErrorCode, ErrorMessage string }
		Cookie string
	}
	if err := json.Unmarshal(raw, &plain); err != nil {
		return fmt.Errorf("%s answered %q: %w", method, raw, err)
	}
	if plain.Status.Status != "OK" {
		return fmt.Errorf("%s: %s %s", method, plain.Status.ErrorCode, plain.Status.ErrorMessage)
	}
	if plain.Cookie != "" {
		c.cookie = plain.Cookie
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(raw, answer)
}

// signIn signs in; the user is one of lab's.
func signIn(url, portfolio string) (*client, error) {
	c := &client{url: url, http: &http.Client{Transport: &http.Transport{}}}
	return c, c.call("login", map[string]string{"username": labUser, "password": labPassword, "portfolioID": portfolio}, nil)
}

func (c *client) close() { c.http.CloseIdleConnections() }

// tail keeps the end of what is written to it, without the access log unless
// all is set.
type tail struct {
	all  bool
	mu   sync.Mutex
	text []byte
}

const tailSize = 64 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte(`"msg":"request"`)) && !l.all {
		return len(p), nil
	}
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-tailSize):]
	return len(p), nil
}

func (l *tail) keepAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = true
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
