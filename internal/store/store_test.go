package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/store/sqlitetest"
	"github.com/simurgh-iot/simurgh/internal/store/storetest"
)

// engines are where every test of this package runs.
var engines = map[string]func(t testing.TB) store.Options{
	"sqlite":   func(t testing.TB) store.Options { return store.Options{Dir: sqlitetest.Dir(t)} },
	"postgres": func(t testing.TB) store.Options { return store.Options{URL: pgtest.URL(t)} },
}

// onEngines runs a test on each engine.
func onEngines(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Parallel()
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, options(t))
		})
	}
}

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestConformance runs the suite with lists that think a handful is many, so
// that they take every way there is.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, options := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var taken sync.Map
			t.Run("suite", func(t *testing.T) {
				storetest.Run(t, func(t *testing.T) *store.DB {
					db := open(t, options(t))
					budget := 60
					if strings.Contains(t.Name(), "Walks") {
						budget = 1000
					}
					db.Tune(4, budget, func(path string) { taken.Store(path, true) })
					return db
				})
			})
			for _, path := range []string{"walk", "merged", "span", "sorted", "give up", "hits", "seek", "trail", "cursor", "total"} {
				if _, ok := taken.Load(path); !ok {
					t.Errorf("no list took the way %q", path)
				}
			}
		})
	}
}
