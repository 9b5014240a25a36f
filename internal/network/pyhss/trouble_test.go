package pyhss

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := startServer(t).open(t, "")
	batch := fleet(5)
	batch[1].Barred = sim.Voice
	batch[2].IMSI = ""
	batch[3].K = ident.Key{}
	want := []string{"", "the network bars voice and messaging only together", "the SIM has no IMSI", "", ""}
	for i, err := range h.Apply(t.Context(), batch) {
		why := ""
		if r := network.Refused(err); r != nil {
			why = r.Why
		}
		if why != want[i] {
			t.Errorf("profile %d: %v", i, err)
		}
		// Keys may still be put into the network.
		if noKeys := fault.CodeOf(orNone(err)) == "network.no_keys"; noKeys != (i == 3) {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	mustApply(t, h, batch[0], batch[4])
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, `{"aud2g":"comp128v1"}`)
	p := fleet(1)[0]
	for _, step := range []struct {
		change func()
		algo   string
	}{
		{func() {}, "4"},
		{func() { p.K[3]++ }, "4"},
		{func() { p.OPc = ident.Key{} }, "1"},
		{func() { p.OPc = ident.Key{9} }, "4"},
	} {
		step.change()
		mustApply(t, h, p)
		auc := s.Row("auc", "imsi", string(p.IMSI))
		if auc["ki"] != p.K.Hex() || auc["opc"] != p.OPc.Hex() || auc["algo"] != step.algo || auc["amf"] != "8000" || auc["iccid"] != string(p.ICCID) {
			t.Errorf("the keys are %v", auc)
		}
		if auc["sqn"] == nil {
			t.Error("there is no count, and PyHSS fails at that")
		}
		s.Set("auc", "imsi", string(p.IMSI), row{"sqn": 99.0})
	}
	mustApply(t, h, p)
	if sqn := s.Row("auc", "imsi", string(p.IMSI))["sqn"]; sqn != 99.0 {
		t.Errorf("the count went back to %v", sqn)
	}
	// Cards whose number nobody knows do not get in one another's way.
	batch := fleet(4)[1:]
	for i := range batch {
		batch[i].ICCID = ""
	}
	mustApply(t, h, batch...)
}

// TestFailuresTellNoSecret has each statement fail in turn; PyHSS then quotes
// what it was given.
func TestFailuresTellNoSecret(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"PUT apn", "PUT auc", "PATCH auc", "PUT subscriber", "PATCH subscriber", "PUT subscriber_attributes", "PUT subscriber/routing", "DELETE subscriber"} {
		t.Run(failing, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			s.Key = "the-provisioning-key"
			h := s.open(t, "")
			p := fleet(1)[0]
			failed := false
			s.Broken = func(method, path string) bool {
				here := strings.HasPrefix(method+" "+path, failing)
				failed = failed || here
				return here
			}
			for _, step := range []func(){
				func() { p.IP = netip.MustParseAddr("10.45.0.17") }, func() { p.Barred = sim.AllServices }, func() { p.Barred = 0 }, func() { p.Present = false },
			} {
				step()
				err := h.Apply(t.Context(), one(p))[0]
				if err != nil && (fault.KindOf(err) != fault.Unavailable || network.Refused(err) != nil) {
					t.Errorf("Apply: %v", err)
				}
				for _, secret := range []string{p.K.Hex(), p.OPc.Hex(), s.Key} {
					if err != nil && strings.Contains(err.Error(), secret) {
						t.Fatalf("the error holds a secret: %v", err)
					}
				}
				s.hush(failing, func() { mustApply(t, h, p) })
			}
			if !failed {
				t.Errorf("%s is never called", failing)
			}
		})
	}
}

// hush lets do through what fails otherwise.
func (s *server) hush(failing string, do func()) {
	s.Mu.Lock()
	broken := s.Broken
	s.Broken = nil
	s.Mu.Unlock()
	do()
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Broken = broken
	if strings.HasPrefix(failing, "PUT apn") {
		clear(s.Tables["apn"].Rows) // or it would not be made again
		clear(s.Tables["subscriber"].Rows)
		clear(s.Tables["subscriber_routing"].Rows)
		clear(s.Tables["subscriber_attributes"].Rows)
	}
}

