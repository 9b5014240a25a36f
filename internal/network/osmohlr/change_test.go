package osmohlr_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the HLR keeps its subscribers in such a file

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// keysOf returns how the HLR holds the subscriber's keys.
func (h *hlr) keysOf(t *testing.T, imsi ident.IMSI) string {
	t.Helper()
	var out []string
	for l := range strings.Lines(h.Control(t, "GET 1 subscriber.by-imsi-"+string(imsi)+".info-aud")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(l), "\t"); ok && name != "aud3g.ind_bitlen" && name != "aud3g.sqn" {
			out = append(out, name+"="+value)
		}
	}
	return strings.Join(out, " ")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	v3, v1 := openHLR(t, h.config(nil, nil, ""), nil), openHLR(t, h.config(nil, nil, `,"aud2g":"comp128v1"`), nil)
	p := fleet(1)[0]
	k, opc := p.K.Hex(), p.OPc.Hex()
	milenage := "aud3g.algo=MILENAGE aud3g.k=" + k + " aud3g.opc=" + opc
	for _, step := range []struct {
		name   string
		driver network.Driver
		change func()
		want   string
	}{
		{"with an OPc", v3, func() {}, milenage},
		{"none brought", v3, func() { p.K, p.OPc = ident.Key{}, ident.Key{} }, milenage},
		{"only a Ki", v3, func() { p.K = fleet(1)[0].K }, "aud2g.algo=COMP128v3 aud2g.ki=" + k},
		{"another algorithm", v1, func() {}, "aud2g.algo=COMP128v1 aud2g.ki=" + k},
		{"an OPc again", v1, func() { p.OPc = fleet(1)[0].OPc }, milenage},
	} {
		step.change()
		mustApply(t, step.driver, p)
		if got := h.keysOf(t, p.IMSI); got != step.want {
			t.Errorf("%s: the HLR has %s\nwant %s", step.name, got, step.want)
		}
	}
}

