package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// pinned are SIMs in the order of their ICCIDs, each with a PUK of its own: all
// have one PIN2, the last fifth share a PIN1, and the others have none.
const pinned = 200

func pinTag(code string, value int) sim.Tag {
	return sim.Tag{Code: code, Hash: fmt.Appendf(nil, "%c%07d", byte(value*37), value)}
}

func addPinned(t *testing.T, db *store.DB) tenant.Sphere {
	t.Helper()
	root := addRoot(t, db)
	for n := 0; n < pinned; n += 10 {
		var batch []sim.NewSIM
		for i := n; i < n+10; i++ {
			s := sim.NewSIM{SIM: &sim.SIM{ICCID: pinnedICCID(i), Lifecycle: sim.New(start, "x")}, Sealed: []byte{1},
				Tags: []sim.Tag{pinTag("puk1", i), pinTag("pin2", 1)}}
			if i >= pinned*4/5 {
				s.Tags = append(s.Tags, pinTag("pin1", 7))
			}
			batch = append(batch, s)
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.Insert(t.Context(), root.ID, batch) }); err != nil {
			t.Fatal(err)
		}
	}
	return tenant.Below(root.Path)
}

func pinnedICCID(i int) ident.ICCID { return ident.ICCID(fmt.Sprintf("8944538%08d", i)) }

// wantTagged lists by tags, and wants a page that begins with a SIM, and whether
// the list took a way.
func wantTagged(t *testing.T, db *store.DB, in tenant.Sphere, way string, first, count int, tags ...sim.Tag) {
	t.Helper()
	var taken []string
	db.Tune(4, 60, func(path string) { taken = append(taken, path) })
	page, err := db.List(t.Context(), in, sim.Query{Tags: tags, Limit: 5, Count: true})
	if err != nil || len(page.SIMs) != min(count, 5) || page.Total != int64(count) {
		t.Fatalf("%+v: %d SIMs of %d, want %d; %v", tags, len(page.SIMs), page.Total, count, err)
	}
	for i, s := range page.SIMs {
		if s.ICCID != pinnedICCID(first+i) {
			t.Errorf("%+v: SIM %d is %s", tags, i, s.ICCID)
		}
	}
	if !slices.Contains(taken, way) {
		t.Errorf("%+v took the ways %q", tags, taken)
	}
}

func wantAllTagged(t *testing.T, db *store.DB, in tenant.Sphere) {
	t.Helper()
	wantTagged(t, db, in, "sorted", 123, 1, pinTag("puk1", 123))                    // named by their tag
	wantTagged(t, db, in, "walk", 0, pinned, pinTag("pin2", 1))                     // met on the way
	wantTagged(t, db, in, "tagged", pinned*4/5, pinned/5, pinTag("pin1", 7))        // not met for long
	wantTagged(t, db, in, "sorted", 170, 1, pinTag("puk1", 170), pinTag("pin1", 7)) // one of many that share it
	page, err := db.List(t.Context(), in, sim.Query{Tags: []sim.Tag{pinTag("puk1", 3), pinTag("pin1", 7)}, Limit: 5})
	if err != nil || len(page.SIMs) != 0 {
		t.Errorf("a SIM without the PIN: %+v, %v", page, err)
	}
}

// TestTags finds SIMs by codes that one has, that all have, and that some have
// which come late in the order of the list.
func TestTags(t *testing.T) {
	t.Parallel()
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, options(t))
			db.Tune(4, 60, nil)
			wantAllTagged(t, db, addPinned(t, db))
		})
	}
}

// TestTagsOfBefore holds that tags which an older program has written are found
// once the database is opened by this one.
func TestTagsOfBefore(t *testing.T) {
	t.Parallel()
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, options(t))
			db.Tune(4, 60, nil)
			in := addPinned(t, db)
			ctx := t.Context()
			if err := db.Write(ctx, func(tx *store.Tx) error {
				if err := tx.Exec(ctx, "UPDATE sim_tag SET bucket = -2"); err != nil {
					return err
				}
				return tx.Exec(ctx, "UPDATE sim_secret SET tags = substr(tags, 1, 0)")
			}); err != nil {
				t.Fatal(err)
			}
			if page, err := db.List(ctx, in, sim.Query{Tags: []sim.Tag{pinTag("puk1", 3)}, Limit: 5}); err != nil || len(page.SIMs) != 0 {
				t.Fatalf("nothing had to be moved: %+v, %v", page, err)
			}
			if err := db.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			wantAllTagged(t, db, in)
		})
	}
}

// TestTagsAtOnce adds SIMs from several sides at once, each of which puts tags in
// order: none is lost.
func TestTagsAtOnce(t *testing.T) {
	t.Parallel()
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, options(t))
			db.Tune(1000, 10_000, nil)
			root := addRoot(t, db)
			const sides, each = 4, 15
			var all sync.WaitGroup
			for side := range sides {
				all.Go(func() {
					for i := range each {
						n := side*each + i
						s := sim.NewSIM{SIM: &sim.SIM{ICCID: pinnedICCID(n), Lifecycle: sim.New(start, "x")}, Sealed: []byte{1},
							Tags: []sim.Tag{pinTag("puk1", n), pinTag("pin1", 1)}}
						if n%2 == 0 {
							slices.Reverse(s.Tags)
						}
						if err := db.WriteBulk(t.Context(), func(tx *store.Tx) error { return tx.Insert(t.Context(), root.ID, []sim.NewSIM{s}) }); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			in := tenant.Below(root.Path)
			page, err := db.List(t.Context(), in, sim.Query{Tags: []sim.Tag{pinTag("pin1", 1)}, Limit: 100, Count: true})
			if err != nil || len(page.SIMs) != sides*each || page.Total != sides*each {
				t.Errorf("%d of %d SIMs, %v", len(page.SIMs), page.Total, err)
			}
			for n := range sides * each {
				if page, err := db.List(t.Context(), in, sim.Query{Tags: []sim.Tag{pinTag("puk1", n)}, Limit: 5}); err != nil || len(page.SIMs) != 1 {
					t.Errorf("SIM %d: %d SIMs, %v", n, len(page.SIMs), err)
				}
			}
		})
	}
}
