package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// A server that is killed while a network is being asked leaves a key that says
// so: the network is not asked twice, and nobody is told that it was done.
func TestAControlWhoseServerIsKilled(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, p platform) {
		p.furnish(t, 1)
		var key struct{ ClientID, ClientSecret string }
		p.run(t, &key, "service-account", "create", "--portfolio", labPortfolio, "--email", "bot@lab.example")
		p.run(t, nil, "sims", "activate", string(iccidOf(0)))
		a, first := p.open(t), p.serve(t)
		until(t, "the SIM is on the network", func() bool { return waits(t, a) == 0 })
		if err := first.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		p.run(t, nil, "network", "set", app.FirstNetwork, "--latency", "10s")
		one := p.serve(t)
		token := tokenOf(t, one, key.ClientID, key.ClientSecret)
		heard := make(chan error, 1)
		go func() { _, _, err := relocate(one, token, "k"); heard <- err }()
		until(t, "the request is on record", func() bool { return asked(t, a) == 1 })
		_ = one.stop(syscall.SIGKILL)
		if err := <-heard; err == nil {
			t.Error("the caller was answered: nothing was tested")
		}

		p.run(t, nil, "network", "set", app.FirstNetwork, "--latency", "0s")
		two := p.serve(t)
		untilWithin(t, fleet.HoldLife+patience, "the key says that nobody knows", func() bool {
			status, body, err := relocate(two, token, "k")
			if err != nil || status == http.StatusOK {
				t.Fatalf("%d %s, %v", status, body, err)
			}
			return status == http.StatusBadRequest && strings.Contains(body, `"errorCode":6046`) && strings.Contains(body, "whether it was done is not known")
		})
		if n := asked(t, a); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
		if status, body, err := relocate(two, token, "new"); err != nil || status != http.StatusOK || asked(t, a) != 2 {
			t.Errorf("with a new key: %d %s, %v", status, body, err)
		}
		if err := two.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
}

// relocate has the network forget where the SIM is, with a key.
func relocate(n *node, token, key string) (int, string, error) {
	r, err := http.NewRequest(http.MethodPut, n.url+"/api/v2/sim/"+string(iccidOf(0))+"/cancelLocation", nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", key)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = got.Body.Close() }()
	var body json.RawMessage
	err = json.NewDecoder(got.Body).Decode(&body)
	return got.StatusCode, string(body), err
}

// asked is how often the network was asked to do something with the SIM.
func asked(t *testing.T, a *app.App) int {
	t.Helper()
	events, err := a.Fleet.Events(t.Context(), asOperator, event.Query{ICCID: iccidOf(0), Kinds: []event.Kind{event.SIMControlled}, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Data.Verb != sim.CancelLocation.String() {
			t.Errorf("%+v", e)
		}
	}
	return len(events)
}

// tokenOf signs a program in.
func tokenOf(t *testing.T, n *node, id, secret string) string {
	t.Helper()
	got, err := http.PostForm(n.url+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	return answer.Token
}
