package terminal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
)

// got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(r *http.Request) got {
	rec := httptest.NewRecorder()
	w.edge.ServeHTTP(rec, r)
	return got{rec.Code, rec.Header(), rec.Body.String()}
}

// call makes a call as a program, with everything in the query, and holds the
// answer against the contract.
func (w *world) call(who, method, path string) got {
	w.t.Helper()
	r := httptest.NewRequest(method, terminal.DefaultPrefix+fill(path), nil)
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+w.secrets[who].token)
	}
	a := w.send(r)
	conforms(w.t, method, path, a)
	return a
}

func (w *world) get(path string) got { return w.call(full, http.MethodGet, path) }
func (w *world) put(path string) got { return w.call(full, http.MethodPut, path) }

// ok fails the test unless the status is as said.
func (g got) ok(t testing.TB, status int) got {
	t.Helper()
	if g.status != status {
		t.Errorf("%d instead of %d: %s", g.status, status, g.body)
	}
	return g
}

// fails wants an error of the contract, and fails the test otherwise.
func (g got) fails(t testing.TB, status int, code, text string) {
	t.Helper()
	var e struct {
		Code        string `json:"error_code"`
		Description string `json:"error_description"`
		Timestamp   int64  `json:"timestamp"`
	}
	_ = json.Unmarshal([]byte(g.body), &e)
	if g.status != status || e.Code != code || !strings.Contains(e.Description, fill(text)) || e.Timestamp < noon.UnixMilli() {
		t.Errorf("%d %s instead of %d %s %q", g.status, g.body, status, code, text)
	}
}

func (g got) into(t testing.TB, v any) {
	t.Helper()
	if g.status != http.StatusOK && g.status != http.StatusAccepted {
		t.Fatalf("%d %s", g.status, g.body)
	}
	if err := json.Unmarshal([]byte(g.body), v); err != nil {
		t.Fatalf("%v in %s", err, g.body)
	}
}

// simJSON is what tests look at of a SIM.
type simJSON struct {
	ICCID  string
	Name   string
	Group  string
	State  string
	Status struct {
		Primary   string
		Secondary *string
	}
	Limit        int64   `json:"data_limit"`
	Used         int64   `json:"data_used"`
	SMS          int64   `json:"sms_used"`
	Locked       bool    `json:"imei_locked"`
	LockedIMEI   string  `json:"locked_imei"`
	Frozen       bool    `json:"status_locked"`
	Active       *string `json:"active_profile"`
	Downloaded   []string
	Profiles     []string `json:"downloaded_profiles"`
	LastModified *int64   `json:"lastModifiedMillis"`
	LastSession  *int64   `json:"lastDataSessionMillis"`
	Message      string
}

// stands is the state and the status of a SIM, such as "LIVE PENDING/LIVE".
func (s *simJSON) stands() string {
	out := s.State + " " + s.Status.Primary
	if s.Status.Secondary != nil {
		out += "/" + *s.Status.Secondary
	}
	return out
}

// look reads a SIM.
func (w *world) look(name string) *simJSON {
	w.t.Helper()
	var s simJSON
	who := full
	if name == "foreign" {
		who = stranger
	}
	w.call(who, http.MethodGet, "/get_sim?iccid=<"+name+">").into(w.t, &s)
	return &s
}
