package fleet_test

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func eventsOf(i ident.ICCID) event.Query { return event.Query{ICCID: i} }

func TestImportTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock(w.a, w.auto, 0, 2500)
	again := got(w.Import(t.Context(), w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID}, batchOf(0, 2500)))(t)
	if diff := cmp.Diff(fleet.Imported{Rows: 2500, Unchanged: 2500}, again); diff != "" {
		t.Errorf("the same batch again: %s", diff)
	}
	overlap := got(w.Import(t.Context(), w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID}, batchOf(2000, 1000)))(t)
	if overlap.Imported != 500 || overlap.Unchanged != 500 {
		t.Errorf("overlapping batch: %+v", overlap)
	}
	w.must(w.db.Check(t.Context()))
	one := w.sim(iccid(7))
	if one.MNO != 350 || one.Package != w.auto.ID || one.Network != "lab" || one.Portfolio != w.a.ID || one.Status() != sim.StatusAvailable {
		t.Errorf("imported %+v", one)
	}
}

func TestImportRejectsRowsAndTakesTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stock(w.b, w.auto, 100, 1)
	w.stock(w.a, w.auto, 200, 1)
	b := batchOf(0, 10)
	b.list[1].SIM.IMSI = b.list[0].SIM.IMSI
	b.list[2].SIM.MSISDN = "447700000100"
	b.list[3].SIM.ICCID = iccid(100)
	b.list[4].SIM.ICCID, b.list[4].SIM.IMSI = iccid(200), "999999999999999"
	b.list[5].SIM.MNO = 9
	b.list[6] = b.list[0] // a repetition is no fault
	again := batchOf(200, 1).list[0]
	again.Line, again.Secrets.K = b.list[7].Line, ident.Key{9}
	b.list[7] = again
	b.bad = map[int]*fleet.RowRejected{b.list[8].Line: {Line: b.list[8].Line, Fields: []fault.Field{{Name: "iccid", Reason: "is short"}}}}

	var bad []string
	res := got(w.Import(t.Context(), w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID,
		Rejected: func(r fleet.RowRejected) { bad = append(bad, r.Error()) }}, b))(t)
	if diff := cmp.Diff(fleet.Imported{Rows: 11, Imported: 3, Unchanged: 1, Rejected: 7}, res); diff != "" {
		t.Errorf("counts: %s", diff)
	}
	if diff := cmp.Diff([]string{
		"line 3: imsi belongs to SIM " + string(iccid(0)) + " already",
		"line 4: msisdn belongs to SIM " + string(iccid(100)) + " already",
		"line 5: iccid is in portfolio " + string(w.b.ID) + " already",
		`line 6: imsi is 999999999999999, but the SIM is stored with "234150000000200"`,
		"line 7: mno_id is 9, but package 1000 is for operator 350",
		"line 9: ki differs from the key that is stored",
		"line 10: iccid is short",
	}, bad); diff != "" {
		t.Errorf("rejected: %s", diff)
	}
	w.must(w.db.Check(t.Context()))
}

func TestDryRunStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := batchOf(0, 2100)
	b.list[2050].SIM.IMSI = b.list[3].SIM.IMSI
	res := got(w.Import(t.Context(), w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID, DryRun: true}, b))(t)
	if diff := cmp.Diff(fleet.Imported{Rows: 2100, Imported: 2099, Rejected: 1}, res); diff != "" {
		t.Errorf("counts: %s", diff)
	}
	if _, err := w.SIM(t.Context(), w.op, iccid(0)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a dry run stored: %v", err)
	}
}

type brokenSource struct{ n int }

func (b *brokenSource) Next() (fleet.BatchRow, error) {
	if b.n++; b.n > 1500 {
		return fleet.BatchRow{}, io.ErrUnexpectedEOF
	}
	return batchOf(b.n, 1).list[0], nil
}

func TestBrokenSourceKeepsWhatWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res, err := w.Import(t.Context(), w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID}, &brokenSource{})
	if !errors.Is(err, io.ErrUnexpectedEOF) || res.Imported == 0 {
		t.Errorf("%+v, %v", res, err)
	}
	w.must(w.db.Check(t.Context()))
}

func TestImportWhereItMayNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name string
		r    fleet.Request
		in   fleet.Import
		want fault.Kind
	}{
		{"a customer", w.customer(w.a, "A"), fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID}, fault.Forbidden},
		{"no such portfolio", w.op, fleet.Import{Portfolio: ident.NewPortfolioID(), Package: w.auto.ID}, fault.NotFound},
		{"no such package", w.op, fleet.Import{Portfolio: w.a.ID, Package: 4}, fault.NotFound},
		{"not linked", w.op, fleet.Import{Portfolio: w.root.ID, Package: w.auto.ID}, fault.Precondition},
		{"no such network", w.op, fleet.Import{Portfolio: w.a.ID, Package: w.auto.ID, Network: "moon"}, fault.Invalid},
	} {
		if _, err := w.Import(t.Context(), c.r, c.in, batchOf(0, 1)); err == nil || fault.KindOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
