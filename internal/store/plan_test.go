package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// TestPostgresPlans holds that SIMs which are named are looked up in the index
// of their numbers and never in that of the searches, also on a table that has
// just been filled and that PostgreSQL knows nothing about; and that searches do
// use theirs.
func TestPostgresPlans(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	ctx := t.Context()
	r := rand.New(rand.NewPCG(1, 2))
	batch := make([]sim.NewSIM, 20_000)
	for i := range batch {
		batch[i] = grown(r, i, 0)
	}
	root := addRoot(t, db)
	err := db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Insert(ctx, root.ID, batch[:200]); err != nil {
			return err
		}
		wantLookups(t, tx, root, batch, false) // a handful may be looked through
		if err := tx.Insert(ctx, root.ID, batch[200:]); err != nil {
			return err
		}
		wantLookups(t, tx, root, batch, true)
		if err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off"); err != nil { // it is not large
			return err
		}
		plan := plans(t, tx, "search", func() error {
			_, err := tx.List(ctx, tenant.Everything(), sim.Query{Match: &sim.Match{Text: fmt.Sprintf("%07d", 12345)}, Limit: 10})
			return err
		})
		if strings.Count(plan, "Bitmap Index Scan on sim_search") != len(sim.AllFields()) {
			t.Errorf("a search looks elsewhere:\n%s", plan)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPostgresWalksNames holds that a page of SIMs whose names begin with a text is
// read from one stretch of the index, also when PostgreSQL knows nothing about the
// table; and the next page, of a table that it knows, from where that one ended.
func TestPostgresWalksNames(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	ctx := t.Context()
	root := addRoot(t, db)
	r := rand.New(rand.NewPCG(1, 2))
	batch := make([]sim.NewSIM, 20_000)
	for i := range batch {
		batch[i] = grown(r, i, 0)
		batch[i].SIM.Name = fmt.Sprintf("Meter %d", i)
	}
	err := db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Insert(ctx, root.ID, batch); err != nil {
			return err
		}
		q := sim.Query{Match: &sim.Match{Text: "Meter 1", How: sim.Starts, Fields: []sim.Field{sim.ByName}}, Sort: sim.ByName, Limit: 10}
		for _, c := range []struct {
			after *sim.Cursor
			cond  string
		}{
			{nil, "(name_folded >= "},
			{&sim.Cursor{Value: "Meter 17", ICCID: "8944"}, "(ROW(name_folded, iccid) > ROW("},
		} {
			if q.After = c.after; c.after != nil {
				if err := tx.Exec(ctx, "ANALYZE sim"); err != nil {
					return err
				}
			}
			plan := plans(t, tx, "names", func() error {
				page, err := tx.List(ctx, tenant.Below(root.Path), q)
				if err == nil && (len(page.SIMs) != 10 || page.Next == nil || !strings.HasPrefix(page.Next.Value, "meter 1")) {
					err = fmt.Errorf("%+v", page)
				}
				return err
			})
			_, scan, found := strings.Cut(plan, "Index Scan using sim_by_name_folded on sim x")
			if _, cond, _ := strings.Cut(scan, "\n"); !found || !strings.Contains(strings.SplitN(cond, "\n", 2)[0], c.cond) {
				t.Errorf("not by %s:\n%s", c.cond, plan)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func plans(t *testing.T, tx *store.Tx, what string, read func() error) string {
	t.Helper()
	got, err := tx.Plans(t.Context(), read)
	if err != nil || len(got) == 0 {
		t.Fatalf("%s: %d plans, %v", what, len(got), err)
	}
	return strings.Join(got, "")
}

func wantLookups(t *testing.T, tx *store.Tx, root tenant.Portfolio, batch []sim.NewSIM, large bool) {
	t.Helper()
	ctx, in := t.Context(), tenant.Below(root.Path)
	var iccids []ident.ICCID
	for _, s := range batch[:25] {
		iccids = append(iccids, s.SIM.ICCID)
	}
	one := batch[7].SIM
	list := func(q sim.Query) func() error {
		q.Limit, q.Count = 10, true
		return func() error { _, err := tx.List(ctx, in, q); return err }
	}
	for what, read := range map[string]func() error{
		"lock":   func() error { _, err := tx.Lock(ctx, in, iccids); return err },
		"taken":  func() error { _, err := tx.Taken(ctx, batch[:25]); return err },
		"one":    func() error { _, _, err := tx.SIM(ctx, in, one.ICCID); return err },
		"list":   list(sim.Query{ICCIDs: iccids}),
		"imsi":   list(sim.Query{IMSI: one.IMSI}),
		"msisdn": list(sim.Query{MSISDN: one.MSISDN}),
		"imei":   list(sim.Query{IMEI: one.IMEI}),
		"eid":    list(sim.Query{EID: "89049032000000000000000000000001"}),
		"number": list(sim.Query{Number: "LAB1"}),
	} {
		plan := plans(t, tx, what, read)
		if strings.Contains(plan, "sim_search") || strings.Contains(plan, "on sim_by_") || large && strings.Contains(plan, "Seq Scan on sim ") {
			t.Errorf("%s:\n%s", what, plan)
		}
		if (what == "lock" || what == "one") && strings.Contains(plan, "portfolio_path_key") {
			t.Errorf("%s looks for the SIMs once for every portfolio:\n%s", what, plan)
		}
	}
}

// TestPostgresPlansSearchesAfresh holds that no search is prepared: after a few
// runs its plan would be one for any pattern, which looks through the table.
func TestPostgresPlansSearchesAfresh(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	root := addRoot(t, db)
	insert(t, db, root, "89440000000001")
	db.Tune(0, 60, nil)
	texts, err := db.Prepared(t.Context(), func() error {
		for _, in := range []tenant.Sphere{tenant.Everything(), tenant.Below(root.Path)} {
			for range 3 {
				page, err := db.List(t.Context(), in, sim.Query{Match: &sim.Match{Text: "000000"}, Limit: 5, Count: true})
				if err != nil || len(page.SIMs) != 1 || page.Total != 1 {
					t.Fatalf("%+v, %v", page, err)
				}
			}
		}
		return nil
	})
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d statements, %v", len(texts), err)
	}
	for _, text := range texts {
		if strings.Contains(text, " LIKE ") {
			t.Errorf("it is prepared: %s", text)
		}
	}
}

// TestPostgresFindsOneSessionOfMany holds that a report of a session is found by
// its key, and not by walking through all that its gateway has open, also when
// PostgreSQL knows nothing about the table.
func TestPostgresFindsOneSessionOfMany(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	ctx := t.Context()
	err := db.Write(ctx, func(tx *store.Tx) error {
		reports := make([]usage.Report, 3000)
		sessions, some := make([]*usage.Session, len(reports)), []*usage.Report{}
		ids, uses := make([]int64, len(reports)), make([]usage.Use, len(reports))
		for i := range reports {
			reports[i] = usage.Report{Key: usage.Key{NAS: "pgw1", ID: fmt.Sprintf("s%d", i)}, Step: usage.Start, At: time.Now(), IMSI: "234150000000001"}
			s, _ := usage.New(int64(i+1), reports[i])
			sessions[i], ids[i], uses[i] = &s, s.SIM, usage.Use{Key: s.Key, At: s.LastAt}
			if i%50 == 0 {
				some = append(some, &reports[i])
			}
		}
		if err := tx.SaveSessions(ctx, sessions); err != nil {
			return err
		}
		plan := plans(t, tx, "advance", func() error { _, err := tx.Advance(ctx, some); return err })
		if !strings.Contains(plan, "data_session_key") || strings.Contains(plan, "data_session_live") {
			t.Errorf("a session is looked for elsewhere:\n%s", plan)
		}
		for what, read := range map[string]func() error{
			"live":    func() error { _, err := tx.LiveSessions(ctx, ids[:1000]); return err },
			"at that": func() error { _, err := tx.SessionsAt(ctx, uses[:1000]); return err },
		} {
			if plan := plans(t, tx, what, read); strings.Contains(plan, "sim_id = ANY") || strings.Contains(plan, "Backward using data_session_pkey") {
				t.Errorf("%s: sessions are looked for among all:\n%s", what, plan)
			}
		}
		for _, nas := range []string{"", "pgw1"} {
			plan := plans(t, tx, "open", func() error { _, err := tx.OpenAfter(ctx, nas, usage.Mark{SIM: 10, ID: 10}, 100); return err })
			if !strings.Contains(plan, "data_session_live") || strings.Contains(plan, "data_session_key") {
				t.Errorf("open sessions are looked for among those that have ended:\n%s", plan)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPostgresFindsOneOperationOfMany holds that what a network has answered is found by
// its SIM, and not by walking through all that wait for one, also when PostgreSQL knows
// nothing about the table: a bulk of activations took four times as long.
func TestPostgresFindsOneOperationOfMany(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	ctx, root := t.Context(), addRoot(t, db)
	err := db.Write(ctx, func(tx *store.Tx) error {
		ops, ended := make([]sim.Operation, 20_000), make([]sim.Ended, 500)
		for i := range ops {
			ops[i] = sim.Operation{SIM: int64(i + 1), Portfolio: root.ID, Progress: sim.OpPending, RequestedAt: start}
		}
		for i := range ended {
			ended[i] = sim.Ended{SIM: int64(i*40 + 1), Progress: sim.OpDone, At: start}
		}
		if err := tx.AddOperations(ctx, ops); err != nil {
			return err
		}
		for what, change := range map[string]func() error{
			"answered": func() error { return tx.Answered(ctx, ended) },
			"decided":  func() error { return tx.Decided(ctx, ended) },
		} {
			if plan := plans(t, tx, what, change); !strings.Contains(plan, "operation_sim") || strings.Contains(plan, "operation_open") {
				t.Errorf("%s: an operation is looked for elsewhere:\n%s", what, plan)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPostgresPlansKeysOnce holds that reads and writes of what is named are not
// planned anew each time.
func TestPostgresPlansKeysOnce(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	root := addRoot(t, db)
	s := insert(t, db, root, "89440000000001")
	anew, kept, err := db.KeyedPlans(t.Context(), func() error {
		for range 8 {
			if _, _, found, err := db.SIMWithAttributes(t.Context(), tenant.Below(root.Path), "89440000000001"); err != nil || !found {
				return fmt.Errorf("found %t: %w", found, err)
			}
			if err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.MeteredIDs(t.Context(), []int64{s.ID}, start)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || anew != 0 || kept < 16 {
		t.Errorf("%d plans made anew, %d kept, %v", anew, kept, err)
	}
}

// TestPostgresLooksForAttributesOfWhatItReads holds that reading SIMs does not
// collect the attributes of all others, also when PostgreSQL knows nothing about
// the table.
func TestPostgresLooksForAttributesOfWhatItReads(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: pgtest.URL(t)})
	root := addRoot(t, db)
	insert(t, db, root, "89440000000001")
	plan, err := db.PointPlan(t.Context(), []ident.ICCID{"89440000000001", "89440000000002"})
	if err != nil {
		t.Fatal(err)
	}
	if _, attributes, found := strings.Cut(plan, "on sim_attribute a"); !found || !strings.Contains(attributes, "(sim_id = t.sim_id)") {
		t.Errorf("attributes are looked for among all:\n%s", plan)
	}
}
