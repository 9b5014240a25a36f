package storetest

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func testSIMs(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){
		"what goes in comes out": roundTrip, "insert conflicts": insertConflicts, "taken": taken, "lock": locks, "save": saves, "many": many,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func roundTrip(w *world) {
	batch := w.sims(1)
	s := batch[0].SIM
	s.EID, s.Number, s.IMEI, s.IP, s.APN = "89049032000000000000000000000017", "N-1", "490154203237518", netip.MustParseAddr("2001:db8::1"), "iot"
	s.Group, s.Device, s.MNO, s.Spec, s.Part, s.RSP, s.Barred = "group", "device", 1, 2, 3, 4, sim.Data|sim.Voice
	s.Wanted = sim.Condition{State: sim.Provisioned, Phase: sim.Live, Suspended: sim.Kinds(0).With(sim.System)}
	s.Settled = sim.Condition{State: sim.Provisioned, Phase: sim.Ready, Suspended: sim.Kinds(0).With(sim.Admin).With(sim.Customer)}
	s.Generation, s.Observed, s.By, s.Failure = 7, 6, "user:x", "no such HLR"
	s.Holds[sim.System] = sim.Hold{Reason: "limit", Actor: "rule", Since: noon}
	for i, at := range []*time.Time{&s.Since, &s.FailedAt, &s.ActivatedAt, &s.TerminatedAt, &s.ContractStart, &s.ContractEnd, &s.CreatedAt, &s.ModifiedAt} {
		*at = noon.Add(time.Duration(i) * time.Microsecond)
	}
	s.EverActive, s.EverLive = true, true
	w.insert(w.a, batch)
	if s.ID == 0 || s.Version != 1 || s.Portfolio != w.a.ID {
		w.t.Errorf("Insert left id %d, version %d, portfolio %q", s.ID, s.Version, s.Portfolio)
	}
	same(w.t, "SIM", *s, w.sim(s.ICCID))
	sealed, err := w.db.Sealed(w.t.Context(), []int64{s.ID, 1 << 50})
	must(w.t, err)
	same(w.t, "sealed", map[int64][]byte{s.ID: batch[0].Sealed}, sealed)
	w.check()
}

// insertConflicts holds that a batch with one identifier that is taken adds
// nothing, even when the caller goes on.
func insertConflicts(w *world) {
	w.insert(w.a, w.sims(1))
	for what, clash := range map[string]func(s *sim.SIM, old sim.SIM){
		"iccid": func(s *sim.SIM, old sim.SIM) { s.ICCID = old.ICCID }, "imsi": func(s *sim.SIM, old sim.SIM) { s.IMSI = old.IMSI },
		"msisdn": func(s *sim.SIM, old sim.SIM) { s.MSISDN = old.MSISDN },
	} {
		batch := w.sims(3)
		page, err := w.db.List(w.t.Context(), tenant.Everything(), sim.Query{})
		must(w.t, err)
		clash(batch[1].SIM, page.SIMs[0])
		err = tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.Insert(ctx, w.b.ID, batch) })
		wantKind(w.t, err, fault.Conflict)
		err = tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
			_ = tx.Insert(ctx, w.b.ID, batch)
			return nil
		})
		wantKind(w.t, err, fault.Conflict)
		if page, err = w.db.List(w.t.Context(), tenant.Everything(), sim.Query{}); err != nil || len(page.SIMs) != 1 {
			w.t.Fatalf("%s: %d SIMs are stored, want 1; %v", what, len(page.SIMs), err)
		}
	}
	err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.Insert(ctx, "unknown", w.sims(1)) })
	wantKind(w.t, err, fault.NotFound)
	w.check()
}

func taken(w *world) {
	stored := w.sims(2)
	stored[1].SIM.MSISDN = ""
	w.insert(w.a, stored)
	fresh := w.sims(4)
	fresh[0].SIM.ICCID, fresh[1].SIM.IMSI, fresh[2].SIM.MSISDN, fresh[3].SIM.MSISDN = stored[0].SIM.ICCID, stored[1].SIM.IMSI, stored[0].SIM.MSISDN, ""
	var got map[string]ident.ICCID
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		got, err = tx.Taken(ctx, fresh)
		return err
	})
	same(w.t, "taken", map[string]ident.ICCID{
		"iccid " + string(stored[0].SIM.ICCID):   stored[0].SIM.ICCID,
		"imsi " + string(stored[1].SIM.IMSI):     stored[1].SIM.ICCID,
		"msisdn " + string(stored[0].SIM.MSISDN): stored[0].SIM.ICCID,
	}, got)
}

func locks(w *world) {
	mine, theirs := w.insert(w.a1, w.sims(3)), w.insert(w.b, w.sims(1))
	w.write(func(ctx context.Context, tx *store.Tx) error {
		asked := []ident.ICCID{mine[2], "89445385990000", theirs[0], mine[0], mine[2]}
		got, err := tx.Lock(ctx, tenant.Below(w.a.Path), asked)
		if err != nil {
			return err
		}
		var iccids []ident.ICCID
		var ids []int64
		for _, s := range got {
			iccids, ids = append(iccids, s.ICCID), append(ids, s.ID)
		}
		if !slices.Equal(iccids, []ident.ICCID{mine[0], mine[2]}) {
			w.t.Errorf("Lock gave %v", iccids)
		}
		again, err := tx.LockIDs(ctx, append(ids, 1<<50))
		if d := diff(got, again); d != "" {
			w.t.Error(d)
		}
		return err
	})
}

