package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/store/pgtest"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// BenchmarkRecord keeps answers to questions for access of 100,000 SIMs; one
// operation is one answer.
func BenchmarkRecord(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) store.Options{
		"sqlite":   func(b *testing.B) store.Options { return store.Options{Dir: b.TempDir()} },
		"postgres": func(b *testing.B) store.Options { return store.Options{URL: pgtest.Start(b).URL(b)} },
	} {
		for _, size := range []int{2000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				db, err := store.Open(b.Context(), open(b))
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = db.Close() }()
				at := time.Now()
				b.ResetTimer()
				for n := 0; n < b.N; n += size {
					list := make([]usage.AccessRecord, size)
					for i := range list {
						at = at.Add(20 * time.Microsecond)
						list[i] = usage.AccessRecord{SIM: 1 + rand.Int64N(100_000), Access: usage.Access{At: at, NAS: "pgw1",
							IMEI: ident.IMEI("490154203237518"), APN: "internet", RAT: "LTE", MCC: "234", MNC: "15"}, Verdict: usage.Verdict{Accept: true}}
					}
					if err := db.Write(b.Context(), func(tx *store.Tx) error { return tx.AddAccess(b.Context(), list) }); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
