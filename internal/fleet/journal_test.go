package fleet_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

func onEngines(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, store.Options{Dir: sqlitetest.Dir(t)}) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, store.Options{URL: pgtest.URL(t)}) })
}

// raw opens a database behind the store's back.
func raw(t *testing.T, o store.Options) *sql.DB {
	t.Helper()
	driver, name := "sqlite", filepath.Join(o.Dir, store.FileName)
	if o.URL != "" {
		driver, name = "pgx", o.URL
	}
	db := got(sql.Open(driver, name))(t)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// keep has reports kept, in one batch.
func (w *world) keep(reports ...usage.Report) {
	w.t.Helper()
	w.must(w.Keep(w.t.Context(), reports))
}

// ingest has reports kept and counted.
func (w *world) ingest(reports ...usage.Report) fleet.Ingested {
	w.t.Helper()
	w.keep(reports...)
	f := got(w.Fold(w.t.Context()))(w.t)
	if f.Reports != len(reports) || f.SetAside > 0 {
		w.t.Errorf("of %d reports, %+v", len(reports), f)
	}
	return f.Ingested
}

func (w *world) monthOf(iccid ident.ICCID) usage.Month {
	w.t.Helper()
	_, now, _, err := w.LastActivity(w.t.Context(), w.customer(w.a, "E"), iccid)
	w.must(err)
	return now
}

// What is kept is counted by the next Fold, in order, and by no other.
func TestFoldCountsWhatWasKeptOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid, s := w.live(0), w.session(0, "a")
		w.keep(s.report(usage.Start, 0, 0))
		w.clock.Pass(time.Minute)
		w.keep(s.report(usage.Interim, 1000, 500), w.session(99, "x").report(usage.Start, 0, 0))
		w.clock.Pass(time.Minute)
		w.keep(s.report(usage.Stop, 2000, 1000))
		if m := w.monthOf(iccid); m.Bytes != 0 {
			t.Errorf("%d bytes are counted before a Fold", m.Bytes)
		}
		if b := got(w.Backlog(t.Context()))(t); b.Reports != 4 || b.Bytes == 0 || b.Oldest.IsZero() {
			t.Errorf("%+v waits", b)
		}
		f := got(w.Fold(t.Context()))(t)
		if f.Reports != 4 || f.Taken != 3 || f.Unknown != 1 || f.SetAside != 0 || f.More {
			t.Errorf("%+v", f)
		}
		if f := got(w.Fold(t.Context()))(t); f != (fleet.Folded{}) {
			t.Errorf("a second time: %+v", f)
		}
		if b := got(w.Backlog(t.Context()))(t); b.Reports != 0 || b.Bytes != 0 || !b.Oldest.IsZero() {
			t.Errorf("%+v waits in the end", b)
		}
		if m := w.monthOf(iccid); m.Bytes != 3000 {
			t.Errorf("%d bytes are counted", m.Bytes)
		}
		w.must(w.db.Check(t.Context()))
	})
}

