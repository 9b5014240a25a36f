package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sent is the environment variable that makes the test's program a server that
// answers everything with a text, instead of running tests.
const sent = "SIMURGH_E2E_SENDS"

// sendOnly serves on a free port, which it prints, until it is killed: a bare
// net/http handler, to compare with.
func sendOnly(text string) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"url\":\"http://%s\"}\n", l.Addr())
	body := []byte(text)
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // it talks to its own test
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})))
}

// bare starts a program that sends a text and does nothing else.
func bare(b *testing.B, text string) *node {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(environment(), sent+"="+text)
	n, err := start(cmd)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.stop(os.Kill) })
	return n
}

// program is a client of the SIM API.
type program struct {
	url, token string
	http       *http.Client
}

// program serves the platform, and signs in a program with a role.
func (f *benched) program(b *testing.B, role string) program {
	b.Helper()
	var key struct{ ClientID, ClientSecret string }
	f.run(b, &key, "service-account", "create", "--portfolio", labPortfolio, "--email", "bench@lab.example", "--role", role)
	n := f.serve(b, "--reconcile-every", "0")
	got, err := http.PostForm(n.url+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {key.ClientID}, "client_secret": {key.ClientSecret}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var t struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(got.Body).Decode(&t); err != nil || t.Token == "" {
		b.Fatalf("no token: %v", err)
	}
	return program{n.url, t.Token, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: slices.Max(benchClients)}}}
}

// benchClients are how many ask at once, in turn.
var benchClients = []int{32, 64, 128}

// get reads a path, and fails on anything but 200.
func (p program) get(path string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	got, err := p.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", path, got.StatusCode, body)
	}
	return body, err
}

