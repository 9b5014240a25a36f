package terminal_test

import (
	"fmt"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

type simsJSON struct {
	Found, Offset, Total int
	SIMs                 []simJSON
}

// 2,500 SIMs page as 1000 + 1000 + 500, each once and in the order of their
// ICCIDs.
func TestPages(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, w *world) {
		const first = 15 // of the mould
		list := make([]fleet.BatchRow, 2500-first)
		for i := range list {
			list[i] = fleet.BatchRow{Line: i + 1, SIM: sim.SIM{ICCID: ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859%09d", i))),
				IMSI: ident.IMSI(fmt.Sprintf("2341600%08d", i)), Group: "many"}}
		}
		n, err := w.Fleet.Import(t.Context(), w.op, fleet.Import{Portfolio: folios["A"], Package: pkgMeter, Network: "lab"}, &fleettest.Rows{List: list})
		if err != nil || n.Imported != len(list) {
			t.Fatalf("%+v %v", n, err)
		}
		for path, total := range map[string]int{"/get_account_sims": 2500, "/get_sims": 2500, "/get_group_sims?group=many": 2500 - first} {
			join := "?"
			if total != 2500 {
				join = "&"
			}
			last := ""
			for offset, found := range []int{1000, 1000, total - 2000, 0} {
				var p simsJSON
				w.get(fmt.Sprintf("%s%soffset=%d", path, join, offset*1000)).into(t, &p)
				if p.Found != found || p.Offset != offset*1000 || p.Total != total || len(p.SIMs) != found {
					t.Fatalf("%s at %d: found %d, total %d, %d SIMs", path, offset, p.Found, p.Total, len(p.SIMs))
				}
				for _, s := range p.SIMs {
					if s.ICCID <= last {
						t.Fatalf("%s: %s stands behind %s", path, s.ICCID, last)
					}
					last = s.ICCID
				}
			}
		}
		thousand := ""
		for _, r := range list[:1000] {
			thousand += string(r.SIM.ICCID) + ","
		}
		if a := w.put("/set_name?name=all&iccid="+thousand).ok(t, 200); a.body != "OK" {
			t.Error(a.body)
		}
		w.put("/activate?iccid="+thousand).ok(t, 202)
		w.settle()
		w.put("/activate?iccid="+thousand+"<live>").fails(t, 400, "E230", "1001 SIMs")
		var p simsJSON
		w.get("/get_sims?iccid="+thousand).into(t, &p)
		if p.Found != 1000 || p.Total != 1000 {
			t.Errorf("found %d, total %d", p.Found, p.Total)
		}
		w.get("/get_sims?offset=990&iccid="+thousand).into(t, &p)
		if p.Found != 10 || p.Total != 1000 || p.Offset != 990 {
			t.Errorf("found %d, total %d", p.Found, p.Total)
		}
		w.get("/get_sims?iccid="+thousand).into(t, &p)
		for _, s := range p.SIMs {
			if s.Name != "all" || s.State != "LIVE" {
				t.Fatalf("%+v", s)
			}
		}
	})
}
