package simapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/simapi"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func TestBodiesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(engineer, http.MethodPatch, "/sim/<live>", strings.Repeat(" ", 1<<20)+"{}").fails(t, 413, 6006)
	w.call(engineer, http.MethodPatch, "/sim/<live>", strings.Repeat(" ", 1<<20-2)+"{}").fails(t, 400, 6017)
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	w.call(engineer, http.MethodPatch, "/sim/<live>", deep).fails(t, 400, 6006)
	w.call(engineer, http.MethodPost, "/sim/<live>/attribute", deep).fails(t, 400, 6006)
}

// adapter hands the store to the use cases; the test can break it.
type adapter struct {
	fleettest.Store
	broken *error
}

func (a adapter) SIM(ctx context.Context, in tenant.Sphere, i ident.ICCID) (sim.SIM, bool, error) {
	if *a.broken != nil {
		return sim.SIM{}, false, *a.broken
	}
	return a.DB.SIM(ctx, in, i)
}

// rewire serves the world by use cases of the test's own making.
func (w *world) rewire(o fleet.Options, broken *error) {
	o.Vault, o.Now = fleettest.Keeper{Vault: w.Vault}, w.clock.Now
	w.edge = simapi.New(simapi.Options{Fleet: fleet.New(adapter{fleettest.Store{DB: w.DB}, broken}, o)})
}

// What is not the caller's fault is said without any detail.
func TestTheServersOwnFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := errors.New("a detail")
	w.rewire(fleet.Options{}, &broken)
	a := w.call(engineer, http.MethodGet, "/sim/<live>/iccContract", "")
	a.fails(t, 500, 6004)
	if strings.Contains(a.body, "detail") {
		t.Error(a.body)
	}
	broken = fault.New(fault.Unavailable, "store.busy", "the database is busy")
	a = w.call(engineer, http.MethodGet, "/sim/<live>/iccContract", "")
	a.fails(t, 503, 6004)
	if a.header.Get("Retry-After") == "" {
		t.Error("no word on when to try again")
	}
}

// controls is a network that can disconnect, and send messages.
type controls struct {
	done []string
	err  error
	away error // what Can says
}

func (c *controls) Can(_ context.Context, network string, what sim.Control) error {
	if c.away != nil {
		return c.away
	}
	if network == "lab" && (what == sim.Disconnect || what == sim.SendSMS || what == sim.Ping) {
		return nil
	}
	return fleet.Cannot(network, what, "it has no such thing")
}

func (c *controls) Control(_ context.Context, network string, p sim.Profile, what sim.Control, detail json.RawMessage) error {
	c.done = append(c.done, fmt.Sprintf("%s %s %s %s", network, p.ICCID, what, detail))
	return c.err
}