// throughput is how many requests a second so many clients get answered.
func (p program) throughput(b *testing.B, clients int, span time.Duration, path func() string) float64 {
	b.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for range clients {
		all.Go(func() {
			for time.Since(begun) < span {
				if _, err := p.get(path()); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds()
}

// BenchmarkOneSIM reads single SIMs of a million over HTTP from many clients, in
// turns with a bare net/http handler that sends the same bytes. Both are programs
// of their own; the clients are Go's. What PostgreSQL's processes have not touched
// yet costs them a page fault each, so all are let run for a while before.
func BenchmarkOneSIM(b *testing.B) {
	const settle, turn = 20 * time.Second, time.Second
	onFleets(b, []int{1_000_000}, func(b *testing.B, fleets []*benched) {
		f := fleets[0]
		p := f.program(b, "engineer")
		body, err := p.get("/api/v2/sim/" + string(iccidOf(f.sims/2)))
		if err != nil {
			b.Fatal(err)
		}
		other := program{url: bare(b, string(body)).url, token: p.token, http: p.http}
		random := func() string { return "/api/v2/sim/" + string(iccidOf(rand.IntN(f.sims))) }
		p.throughput(b, slices.Max(benchClients), settle, random)
		for _, clients := range benchClients {
			b.Run(fmt.Sprint(clients), func(b *testing.B) {
				var ours, theirs, ratio []float64
				for b.Loop() {
					o, t := p.throughput(b, clients, turn, random), other.throughput(b, clients, turn, random)
					ours, theirs, ratio = append(ours, o), append(theirs, t), append(ratio, o/t)
				}
				b.ReportMetric(middle(ours), "SIM/s")
				b.ReportMetric(middle(theirs), "bare/s")
				b.ReportMetric(middle(ratio), "of-bare")
			})
		}
	})
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// benchLists are lists by each filter, and in each order.
func (f *benched) lists(b *testing.B, p program) map[string]string {
	b.Helper()
	seen := func(query, member string) string {
		body, err := p.get("/api/v2/sim?pageSize=1&" + query)
		if err != nil {
			b.Fatal(err)
		}
		_, rest, found := strings.Cut(string(body), `"`+member+`":"`)
		value, _, _ := strings.Cut(rest, `"`)
		if !found {
			b.Fatalf("no %s in %s", member, body)
		}
		return value
	}
	const starts = "matchField=friendlyName&matchType=S&friendlyName=Meter%2055"
	return map[string]string{
		"all": "", "iccId": "iccId=" + string(iccidOf(f.sims/3)), "simId": fmt.Sprintf("simId=LAB%010d", f.sims/3), "iccMnoId": "iccMnoId=351",
		"iccSpecId": "iccSpecId=3007", "iccTypeId": "iccTypeId=49", "portfolioId": "portfolioId=" + string(benchFolios[2]), "packageId": "packageId=1001",
		"adminSuspend": "adminSuspend=yes", "systemSuspend": "systemSuspend=yes", "customerSuspend": "customerSuspend=yes", "status": "status=active",
		"eId": fmt.Sprintf("eId=8904903200%022d", f.sims/2), "dataSuspend": "dataSuspend=no", "voiceSuspend": "voiceSuspend=no",
		"messagingSuspend": "messagingSuspend=no", "platformId": "platformId=9", "pin1": "pin1=" + f.grown(1).Secrets.PIN1.Reveal(), "pin2": "pin2=" + f.grown(1).Secrets.PIN2.Reveal(),
		"puk1": fmt.Sprintf("puk1=%08d", f.sims/2), "puk2": fmt.Sprintf("puk2=%08d", f.sims/2+10_000_000),
		"activatedDate": "activatedDate=" + seen("status=active", "activatedDate"), "terminatedDate": "terminatedDate=" + seen("status=unprovisioned", "terminatedDate"),
		"group": "groupName=Group%207", "by-name": "sortField=friendlyName", "by-imsi-down": "sortField=imsi&sortOrder=D",
		"status-and-type": "status=active&iccTypeId=50", "status-and-mno": "status=active&iccMnoId=351", "status-and-none": "status=active&iccTypeId=47",
		"starts": starts, "starts-by-icc": starts + "&sortField=iccId", "imsi-starts": "matchField=imsi&matchType=S&imsi=" + string(imsiOf(f.sims / 2))[:11],
	}
}

// deepPages bounds how deep that is, in pages of 500.
const deepPages = 600

// deepest is a token for a page that lies far behind the first; "" when the
// list is short.
func (p program) deepest(b *testing.B, query string, sims int) string {
	b.Helper()
	const first = "0"
	token := first
	for range min(sims*7/10/500, deepPages) {
		body, err := p.get("/api/v2/sim?pageSize=500&" + query + "&pageToken=" + token)
		if err != nil {
			b.Fatal(err)
		}
		var page struct{ NextPageToken string }
		if err := json.Unmarshal(body, &page); err != nil {
			b.Fatal(err)
		}
		if page.NextPageToken == "" {
			break
		}
		token = page.NextPageToken
	}
	if token == first {
		return ""
	}
	return token
}

// BenchmarkLists asks for pages of 50 SIMs by each filter, the first and one deep
// inside, of 1,000,000 SIMs and of 10,000 in turns, and reports how many times
// the one costs the other: by their medians, and by the tenth that was quickest,
// which says more while the machine has other work.
func BenchmarkLists(b *testing.B) {
	onFleets(b, []int{10_000, 1_000_000}, func(b *testing.B, fleets []*benched) {
		few, many := fleets[0].program(b, "operator"), fleets[1].program(b, "operator")
		of, all := fleets[0].lists(b, few), fleets[1].lists(b, many)
		for _, name := range sorted(all) {
			b.Run(name, func(b *testing.B) { compare(b, few, many, of[name], all[name]) })
			if small, large := few.deepest(b, of[name], 10_000), many.deepest(b, all[name], 1_000_000); small != "" && large != "" {
				b.Run(name+"-deep", func(b *testing.B) {
					compare(b, few, many, of[name]+"&pageToken="+small, all[name]+"&pageToken="+large)
				})
			}
		}
	})
}

func sorted(m map[string]string) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func compare(b *testing.B, few, many program, of, all string) {
	b.Helper()
	sides := [2]struct {
		program
		query string
	}{{few, of}, {many, all}}
	took := [2][]float64{}
	for turn := 0; b.Loop(); turn++ {
		for n := range sides {
			i := (n + turn) % len(sides) // either comes first as often
			begun := time.Now()
			if _, err := sides[i].get("/api/v2/sim?pageSize=50&" + sides[i].query); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begun).Seconds()*1000)
		}
	}
	small, large := middle(took[0]), middle(took[1]) // and now they are sorted
	b.ReportMetric(small, "ms-10k")
	b.ReportMetric(large, "ms-1M")
	b.ReportMetric(large/small, "times")
	b.ReportMetric(took[1][len(took[1])/10]/took[0][len(took[0])/10], "times-quick")
}
