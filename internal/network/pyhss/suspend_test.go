package pyhss

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// TestCut follows a connected device through a bar and its end, for each way
// to bar: it goes at once, and comes back where it was not turned down for
// good. Only the default way never does that.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		suspend  string
		clrs     []string // type and re-attach
		given    string   // why the device has given up, when it has tried once more
		comesOff bool     // it is connected again when it is unbarred
	}{
		{suspendAPN, []string{"type 2 reattach true"}, "", true},
		// PyHSS itself sends one of type 1 as it is told that somebody is off,
		// so ours, of type 2, comes after.
		{suspendDisable, []string{"type 1 reattach true", "type 2 reattach false"}, "the card is unknown", false},
		{suspendRoaming, []string{"type 2 reattach false"}, "the network is forbidden", false},
	} {
		t.Run(c.suspend, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			h := s.open(t, fmt.Sprintf(`{"suspend":%q}`, c.suspend))
			p := fleet(1)[0]
			imsi := string(p.IMSI)
			mustApply(t, h, p)
			if !s.Attach(imsi) {
				t.Fatal("a subscriber that may use everything cannot attach")
			}
			s.Since()
			p.Barred = sim.AllServices
			mustApply(t, h, p)
			var want []string
			for _, clr := range c.clrs {
				want = append(want, imsi+" "+clr)
			}
			if !slices.Equal(s.CLRs, want) {
				t.Errorf("cancellations %q, want %q", s.CLRs, want)
			}
			checkOrder(t, s.Since())
			if s.Connected(imsi) || s.Attach(imsi) {
				t.Error("a barred device is connected")
			}
			if s.Given[imsi] != c.given {
				t.Errorf("the device gave up for %q", s.Given[imsi])
			}
			p.Barred = 0
			mustApply(t, h, p)
			if s.Attach(imsi) != c.comesOff {
				t.Errorf("when it is unbarred, the device is connected: %v", s.Connected(imsi))
			}
		})
	}
}

// checkOrder wants what the device may do to be taken away before its location
// is cancelled, which is a mere reset otherwise, and never by the call that
// always has the device come back.
func checkOrder(t *testing.T, calls []string) {
	t.Helper()
	patched := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "PATCH subscriber/") })
	cancelled := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "PUT push/clr/") })
	if patched < 0 || cancelled < patched {
		t.Errorf("the calls are %q", calls)
	}
	if slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "clr_subscriber") }) {
		t.Errorf("the calls are %q", calls)
	}
}

// TestCutAgain bars one who is barred but was let in before: there may have
// been no time to cancel.
func TestCutAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	mustApply(t, h, p)
	s.Attach(string(p.IMSI))
	s.Broken = func(_, path string) bool { return strings.HasPrefix(path, "push/") }
	p.Barred = sim.Data
	if err := h.Apply(t.Context(), one(p))[0]; err == nil {
		t.Fatal("nothing was cancelled, and nobody says so")
	}
	s.Broken = nil
	mustApply(t, h, p)
	if len(s.CLRs) != 1 || s.Connected(string(p.IMSI)) {
		t.Errorf("cancellations %q", s.CLRs)
	}
}

// TestCancellationThatIsNotSent is "OK" to PyHSS.
func TestCancellationThatIsNotSent(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	mustApply(t, h, p)
	for _, lost := range []row{{"serving_mme_realm": nil}, {"serving_mme_peer": "elsewhere;hss01"}, {"serving_mme_peer": nil}} {
		s.Attach(string(p.IMSI))
		s.Set("subscriber", "imsi", string(p.IMSI), lost)
		p.Barred = sim.Data
		err := h.Apply(t.Context(), one(p))[0]
		if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
			t.Errorf("with %v: %v", lost, err)
		}
		s.Set("subscriber", "imsi", string(p.IMSI), row{"serving_mme": nil})
		p.Barred = 0
		mustApply(t, h, p)
	}
}

func orNone(err error) error {
	if err == nil {
		return fault.New(fault.Internal, "none", "no error")
	}
	return err
}