// TestNothingIsMissingFromTheBlind takes a PyHSS that answers "null" to
// everything for one that knows nobody in no case.
func TestNothingIsMissingFromTheBlind(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	batch := fleet(3)
	mustApply(t, h, batch...)
	s.hold(true)
	for i := range batch {
		batch[i].Present = false
	}
	for i, err := range h.Apply(t.Context(), batch) {
		if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	if got, err := h.Observe(t.Context(), []ident.IMSI{batch[0].IMSI}); err == nil {
		t.Errorf("Observe = %+v", got)
	}
	s.hold(false)
	mustApply(t, h, batch...)
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.Key = "right-key"
	d, err := Open(t.Context(), json.RawMessage(fmt.Sprintf(`{"url":%q}`, s.URL)), []byte("wrong-key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	err = d.Apply(t.Context(), fleet(1))[0]
	if fault.CodeOf(orNone(err)) != "network.unauthorized" || network.Refused(err) != nil || strings.Contains(err.Error(), "wrong-key") {
		t.Errorf("Apply: %v", err)
	}
	if _, err := Open(t.Context(), nil, []byte("a\nb"), nil); fault.KindOf(orNone(err)) != fault.Invalid {
		t.Errorf("a secret of two lines: %v", err)
	}
}

// TestRedirect must not carry the key to another address.
func TestRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	d, err := Open(t.Context(), json.RawMessage(fmt.Sprintf(`{"url":%q}`, here.URL)), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Apply(t.Context(), fleet(1))[0]; fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Apply: %v", err)
	}
}

// TestHang has a server that takes connections and says nothing: a batch gives
// up with the first call that does.
func TestHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d, err := Open(t.Context(), json.RawMessage(`{"url":"http://`+l.Addr().String()+`","timeout":"200ms"}`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	begun := time.Now()
	for _, err := range d.Apply(context.WithoutCancel(t.Context()), fleet(200)) {
		if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
			t.Fatalf("Apply: %v", err)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v to give up", took)
	}
}

// TestAddressMoves takes the static address along to another access point.
func TestAddressMoves(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	p.IP = netip.MustParseAddr("10.45.0.17")
	for _, step := range []func(){
		func() {}, func() { p.APN = "m2m" }, func() { p.Barred = sim.Data }, func() { p.APN = "iot" }, func() { p.Barred = 0 },
		func() { p.IP = netip.MustParseAddr("2001:db8::17") },
	} {
		step()
		mustApply(t, h, p)
		if n := len(s.Tables["subscriber_routing"].Rows); n != 1 {
			t.Fatalf("the subscriber has %d static addresses", n)
		}
	}
	if r := s.Row("subscriber_routing", "ip_address", "2001:db8::17"); r["ip_version"] != 1.0 {
		t.Errorf("the address is kept as %v", r)
	}
}

// TestList reads many pages, whatever the order that they come in.
func TestList(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	batch := fleet(450)
	slices.Reverse(batch)
	batch[7].Barred = sim.AllServices
	mustApply(t, h, batch...)
	var got []network.Actual
	for after := ident.IMSI(""); ; after = got[len(got)-1].IMSI {
		page, err := h.List(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 100 {
			break
		}
	}
	if len(got) != len(batch) || !slices.IsSortedFunc(got, func(a, b network.Actual) int { return byIMSI(a, b.IMSI) }) {
		t.Fatalf("%d subscribers are listed", len(got))
	}
	slices.Reverse(batch)
	for i, a := range got {
		if d := a.Drift(&batch[i]); len(d) > 0 {
			t.Errorf("%s: %+v", a.IMSI, d)
		}
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	mustApply(t, h, fleet(1)...)
	for _, c := range []struct {
		key      string
		insecure bool
		want     int
	}{{"", false, 1}, {"", true, 2}, {"key", true, 1}, {"key", false, 0}} {
		s.Mu.Lock()
		s.Key, s.Insecure = c.key, c.insecure
		s.Mu.Unlock()
		with := s.open(t, "")
		with.api.key = c.key
		got, err := with.Inspect(t.Context())
		if err != nil || len(got.Conditions) != c.want || got.Software != "PyHSS hss01" {
			t.Errorf("with %+v: %q, %v", c, got, err)
		}
		s.Since()
		if _, err := with.Inspect(t.Context()); err != nil || len(s.Since()) > 0 {
			t.Errorf("PyHSS is tried anew at each look: %v", err)
		}
		with = s.open(t, "")
		with.api.key = "wrong"
		if got, err := with.Inspect(t.Context()); (fault.CodeOf(err) == codeUnauthorized) != (c.key != "") {
			t.Errorf("with %+v and the wrong key: %q, %v", c, got, err)
		}
	}
	s.hold(true)
	if got, err := h.Inspect(t.Context()); err == nil {
		t.Errorf("of a blind PyHSS: %q", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, want string }{
		{``, ""},
		{`{"url":"https://hss.example/api","suspend":"disable","suspendApn":"off","apn":"iot","parallel":8,"timeout":"1s"}`, ""},
		{`{"url":"hss:8080"}`, "url is no address such as http://127.0.0.1:8080"},
		{`{"url":"http://a:b@hss"}`, "url holds more than an address; the Provisioning-Key is the network's secret"},
		{`{"suspend":"x","aud2g":"y","downlinkMbps":0,"uplinkMbps":9999,"parallel":0,"apn":"-","suspendApn":".","timeout":"0s"}`,
			`suspend is "x"; there are: apn, disable, roaming; aud2g is "y"; there are: comp128v1, comp128v2, comp128v3; downlinkMbps is 0; 1 to 2000 is needed; uplinkMbps is 9999; 1 to 2000 is needed; parallel is 0; 1 to 64 is needed; apn has the label "-"`},
		{`{"suspendApn":"internet"}`, "suspendApn is the access point of those who are not suspended"},
		{`{"key":"x"}`, "config of a PyHSS is a JSON object"},
	} {
		err := Check(json.RawMessage(c.config))
		if c.want == "" && err != nil || c.want != "" && (!strings.HasPrefix(fmt.Sprint(err), c.want) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v\nwant %s", c.config, err, c.want)
		}
	}
}
