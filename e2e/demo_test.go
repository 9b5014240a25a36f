package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tour is what the demonstration prints.
type tour struct {
	URL, Data string
	Programs  []struct{ ClientID, ClientSecret, Role string }
	Commands  []string // each for a shell of its own
	Script    []string // for one shell
	Terminal  []string // likewise
	SIMs      map[string]int
}

// demonstrate starts a demonstration on a free port, and ends it with the test.
func demonstrate(t *testing.T) tour {
	t.Helper()
	cmd := exec.Command(binary, "demo", "--json", "--http", "127.0.0.1:0")
	cmd.Env = append(environment(), "TMPDIR="+t.TempDir())
	var out tour
	n, err := startWith(cmd, &out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.stop(syscall.SIGTERM) })
	return out
}

// The demonstration is ready in seconds, and the commands that it prints work
// as they are pasted. Its folder goes with it.
func TestDemoTour(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("curl is missing: run ./scripts/deps")
		}
		t.Skip("curl is missing: run ./scripts/deps")
	}
	tmp := t.TempDir()
	cmd := exec.Command(binary, "demo", "--json", "--http", "127.0.0.1:0")
	cmd.Env = append(environment(), "TMPDIR="+tmp)
	var tour tour
	begun := time.Now()
	n, err := startWith(cmd, &tour)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.stop(syscall.SIGKILL) }()
	t.Logf("ready after %s: %v", time.Since(begun).Round(time.Millisecond), tour.SIMs)
	answers := make([]string, len(tour.Commands))
	for i, c := range tour.Commands {
		out, err := exec.Command("sh", "-c", c).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
		answers[i] = string(out)
	}
	for i, want := range []string{`"cookie":"`, `"totRecs":`, `{"status":"AUTO"}`} {
		if !strings.Contains(answers[i], want) {
			t.Errorf("%s\nanswered %s", tour.Commands[i], answers[i])
		}
	}
	script, err := exec.Command("sh", "-c", strings.Join(tour.Script, "\n")).CombinedOutput()
	if err != nil || !strings.Contains(string(script), `"itemCount":1`) || !strings.Contains(string(script), `"status":"active","systemSuspend"`) {
		t.Errorf("%v: %v\n%s", tour.Script, err, script)
	}
	script, err = exec.Command("sh", "-c", strings.Join(tour.Terminal, "\n")).CombinedOutput()
	if err != nil || !strings.Contains(string(script), `["Islands","North","South"]`) || !strings.Contains(string(script), `"status":{"primary":"PENDING","secondary":"LIVE"}`) {
		t.Errorf("%v: %v\n%s", tour.Terminal, err, script)
	}
	provisioned := tour.SIMs["provisioned"]
	until(t, "the three SIMs are on the network", func() bool {
		out, err := exec.Command(binary, "--data", tour.Data, "sims", "list", "--state", "provisioned", "--limit", "1", "--json").Output()
		return err == nil && bytes.Contains(out, fmt.Appendf(nil, `"total":%d`, provisioned+3))
	})
	if err := n.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The collection that users are handed runs green against the demonstration,
