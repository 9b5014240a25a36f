package open5gs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// fleet returns n subscribers of PLMN 001-02 with numbers and keys.
func fleet(n int) []sim.Profile {
	out := make([]sim.Profile, n)
	for i := range out {
		out[i] = sim.Profile{
			IMSI: ident.IMSI(fmt.Sprintf("00102%010d", i)), MSISDN: ident.MSISDN(fmt.Sprintf("88288%08d", i)), Present: true,
			K: ident.Key{1, byte(i)}, OPc: ident.Key{2, byte(i)},
		}
	}
	return out
}

func remove(batch []sim.Profile) {
	for i := range batch {
		batch[i].Present, batch[i].Barred = false, 0
	}
}

func one(p sim.Profile) []sim.Profile { return []sim.Profile{p} }

func mustApply(t testing.TB, d network.Driver, batch ...sim.Profile) {
	t.Helper()
	for i, err := range d.Apply(t.Context(), batch) {
		if err != nil {
			t.Fatalf("%s: %v", batch[i].IMSI, err)
		}
	}
	mustHave(t, d, batch...)
}

func mustHave(t testing.TB, d network.Driver, batch ...sim.Profile) {
	t.Helper()
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

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// TestNewDocument compares a whole new document, types included: the core
// passes over numbers that are not as wide as it writes them itself.
func TestNewDocument(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, `,"apn":"iot","sst":2,"sd":"00ABCD","qci":7,"downlinkMbps":20,"uplinkMbps":10`)
	p := fleet(1)[0]
	p.IP = netip.MustParseAddr("10.45.0.17")
	mustApply(t, c, p)
	rate := func(v int32) bson.D { return bson.D{{Key: "value", Value: v}, {Key: "unit", Value: int32(2)}} }
	ambr := bson.D{{Key: "downlink", Value: rate(20)}, {Key: "uplink", Value: rate(10)}}
	want := bson.D{
		{Key: "imsi", Value: string(p.IMSI)}, {Key: "__v", Value: int32(0)}, {Key: "schema_version", Value: int32(1)},
		{Key: "security", Value: bson.D{{Key: "k", Value: p.K.Hex()}, {Key: "opc", Value: p.OPc.Hex()}, {Key: "amf", Value: "8000"}, {Key: "sqn", Value: int64(0)}}},
		{Key: "ambr", Value: ambr}, {Key: "access_restriction_data", Value: int32(32)}, {Key: "subscribed_rau_tau_timer", Value: int32(12)},
		{Key: "msisdn", Value: bson.A{string(p.MSISDN)}}, {Key: fieldAccess, Value: int32(0)}, {Key: fieldStatus, Value: int32(0)}, {Key: fieldBarring, Value: int32(0)},
		{Key: "slice", Value: bson.A{bson.D{
			{Key: "sst", Value: int32(2)}, {Key: "sd", Value: "00abcd"}, {Key: "default_indicator", Value: true},
			{Key: "session", Value: bson.A{bson.D{
				{Key: "name", Value: "iot"}, {Key: "type", Value: int32(3)},
				{Key: "qos", Value: bson.D{{Key: "index", Value: int32(7)}, {Key: "arp", Value: bson.D{
					{Key: "priority_level", Value: int32(8)}, {Key: "pre_emption_capability", Value: int32(1)}, {Key: "pre_emption_vulnerability", Value: int32(2)}}}}},
				{Key: "ambr", Value: ambr}, {Key: "ue", Value: bson.D{{Key: "ipv4", Value: "10.45.0.17"}}}, {Key: "pcc_rule", Value: bson.A{}},
			}}},
		}}},
	}
	got := document(t, d.collection(t, "subscribers"), p.IMSI)
	if g, w := canonical(t, got[1:]), canonical(t, want); g != w {
		t.Errorf("the document is\n%s\nwant\n%s", g, w)
	}
}