// A backlog is counted in pieces, each report once, while more comes.
func TestFoldsAndKeepsAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		const sessions, batches = 30, 60
		w := newWorldOn(t, o)
		iccid := w.live(0)
		var keepers, folders sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for range 2 {
			folders.Go(func() {
				for ctx.Err() == nil {
					if _, err := w.Fold(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for k := range 3 {
			keepers.Go(func() {
				for n := range batches {
					var reports []usage.Report
					for i := range sessions {
						r := w.session(0, fmt.Sprintf("%d-%d", k, i)).report(usage.Interim, int64(n+1), 0)
						r.Seconds = int64(n)
						r.At = r.At.Add(time.Duration(n) * time.Second)
						reports = append(reports, r)
					}
					w.keep(reports...)
				}
			})
		}
		keepers.Wait()
		stop()
		folders.Wait()
		got(w.FoldAll(t.Context()))(t)
		if m := w.monthOf(iccid); m.In != 3*sessions*batches {
			t.Errorf("%d bytes are counted, want %d", m.In, 3*sessions*batches)
		}
		w.must(w.db.Check(t.Context()))
	})
}

// On PostgreSQL reports of other SIMs are counted while those of one have to wait.
func TestSharesAreCountedAtOnce(t *testing.T) {
	t.Parallel()
	o := store.Options{URL: pgtest.URL(t)}
	w := newWorldOn(t, o)
	held := w.session(0, "a").report(usage.Start, 0, 0)
	w.live(0)
	i, other := 0, held
	for other.Share(w.Shares()) == held.Share(w.Shares()) {
		i++
		other = w.session(i, fmt.Sprint("b", i)).report(usage.Interim, 10, 0)
	}
	iccid := w.live(i)
	tx := got(raw(t, o).BeginTx(t.Context(), nil))(t)
	if _, err := tx.ExecContext(t.Context(), "SELECT 1 FROM sim_state t JOIN sim s ON s.id = t.sim_id WHERE s.imsi = $1 FOR UPDATE OF t", string(held.IMSI)); err != nil {
		t.Fatal(err)
	}
	w.keep(held, other)
	counted := make(chan error, 1)
	go func() {
		f, err := w.FoldShare(context.WithoutCancel(t.Context()), held.Share(w.Shares()))
		if err == nil && f.Taken != 1 {
			err = fmt.Errorf("%+v", f)
		}
		counted <- err
	}()
	if f := got(w.FoldShare(t.Context(), other.Share(w.Shares())))(t); f.Taken != 1 || w.monthOf(iccid).In != 10 {
		t.Errorf("%+v", f)
	}
	select {
	case err := <-counted:
		t.Errorf("the SIM was locked, and counted for: %v", err)
	default:
	}
	w.must(tx.Rollback())
	w.must(<-counted)
}

// sick is a store that cannot count one session, as if it had a fault of ours.
type sick struct {
	fleettest.Store
	session string
}

func (s sick) WriteAgain(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.DB.WriteAgain(ctx, func(tx *store.Tx) error { return fn(sickTx{tx, s.session}) })
}

type sickTx struct {
	*store.Tx
	session string
}

func (tx sickTx) SaveSessions(ctx context.Context, sessions []*usage.Session) error {
	for _, s := range sessions {
		if s.Key.ID == tx.session {
			return errors.New("it is beyond me")
		}
	}
	return tx.Tx.SaveSessions(ctx, sessions)
}

// A report that cannot be counted is set aside, whole and with the reason; all
// others count, those of its batch too.
func TestAReportThatCannotBeCountedIsSetAside(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		var batch []usage.Report
		for i := range 7 {
			batch = append(batch, w.session(0, fmt.Sprint(i)).report(usage.Interim, 10, 0))
		}
		w.keep(w.session(0, "before").report(usage.Interim, 1, 0))
		w.keep(batch...)
		w.must(w.db.Append(t.Context(), []usage.Part{{Reports: 3, Body: []byte("no reports")}}, w.clock.Now()))
		w.keep(w.session(0, "after").report(usage.Interim, 2, 0))
		f := fleet.New(sick{fleettest.Store{DB: w.db}, "4"}, fleet.Options{Now: w.clock.Now})
		aside := 0
		for more := true; more; {
			one := got(f.Fold(t.Context()))(t)
			aside, more = aside+one.SetAside, one.More
		}
		if m := w.monthOf(iccid); m.In != 63 || aside != 2 {
			t.Errorf("%d bytes are counted, %d set aside; want 63 and 2", m.In, aside)
		}
		db := raw(t, o)
		var why string
		var body, other []byte
		w.must(db.QueryRowContext(t.Context(), "SELECT why, body FROM set_aside ORDER BY id LIMIT 1").Scan(&why, &body))
		w.must(db.QueryRowContext(t.Context(), "SELECT body FROM set_aside ORDER BY id DESC LIMIT 1").Scan(&other))
		if r := got(usage.DecodeReports(body))(t); len(r) != 1 || r[0].Key.ID != "4" || r[0].In != 10 || !strings.Contains(why, "it is beyond me") {
			t.Errorf("%+v is set aside: %s", r, why)
		}
		if string(other) != "no reports" {
			t.Errorf("%q is set aside", other)
		}
		w.must(w.db.Check(t.Context()))
	})
}