// with its programs, every request of it.
func TestThePostmanCollectionOnTheDemo(t *testing.T) {
	t.Parallel()
	newman, err := exec.LookPath("newman")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("newman is missing: run ./scripts/deps")
		}
		t.Skip("newman is missing: run ./scripts/deps")
	}
	demo := demonstrate(t)
	const free = "8944538599000000193" // one of the customer's, in stock
	name := filepath.Join("..", "api", "postman", "simurgh-sim-api.postman_")
	args := []string{"run", name + "collection.json", "--environment", name + "environment.json", "--color", "off", "--timeout-request", "20000"}
	for key, value := range map[string]string{"URL": demo.URL, "GetTokenURL": demo.URL + "/oauth2/token", "clientId": demo.Programs[0].ClientID,
		"clientSecret": demo.Programs[0].ClientSecret, "operatorClientId": demo.Programs[1].ClientID, "operatorClientSecret": demo.Programs[1].ClientSecret, "iccId": free} {
		args = append(args, "--env-var", key+"="+value)
	}
	if out, err := exec.CommandContext(t.Context(), newman, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Each door of the SIM API is where clients look for it.
func TestTheDoorsOfTheSIMAPI(t *testing.T) {
	t.Parallel()
	demo := demonstrate(t)
	operator := demo.Programs[1]
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {operator.ClientID}, "client_secret": {operator.ClientSecret}}
	got, err := http.PostForm(demo.URL+"/oauth2/token", form)
	if err != nil {
		t.Fatal(err)
	}
	_, text := read(t, got)
	token := strings.Split(text, `"`)[3]
	for path, want := range map[string]string{
		"/api/v2/sim?pageSize=1": `"itemCount":1`, "/api/v2/sim/?pageSize=1": `"itemCount":1`, "/v2/sim?pageSize=1": `"itemCount":1`,
		"/v2/sim/8944538599000000193/iccContract": `"inContract":"no"`, "/v2/sim/iccCount/": `"total":1000`,
		"/api/v2/portfolio": `Aurora Networks`, "/api/v2/openapi.json": `"openapi":"3.0`, "/swagger/": "<title>Simurgh SIM API",
		"/swagger": "<title>Simurgh SIM API",
	} {
		r, err := http.NewRequest(http.MethodGet, demo.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, got); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for path, want := range map[string]string{"/api/v2": "Unauthorized", "/v2/": "Unauthorized", "/api/v2/sim": "Unauthorized"} {
		got, err := http.Get(demo.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, got); status != http.StatusUnauthorized || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// The Swagger page works in a browser that reaches nothing but the server, and
// that the page's own policy keeps from asking anybody else.
func TestTheSwaggerPageInABrowser(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: run ./scripts/deps")
		}
		t.Skip("chromium is missing: run ./scripts/deps")
	}
	demo := demonstrate(t)
	got, err := http.Get(demo.URL + "/swagger/")
	if err != nil {
		t.Fatal(err)
	}
	policy := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "img-src 'self' data:", "style-src 'self' 'unsafe-inline'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if _, page := read(t, got); strings.Contains(page, "://") {
		t.Errorf("the page names another address: %s", page)
	}
	cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=20000", "--dump-dom", demo.URL+"/swagger/")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, part := range []string{"operations-tag-SIM", "operations-tag-Portfolio", "btn authorize", "Simurgh SIM API"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("the page shows no %s", part)
		}
	}
	for _, part := range regexp.MustCompile(`(?:src|href)="(https?:)?//[^"]*"`).FindAllString(string(out), -1) {
		if strings.Contains(part, "src=") {
			t.Errorf("the page loads %s", part)
		}
	}
}

func read(t *testing.T, r *http.Response) (int, string) {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// Simulated devices live on the demonstration's SIMs, through the RADIUS server:
// what they use and where they are can be read.
func TestDemoDevicesLive(t *testing.T) {
	t.Parallel()
	d := demonstrate(t)
	n := &node{url: d.URL}
	until(t, "devices are let in and turned away", func() bool {
		return n.gauge(t, "simurgh_radius_access_total", `"accepted"`) > 50 && n.gauge(t, "simurgh_radius_access_total", `"suspended"`) > 0
	})
	until(t, "devices report", func() bool { return n.gauge(t, "simurgh_radius_accounting_total", `step="stop"`) > 300 })
	p := platform{data: d.Data}
	var list struct{ SIMs []struct{ ICCID string } }
	p.run(t, &list, "sims", "list", "--state", "provisioned", "--limit", "1")
	until(t, "its SIM tells of sessions", func() bool {
		var h heard
		p.run(t, &h, "sims", "show", list.SIMs[0].ICCID)
		return len(h.Sessions) >= 6 && h.Sessions[0].State == "open" && h.Sessions[1].In > 0 && len(h.Answers) > 0 && h.Answers[0].Accepted
	})
	if lost := n.gauge(t, "simurgh_radius_dropped_total", ""); lost > 0 {
		t.Errorf("%v packets of the devices were dropped", lost)
	}
}
