package storetest

import (
	"cmp"
	"context"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// testSessions: a session is read as it was saved, whatever has changed of it:
// its counters, what it says, and its phase, together or not.
func testSessions(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	key := usage.Key{NAS: "pgw1", ID: "a1", Charging: 7}
	first := usage.Report{Key: key, Step: usage.Start, At: noon, IMSI: "234150000000001", IMEI: "4901542032375101", APN: "internet", User: "me",
		IP: netip.MustParseAddr("10.0.0.1"), RAT: "LTE", MCC: "234", MNC: "15", LAI: "1a2b", CI: "33f001",
		Where: netip.MustParseAddrPort("192.0.2.1:3799"), Class: []byte{0, 1}}
	s, _ := usage.New(4711, first)
	report := func(minute int, step usage.Step, change func(*usage.Report)) func() {
		return func() {
			r := first
			r.Step, r.At, r.Seconds, r.In, r.Out = step, noon.Add(time.Duration(minute)*time.Minute), int64(60*minute), int64(10*minute), int64(20*minute)
			change(&r)
			if e := s.Take(r); e.Ignored || e.Again {
				t.Fatalf("%+v", e)
			}
		}
	}
	same := func(*usage.Report) {}
	moved := func(r *usage.Report) { r.CI, r.RAT, r.IP = "33f002", "NB-IoT", netip.MustParseAddr("10.0.0.2") }
	away := func(r *usage.Report) { r.MCC, r.MNC, r.Class = "262", "01", nil }
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"begins", func() {}},
		{"counts", report(1, usage.Interim, same)},
		{"counts and says something new", report(2, usage.Interim, moved)},
		{"grows silent", func() { s.Phase = usage.Stale }},
		{"speaks again, and says something new", report(3, usage.Interim, same)},
		{"ends, and says something new", report(4, usage.Stop, away)},
	} {
		step.do()
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSessions(ctx, []*usage.Session{&s}) })
		s.Stored, s.StoredSaid = s.Phase, s.Said
		list, _, err := w.db.Sessions(t.Context(), []int64{4711}, noon.Add(-time.Hour), noon.Add(time.Hour), 0, 10)
		must(t, err)
		want := s
		want.Last.Step, want.Last.Cause = 0, 0 // not kept: the session tells
		if len(list) != 1 || !reflect.DeepEqual(list[0], want) {
			t.Fatalf("%s:\n%+v\nwant\n%+v", step.name, list, want)
		}
	}
}

// testSessionsAt: the session that a key stood for at a time, and the one that is
// alike but for the Charging-Id, which one of the two is without.
func testSessionsAt(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	key := func(charging int64) usage.Key { return usage.Key{NAS: "pgw1", ID: "a1", Charging: charging} }
	var ids []int64
	w.write(func(ctx context.Context, tx *store.Tx) error {
		var all []*usage.Session
		for i, k := range []usage.Key{key(0), key(0), key(7), {NAS: "pgw2", ID: "a1"}, {NAS: "pgw1", ID: "a2"}} {
			s, _ := usage.New(int64(i+1), usage.Report{Key: k, Step: usage.Start, At: at(10 * i)})
			all = append(all, &s)
		}
		err := tx.SaveSessions(ctx, all)
		for _, s := range all {
			ids = append(ids, s.ID)
		}
		return err
	})
	for _, c := range []struct {
		name string
		use  usage.Use
		want []int // which of them
	}{
		{"before all", usage.Use{Key: key(0), At: at(-1)}, nil},
		{"as the first began", usage.Use{Key: key(0), At: at(0)}, []int{0}},
		{"as the second went on", usage.Use{Key: key(0), At: at(15)}, []int{1}},
		{"after the one with a Charging-Id", usage.Use{Key: key(0), At: at(25)}, []int{1, 2}},
		{"with that", usage.Use{Key: key(7), At: at(25)}, []int{1, 2}},
		{"with another", usage.Use{Key: key(8), At: at(25)}, []int{1}},
		{"with another, earlier", usage.Use{Key: key(8), At: at(5)}, []int{0}},
		{"of another id", usage.Use{Key: usage.Key{NAS: "pgw1", ID: "a3"}, At: at(60)}, nil},
	} {
		var got, want []int64
		w.write(func(ctx context.Context, tx *store.Tx) error {
			list, err := tx.SessionsAt(ctx, []usage.Use{c.use, c.use})
			for _, s := range list {
				got = append(got, s.ID)
			}
			return err
		})
		for _, i := range c.want {
			want = append(want, ids[i])
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}

// testOpenAfter walks the sessions that have not ended, of all gateways or of one.
func testOpenAfter(t *testing.T, open func(*testing.T) *store.DB) {
	w := newWorld(t, open(t))
	byNAS := map[string][]usage.Mark{}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		var all []*usage.Session
		for i := range 24 {
			s, _ := usage.New(int64(1+i%5), usage.Report{Key: usage.Key{NAS: []string{"pgw1", "pgw2", "pgw3"}[i%3], ID: string(rune('a' + i))}, Step: usage.Start, At: noon})
			s.Phase = []usage.Phase{usage.Open, usage.Closed, usage.Stale, usage.Lost}[i%4]
			all = append(all, &s)
		}
		err := tx.SaveSessions(ctx, all)
		for _, s := range all {
			if !s.Ended() {
				m := usage.Mark{ID: s.ID, SIM: s.SIM, Phase: s.Phase, LastAt: noon}
				byNAS[""], byNAS[s.Key.NAS] = append(byNAS[""], m), append(byNAS[s.Key.NAS], m)
			}
		}
		return err
	})
	for nas, want := range byNAS {
		slices.SortFunc(want, func(a, b usage.Mark) int { return cmp.Or(cmp.Compare(a.SIM, b.SIM), cmp.Compare(a.ID, b.ID)) })
		var got []usage.Mark
		for at := (usage.Mark{}); ; {
			page, err := w.db.OpenAfter(t.Context(), nas, at, 2)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got, at = append(got, page...), page[len(page)-1]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("of %q:\n%v\nwant\n%v", nas, got, want)
		}
	}
}
