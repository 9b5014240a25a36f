package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// recorder keeps the statements that pass through it.
type recorder struct {
	querier
	texts []string
	args  [][]any
}

func (r *recorder) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	r.texts, r.args = append(r.texts, text), append(r.args, args)
	return r.querier.query(ctx, text, args...)
}

func (r *recorder) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	r.texts, r.args = append(r.texts, text), append(r.args, args)
	return r.querier.exec(ctx, text, args...)
}

// startsTracker finds the SIMs of [explained].
var startsTracker = &sim.Match{Text: "Tracker", How: sim.Starts, Fields: []sim.Field{sim.ByName}}

// TestNoScans holds that nothing which a page is read with reads a whole table,
// or sorts what an index has in order.
func TestNoScans(t *testing.T) {
	t.Parallel()
	db, below := explained(t)
	rec := &recorder{querier: db.q}
	db.q = rec
	group, number := "group", int64(1)
	all := tenant.Everything()
	walked := []sim.Query{{}, {Sort: sim.ByName}, {Sort: sim.ByIMSI, Descending: true}, {Statuses: []sim.Status{sim.StatusAvailable}},
		{Held: sim.Kinds(0).With(sim.Admin)}, {Package: &number}, {Group: &group}, {Spec: &number}, {ActivatedAt: time.Unix(1, 0)},
		{Statuses: []sim.Status{sim.StatusAvailable}, Sort: sim.ByName}, {Match: &sim.Match{Text: "tracker"}}, {Offset: 7}, {Offset: 7, Sort: sim.ByName},
		{After: &sim.Cursor{ICCID: "8944"}}, {After: &sim.Cursor{Value: "t", ICCID: "8944"}, Sort: sim.ByName},
		{Match: startsTracker}, {Match: startsTracker, Sort: sim.ByName}, {Match: startsTracker, Sort: sim.ByName, Spec: &number},
		{Match: &sim.Match{Text: "0000", Fields: []sim.Field{sim.ByIMSI}}}, {Match: &sim.Match{Text: "track", Fields: []sim.Field{sim.ByName}}},
		{ICCIDs: []ident.ICCID{"8944"}}, {IMSI: "234150000000001"}, {MSISDN: "44"}, {IMEI: "49"}, {EID: "89"}, {Number: "N"}, {Match: &sim.Match{Text: "absent"}}}
	for _, in := range []tenant.Sphere{all, below} {
		for _, q := range walked {
			q.Limit = 5
			if _, err := db.List(t.Context(), in, q); err != nil {
				t.Fatal(err)
			}
			rec.wantNoScan(t, db, fmt.Sprintf("%+v", q))
		}
		for _, read := range []func() error{
			func() error { _, _, err := db.SIM(t.Context(), in, "8944"); return err },
			func() error { _, err := db.Events(t.Context(), in, event.Query{Limit: 5}); return err },
			func() error { _, err := db.Events(t.Context(), in, event.Query{ICCID: "8944", Limit: 5}); return err },
			func() error {
				_, err := db.Operations(t.Context(), in, sim.OperationQuery{Progress: []sim.Progress{sim.OpWaiting}, Limit: 5})
				return err
			},
			func() error {
				_, err := db.Operations(t.Context(), in, sim.OperationQuery{ICCID: "8944", Limit: 5})
				return err
			},
			func() error { _, err := db.QuarantineOver(t.Context(), "lab", time.Unix(1, 0), 5); return err },
			func() error { _, err := db.InTest(t.Context(), sim.Term{}, time.Unix(1, 0), 5); return err },
			func() error { _, err := db.ReadySince(t.Context(), sim.Term{}, time.Unix(1, 0), 5); return err },
			func() error { _, err := db.Expected(t.Context(), "lab", "1", 5); return err },
		} {
			if err := read(); err != nil {
				t.Fatal(err)
			}
			rec.wantNoScan(t, db, "a read")
		}
	}
}

// wantNoScan looks at the statements that were recorded, and forgets them.
func (r *recorder) wantNoScan(t *testing.T, db *DB, what string) {
	t.Helper()
	for i, text := range r.texts {
		lines, err := explain(t.Context(), db, text, r.args[i])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "progress <= 2") && !strings.Contains(strings.Join(lines, " "), "INDEX operation_open") {
			t.Errorf("open operations are looked for among all: %q", lines)
		}
		for _, line := range lines {
			table := strings.Fields(strings.TrimPrefix(line, "SCAN "))[0]
			// Newest first, as the table is; and the first of all ICCIDs.
			inOrder := table == "h" && !strings.Contains(line, "INDEX") || strings.HasSuffix(line, " USING COVERING INDEX sim_iccid")
			walks := strings.Contains(text, " IN (SELECT x.")
			switch {
			case walks && strings.HasSuffix(line, "(portfolio_no=?)") && !strings.HasPrefix(line, "SEARCH x "):
				t.Errorf("%s: all rows are looked at, and the keys selected for each: %s\n\tin %s", what, line, text)
			case strings.HasPrefix(line, "SCAN ") && strings.Contains(" s t x h sim sim_state ", " "+table+" ") && !inOrder,
				strings.Contains(line, "TEMP B-TREE FOR ORDER BY") && walks && !strings.Contains(text, " h "):
				t.Errorf("%s: %s\n\tin %s\n\t%q", what, line, text, lines)
			}
		}
	}
	r.texts, r.args = nil, nil
}

