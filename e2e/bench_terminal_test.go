package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// terminalClient is a client of the Terminal API on a running server.
func terminalClient(t testing.TB, p platform, server, portfolio string) program {
	t.Helper()
	var key struct{ Username, Password string }
	p.run(t, &key, "api-user", "create", "--portfolio", portfolio)
	got, err := http.Post(server+"/v1/oauth/token?"+url.Values{"grant_type": {"password"}, "username": {key.Username}, "client_id": {key.Username},
		"password": {key.Password}}.Encode(), "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(got.Body).Decode(&pair); err != nil || pair.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	return program{server, pair.Token, &http.Client{Transport: &http.Transport{}}}
}

// BenchmarkTerminal asks the Terminal API for pages of a thousand of a million
// SIMs, and reports medians: 150 ms for one behind 900,000, and 60 ms for a
// thousand SIMs by their ICCIDs, are promised.
func BenchmarkTerminal(b *testing.B) {
	onFleets(b, []int{1_000_000}, func(b *testing.B, fleets []*benched) {
		f := fleets[0]
		n := f.serve(b, "--reconcile-every", "0", "--terminal-rate", "100000")
		p := terminalClient(b, f.platform, n.url, labPortfolio)
		thousand := func() string {
			ids := make([]string, 1000)
			for i := range ids {
				ids[i] = string(iccidOf(rand.IntN(f.sims/1000)*1000 + i)) // no two are one
			}
			return "/v1/get_sims?iccid=" + strings.Join(ids, ",")
		}
		for _, q := range []struct {
			name string
			path func() string
		}{
			{"first-page", func() string { return "/v1/get_account_sims" }},
			{"offset-900000", func() string { return "/v1/get_account_sims?offset=900000" }},
			{"any-offset", func() string { return fmt.Sprintf("/v1/get_account_sims?offset=%d", rand.IntN(f.sims-1000)) }},
			{"group", func() string { return "/v1/get_group_sims?group=Group%207&offset=10000" }},
			{"1000-iccids", thousand},
			{"one-sim", func() string { return "/v1/get_sim?iccid=" + string(iccidOf(rand.IntN(f.sims))) }},
			{"balance", func() string { return "/v1/get_account_balance" }},
		} {
			b.Run(q.name, func(b *testing.B) {
				var took []float64
				for b.Loop() {
					path := q.path()
					begun := time.Now()
					if _, err := p.get(path); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begun).Seconds()*1000)
				}
				slices.Sort(took)
				b.ReportMetric(took[len(took)/2], "ms-median")
				b.ReportMetric(took[len(took)*95/100], "ms-p95")
			})
		}
	})
}
