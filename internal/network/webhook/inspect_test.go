package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// TestInspect asks about nobody, and shows what the other side says of itself
// as it may be shown.
func TestInspect(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+"}")
	if reads := d.Abilities().Reads; reads != 0 {
		t.Errorf("before anybody was asked, it reads %v", reads.Names())
	}
	r, err := d.Inspect(t.Context())
	if err != nil || r.Software != "" || len(r.Conditions) > 0 || len(d.Abilities().Reads.Names()) != 4 {
		t.Errorf("Inspect = %+v, %v; it reads %v", r, err, d.Abilities().Reads.Names())
	}
	if want := `"type":"observe"}`; !strings.HasSuffix(f.bodies[0], want) {
		t.Errorf("it was asked %s", f.bodies[0])
	}
	for answer, want := range map[string]network.Report{
		`{"software":"Acme\nHLR 4","conditions":["the\tlicence ends","  "]}`: {Software: "Acme HLR 4", Conditions: []string{"the licence ends"}},
		`{"software":"` + strings.Repeat("x", 500) + `"}`:                    {Software: strings.Repeat("x", 200)},
		`{"conditions":[` + strings.Repeat(`"a",`, 30) + `"b"]}`:             {Conditions: slices.Repeat([]string{"a"}, 20)},
	} {
		f.locked(func() { f.serve = func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, answer); return true } })
		if got, err := d.Inspect(t.Context()); err != nil || got.Software != want.Software || !slices.Equal(got.Conditions, want.Conditions) {
			t.Errorf("Inspect = %+v, %v; want %+v", got, err, want)
		}
	}
	f.locked(func() {
		f.serve = func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, `{"known":["colour"]}`); return true }
	})
	if _, err := d.Inspect(t.Context()); fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Inspect: %v", err)
	}
}

// TestControl holds what is sent, without keys, and reads each answer.
func TestControl(t *testing.T) {
	t.Parallel()
	f, config := start(t)
	d := open(t, config+`,"keys":true,"controls":["disconnect","ping"]}`)
	p := fleet(1)[0]
	if err := d.Apply(t.Context(), []sim.Profile{p})[0]; err != nil {
		t.Fatal(err)
	}
	control := func() error {
		return d.(network.Controller).Control(t.Context(), p, sim.Ping, json.RawMessage(`{"count":3}`))
	}
	if err := control(); err != nil {
		t.Error(err)
	}
	got := f.bodies[1]
	if !strings.Contains(got, `"type":"control"`) || !strings.HasSuffix(got, `"generation":7}],"control":"ping","detail":{"count":3}}`) || strings.Contains(got, p.K.Hex()) {
		t.Errorf("it was asked %s", got)
	}
	for answer, refused := range map[string]bool{
		`{"results":[{"imsi":"001020000000000","result":"refused","reason":"the device sleeps"}]}`: true,
		`{"results":[{"imsi":"001020000000000","result":"retry"}]}`:                                false,
		`{"results":[{"imsi":"001020000000001","result":"agreed"}]}`:                               false,
		`{"results":[]}`: false,
		`[]`:             false,
	} {
		f.locked(func() { f.serve = func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, answer); return true } })
		if err := control(); err == nil || (network.Refused(err) != nil) != refused {
			t.Errorf("%s: %v", answer, err)
		}
	}
	a := d.Abilities()
	if !a.Can(sim.Disconnect) || a.Can(sim.SendSMS) || a.Why(sim.SendSMS) == "" {
		t.Errorf("it can %+v", a)
	}
}