func TestControls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The simulated network has not heard of the SIMs of the world.
	a := w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", "")
	a.fails(t, 400, 6007)
	if !strings.Contains(a.body, "the network does not know the SIM yet") {
		t.Error(a.body)
	}
	var none error
	w.rewire(fleet.Options{}, &none)
	for path, body := range map[string]string{"disconnectRequest": "", "cancelLocation": "", "pingRequest": "", "wgetRequest": `{"path":"/x","port":8001,"https":true}`} {
		a := w.call(engineer, http.MethodPut, "/sim/<live>/"+path, body)
		a.fails(t, 501, 6005)
		if !strings.Contains(a.body, "network lab cannot do this") {
			t.Error(a.body)
		}
	}
	w.call(operator, http.MethodPut, "/sim/<live>/otaRequest", `{"campaign":[{"file":"6F07","contents":"00"}]}`).fails(t, 501, 6005)
	w.call(engineer, http.MethodPut, "/sim/<live>/otaRequest", `{"campaign":[{"file":"6F07"}]}`).fails(t, 403, 6001)
	w.call(engineer, http.MethodPut, "/sim/msisdn/447700900005/smsRequest", `{"message":"hello"}`).fails(t, 501, 6005)
	w.call(engineer, http.MethodPut, "/sim/msisdn/447700999999/smsRequest", `{"message":"hello"}`).fails(t, 404, 16008)
	w.call(engineer, http.MethodPut, "/sim/msisdn/"+string(w.sim("foreign").MSISDN)+"/smsRequest", `{"message":"hello"}`).fails(t, 404, 16008)
	w.call(engineer, http.MethodPut, "/sim/msisdn/0/smsRequest", `{"message":"hello"}`).fails(t, 400, 6006)

	c := &controls{}
	w.rewire(fleet.Options{Controls: c}, &none)
	w.call(engineer, http.MethodPut, "/sim/<live>/disconnectRequest", "").has(t, `{"status":"queued","messageId":"absent"}`)
	w.call(engineer, http.MethodPut, "/sim/msisdn/447700900005/smsRequest", `{"message":"hello"}`).has(t, `{"status":"queued"}`)
	w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", `{"count":3}`).has(t, `{"status":"queued"}`)
	if got, want := strings.Join(c.done, "\n"), fill("lab <live> disconnect null\nlab <live> sms {\"message\":\"hello\"}\nlab <live> ping {\"count\":3}"); got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
	w.call(engineer, http.MethodGet, "/sim/<live>?startDate=2026-03-04", "").has(t, `{"history":[{"event":"sim.controlled","action":"ping"},{"action":"sms"},{"action":"disconnect"},{"event":"sim.not_controlled","reason":"the network does not know the SIM yet"},{"event":"sim.controlled"}]}`)
	w.call(engineer, http.MethodPut, "/sim/<suspended>/pingRequest", "").fails(t, 400, 16000)
	w.call(engineer, http.MethodPut, "/sim/<suspended>/disconnectRequest", "").has(t, `{"status":"queued"}`)
	w.call(engineer, http.MethodPut, "/sim/<stock>/disconnectRequest", "").fails(t, 400, 6046)
	w.call(engineer, http.MethodPut, "/sim/<live>/cancelLocation", "").fails(t, 501, 6005)
	for body, code := range map[string]int{`{"count":0}`: 6006, `{"count":"3"}`: 6006, `{"loud":true}`: 6014, `[]`: 6006} {
		w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", body).fails(t, 400, code)
	}
}

// A network that does not answer is named, with what happens next; how it was to
// be reached is not.
func TestANetworkThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var none error
	secret := errors.New("dial tcp 10.0.0.9:4259: connection refused")
	c := &controls{err: fault.New(fault.Unavailable, fleet.NoAnswer, "the network does not answer").Because(secret)}
	w.rewire(fleet.Options{Controls: c}, &none)
	for path, body := range map[string]string{"/sim/<live>/disconnectRequest": "", "/sim/<live>/pingRequest": "", "/sim/msisdn/447700900005/smsRequest": `{"message":"hello"}`} {
		a := w.call(engineer, http.MethodPut, path, body)
		a.fails(t, 503, 6004)
		if a.header.Get("Retry-After") == "" || strings.Contains(a.body, "10.0.0.9") || !strings.Contains(a.body, "network lab did not answer (") ||
			!strings.Contains(a.body, "whether it was done is not known, and it is not tried again by itself: send the request again") {
			t.Error(path, a.body, a.header)
		}
	}
	w.call(engineer, http.MethodGet, "/sim/<live>?startDate=2026-03-04", "").has(t, `{"history":[{"event":"sim.not_controlled","reason":"the network does not answer"},{"event":"sim.controlled"},{"event":"sim.not_controlled"},{"event":"sim.controlled"},{"event":"sim.not_controlled"},{"event":"sim.controlled"}]}`)
	c.away = c.err
	a := w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", "")
	a.fails(t, 503, 6004)
	if !strings.Contains(a.body, "nothing was done") {
		t.Error(a.body)
	}
	// What is the database's is not blamed on the network.
	c.away = fault.New(fault.Unavailable, "store.busy", "the database is busy")
	if a = w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", ""); strings.Contains(a.body, "network") {
		t.Error(a.body)
	}
	a.fails(t, 503, 6004)
}

// A caller that has gone does not trouble the log.
func TestACallerThatGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := w.request(engineer, http.MethodGet, "/sim/<live>", "").WithContext(ctx)
	w.edge.ServeHTTP(httptest.NewRecorder(), r)
}

// The contract's check takes 1.0 for whole; what then cannot be read is named.
func TestANumberThatOnlyLooksWholeIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{`{"count":1.0}`, `{"count":1e1}`} {
		a := w.call(engineer, http.MethodPut, "/sim/<live>/pingRequest", body)
		a.fails(t, 400, 6006)
		if !strings.Contains(a.body, "count has the wrong form") {
			t.Error(a.body)
		}
	}
}