// TestRemoval has a connected device told, and kept from coming back before
// its subscriber is gone; keys and count stay.
func TestRemoval(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	p.Barred = sim.Data
	mustApply(t, h, p)
	p.Barred = 0
	mustApply(t, h, p)
	s.Attach(string(p.IMSI))
	s.Set("auc", "imsi", string(p.IMSI), row{"sqn": 4711.0})
	s.Since()
	p.Present = false
	mustApply(t, h, p)
	if want := []string{string(p.IMSI) + " type 1 reattach true", string(p.IMSI) + " type 2 reattach false"}; !slices.Equal(s.CLRs[len(s.CLRs)-2:], want) {
		t.Errorf("cancellations %q", s.CLRs)
	}
	checkOrder(t, s.Since())
	if s.Connected(string(p.IMSI)) {
		t.Error("a removed device is connected")
	}
	p.Present, p.K, p.OPc = true, [16]byte{}, [16]byte{} // the network has the keys
	mustApply(t, h, p)
	auc := s.Row("auc", "imsi", string(p.IMSI))
	if auc["ki"] != fleet(1)[0].K.Hex() || auc["sqn"] != 4711.0 {
		t.Errorf("the keys are %v", auc)
	}
}

// TestAccessPointsComeBack keeps those that the operator gave by hand, through
// a bar, a change of the profile's own, and the loss of what was written down.
func TestAccessPointsComeBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	other := fleet(2)[1]
	other.APN = "ims"
	mustApply(t, h, p, other)
	id := func(name string) string { return fmt.Sprint(s.Row("apn", "apn", name)["apn_id"]) }
	lists := func() string {
		sub := s.Row("subscriber", "imsi", string(p.IMSI))
		return fmt.Sprint(sub["default_apn"], "|", sub["apn_list"])
	}
	s.Set("subscriber", "imsi", string(p.IMSI), row{"apn_list": id("internet") + "," + id("ims")})
	for _, step := range []struct {
		change func()
		want   func() string
	}{
		{func() { p.Barred = sim.Data }, func() string { return id("suspended") + "|" + id("suspended") }},
		{func() { p.APN = "m2m" }, func() string { return id("suspended") + "|" + id("suspended") }},
		{func() { p.Barred = 0 }, func() string { return id("m2m") + "|" + id("m2m") + "," + id("ims") }},
		{func() { p.APN = "" }, func() string { return id("m2m") + "|" + id("m2m") + "," + id("ims") }},
		{func() { p.APN = "ims" }, func() string { return id("ims") + "|" + id("ims") }},
	} {
		step.change()
		mustApply(t, h, p)
		if got := lists(); got != strings.ReplaceAll(step.want(), " ", "") {
			t.Errorf("the access points are %s, want %s", got, step.want())
		}
	}
	if gateway := s.Row("apn", "apn", "suspended")["pgw_address"]; gateway != "192.0.2.1" {
		t.Errorf("the access point that leads nowhere leads to %v", gateway)
	}
	p.Barred, p.APN = sim.Data, ""
	mustApply(t, h, p)
	clear(s.Tables["subscriber_attributes"].Rows)
	p.Barred = 0
	mustApply(t, h, p)
	if got, want := lists(), id("internet")+"|"+id("internet"); got != want {
		t.Errorf("with nothing written down, the access points are %s, want %s", got, want)
	}
}

// TestOtherWayToBar changes how data is barred while somebody is.
func TestOtherWayToBar(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := fleet(1)[0]
	p.Barred = sim.Data
	for _, suspend := range []string{suspendDisable, suspendAPN, suspendRoaming, suspendDisable, suspendRoaming, suspendAPN} {
		mustApply(t, s.open(t, fmt.Sprintf(`{"suspend":%q}`, suspend)), p)
	}
	p.Barred = 0
	mustApply(t, s.open(t, `{"suspend":"roaming"}`), p)
	if !s.Attach(string(p.IMSI)) {
		t.Errorf("after all it is unbarred, but cannot attach: %v", s.Row("subscriber", "imsi", string(p.IMSI)))
	}
}

// TestControl has a connected device let go and come back, without a word that
// would keep it away; and never by the call that the name suggests.
func TestControl(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := s.open(t, "")
	p := fleet(1)[0]
	control := func() error { return h.Control(t.Context(), p, sim.CancelLocation, nil) }
	if err := control(); fault.CodeOf(err) != "network.not_present" {
		t.Errorf("of one whom PyHSS does not know: %v", err)
	}
	mustApply(t, h, p)
	if err := control(); fault.CodeOf(err) != "network.not_attached" {
		t.Errorf("of one who is not attached: %v", err)
	}
	s.Attach(string(p.IMSI))
	s.Since()
	if err := control(); err != nil {
		t.Fatal(err)
	}
	if want := string(p.IMSI) + " type 2 reattach true"; len(s.CLRs) != 1 || s.CLRs[0] != want {
		t.Errorf("cancellations %q", s.CLRs)
	}
	if calls := s.Since(); len(calls) != 1 || !s.Connected(string(p.IMSI)) {
		t.Errorf("connected is %v after %q", s.Connected(string(p.IMSI)), calls)
	}
	mustApply(t, h, p)
}
