package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// TestChild is no test: it is what the processes of other tests do.
func TestChild(t *testing.T) {
	work := os.Getenv("STORE_CHILD")
	if work == "" {
		t.Skip("a process of other tests")
	}
	db := open(t, store.Options{Dir: os.Getenv("STORE_DIR"), URL: os.Getenv("STORE_URL")})
	if work == "open" {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
		return
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() { toil(t, db, fmt.Sprintf("%s%d", work, g)) })
	}
	wg.Wait()
}

// toil inserts SIMs and commands them, without end, and prints what was
// acknowledged: the ICCID, and the version that it has reached.
func toil(t *testing.T, db *store.DB, worker string) {
	ctx := t.Context()
	root, err := db.Portfolios(ctx, tenant.Everything())
	if err != nil || len(root) == 0 {
		t.Errorf("no portfolio: %v", err)
		return
	}
	for i := 0; ; i++ {
		s := &sim.SIM{ICCID: ident.ICCID(fmt.Sprintf("8944%s%08d", worker, i)), Name: "crash " + worker, Group: "g" + worker, Lifecycle: sim.New(start, "x"),
			Package: 1, Network: "lab", CreatedAt: start, ModifiedAt: start}
		if err := db.Write(ctx, func(tx *store.Tx) error { return tx.Insert(ctx, root[0].ID, []sim.NewSIM{{SIM: s}}) }); err != nil {
			t.Error(err)
			return
		}
		fmt.Println("ack", s.ICCID, 1)
		if err := db.Write(ctx, func(tx *store.Tx) error { return activate(ctx, tx, s.ICCID) }); err != nil {
			t.Error(err)
			return
		}
		fmt.Println("ack", s.ICCID, 2)
	}
}

// activate writes a change, its operation and its event.
func activate(ctx context.Context, tx *store.Tx, iccid ident.ICCID) error {
	before, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{iccid})
	if err != nil || len(before) == 0 {
		return fmt.Errorf("lock %s: %w", iccid, err)
	}
	d, err := sim.Decide(before[0].Lifecycle, sim.Command{Verb: sim.ActivateLive, Actor: "x", At: start})
	if err != nil {
		return err
	}
	after := before[0]
	after.Lifecycle = d.Next
	if err := tx.Save(ctx, []sim.Change{{Before: &before[0], After: &after}}); err != nil {
		return err
	}
	if err := tx.AddOperations(ctx, []sim.Operation{{SIM: after.ID, ICCID: iccid, Portfolio: after.Portfolio, Verb: sim.ActivateLive, Progress: sim.OpPending,
		Generation: after.Generation, RequestedAt: start}}); err != nil {
		return err
	}
	return tx.AddEvents(ctx, []event.Event{{At: start, Kind: event.SIMCommanded, Portfolio: after.Portfolio, SIM: after.ID, ICCID: iccid, Seq: after.Version}})
}

// TestKillProcess kills processes at work, at any moment. All that they were
// told is there, whole, and nothing is damaged.
func TestKillProcess(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		addRoot(t, db)
		if db.EngineName() == "sqlite" {
			if err := db.Close(); err != nil { // so that each child recovers the file
				t.Fatal(err)
			}
		}
		acked := map[ident.ICCID]int64{}
		for round := range 4 {
			killAtWork(t, o, fmt.Sprint(round+1), 1+rand.IntN(150), acked)
			db := open(t, o)
			wantAcked(t, db, acked)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(acked) == 0 {
			t.Error("nothing was acknowledged")
		}
	})
}

// killAtWork kills a process once it has acknowledged so many writes, and adds
// them to acked.
func killAtWork(t *testing.T, o store.Options, work string, after int, acked map[ident.ICCID]int64) {
	t.Helper()
	cmd := child(t.Context(), work, o)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		var iccid ident.ICCID
		var version int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &iccid, &version); err != nil || !strings.HasSuffix(lines.Text(), fmt.Sprint(version)) {
			t.Logf("child: %s", lines.Text())
			continue
		}
		acked[iccid] = max(acked[iccid], version)
		if n++; n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // killed
}

func wantAcked(t *testing.T, db *store.DB, acked map[ident.ICCID]int64) {
	t.Helper()
	ctx := t.Context()
	for iccid, version := range acked {
		s, found, err := db.SIM(ctx, tenant.Everything(), iccid)
		if err != nil || !found || s.Version < version {
			t.Fatalf("%s: found %t at version %d, acknowledged %d; %v", iccid, found, s.Version, version, err)
		}
		ops, err := db.Operations(ctx, tenant.Everything(), sim.OperationQuery{ICCID: iccid})
		if err != nil {
			t.Fatal(err)
		}
		events, err := db.Events(ctx, tenant.Everything(), event.Query{ICCID: iccid})
		if err != nil {
			t.Fatal(err)
		}
		if n := int(s.Version) - 1; len(ops) != n || len(events) != n || (n > 0 && ops[0].NextTry.IsZero()) {
			t.Fatalf("%s at version %d has %d operations and %d events", iccid, s.Version, len(ops), len(events))
		}
	}
	if err := db.Check(ctx); err != nil {
		t.Fatal(err)
	}
}