func canonical(t *testing.T, d bson.D) string {
	t.Helper()
	b, err := bson.MarshalExtJSONIndent(d, true, false, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestConsoleDocument takes over what the core's web console and its command
// line write: keys with blanks, numbers of any width, lists where the HSS
// writes text.
func TestConsoleDocument(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, "")
	subscribers := d.collection(t, "subscribers")
	p := fleet(1)[0]
	k := strings.ToUpper(p.K.Hex())
	_, err := subscribers.InsertOne(t.Context(), bson.D{
		{Key: "imsi", Value: string(p.IMSI)}, {Key: "msisdn", Value: bson.A{string(p.MSISDN)}}, {Key: "imeisv", Value: bson.A{}},
		{Key: "mme_host", Value: bson.A{}}, {Key: "purge_flag", Value: bson.A{}}, {Key: "subscriber_status", Value: float64(0)},
		{Key: "security", Value: bson.D{{Key: "k", Value: k[:8] + " " + k[8:16] + " " + k[16:24] + " " + k[24:]}, {Key: "op", Value: nil},
			{Key: "opc", Value: p.OPc.Hex()}, {Key: "amf", Value: "8000"}, {Key: "sqn", Value: int64(97)}}},
		{Key: "slice", Value: bson.A{bson.D{{Key: "sst", Value: float64(1)}, {Key: "session", Value: bson.A{bson.D{{Key: "name", Value: "internet"}}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := canonical(t, document(t, subscribers, p.IMSI))
	mustApply(t, c, p)
	if after := canonical(t, document(t, subscribers, p.IMSI)); after != before {
		t.Errorf("what is as it should be was changed to %s", after)
	}
	p.Barred = 1
	mustApply(t, c, p)
	p.Barred = 0
	mustApply(t, c, p)
	if sqn := at(document(t, subscribers, p.IMSI), "security", "sqn"); sqn != int64(97) {
		t.Errorf("the count is %v", sqn)
	}
}

// TestDocumentOfAnotherForm fails who has one, without its values, and nobody
// else.
func TestDocumentOfAnotherForm(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, "")
	batch := fleet(3)
	_, err := d.collection(t, "subscribers").InsertOne(t.Context(), bson.D{{Key: "imsi", Value: string(batch[1].IMSI)},
		{Key: "security", Value: bson.D{{Key: "k", Value: bson.A{batch[1].K.Hex()}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range c.Apply(t.Context(), batch) {
		if (err != nil) != (i == 1) || network.Refused(err) != nil {
			t.Errorf("profile %d: %v", i, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), batch[i].K.Hex()) || !strings.Contains(err.Error(), string(batch[i].IMSI))) {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	mustHave(t, c, batch[0], batch[2])
	got, err := c.List(t.Context(), "", 10)
	if err != nil || len(got) != 3 || got[1].IMSI != batch[1].IMSI {
		t.Errorf("List = %+v, %v", got, err)
	}
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// TestGhost finds documents without keys, as the HSS writes where a device was
// into one that has just gone: nobody is there.
func TestGhost(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, "")
	subscribers := d.collection(t, "subscribers")
	batch := fleet(2)
	for _, p := range batch {
		_, err := subscribers.UpdateOne(t.Context(), bson.D{{Key: "imsi", Value: string(p.IMSI)}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "mme_host", Value: "mme"}, {Key: "purge_flag", Value: true}}}}, options.UpdateOne().SetUpsert(true))
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Observe(t.Context(), []ident.IMSI{batch[0].IMSI})
	if err != nil || got[0].Present {
		t.Errorf("Observe = %+v, %v", got, err)
	}
	if got, err = c.List(t.Context(), "", 10); err != nil || len(got) != 0 {
		t.Errorf("List = %+v, %v", got, err)
	}
	remove(batch[1:])
	mustApply(t, c, batch...)
	if sqn := at(document(t, subscribers, batch[0].IMSI), "security", "sqn"); sqn != int64(0) {
		t.Errorf("the count is %v", sqn)
	}
	if doc := document(t, subscribers, batch[1].IMSI); doc != nil {
		t.Errorf("the ghost is still there: %v", doc)
	}
}

// TestConsoleGivesSessionsBack has somebody give a barred subscriber sessions:
// that is seen, and undone.
func TestConsoleGivesSessionsBack(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	p := fleet(1)[0]
	p.Barred = 1
	mustApply(t, c, p)
	_, err := e.subscribers.UpdateOne(t.Context(), bson.D{{Key: "imsi", Value: string(p.IMSI)}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "slice.0.session", Value: bson.A{bson.D{{Key: "name", Value: "back"}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	e.attach(p.IMSI)
	got, err := c.Observe(t.Context(), []ident.IMSI{p.IMSI})
	if err != nil || got[0].Barred != 0 {
		t.Fatalf("Observe = %+v, %v", got, err)
	}
	mustApply(t, c, p)
	waitFor(t, "the device to be off", func() bool { return !e.isConnected(p.IMSI) })
	p.Barred = 0
	mustApply(t, c, p)
	if name := at(document(t, e.subscribers, p.IMSI), "slice", 0, "session", 0, "name"); name != "back" {
		t.Errorf("the session is now %v", name)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := startDatabase(t).open(t, "")
	batch := fleet(6)
	batch[1].Barred = sim.Voice
	batch[2].IMSI = ""
	batch[3].OPc = ident.Key{}
	batch[4].K, batch[4].OPc = ident.Key{}, ident.Key{}
	want := []string{"", "the network bars voice and messaging only together", "the SIM has no IMSI",
		"the SIM has no OPc, without which a 4G or 5G network cannot check it", "", ""}
	for i, err := range c.Apply(t.Context(), batch) {
		why := ""
		if r := network.Refused(err); r != nil {
			why = r.Why
		}
		if why != want[i] {
			t.Errorf("profile %d: %v", i, err)
		}
		// Keys may still be put into the network.
		if noKeys := fault.CodeOf(orNone(err)) == "network.no_keys"; noKeys != (i == 4) {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	mustHave(t, c, batch[0], batch[5])
}

// TestWriteThatFails harms no neighbour, and its error holds no key.
func TestWriteThatFails(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, "")
	subscribers := d.collection(t, "subscribers")
	batch := fleet(5)
	mustApply(t, c, batch[0])
	for _, field := range []string{"imsi", "security.k"} {
		if _, err := subscribers.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}, Options: options.Index().SetUnique(true).SetName(field)}); err != nil {
			t.Skipf("not run: %v", err)
		}
	}
	batch[3].K = batch[0].K
	for i, err := range c.Apply(t.Context(), batch) {
		if (err != nil) != (i == 3) || network.Refused(err) != nil {
			t.Errorf("profile %d: %v", i, err)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), batch[i].K.Hex()) {
			t.Errorf("profile %d: the error holds a key", i)
		}
	}
	mustHave(t, c, batch[1], batch[2], batch[4])
}

// TestDocumentGoesMeanwhile has somebody delete a document between the look and
// the write.
func TestDocumentGoesMeanwhile(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	batch := fleet(3)
	mustApply(t, c, batch...)
	for i := range batch {
		batch[i].MSISDN += "9"
	}
	gone := document(t, e.subscribers, batch[1].IMSI)[0].Value
	e.broken = func(w *write) error {
		if w.id == gone {
			_, _ = e.subscribers.DeleteOne(context.Background(), bson.D{{Key: "_id", Value: gone}})
		}
		return nil
	}
	for i, err := range c.Apply(t.Context(), batch) {
		if (err != nil) != (i == 1) || network.Refused(err) != nil {
			t.Errorf("profile %d: %v", i, err)
		}
	}
	e.broken = nil
	mustApply(t, c, batch...)
}

// TestHang has a database that takes connections and says nothing.
func TestHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d, err := Open(t.Context(), json.RawMessage(`{"uri":"mongodb://`+l.Addr().String()+`","timeout":"200ms"}`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	begun := time.Now()
	for _, err := range d.Apply(context.WithoutCancel(t.Context()), fleet(3)) {
		if fault.KindOf(orNone(err)) != fault.Unavailable || network.Refused(err) != nil {
			t.Errorf("Apply: %v", err)
		}
	}
	if _, err := d.Observe(context.WithoutCancel(t.Context()), []ident.IMSI{"001"}); fault.KindOf(orNone(err)) != fault.Unavailable {
		t.Errorf("Observe: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v to give up", took)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, want string }{
		{``, ""},
		{`{"uri":"mongodb://simurgh@10.0.0.1,10.0.0.2:27018/core?replicaSet=rs0","info":["http://10.0.0.4:9090"],"prove":false,"settle":"0s"}`, ""},
		{`{"uri":"http://10.0.0.1"}`, `uri does not begin with "mongodb://"`},
		{`{"uri":"mongodb://a:b@10.0.0.1"}`, "uri holds a password; leave it out and give it as the network's secret"},
		{`{"apn":"-","sst":0,"sd":"xyz","qci":300,"downlinkMbps":-1,"settle":"x","timeout":"1ns","info":["10.0.0.4"]}`,
			`sd is "xyz"; 6 hexadecimal digits are needed; sst is 0; 1 to 4 is needed; qci is 300; 1 to 254 is needed; downlinkMbps is -1; 1 to 1000000 is needed; apn has the label "-"; labels are letters, digits and inner hyphens; info[0] is no address such as http://127.0.0.4:9090; settle is "x"; a duration from 0s to 1m is needed; timeout is "1ns"; a duration from 10ms to 1m is needed`},
		{`{"url":"x"}`, "config of an Open5GS is a JSON object"},
	} {
		err := Check(json.RawMessage(c.config))
		if c.want == "" && err != nil || c.want != "" && (!strings.HasPrefix(fmt.Sprint(err), c.want) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v\nwant %s", c.config, err, c.want)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	const password = "p@ss/w:rd"
	c, err := parse(json.RawMessage(`{"uri":"mongodb://sim%40urgh@10.0.0.1,10.0.0.2/core?replicaSet=rs0"}`))
	if err != nil {
		t.Fatal(err)
	}
	uri, err := c.withPassword(password)
	if want := "mongodb://sim%40urgh:p%40ss%2Fw%3Ard@10.0.0.1,10.0.0.2/core?replicaSet=rs0"; err != nil || uri != want || c.database != "core" {
		t.Errorf("withPassword = %q, %v, database %q", uri, err, c.database)
	}
	for _, config := range []string{``, `{"uri":"mongodb://simurgh@10.0.0.1:x/core"}`} {
		_, err := Open(t.Context(), json.RawMessage(config), []byte(password), nil)
		if fault.KindOf(orNone(err)) != fault.Invalid || strings.Contains(err.Error(), "ss") && strings.Contains(err.Error(), "w:rd") {
			t.Errorf("Open with %q: %v", config, err)
		}
	}
}