// saves holds that a change is written once, with a new version, and that a
// SIM which has changed since it was read is not overwritten.
func saves(w *world) {
	iccid := w.insert(w.a, w.sims(1))[0]
	before := w.sim(iccid)
	after := before
	after.Name, after.Group, after.Portfolio, after.IMEI = "new", "group", w.b.ID, "490154203237518"
	save := func(ctx context.Context, tx *store.Tx) error {
		return tx.Save(ctx, []sim.Change{{Before: &before, After: &after}})
	}
	w.write(save)
	if after.Version != 2 {
		w.t.Errorf("version %d, want 2", after.Version)
	}
	same(w.t, "SIM", after, w.sim(iccid))
	wantKind(w.t, tryWrite(w.t, w.db, save), fault.Conflict)
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.Save(ctx, nil) })
	w.check()
}

// many holds that thousands of SIMs fit in one call of everything that takes
// many.
func many(w *world) {
	iccids := w.insert(w.a, w.sims(3000))
	w.write(func(ctx context.Context, tx *store.Tx) error {
		locked, err := tx.Lock(ctx, tenant.Everything(), iccids)
		if err != nil || len(locked) != len(iccids) {
			w.t.Errorf("locked %d of %d", len(locked), len(iccids))
			return err
		}
		changes, after := make([]sim.Change, len(locked)), slices.Clone(locked)
		for i := range locked {
			after[i].Group, after[i].Generation, after[i].ModifiedAt = "all", 1, noon
			changes[i] = sim.Change{Before: &locked[i], After: &after[i]}
		}
		return tx.Save(ctx, changes)
	})
	page, err := w.db.List(w.t.Context(), tenant.Everything(), sim.Query{ICCIDs: iccids, Group: &[]string{"all"}[0], Count: true, Limit: 1})
	must(w.t, err)
	if page.Total != 3000 {
		w.t.Errorf("%d have changed", page.Total)
	}
	w.check()
}

// testCounters holds that the counters stay right whatever happens at once:
// commands, labels, moves and imports, by many writers on the same SIMs.
func testCounters(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	p := &population{world: w, model: newModel(w.portfolios()), rng: rand.New(rand.NewPCG(5, 6)), known: map[ident.ICCID]bool{}}
	p.bear(w.a, 20)
	var mu sync.Mutex // of rng and made
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 12 {
				mu.Lock()
				seed, fresh := p.rng.Uint64(), []sim.NewSIM{p.newborn()}
				mu.Unlock()
				if err := p.churn(seed, fresh); err != nil && fault.KindOf(err) != fault.Conflict {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.check()
	w.tallied(tenant.Everything())
	w.tallied(tenant.Below(w.a.Path))
}

// churn changes a few SIMs, some of them the same ones that others change, and
// inserts one, which may be there already.
func (p *population) churn(seed uint64, fresh []sim.NewSIM) error {
	return tryWrite(p.t, p.db, func(ctx context.Context, tx *store.Tx) error {
		r := rand.New(rand.NewPCG(seed, 2))
		before, err := tx.Lock(ctx, tenant.Everything(), []ident.ICCID{pick(r, p.iccids), pick(r, p.iccids), pick(r, p.iccids)})
		if err != nil {
			return err
		}
		var changes []sim.Change
		for i := range before {
			if after, ok := p.step(r, &before[i]); ok {
				changes = append(changes, sim.Change{Before: &before[i], After: after})
			}
		}
		if r.IntN(2) == 0 {
			if err := tx.Insert(ctx, pick(r, p.portfolios()).ID, fresh); err != nil {
				return err
			}
		}
		return tx.Save(ctx, changes)
	})
}

// tallied compares the counters with the SIMs themselves.
func (w *world) tallied(in tenant.Sphere) {
	w.t.Helper()
	page, err := w.db.List(w.t.Context(), in, sim.Query{})
	must(w.t, err)
	want, groups := map[sim.Tally]int64{}, map[string]bool{}
	for i := range page.SIMs {
		s := &page.SIMs[i]
		want[sim.Tally{Portfolio: s.Portfolio, Package: s.Package, Status: s.Status(), Held: s.Wanted.Suspended}]++
		if s.Group != "" {
			groups[s.Group] = true
		}
	}
	tallies, err := w.db.Tallies(w.t.Context(), in)
	must(w.t, err)
	got := map[sim.Tally]int64{}
	for _, tally := range tallies {
		n := tally.Count
		tally.Count = 0
		got[tally] += n
	}
	same(w.t, "tallies", want, got)
	names, err := w.db.Groups(w.t.Context(), in)
	must(w.t, err)
	var wantNames []string
	for g := range groups {
		wantNames = append(wantNames, g)
	}
	slices.Sort(wantNames)
	same(w.t, "groups", wantNames, names)
}
