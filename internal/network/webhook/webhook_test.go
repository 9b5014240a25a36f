package webhook_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/network/webhook"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// front stands before the other side and can misbehave.
type front struct {
	*OtherSide
	mu     sync.Mutex
	down   bool
	lose   int                            // answers that are made and not sent
	serve  func(http.ResponseWriter) bool // in the other side's stead
	calls  []*http.Request
	bodies []string
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.calls, f.bodies = append(f.calls, r), append(f.bodies, string(body))
	down, serve, lost := f.down, f.serve, f.lose > 0
	f.lose--
	f.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler) // breaks the connection off
	}
	if serve != nil && serve(w) {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if strings.Contains(string(body), `"type":"list"`) {
		f.list(w, body)
		return
	}
	if strings.Contains(string(body), `"type":"control"`) {
		f.control(w, body)
		return
	}
	if lost {
		f.OtherSide.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	f.OtherSide.ServeHTTP(w, r)
}

// list answers what not every other side can.
func (f *front) list(w io.Writer, body []byte) {
	var call struct {
		After string
		Limit int
	}
	_ = json.Unmarshal(body, &call)
	f.OtherSide.mu.Lock()
	defer f.OtherSide.mu.Unlock()
	there := []Subscriber{}
	for _, imsi := range slices.Sorted(maps.Keys(f.has)) {
		if imsi > call.After && len(there) < call.Limit {
			there = append(there, f.has[imsi])
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"known": []string{}, "subscribers": there})
}

// control agrees for whom it knows.
func (f *front) control(w io.Writer, body []byte) {
	var call struct{ Profiles []Subscriber }
	_ = json.Unmarshal(body, &call)
	f.OtherSide.mu.Lock()
	defer f.OtherSide.mu.Unlock()
	imsi := call.Profiles[0].IMSI
	answer := map[string]string{"imsi": imsi, "result": "agreed"}
	if _, there := f.has[imsi]; !there {
		answer = map[string]string{"imsi": imsi, "result": "refused", "reason": "who is that?"}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": []any{answer}})
}

func (f *front) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// start returns another side over TLS and what a Config says of it.
func start(t *testing.T) (*front, string) {
	t.Helper()
	f := &front{OtherSide: &OtherSide{Secret: secret, Refuse: map[string]string{}}}
	s := httptest.NewTLSServer(f)
	t.Cleanup(s.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	b, _ := json.Marshal(map[string]string{"url": s.URL, "ca": ca})
	return f, strings.TrimSuffix(string(b), "}")
}

func open(t *testing.T, config string) network.Driver {
	t.Helper()
	d, err := webhook.Open(t.Context(), json.RawMessage(config), []byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDriver(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		f, config := start(t)
		return drivertest.Harness{
			Driver: open(t, config+`,"list":true,"controls":["disconnect","sms"]}`),
			Known:  network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred,
			Bars:   []sim.Services{sim.Data, sim.Messaging, sim.Voice, sim.Data | sim.Voice},
			Outage: func(_ *testing.T, on bool) { f.locked(func() { f.down = on }) },
			Refuse: func(_ *testing.T, imsi ident.IMSI) {
				f.OtherSide.mu.Lock()
				defer f.OtherSide.mu.Unlock()
				f.Refuse[string(imsi)] = "the number range is not ours"
			},
			Restart: func(t *testing.T) network.Driver { return open(t, config+`,"list":true}`) },
		}
	})
}

func fleet(n int) []sim.Profile {
	out := make([]sim.Profile, n)
	for i := range out {
		out[i] = sim.Profile{
			ICCID: "8999901000000000017", IMSI: ident.IMSI(fmt.Sprintf("00102%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("88288%08d", i)),
			APN: "m2m", IP: netip.MustParseAddr("10.45.0.17"), Present: true, Barred: sim.Data | sim.Voice, Generation: 7,
			K: ident.Key{0xAB, byte(i)}, OPc: ident.Key{0xCD, byte(i)},
		}
	}
	return out
}

func orNone(err error) error {
	if err == nil {
		return fault.New(fault.Internal, "none", "no error")
	}
	return err
}

// TestRequest holds what is sent byte for byte, but for its id.
func TestRequest(t *testing.T) {
	t.Parallel()
	p := fleet(1)[0]
	const start1 = `{"iccid":"8999901000000000017","imsi":"001020000000000","msisdn":"8828800000000","apn":"m2m","ip":"10.45.0.17","present":true,"barred":["data","voice"],"generation":7`
	for _, c := range []struct{ config, want string }{
		{`}`, `{"id":"%s","type":"apply","profiles":[` + start1 + `}]}`},
		{`,"keys":true}`, `{"id":"%s","type":"apply","profiles":[` + start1 + `,"k":"` + p.K.Hex() + `","opc":"` + p.OPc.Hex() + `"}]}`},
	} {
		f, config := start(t)
		d := open(t, config+c.config)
		if err := d.Apply(t.Context(), []sim.Profile{p})[0]; err != nil {
			t.Fatal(err)
		}
		r := f.calls[0]
		id := r.Header.Get("webhook-id")
		if want := fmt.Sprintf(c.want, id); f.bodies[0] != want {
			t.Errorf("the body is\n%s\nwant\n%s", f.bodies[0], want)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || len(id) < 20 || r.Header.Get("Idempotency-Key") != "" {
			t.Errorf("the call is %s with %v", r.Method, r.Header)
		}
	}
}

// TestSignature wants calls that are signed with another secret, or whose time
// is off, turned down, and both of two secrets used.
func TestSignature(t *testing.T) {
	t.Parallel()
	const other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	f, config := start(t)
	for _, c := range []struct {
		secrets string
		right   bool
	}{{secret, true}, {other, false}, {other + " " + secret, true}, {secret + "\n" + other + "\n", true}} {
		d, err := webhook.Open(t.Context(), json.RawMessage(config+"}"), []byte(c.secrets), nil)
		if err != nil {
			t.Fatal(err)
		}
		result := d.Apply(t.Context(), fleet(1))[0]
		if (result == nil) != c.right {
			t.Errorf("signed with %q: %v", c.secrets, result)
		}
		if result != nil && (fault.CodeOf(result) != "network.unauthorized" || network.Refused(result) != nil) {
			t.Errorf("signed with another secret: %v", result)
		}
		_ = d.Close()
	}
	if n := len(strings.Fields(f.calls[3].Header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures with two secrets", n)
	}
}

// TestLostAnswer repeats a call whose answer is lost under the same id, and so
// has nothing done twice.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+"}")
	f.lose = 1
	if err := d.Apply(t.Context(), fleet(1))[0]; err != nil {
		t.Fatal(err)
	}
	if len(f.calls) != 2 || f.calls[0].Header.Get("webhook-id") != f.calls[1].Header.Get("webhook-id") || f.bodies[0] != f.bodies[1] || len(f.answered) != 1 {
		t.Errorf("%d calls, %d answers", len(f.calls), len(f.answered))
	}
	if err := d.Apply(t.Context(), fleet(1))[0]; err != nil || f.calls[2].Header.Get("webhook-id") == f.calls[0].Header.Get("webhook-id") {
		t.Errorf("the next call: %v", err)
	}
}

// TestWrongAnswers turns none of them into success, and none into a refusal.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+`,"list":true}`)
	batch := fleet(2)
	result := func(imsi ident.IMSI, r string) string {
		return fmt.Sprintf(`{"imsi":%q,"result":%q,"reason":"x"}`, imsi, r)
	}
	status := func(code int) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { http.Error(w, "no", code); return true }
	}
	says := func(body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, body); return true }
	}
	for name, serve := range map[string]func(http.ResponseWriter) bool{
		"no JSON":          says("<html>"),
		"nothing":          says(""),
		"no results":       says(`{}`),
		"a result too few": says(`{"results":[` + result(batch[0].IMSI, "agreed") + `]}`),
		"other IMSIs":      says(`{"results":[` + result(batch[1].IMSI, "agreed") + "," + result(batch[0].IMSI, "agreed") + `]}`),
		"another word":     says(`{"results":[` + result(batch[0].IMSI, "ok") + "," + result(batch[1].IMSI, "") + `]}`),
		"retry":            says(`{"results":[` + result(batch[0].IMSI, "retry") + "," + result(batch[1].IMSI, "retry") + `]}`),
		"too long":         says(`{"results":[` + result(batch[0].IMSI, "agreed") + "," + result(batch[1].IMSI, "agreed") + `]}` + strings.Repeat(" ", 1<<20)),
		"accepted":         status(http.StatusAccepted),
		"redirect": func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
		"too large":   status(http.StatusRequestEntityTooLarge),
		"their fault": status(http.StatusInternalServerError),
		"not there":   status(http.StatusServiceUnavailable),

		"unknown service":   says(`{"known":["barred"],"subscribers":[{"imsi":"001020000000000","present":true,"barred":["fax"]}]}`),
		"unknown field":     says(`{"known":["colour"],"subscribers":[{"imsi":"001020000000000","present":true}]}`),
		"no address":        says(`{"known":["ip"],"subscribers":[{"imsi":"001020000000000","present":true,"ip":"ten"}]}`),
		"no IMSI":           says(`{"known":[],"subscribers":[{"imsi":"x","present":true}]}`),
		"absent in a list":  says(`{"known":[],"subscribers":[{"imsi":"001020000000000","present":false}]}`),
		"list upside down":  says(`{"known":[],"subscribers":[{"imsi":"001020000000001","present":true},{"imsi":"001020000000000","present":true}]}`),
		"list that is long": says(`{"known":[],"subscribers":[{"imsi":"001020000000000","present":true},{"imsi":"001020000000001","present":true},{"imsi":"001020000000002","present":true}]}`),
	} {
		f.locked(func() { f.serve = serve })
		for i, err := range d.Apply(t.Context(), batch) {
			if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
				t.Errorf("%s: profile %d: %v", name, i, err)
			}
		}
		// Observing asks for a second one that no answer here tells of.
		if got, err := d.Observe(t.Context(), []ident.IMSI{batch[0].IMSI, "001029"}); fault.KindOf(orNone(err)) != fault.Unavailable {
			t.Errorf("%s: Observe = %+v, %v", name, got, err)
		}
		got, err := d.(network.Lister).List(t.Context(), "", 2)
		listable := map[string]bool{"no results": true, "a result too few": true, "other IMSIs": true, "another word": true, "retry": true}
		if (err == nil) != listable[name] || len(got) != 0 {
			t.Errorf("%s: List = %+v, %v", name, got, err)
		}
	}
}

// TestReasons shows the other side's reasons to owners, and nothing that must
// not be shown.
func TestReasons(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+`,"keys":true}`)
	p := fleet(1)[0]
	const none = "the network gave no reason that can be shown"
	long := strings.Repeat("ä", 300)
	for reason, want := range map[string]string{
		"the number is not ours":                "the number is not ours",
		"  two\nlines\tand a bell\a":            "two lines and a bell",
		long:                                    strings.Repeat("ä", 200),
		" ":                                     none,
		"see https://10.0.0.1/why":              none,
		"no answer from [10.1.2.3:4258]":        none,
		"bad key " + strings.ToUpper(p.K.Hex()): none,
		"opc=" + p.OPc.Hex()[:16] + " " + p.OPc.Hex()[16:]: none,
	} {
		f.OtherSide.mu.Lock()
		f.Refuse[string(p.IMSI)] = reason
		f.OtherSide.mu.Unlock()
		if r := network.Refused(d.Apply(t.Context(), []sim.Profile{p})[0]); r == nil || r.Why != want {
			t.Errorf("%q is shown as %v", reason, r)
		}
	}
}