// TestMergesStop holds that a list which merges ranges leaves each as soon as it
// cannot reach into the page: it does not read all that a filter leaves.
func TestMergesStop(t *testing.T) {
	t.Parallel()
	db, below := explained(t)
	merged := 0
	db.Tune(0, 60, func(path string) {
		if path == "merged" {
			merged++
		}
	})
	rec := &recorder{querier: db.q}
	db.q = rec
	group, number := "group", int64(1)
	for i, q := range []sim.Query{{}, {Sort: sim.ByName}, {Sort: sim.ByIMSI}, {Statuses: []sim.Status{sim.StatusAvailable}}, {Package: &number},
		{Group: &group}, {Spec: &number}, {ActivatedAt: time.Unix(1, 0)}, {Sort: sim.ByName, After: &sim.Cursor{Value: "t", ICCID: "8944"}},
		{Spec: &number, After: &sim.Cursor{ICCID: "8944"}}, {Match: startsTracker, Sort: sim.ByName},
		{Match: startsTracker, Sort: sim.ByName, After: &sim.Cursor{Value: "tracker 2", ICCID: "8944"}}} {
		for _, q.Descending = range []bool{false, true} {
			q.Limit, merged, rec.texts, rec.args = 5, 0, nil, nil
			if page, err := db.List(t.Context(), below, q); err != nil || len(page.SIMs) == 0 && !q.Descending || merged != 1 {
				t.Fatalf("list %d: %+v, %v, merged %d times", i, page, err, merged)
			}
			for n, text := range rec.texts {
				if strings.Contains(text, " AS v,") && !stops(t, db, text, rec.args[n]) {
					t.Errorf("list %d reads its ranges to their ends: %s", i, text)
				}
			}
		}
	}
}

// stops reports whether SQLite leaves the inner loop at the first row that comes
// behind all that it keeps: IdxLE, which compares them, then jumps beyond the step
// to the next row of that loop, which stands behind the insertion of a row.
func stops(t *testing.T, db *DB, text string, args []any) bool {
	t.Helper()
	rows, err := db.engine.pool().QueryContext(t.Context(), "EXPLAIN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	compared, kept := 0, 0
	for rows.Next() {
		var at, p1, p2, p3, p5 int
		var op string
		var p4, comment any
		if err := rows.Scan(&at, &op, &p1, &p2, &p3, &p4, &p5, &comment); err != nil {
			t.Fatal(err)
		}
		switch op {
		case "IdxLE":
			compared = p2
		case "IdxInsert":
			kept = at
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return compared > kept+1
}

func explain(ctx context.Context, db *DB, text string, args []any) ([]string, error) {
	rows, err := db.engine.pool().QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, rows.Err()
}

// explained is a database of two portfolios that takes a handful for many.
func explained(t *testing.T) (*DB, tenant.Sphere) {
	t.Helper()
	db, _ := openWriter(t)
	root := tenant.Portfolio{ID: ident.NewPortfolioID(), Status: tenant.Active}
	root.Path = tenant.Path("", root.ID)
	child := tenant.Portfolio{ID: ident.NewPortfolioID(), Parent: root.ID, Status: tenant.Active}
	child.Path = tenant.Path(root.Path, child.ID)
	var sims []sim.NewSIM
	for i := range 40 {
		sims = append(sims, sim.NewSIM{SIM: &sim.SIM{ICCID: ident.ICCID(fmt.Sprintf("8944%014d", i)), IMSI: ident.IMSI(fmt.Sprintf("23415%010d", i)),
			Name: fmt.Sprint("tracker ", i), Group: "group", Package: 1, Spec: 1, Lifecycle: sim.New(time.Unix(1, 0), "x")}})
		sims[i].SIM.ActivatedAt = time.Unix(1, 0)
		sims[i].SIM.Wanted.Suspended = sim.Kinds(0).With(sim.Admin)
	}
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *Tx) error {
		for _, p := range []tenant.Portfolio{root, child} {
			if err := tx.AddPortfolio(ctx, p); err != nil {
				return err
			}
		}
		return tx.Insert(ctx, child.ID, sims)
	}); err != nil {
		t.Fatal(err)
	}
	db.Tune(0, 60, nil)
	return db, tenant.Below(child.Path)
}
