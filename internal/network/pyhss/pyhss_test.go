package pyhss

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/drivertest"
	"github.com/simurgh-iot/simurgh/internal/network/pyhss/hsstest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// server is a PyHSS to test against.
type server struct{ *hsstest.Server }

type row = hsstest.Row

func startServer(t *testing.T) *server { return &server{hsstest.Start(t)} }

func (s *server) open(t *testing.T, config string) *HSS {
	t.Helper()
	if config == "" {
		config = "{}"
	}
	d, err := Open(t.Context(), json.RawMessage(fmt.Sprintf(`{"url":%q%s`, s.URL, more(config))), []byte(s.Key), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.(*HSS)
}

// more continues a JSON object with the fields of config.
func more(config string) string {
	if config == "{}" {
		return "}"
	}
	return "," + config[1:]
}

// TestDriver runs the suite for each way to bar. A PyHSS refuses nothing of its
// own accord; what the driver refuses is tested apart.
func TestDriver(t *testing.T) {
	t.Parallel()
	for suspend, most := range map[string]int{suspendAPN: 500, suspendDisable: 100, suspendRoaming: 100} {
		t.Run(suspend, func(t *testing.T) {
			t.Parallel()
			drivertest.Run(t, func(t *testing.T) drivertest.Harness {
				s := startServer(t)
				s.Key = "change-this"
				config := fmt.Sprintf(`{"suspend":%q}`, suspend)
				return drivertest.Harness{
					Driver: s.open(t, config),
					Known:  known,
					Bars:   []sim.Services{sim.Data, circuit},
					Most:   most,
					Outage: func(_ *testing.T, on bool) { s.hold(on) },
					Restart: func(t *testing.T) network.Driver {
						s.CloseClientConnections()
						return s.open(t, config)
					},
				}
			})
		})
	}
}

// hold has the server lose its database, or find it again.
func (s *server) hold(on bool) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Blind = on
}

// fleet returns n subscribers of PLMN 001-02 with numbers and keys.
func fleet(n int) []sim.Profile {
	out := make([]sim.Profile, n)
	for i := range out {
		out[i] = sim.Profile{
			ICCID: ident.ICCID(fmt.Sprintf("8999902%012d", i)), IMSI: ident.IMSI(fmt.Sprintf("00102%010d", i)),
			MSISDN: ident.MSISDN(fmt.Sprintf("88288%08d", i)), Present: true, K: ident.Key{1, byte(i)}, OPc: ident.Key{2, byte(i)},
		}
	}
	return out
}

func one(p sim.Profile) []sim.Profile { return []sim.Profile{p} }

func mustApply(t *testing.T, d network.Driver, batch ...sim.Profile) {
	t.Helper()
	for i, err := range d.Apply(t.Context(), batch) {
		if err != nil {
			t.Fatalf("%s: %v", batch[i].IMSI, err)
		}
	}
	ids := make([]ident.IMSI, len(batch))
	for i := range batch {
		ids[i] = batch[i].IMSI
	}
	got, err := d.Observe(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if diff := got[i].Drift(&batch[i]); len(diff) > 0 {
			t.Errorf("%s differs: %+v", ids[i], diff)
		}
	}
}
