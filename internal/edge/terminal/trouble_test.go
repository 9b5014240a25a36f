package terminal_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/terminal"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// adapter hands the store to the use cases; the test can break its lists and its
// writes.
type adapter struct {
	fleettest.Store
	broken *error
}

func (a adapter) List(ctx context.Context, in tenant.Sphere, q sim.Query) (sim.Page, error) {
	if *a.broken != nil {
		return sim.Page{}, *a.broken
	}
	return a.DB.List(ctx, in, q)
}

func (a adapter) Write(ctx context.Context, fn func(fleet.Tx) error) error {
	if *a.broken != nil {
		return *a.broken
	}
	return a.Store.Write(ctx, fn)
}

func (a adapter) WriteBulk(ctx context.Context, fn func(fleet.Tx) error) error {
	return a.Write(ctx, fn)
}

func (a adapter) WriteAgain(ctx context.Context, fn func(fleet.Tx) error) error {
	return a.Write(ctx, fn)
}

// What is not the caller's fault is said without any detail: E000, or to try
// again. Nothing has been changed then.
func TestTheServersOwnFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := errors.New("a detail")
	w.edge = terminal.New(terminal.Options{Fleet: fleet.New(adapter{fleettest.Store{DB: w.DB}, &broken}, fleet.Options{Vault: fleettest.Keeper{Vault: w.Vault}, Now: w.clock.Now})})
	s := w.secrets[full]
	for _, c := range []struct{ method, path string }{{http.MethodGet, "/get_sim?iccid=<live>"}, {http.MethodGet, "/get_account_sims"},
		{http.MethodPut, "/suspend?iccid=<live>"}, {http.MethodPut, "/sendSms?iccid=<live>&sms=a"}, {http.MethodPut, "/reset?iccid=<live>"}} {
		broken = errors.New("a detail")
		a := w.call(full, c.method, c.path)
		a.fails(t, 500, "E000", "unexpected failure")
		if strings.Contains(a.body, "detail") {
			t.Errorf("%s: %s", c.path, a.body)
		}
		broken = fault.New(fault.Unavailable, "store.busy", "a detail")
		a = w.call(full, c.method, c.path)
		a.fails(t, 503, "E503", "try again")
		if strings.Contains(a.body, "detail") || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", c.path, a.body)
		}
	}
	w.clock.Pass(fleet.APITokenLife)
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).oauth(t, 503, "temporarily_unavailable", "try again")
	broken = errors.New("a detail")
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).oauth(t, 500, "server_error", "Unexpected failure")
	broken = nil
	w.signIn("grant_type", "password", "username", s.username, "password", s.password).ok(t, 200)
	if s := w.freshLook(t, "live"); s.stands() != "LIVE ON/LIVE" {
		t.Error(s.stands())
	}
}