// TestHang has the other side take a call and say nothing.
func TestHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d := open(t, `{"url":"http://`+l.Addr().String()+`","timeout":"100ms"}`)
	begun := time.Now()
	if err := d.Apply(context.WithoutCancel(t.Context()), fleet(1))[0]; fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Apply: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v to give up", took)
	}
}

// TestStranger does not speak to one whom nobody vouches for.
func TestStranger(t *testing.T) {
	t.Parallel()
	f := &front{OtherSide: &OtherSide{Secret: secret}}
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	d := open(t, fmt.Sprintf(`{"url":%q}`, s.URL))
	if err := d.Apply(t.Context(), fleet(1))[0]; fault.KindOf(orNone(err)) != fault.Unavailable || len(f.calls) > 0 {
		t.Errorf("Apply: %v after %d calls", err, len(f.calls))
	}
}

// TestBatches splits what is too much for one call.
func TestBatches(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+`,"batch":10}`)
	batch := fleet(25)
	for _, err := range d.Apply(t.Context(), batch) {
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := make([]ident.IMSI, len(batch))
	for i := range batch {
		ids[i] = batch[i].IMSI
	}
	got, err := d.Observe(t.Context(), ids)
	if err != nil || len(got) != len(batch) || len(f.calls) != 6 {
		t.Errorf("%d read back after %d calls, %v", len(got), len(f.calls), err)
	}
	if _, ok := d.(network.Lister); ok {
		t.Error("a network that cannot list says that it can")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, want string }{
		{`{"url":"https://network.example/simurgh?tenant=1","keys":true,"list":true,"batch":100,"timeout":"30s"}`, ""},
		{`{"url":"http://[::1]:8090"}`, ""},
		{``, "url is no address such as https://network.example/simurgh"},
		{`{"url":"http://network.example"}`, "url does not begin with https://, which is needed unless the other side is on this machine"},
		{`{"url":"https://a:b@network.example"}`, "url holds a user; calls are signed with the network's secret instead"},
		{`{"url":"https://network.example#x"}`, "url has a fragment, which no server sees"},
		{`{"url":"https://n.example","batch":0,"timeout":"2h","ca":"x"}`, `batch is 0; 1 to 1000 is needed; timeout is "2h"; a duration from "10ms" to "1m" is needed; ca holds no certificate in PEM`},
		{`{"url":"https://n.example","controls":["ping","fly"]}`, `controls[1] is "fly"; there are: disconnect, cancelLocation, ping, wget, sms, ota`},
		{`{"uri":"x"}`, "config of a webhook network is a JSON object"},
	} {
		err := webhook.Check(json.RawMessage(c.config))
		if c.want == "" && err != nil || c.want != "" && (!strings.HasPrefix(fmt.Sprint(err), c.want) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v\nwant %s", c.config, err, c.want)
		}
	}
	config := json.RawMessage(`{"url":"https://network.example"}`)
	for _, bad := range []string{"", "topsecret", "whsec_!", "whsec_c2hvcnQ=", secret + " whsec_x"} {
		_, err := webhook.Open(t.Context(), config, []byte(bad), nil)
		if fault.KindOf(orNone(err)) != fault.Invalid || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("with the secret %q: %v", bad, err)
		}
	}
}

// TestManual keeps the program in the manual the one that is tested here.
func TestManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "webhook-network.md"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(manual), "```go\n")
	program, _, closed := strings.Cut(rest, "```")
	if !ok || !closed || !strings.Contains(string(example), program) {
		t.Error("the program in docs/webhook-network.md is not the one in example_test.go")
	}
	if n := strings.Count(program, "\n"); n < 50 {
		t.Errorf("the program in docs/webhook-network.md has %d lines", n)
	}
}
