package open5gs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// smf stands in for an SMF's information interface.
type smf struct {
	*httptest.Server
	mu     sync.Mutex
	ues    []string // each device as the SMF writes it
	answer string   // in its stead
	status int
}

func startSMF(t *testing.T, ues ...string) *smf {
	s := &smf{ues: ues}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *smf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page_size"))
	if r.URL.Path != "/pdu-info" || page < 0 || size < 1 || size > 100 {
		http.NotFound(w, r)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	if s.answer != "" {
		_, _ = fmt.Fprint(w, s.answer)
		return
	}
	from, to := min(page*size, len(s.ues)), min((page+1)*size, len(s.ues))
	next := ""
	if to < len(s.ues) {
		next = fmt.Sprintf(`,"next":"/pdu-info?page=%d"`, page+1)
	}
	_, _ = fmt.Fprintf(w, `{"items":[%s],"pager":{"page":%d,"page_size":%d,"count":%d%s}}`,
		strings.Join(s.ues[from:to], ","), page, size, to-from, next)
}

func (s *smf) set(ues ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ues = ues
}

const (
	ue5G = `{"supi":"imsi-%s","pdu":[{"psi":1,"dnn":"internet","ipv4":"10.45.0.11","snssai":{"sst":1,"sd":"ffffff"},"qos_flows":[{"qfi":1,"5qi":9}],"pdu_state":"inactive"}],"ue_activity":"idle"}`
	ue4G = `{"supi":"%s","pdu":[{"ebi":5,"apn":"m2m","ipv4":"10.45.0.12","ipv6":"2001:db8::12","qos_flows":[{"ebi":5}],"pdu_state":"unknown"}],"ue_activity":"unknown"}`
	idle = `{"supi":"imsi-%s","pdu":[],"ue_activity":"idle"}`
)

func TestSessions(t *testing.T) {
	t.Parallel()
	var ues []string
	for i := range 250 {
		ues = append(ues, fmt.Sprintf(idle, fmt.Sprintf("00103%010d", i)))
	}
	ues[120] = fmt.Sprintf(ue5G, "001020000000001")
	first, second := startSMF(t, ues...), startSMF(t, fmt.Sprintf(ue4G, "001020000000002"))
	c := startDatabase(t).open(t, fmt.Sprintf(`,"info":[%q,%q]`, first.URL, second.URL+"/"))
	for imsi, want := range map[ident.IMSI][]network.Session{
		"001020000000001": {{APN: "internet", IPs: []netip.Addr{netip.MustParseAddr("10.45.0.11")}, State: "inactive"}},
		"001020000000002": {{APN: "m2m", IPs: []netip.Addr{netip.MustParseAddr("10.45.0.12"), netip.MustParseAddr("2001:db8::12")}, State: "unknown"}},
		"001030000000007": nil,
		"001020000000003": nil,
	} {
		got, err := c.Sessions(t.Context(), imsi)
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); err != nil || d != "" {
			t.Errorf("Sessions(%s): %v\n%s", imsi, err, d)
		}
	}
}

// TestSessionsLeftOut takes no answer that leaves devices out for one that says
// that there are none.
func TestSessionsLeftOut(t *testing.T) {
	t.Parallel()
	s := startSMF(t)
	c := startDatabase(t).open(t, fmt.Sprintf(`,"info":[%q]`, s.URL))
	for _, bad := range []struct {
		status int
		answer string
	}{
		{0, `{}`},
		{0, `{"items":[],"pager":{"page":0,"page_size":100,"count":0,"truncated":true}}`},
		{0, `{"items":[`},
		{http.StatusInternalServerError, `{"items":[],"pager":{}}`},
		{http.StatusFound, `{"items":[],"pager":{}}`},
	} {
		s.mu.Lock()
		s.status, s.answer = bad.status, bad.answer
		s.mu.Unlock()
		if got, err := c.Sessions(t.Context(), "001"); fault.KindOf(orNone(err)) != fault.Unavailable {
			t.Errorf("%d %s: %v, %v", bad.status, bad.answer, got, err)
		}
	}
	if _, err := startDatabase(t).open(t, "").Sessions(t.Context(), "001"); fault.KindOf(orNone(err)) != fault.Unimplemented {
		t.Errorf("Sessions without an address: %v", err)
	}
}

// TestProof lets a cut count when the session is gone, and not before; one that
// does not go is cut again.
func TestProof(t *testing.T) {
	t.Parallel()
	s := startSMF(t)
	c, e := openEPC(t, fmt.Sprintf(`,"info":[%q]`, s.URL))
	batch := fleet(2)
	mustApply(t, c, batch...)
	e.attach(batch[0].IMSI)
	s.set(fmt.Sprintf(ue5G, batch[0].IMSI))
	for i := range batch {
		batch[i].Barred = 1
	}
	results := c.Apply(t.Context(), batch)
	if fault.CodeOf(orNone(results[0])) != "network.session_open" || results[1] != nil {
		t.Fatalf("with an open session: %v", results)
	}
	mustHave(t, c, batch...)
	waitFor(t, "the HSS to cancel the location", func() bool { return e.cancels(batch[0].IMSI) == 1 })

	done := make(chan error)
	go func() { done <- c.Apply(t.Context(), batch)[0] }()
	waitFor(t, "the HSS to cancel the location again", func() bool { return e.cancels(batch[0].IMSI) == 2 })
	s.set()
	if err := <-done; err != nil {
		t.Errorf("when the session is gone: %v", err)
	}
	if e.cancels(batch[1].IMSI) > 1 {
		t.Error("its neighbour was cut again, too")
	}

	s.mu.Lock()
	s.answer = "{}"
	s.mu.Unlock()
	if err := c.Apply(t.Context(), batch)[0]; err == nil {
		t.Error("a cut counts as proved while nobody can look")
	}
	prove := false
	c.config.Prove = &prove
	mustApply(t, c, batch...)
}
