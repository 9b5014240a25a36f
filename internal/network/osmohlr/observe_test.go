package osmohlr_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/osmohlr/hlrtest"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// console runs a command on the VTY beside the driver.
func (h *hlr) console(t *testing.T, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr(hlrtest.VTYPort))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "enable\n%s\n", command); err != nil {
		t.Fatal(err)
	}
	var out []byte
	buffer := make([]byte, 4096)
	for strings.Count(string(out), "# ") < 2 {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buffer[:n]...)
	}
	return string(out)
}

// TestList reads subscribers back in every state that a list can show, with
// an IMEI that is whole, one that is not, and none.
func TestList(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	d := openHLR(t, h.config(nil, nil, ""), nil)
	if got, err := d.List(t.Context(), "", 10); err != nil || len(got) != 0 {
		t.Fatalf("List of an empty HLR = %v, %v", got, err)
	}
	batch := fleet(50)
	for i, barred := range []sim.Services{0, sim.Data, sim.Messaging | sim.Voice, sim.AllServices} {
		for j := i; j < len(batch); j += 4 {
			batch[j].Barred = barred
		}
	}
	batch[7].MSISDN, batch[8].MSISDN, batch[9].IMSI = "", "", "001021"
	mustApply(t, d, batch...)
	for _, i := range []int{0, 1, 2, 3} {
		h.console(t, "subscriber imsi "+string(batch[i].IMSI)+" update imei 49015420323751")
		if i > 0 {
			h.trouble(t, fmt.Sprintf("UPDATE subscriber SET imei = '123' WHERE imsi = '%s'", batch[i].IMSI))
		}
	}
	got, err := d.List(t.Context(), "", 100)
	if err != nil || len(got) != len(batch) {
		t.Fatalf("List = %d subscribers, %v; %d are there", len(got), err, len(batch))
	}
	have := map[string]network.Actual{}
	for i, a := range got {
		have[string(a.IMSI)] = a
		if i > 0 && a.IMSI <= got[i-1].IMSI {
			t.Errorf("%s comes after %s", a.IMSI, got[i-1].IMSI)
		}
	}
	for i := range batch {
		a := have[string(batch[i].IMSI)]
		if diff := a.Drift(&batch[i]); len(diff) > 0 {
			t.Errorf("%s: %+v", batch[i].IMSI, diff)
		}
	}
}

// TestListAsksOnce cuts the pages of a walk from one list, and reads it anew
// for the next walk.
func TestListAsksOnce(t *testing.T) {
	t.Parallel()
	h := startHLR(t)
	ctrl, vty := newProxy(t, h.Addr(hlrtest.CTRLPort)), newProxy(t, h.Addr(hlrtest.VTYPort))
	d := openHLR(t, h.config(ctrl, vty, ""), nil)
	batch := fleet(10)
	mustApply(t, d, batch...)
	if _, err := d.List(t.Context(), "", 3); err != nil {
		t.Fatal(err)
	}
	vty.set(down)
	for after := batch[2].IMSI; after < batch[8].IMSI; {
		page, err := d.List(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		after = page[len(page)-1].IMSI
	}
	if page, err := d.List(t.Context(), batch[9].IMSI, 3); err != nil || len(page) != 0 {
		t.Fatalf("the end of the walk: %v, %v", page, err)
	}
	if _, err := d.List(t.Context(), batch[2].IMSI, 3); err == nil {
		t.Error("the list of a walk that is over is kept")
	}
	vty.set(open)
	mustApply(t, d, absent(batch[0]))
	if page, err := d.List(t.Context(), "", 1); err != nil || page[0].IMSI != batch[1].IMSI {
		t.Errorf("the next walk begins with %v, %v", page, err)
	}
}

// BenchmarkProvision measures what a new subscriber costs, with number and
// keys, in batches of 500 to a real HLR, and what barring and removing it do.
func BenchmarkProvision(b *testing.B) {
	const batch = 500
	h := startHLR(b)
	d := openHLR(b, h.config(nil, nil, ""), nil)
	var add, cut, drop time.Duration
	for b.Loop() {
		subscribers := fleet(batch)
		for _, step := range []struct {
			took   *time.Duration
			change func([]sim.Profile)
		}{{&add, func([]sim.Profile) {}}, {&cut, bar}, {&drop, remove}} {
			step.change(subscribers)
			begun := time.Now()
			mustApply(b, d, subscribers...)
			*step.took += time.Since(begun)
		}
	}
	per := func(took time.Duration) float64 { return float64(b.N) * batch / took.Seconds() }
	b.ReportMetric(per(add), "added/s")
	b.ReportMetric(per(cut), "barred/s")
	b.ReportMetric(per(drop), "removed/s")
	b.ReportMetric(0, "ns/op")
}