// TestOperatorsKeyIsNoOPc replaces an OP that somebody typed in where the OPc
// of the same digits is due: they make different vectors.
func TestOperatorsKeyIsNoOPc(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	p := fleet(1)[0]
	h.Control(t, "SET 1 subscriber.create "+string(p.IMSI))
	h.Control(t, "SET 1 subscriber.by-imsi-"+string(p.IMSI)+".aud3g milenage,"+p.K.Hex()+",OP,"+p.OPc.Hex())
	mustApply(t, d, p)
	if got := h.keysOf(t, p.IMSI); !strings.Contains(got, "aud3g.opc="+p.OPc.Hex()) {
		t.Errorf("the HLR has %s", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	batch := fleet(5)
	batch[1].Barred = sim.Voice
	batch[2].Barred = sim.Data | sim.Messaging
	batch[3].IMSI = ""
	want := []string{"", "the network bars voice and messaging only together", "the network bars voice and messaging only together", "the SIM has no IMSI", ""}
	for i, err := range d.Apply(t.Context(), batch) {
		r := network.Refused(err)
		if got := fmt.Sprint(r); want[i] == "" && err != nil || want[i] != "" && (r == nil || r.Why != want[i]) {
			t.Errorf("profile %d: %v, %s", i, err, got)
		}
	}
	mustHave(t, d, batch[0], absent(batch[1]), absent(batch[2]), batch[4])

	// What is barred by halves may still be removed.
	batch[0].Present, batch[0].Barred = false, sim.Voice
	mustApply(t, d, batch[0])
}

func absent(p sim.Profile) sim.Profile {
	p.Present, p.Barred = false, 0
	return p
}

// TestNumberOfAStranger is no final refusal: the stranger may be a SIM of ours
// whose own change is late.
func TestNumberOfAStranger(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	batch := fleet(4)
	stranger := batch[3]
	stranger.MSISDN = batch[0].MSISDN
	mustApply(t, d, stranger)
	// 1 wants the number that 0 keeps because it does not get its own.
	mustApply(t, d, sim.Profile{IMSI: batch[0].IMSI, MSISDN: batch[1].MSISDN, Present: true})
	results := d.Apply(t.Context(), batch[:3])
	for i, err := range results[:2] {
		if fault.CodeOf(orNone(err)) != "network.number_in_use" || network.Refused(err) != nil {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	if results[2] != nil {
		t.Errorf("its neighbour failed: %v", results[2])
	}

	stranger.MSISDN = ""
	mustApply(t, d, stranger)
	mustApply(t, d, batch[:3]...)
	mustHave(t, d, batch[:3]...)
}

func orNone(err error) error {
	if err == nil {
		return fault.New(fault.Internal, "none", "no error")
	}
	return err
}

// TestHLRDeniesAChange has the HLR's database fail for one subscriber of a
// batch. That may heal, and harms no other.
func TestHLRDeniesAChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, on string }{
		{"create", "BEFORE INSERT ON subscriber WHEN NEW.imsi = '%s'"},
		{"keys", "BEFORE INSERT ON auc_3g WHEN NEW.subscriber_id = (SELECT id FROM subscriber WHERE imsi = '%s')"},
		{"number", "BEFORE UPDATE OF msisdn ON subscriber WHEN NEW.imsi = '%s'"},
		{"bar", "BEFORE UPDATE OF nam_ps ON subscriber WHEN NEW.imsi = '%s'"},
		{"remove", "BEFORE DELETE ON subscriber WHEN OLD.imsi = '%s'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := startHLR(t)
			d := openHLR(t, h.config(nil, nil, ""), nil)
			batch := fleet(3)
			steps := map[string]func(){
				"create": func() {},
				"keys":   func() {},
				"number": func() { mustApply(t, d, batch...); renumber(batch) },
				"bar":    func() { mustApply(t, d, batch...); bar(batch) },
				"remove": func() { mustApply(t, d, batch...); remove(batch) },
			}
			steps[c.name]()
			h.trouble(t, "CREATE TRIGGER trouble "+fmt.Sprintf(c.on, batch[1].IMSI)+" BEGIN SELECT RAISE(ABORT, 'no'); END")
			for i, err := range d.Apply(t.Context(), batch) {
				if (err != nil) != (i == 1) || network.Refused(err) != nil {
					t.Errorf("profile %d: %v", i, err)
				}
				if err != nil && (strings.Contains(err.Error(), batch[i].K.Hex()) || fault.KindOf(err) != fault.Unavailable) {
					t.Errorf("profile %d: %v", i, err)
				}
			}
			h.trouble(t, "DROP TRIGGER trouble")
			mustApply(t, d, batch...)
			mustHave(t, d, batch...)
		})
	}
}

func renumber(batch []sim.Profile) {
	for i := range batch {
		batch[i].MSISDN += "9"
	}
}

func bar(batch []sim.Profile) {
	for i := range batch {
		batch[i].Barred = sim.AllServices
	}
}

func remove(batch []sim.Profile) {
	for i := range batch {
		batch[i] = absent(batch[i])
	}
}

// trouble runs SQL in the HLR's own file.
func (h *hlr) trouble(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+h.Database()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestNodeThatIsNotThere(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	var log bytes.Buffer
	d := openHLR(t, h.config(nil, nil, ""), slog.New(slog.NewTextHandler(&log, nil)))
	here, gone := newNode(t, h, "SGSN-1", packetSwitched), newNode(t, h, "SGSN-2", packetSwitched)
	batch := fleet(3)
	mustApply(t, d, batch...)
	here.attach(batch[0].IMSI)
	gone.attach(batch[1].IMSI)
	_ = gone.conn.Close()
	waitFor(t, "the HLR to lose the node", func() bool {
		return !strings.Contains(h.console(t, "show gsup-connections"), "SGSN-2")
	})
	bar(batch)
	mustApply(t, d, batch...)
	if got := log.String(); strings.Count(got, "not connected") != 1 || !strings.Contains(got, string(batch[1].IMSI)) || !strings.Contains(got, "SGSN-2") {
		t.Errorf("the log says %s", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, want string }{
		{``, ""},
		{`{}`, ""},
		{`{"address":"10.0.0.1"}`, ""},
		{`{"address":"::1"}`, ""},
		{`{"ctrl":"hlr.example:1","vty":"[::1]:2","aud2g":"comp128v2","timeout":"300ms"}`, ""},
		{`{"address":"10.0.0.1:4259"}`, `address is "10.0.0.1:4259"; a host without a port is needed`},
		{`{"ctrl":"10.0.0.1"}`, `ctrl is "10.0.0.1"; host:port is needed`},
		{`{"vty":"h:0"}`, `vty has the port "0"; 1 to 65535 is needed`},
		{`{"aud2g":"milenage","timeout":"1h"}`, `aud2g is "milenage"; there are: comp128v1, comp128v2, comp128v3; timeout is "1h"; a duration from "10ms" to "1m" is needed`},
		{`{"host":"x"}`, `config of an OsmoHLR is a JSON object that knows "address", "ctrl", "vty", "aud2g" and "timeout"`},
		{`[]`, `config of an OsmoHLR is a JSON object that knows "address", "ctrl", "vty", "aud2g" and "timeout"`},
	} {
		err := osmohlr.Check(json.RawMessage(c.config))
		if got := fmt.Sprint(orNone(err)); c.want == "" && err != nil || c.want != "" && (!strings.HasPrefix(got, c.want) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %s\nwant %s", c.config, got, c.want)
		}
	}
	if _, err := osmohlr.Open(t.Context(), nil, []byte("a\nb"), nil); fault.KindOf(orNone(err)) != fault.Invalid {
		t.Errorf("a secret of two lines: %v", err)
	}
}
