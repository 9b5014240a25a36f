package tigrillo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/edge/tigrillo"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

const (
	auto     = `{"status":"AUTO"}`
	byPeople = `{"status":"OK"}`
	pending  = `"SIM is pending activation"`
	e0130    = `"E0130:The set of parameters must pass validation through getSIMActivationTariffs"`
	e0137    = `"E0137:Invalid SIM no. provided"`
)

var (
	noTariff    = failed("E0131", `A tariff ID must be provided. Do not let the end user select "Use preassigned package/tariff"`)
	wrongTariff = failed("E0132", "The tariff ID is not valid.")
	wrongDevice = failed("E0133", "The device type is not valid.")
)

func folioOf(w *world, name string, change func(*tenant.Portfolio)) {
	must(w.Fleet.ChangePortfolio(context.Background(), w.op, folios[name], func(p *tenant.Portfolio) error {
		change(p)
		return nil
	}))
}

func TestActivateSIMs(t *testing.T) {
	t.Parallel()
	text := func(o *tigrillo.Options) { o.TextOutcomes = true }
	owing := func(w *world) {
		folioOf(w, "A", func(p *tenant.Portfolio) { p.Overdue = 12*money.Unit + money.Unit/2 })
	}
	stopped := func(w *world) { folioOf(w, "A", func(p *tenant.Portfolio) { p.NoActivations = true }) }
	inStock := map[string]string{"stock": "available", "stock2": "available"}
	on := map[string]string{"stock": "provisioning"}
	one := func(more string) string { return `{"sims":[{"ICCID":"<stock>"}]` + more + `}` }
	play(t, []scenario{
		{name: "at once", method: "activateSIMs", body: one(``), want: statuses("stock", auto), then: on},
		{name: "two", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<stock2>"}]}`, want: statuses("stock", auto, "stock2", auto)},
		{name: "its own package", method: "activateSIMs", body: one(`,"tariffID":20417`), want: statuses("stock", auto), then: on},
		{name: "another package", method: "activateSIMs", body: one(`,"tariffID":"20418"`), want: statuses("stock", auto), then: on},
		{name: "blank package", method: "activateSIMs", body: one(`,"tariffID":""`), want: statuses("stock", auto), then: on},
		{name: "null everywhere", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>","friendlyName":null,"IMEI":null}],"tariffID":null,"group":null,"device":null}`,
			want: statuses("stock", auto), then: on},
		{name: "people decide", method: "activateSIMs", body: `{"sims":[{"ICCID":"<slow>"}]}`, want: statuses("slow", byPeople), then: map[string]string{"slow": "awaitingApproval"}},
		{name: "text", options: text, method: "activateSIMs", body: one(``), want: statuses("stock", `"AUTO"`), then: on},
		{name: "text, people decide", options: text, method: "activateSIMs", body: `{"sims":[{"ICCID":"<slow>"}]}`, want: statuses("slow", `"OK"`)},
		{name: "from the end", method: "activateSIMs", body: `{"sims":[{"ICCID":"<gone>"}]}`, want: statuses("gone", auto), then: map[string]string{"gone": "provisioning"}},
		{name: "below", method: "activateSIMs", as: customer, body: `{"sims":[{"ICCID":"<child>"}]}`, want: statuses("child", auto), then: map[string]string{"child": "provisioned"}},

		{name: "pending", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<provisioning>"},{"ICCID":"<waiting>"}]}`,
			want: statuses("provisioning", pending, "waiting", pending), then: inStock},
		{name: "active stays", method: "activateSIMs", body: `{"sims":[{"ICCID":"<live>"}]}`, want: statuses("live", auto), then: map[string]string{"live": "provisioned"}},
		{name: "active on that package stays", method: "activateSIMs", body: `{"sims":[{"ICCID":"<live>"}],"tariffID":20417}`, want: statuses("live", auto)},
		{name: "active on another", method: "activateSIMs", body: `{"sims":[{"ICCID":"<live>"}],"tariffID":20418}`, want: statuses("live", e0130)},
		{name: "not to be activated", method: "activateSIMs", body: `{"sims":[{"ICCID":"<suspended>"},{"ICCID":"<admin>"},{"ICCID":"<review>"},{"ICCID":"<leaving>"},{"ICCID":"<closed>"},{"ICCID":"<stock>"}]}`,
			want: statuses("suspended", e0130, "admin", e0130, "review", e0130, "leaving", e0130, "closed", e0130), then: inStock},
		{name: "unknown", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<missing>"},{"ICCID":"<foreign>"}]}`,
			want: statuses(missing, e0137, "foreign", e0137), then: inStock},
		{name: "unknown, by the other list", options: func(o *tigrillo.Options) { o.UnknownSIM = true }, method: "activateSIMs",
			body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<missing>"}]}`, want: failed("E0001", "Invalid input - "+string(iccid(missing))+" is not a recognised SIM number"), then: inStock},
		{name: "no number, by the other list", options: func(o *tigrillo.Options) { o.UnknownSIM = true }, method: "activateSIMs",
			body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"` + strings.Repeat("x", 300) + `"}]}`,
			want: failed("E0001", "Invalid input - "+strings.Repeat("x", 64)+" is not a recognised SIM number"), then: inStock},
		{name: "no number", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"x"}]}`,
			want: strings.TrimSuffix(done, "}") + `,"simStatuses":{"x":` + e0137 + `}}`, then: inStock},

		{name: "owes", before: owing, method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<missing>"}]}`,
			want: statuses("stock", `{"status":"PAY","price":"12.50","ccy":"GBP"}`, missing, e0137), then: inStock},
		{name: "owes, text", options: text, before: owing, method: "activateSIMs", body: one(``), want: statuses("stock", `"PAY"`), then: inStock},
		{name: "may not", as: logistics, method: "activateSIMs", body: one(``), want: denied, then: inStock},
		{name: "account may not", before: stopped, method: "activateSIMs", body: one(``), want: denied, then: inStock},
		{name: "account below may not", before: func(w *world) {
			folioOf(w, "C", func(p *tenant.Portfolio) { p.NoActivations = true })
			w.give(sim.Terminate, "child")
			w.settle()
		}, method: "activateSIMs", body: `{"sims":[{"ICCID":"<child>"},{"ICCID":"<stock>"}]}`, want: denied, then: inStock},

		{name: "two types", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<esim>"},{"ICCID":"<stock2>"}]}`, want: statuses("esim", e0130), then: inStock},
		{name: "two packages", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<slow>"}]}`, want: statuses("slow", e0130), then: inStock},
		{name: "two packages become one", method: "activateSIMs", body: `{"sims":[{"ICCID":"<stock>"},{"ICCID":"<slow>"}],"tariffID":20417}`,
			want: statuses("stock", auto, "slow", auto)},
		{name: "another operator's package", method: "activateSIMs", body: one(`,"tariffID":20420`), want: statuses("stock", e0130), then: inStock},
		{name: "no such package", method: "activateSIMs", body: one(`,"tariffID":99999`), want: wrongTariff, then: inStock},
		{name: "another's package", method: "activateSIMs", body: one(`,"tariffID":20421`), want: wrongTariff, then: inStock},
		{name: "stopped package", method: "activateSIMs", body: one(`,"tariffID":20422`), want: wrongTariff, then: inStock},
		{name: "package in words", method: "activateSIMs", body: one(`,"tariffID":"gold"`), want: wrongTariff, then: inStock},
		{name: "package 0", method: "activateSIMs", body: one(`,"tariffID":0`), want: wrongTariff, then: inStock},
		{name: "package below 0", method: "activateSIMs", body: one(`,"tariffID":-1`), want: wrongTariff, then: inStock},
		{name: "package 1.5", method: "activateSIMs", body: one(`,"tariffID":1.5`), want: wrongTariff, then: inStock},
		{name: "package too large", method: "activateSIMs", body: one(`,"tariffID":99999999999999999999`), want: wrongTariff, then: inStock},
		{name: "device", options: func(o *tigrillo.Options) { o.Devices = []string{"RUT240"} }, method: "activateSIMs", body: one(`,"device":"RUT240"`), want: statuses("stock", auto)},
		{name: "no device", options: func(o *tigrillo.Options) { o.Devices = []string{"RUT240"} }, method: "activateSIMs", body: one(`,"device":""`), want: statuses("stock", auto)},
		{name: "wrong device", options: func(o *tigrillo.Options) { o.Devices = []string{"RUT240"} }, method: "activateSIMs", body: one(`,"device":"rut240"`), want: wrongDevice, then: inStock},
		{name: "any device", method: "activateSIMs", body: one(`,"device":"rut240"`), want: statuses("stock", auto)},
	})
}

func TestActivateSIMsWithoutAPackage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unpack("stock")
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}]}`).body, noTariff)
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}],"tariffID":""}`).body, noTariff)
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}],"tariffID":20417}`).body, statuses("stock", auto))
}

func TestActivateSIMsInput(t *testing.T) {
	t.Parallel()
	inStock := map[string]string{"stock": "available"}
	bad := func(name string) string { return failed("E0005", "Invalid parameter - "+name) }
	gone := func(name string) string { return failed("E0004", "Missing parameter - "+name) }
	sim1 := func(more string) string { return `{"sims":[{"ICCID":"<stock>"` + more + `}]}` }
	list := []scenario{
		{name: "nothing", body: ``, want: gone("sims")},
		{name: "empty", body: `{"sims":[]}`, want: gone("sims")},
		{name: "null", body: `{"sims":null}`, want: gone("sims")},
		{name: "an object", body: `{"sims":{"ICCID":"<stock>"}}`, want: bad("sims")},
		{name: "plain numbers", body: `{"sims":["<stock>"]}`, want: bad("sims")},
		{name: "null inside", body: `{"sims":[null]}`, want: bad("sims")},
		{name: "array inside", body: `{"sims":[[]]}`, want: bad("sims")},
		{name: "no ICCID", body: `{"sims":[{"ICCID":"<stock>"},{}]}`, want: gone("ICCID")},
		{name: "empty ICCID", body: `{"sims":[{"ICCID":""}]}`, want: gone("ICCID")},
		{name: "ICCID is a number", body: `{"sims":[{"ICCID":8944538599000000003}]}`, want: bad("ICCID")},
		{name: "ICCID is an array", body: `{"sims":[{"ICCID":["<stock>"]}]}`, want: bad("ICCID")},
		{name: "name with a comma", body: sim1(`,"friendlyName":"a,b"`), want: bad("friendlyName")},
		{name: "name of 256", body: sim1(`,"friendlyName":"` + strings.Repeat("a", 256) + `"`), want: bad("friendlyName")},
		{name: "name is a number", body: sim1(`,"friendlyName":7`), want: bad("friendlyName")},
		{name: "name is true", body: sim1(`,"friendlyName":true`), want: bad("friendlyName")},
		{name: "name with a line", body: sim1(`,"friendlyName":"a\nb"`), want: bad("friendlyName")},
		{name: "IMEI of 14", body: sim1(`,"IMEI":"49015420323751"`), want: bad("IMEI")},
		{name: "IMEI of 16", body: sim1(`,"IMEI":"4901542032375181"`), want: bad("IMEI")},
		{name: "IMEI with a letter", body: sim1(`,"IMEI":"49015420323751x"`), want: bad("IMEI")},
		{name: "IMEI is a number", body: sim1(`,"IMEI":490154203237518`), want: bad("IMEI")},
		{name: "tariff is true", body: `{"sims":[{"ICCID":"<stock>"}],"tariffID":true}`, want: bad("tariffID")},
		{name: "tariff is an array", body: `{"sims":[{"ICCID":"<stock>"}],"tariffID":[20417]}`, want: bad("tariffID")},
		{name: "group is a number", body: `{"sims":[{"ICCID":"<stock>"}],"group":1}`, want: bad("group")},
		{name: "group with a comma", body: `{"sims":[{"ICCID":"<stock>"}],"group":"a,b"}`, want: bad("group")},
		{name: "device is an object", body: `{"sims":[{"ICCID":"<stock>"}],"device":{}}`, want: bad("device")},
		{name: "device of 256", body: `{"sims":[{"ICCID":"<stock>"}],"device":"` + strings.Repeat("a", 256) + `"}`, want: bad("device")},
		{name: "10,001", body: `{"sims":[` + strings.TrimSuffix(strings.Repeat(`{"ICCID":"<stock>"},`, 10_001), ",") + `]}`, want: bad("sims")},
	}
	for i := range list {
		list[i].method, list[i].then = "activateSIMs", inStock
	}
	play(t, list)
}

func TestActivateSIMsLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := fmt.Sprintf(`{"sims":[{"ICCID":"<stock>","friendlyName":%q,"IMEI":"490154203237518"},{"ICCID":"<stock2>","friendlyName":"😀","IMEI":""},
		{"ICCID":"<stock>","friendlyName":"the second mention"}],"tariffID":20418,"group":"East","device":"RUT240"}`, strings.Repeat("n", 255))
	same(t, w.call(engineer, "activateSIMs", body).body, statuses("stock", auto, "stock2", auto))
	if s := w.sim("stock"); s.Name != strings.Repeat("n", 255) || s.IMEI != "490154203237518" || s.Group != "East" || s.Device != "RUT240" || s.Package != pkgOther {
		t.Errorf("%+v", s)
	}
	if s := w.sim("stock2"); s.Name != "😀" || s.IMEI != "" || s.Wanted.Phase != sim.Live {
		t.Errorf("%+v", s)
	}
}

// TestALifeOverTheWire: stock to the end and back again.
func TestALifeOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := func(want string) {
		t.Helper()
		_, f := w.list(engineer, `{"numRecs":1}`)
		if f.SIMs[0].Status != want {
			t.Errorf("it shows %s, not %s", f.SIMs[0].Status, want)
		}
	}
	state("available")
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}]}`).body, statuses("stock", auto))
	state("pendingProvision")
	w.settle()
	state("provisioned")
	same(t, w.call(engineer, "suspendSIMs", `{"sims":["<stock>"]}`).body, done)
	state("provisioned")
	w.settle()
	state("suspended")
	same(t, w.call(engineer, "unsuspendSIMs", `{"sims":["<stock>"]}`).body, done)
	state("provisioned")
	w.settle()
	same(t, w.call(engineer, "terminateSIMs", `{"sims":["<stock>"]}`).body, done)
	state("pendingDeprovision")
	same(t, w.call(engineer, "terminateSIMs", `{"sims":["<stock>"]}`).body, statuses("stock", `"E0145:SIM cannot be terminated"`))
	w.settle()
	state("unprovisioned")
	same(t, w.call(engineer, "terminateSIMs", `{"sims":["<stock>"]}`).body, statuses("stock", `"E0145:SIM cannot be terminated"`))
	same(t, w.call(engineer, "setSIMState", `{"ICCID":"<stock>","state":"active"}`).body, done)
	w.settle()
	state("provisioned")
}

// TestRefusedByTheNetwork: the SIM goes back to where it was, and can be
// activated again.
func TestRefusedByTheNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}]}`)
	claims := must(w.Fleet.Claim(context.Background(), "lab", 10, 0))
	check(w.Fleet.Answer(context.Background(), []sim.Answer{{Claim: claims[0], Err: fmt.Errorf("no such number range"), Refused: true}}))
	same(t, w.call(engineer, "activateSIMs", `{"sims":[{"ICCID":"<stock>"}]}`).body, statuses("stock", auto))
}