// A database that is away is no fault of the reports.
func TestNothingIsSetAsideWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	iccid := w.live(0)
	w.keep(w.session(0, "a").report(usage.Interim, 10, 0))
	f := fleet.New(away{fleettest.Store{DB: w.db}}, fleet.Options{Now: w.clock.Now})
	if _, err := f.Fold(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if f := got(w.Fold(t.Context()))(t); f.Taken != 1 || f.SetAside != 0 || w.monthOf(iccid).In != 10 {
		t.Errorf("%+v", f)
	}
}

type away struct{ fleettest.Store }

func (s away) WriteAgain(ctx context.Context, fn func(fleet.Tx) error) error {
	return s.DB.WriteAgain(ctx, func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "store.lost", "the connection was lost")
	})
}

// endless is a store whose journal takes everything, and that counts nothing.
type endless struct {
	fleet.Store
	shares, kept int
}

func (e *endless) Shares() int { return e.shares }

func (e *endless) Append(_ context.Context, parts []usage.Part, _ time.Time) error {
	for _, p := range parts {
		e.kept += p.Reports
	}
	return nil
}

// What waits to be counted is bounded: then no more is kept, nor answered, until
// there is room.
func TestTheBacklogIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endless{shares: 2}
		f := fleet.New(e, fleet.Options{})
		batch := make([]usage.Report, 256)
		for i := range batch {
			batch[i].Key.ID = fmt.Sprint(i)
		}
		var err error
		for err == nil && e.kept < 1_000_000 {
			err = f.Keep(t.Context(), batch)
		}
		if fault.KindOf(err) != fault.Exhausted || e.kept < 10_000 || e.kept > 20_000 {
			t.Errorf("%d reports are kept, then %v", e.kept, err)
		}
		big := fleet.New(&endless{shares: 1}, fleet.Options{})
		batch[0].User = strings.Repeat("x", 15<<20)
		w := big.Keep(t.Context(), batch)
		if err := big.Keep(t.Context(), batch); w != nil || fault.KindOf(err) != fault.Exhausted {
			t.Errorf("%v, then of 15 MB more %v", w, err)
		}
	})
}

// A gateway that restarts ends what it reported before, also to a node that has
// not counted it yet, or is gone.
func TestARestartWaitsForWhatWasReportedBefore(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		iccid := w.live(0)
		other := got(store.Open(t.Context(), o))(t)
		f := fleet.New(fleettest.Store{DB: other}, fleet.Options{Now: w.clock.Now})
		w.must(f.Keep(t.Context(), []usage.Report{w.session(0, "a").report(usage.Interim, 10, 0)}))
		w.must(other.Close()) // it never counts it
		if n := got(w.CloseNAS(t.Context(), "pgw1", w.clock.Now()))(t); n != 1 {
			t.Errorf("%d sessions are over", n)
		}
		list, _, err := w.DataSessions(t.Context(), w.op, []ident.ICCID{iccid}, time.Time{}, w.clock.Now().Add(time.Hour), 0, 10)
		if err != nil || len(list) != 1 || list[0].Phase != usage.Lost || list[0].In != 10 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Two nodes on PostgreSQL count each other's reports only when one is gone.
func TestReportsOfAnotherNode(t *testing.T) {
	t.Parallel()
	o := store.Options{URL: pgtest.URL(t)}
	w := newWorldOn(t, o)
	iccid := w.live(0)
	other := got(store.Open(t.Context(), o))(t)
	t.Cleanup(func() { _ = other.Close() })
	f := fleet.New(fleettest.Store{DB: other}, fleet.Options{Now: w.clock.Now})
	w.must(f.Keep(t.Context(), []usage.Report{w.session(0, "a").report(usage.Interim, 10, 0)}))
	if f := got(w.Fold(t.Context()))(t); f.Reports != 0 {
		t.Errorf("what another node has just kept is taken: %+v", f)
	}
	got(raw(t, o).ExecContext(t.Context(), "UPDATE journal SET at = at - 60000000"))(t)
	if f := got(w.Fold(t.Context()))(t); f.Taken != 1 {
		t.Errorf("what a node has left behind is not taken: %+v", f)
	}
	if f := got(f.Fold(t.Context()))(t); f.Reports != 0 || w.monthOf(iccid).In != 10 {
		t.Errorf("%+v, %d bytes", f, w.monthOf(iccid).In)
	}
}
