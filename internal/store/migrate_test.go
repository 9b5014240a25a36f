package store_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// empty are databases without a schema.
var empty = map[string]func(t testing.TB) store.Options{
	"sqlite":   func(t testing.TB) store.Options { return store.Options{Dir: t.TempDir()} },
	"postgres": func(t testing.TB) store.Options { return store.Options{URL: pgtest.Empty(t)} },
}

// TestSchema holds that the migrations make the committed schema. Set
// SIMURGH_UPDATE=1 to write it anew.
func TestSchema(t *testing.T) {
	t.Parallel()
	for name, options := range empty {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, options(t))
			got, err := db.Schema(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("schema", name+".dump")
			if os.Getenv("SIMURGH_UPDATE") == "1" {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-committed +migrated):\n%s", path, d)
			}
		})
	}
}

// TestMigrateAtOnce opens one empty database from several processes at once.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for name, options := range empty {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if out, err := child(t.Context(), "open", o).CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
			wg.Wait()
			if err := open(t, o).Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNewerSchema holds that a program leaves the database of a newer one
// alone, and says so.
func TestNewerSchema(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			return tx.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, ?)", 99999, true)
		}); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), o)
		if fault.KindOf(err) != fault.Precondition || fault.CodeOf(err) != "store.newer" {
			t.Errorf("error %v", err)
		}
		if have, newest, err := db.Version(t.Context()); have != 99999 || newest == have || err != nil {
			t.Errorf("version %d of %d, %v", have, newest, err)
		}
	})
}

// undo are the statements that take back migrations, by their numbers: what they
// made is lost.
var undo = map[int64][]string{
	20: {"DROP TABLE usage_item"},
	21: {"DROP INDEX sim_state_iccid", "ALTER TABLE sim_state DROP COLUMN identity"},
	22: {"DROP INDEX sim_state_imsi", "ALTER TABLE sim_state DROP COLUMN imsi", "CREATE UNIQUE INDEX sim_imsi ON sim (imsi) WHERE imsi <> ''",
		"ALTER TABLE data_session ADD COLUMN ruled INTEGER NOT NULL DEFAULT 0", "CREATE INDEX data_session_age ON data_session (stopped_at) WHERE phase IN (2, 3)",
		"CREATE INDEX data_session_open ON data_session (nas, id) WHERE phase IN (1, 4)", "DROP TABLE IF EXISTS reruled"},
}

// backTo makes a database one of an earlier schema.
func backTo(ctx context.Context, tx *store.Tx, version int64) error {
	var err error
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(undo))) {
		for _, text := range undo[n] {
			if n > version {
				err = errors.Join(err, tx.Exec(ctx, text))
			}
		}
	}
	return errors.Join(err, tx.Exec(ctx, "DELETE FROM goose_db_version WHERE version_id > ?", version))
}

// TestSIMsBeforeIdentity holds that SIMs which were stored in two places are found
// whole in one.
func TestSIMsBeforeIdentity(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		root := addRoot(t, db)
		s := sim.SIM{ICCID: "8944538599000000011", EID: "89049032000000000000000000000011", Number: "LAB1", IMSI: "234150000000011", MSISDN: "447700900011",
			IMEI: "490154203237518", IP: netip.MustParseAddr("10.0.0.11"), APN: "internet", Name: "Größe 1", Group: "g", Device: "d", Type: "UICC", Form: "2FF",
			MNO: 1, Spec: 2, Part: 3, RSP: 4, Network: "lab", Lifecycle: sim.New(start, "x"), CreatedAt: start, ModifiedAt: start}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.Insert(t.Context(), root.ID, []sim.NewSIM{{SIM: &s}}), backTo(t.Context(), tx, 20))
		}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Migrate(t.Context()), db.Check(t.Context())); err != nil {
			t.Fatal(err)
		}
		got, found, err := db.SIM(t.Context(), tenant.Below(root.Path), s.ICCID)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if d := cmp.Diff(s, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Error(d)
		}
	})
}

// TestUsageBeforeItems holds that what was used before each item had a counter of
// its own stays with the item for all countries, and is no bundle anew.
func TestUsageBeforeItems(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		root := addRoot(t, db)
		s := insert(t, db, root, "8944538599000000011")
		priced := plan.Item{Package: 7, Category: plan.DataItem, Price: 5, CreatedAt: start}
		others := []plan.Item{{Package: 7, Category: plan.DataItem, Price: 5, Countries: []string{"262"}, CreatedAt: start},
			{Package: 7, Category: plan.SMSItem, Price: 5, CreatedAt: start}, {Package: 7, Category: plan.DataItem, Price: 5, Deleted: true, CreatedAt: start}}
		month := usage.MonthKey{SIM: s.ID, Year: 2026, Month: 3}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			ctx := t.Context()
			err := tx.AddPackage(ctx, &plan.Package{ID: 7, Name: "Seven", Currency: "GBP", Network: "lab", Status: tenant.Active, CreatedAt: start})
			for _, i := range append([]*plan.Item{&priced}, &others[0], &others[1], &others[2]) {
				err = errors.Join(err, tx.SaveItem(ctx, i))
			}
			old := usage.MonthKey{SIM: s.ID, Year: 2025, Month: 3}
			err = errors.Join(err, tx.AddMonths(ctx, map[usage.MonthKey]*usage.Month{month: {Year: 2026, Month: 3, Rounded: 4096}, old: {Year: 2025, Month: 3, Rounded: 1024}}))
			return errors.Join(err, tx.Exec(ctx, "UPDATE sim_state SET package_id = 7"), backTo(ctx, tx, 19))
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, want := range map[int64]int64{priced.ID: 4096, others[0].ID: 0, others[1].ID: 0, others[2].ID: 0} {
			if got, err := db.StoredItem(t.Context(), usage.ItemKey{MonthKey: month, Item: i}); got != want || err != nil {
				t.Errorf("item %d: %d used, want %d (%v)", i, got, want, err)
			}
		}
		if got, err := db.StoredItem(t.Context(), usage.ItemKey{MonthKey: usage.MonthKey{SIM: s.ID, Year: 2025, Month: 3}, Item: priced.ID}); got != 0 || err != nil {
			t.Errorf("of a year ago: %d (%v)", got, err)
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.DropUsage(t.Context(), start.AddDate(0, 1, 0), 100)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got, err := db.StoredItem(t.Context(), usage.ItemKey{MonthKey: month, Item: priced.ID}); got != 0 || err != nil {
			t.Errorf("%d of it are kept for ever (%v)", got, err)
		}
	})
}

// TestOpenFails holds that a database that cannot be opened says where it was
// looked for, and nothing that is secret.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Options{{Dir: file}, {URL: "postgres://u:secret@127.0.0.1:1/x"}, {URL: "postgres://u:secret@:x"}} {
		_, err := store.Open(t.Context(), o)
		if err == nil || fault.KindOf(err) == fault.Internal {
			t.Errorf("%+v: error %v", o, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// child runs this test binary as a process that works on a database; see
// TestChild.
func child(ctx context.Context, work string, o store.Options) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$", "-test.v=false")
	cmd.Env = append(os.Environ(), "STORE_CHILD="+work, "STORE_DIR="+o.Dir, "STORE_URL="+o.URL)
	return cmd
}
