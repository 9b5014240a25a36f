package usage_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// However rejects come, none is lost, no record spans more than the fold time on
// either side of its first, and there are no more records than minutes begun.
func TestFold(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "records")
		fresh, at, accepts := make([]usage.AccessRecord, n), begun, 0
		for i := range fresh {
			at = at.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "pause")) * time.Millisecond)
			fresh[i] = usage.AccessRecord{SIM: 7, Access: usage.Access{At: at, APN: rapid.StringN(0, 3, 3).Draw(t, "apn")}, Verdict: usage.Verdict{Refusal: usage.WrongAPN}}
			if rapid.IntRange(0, 9).Draw(t, "accepted") == 0 {
				fresh[i].Verdict, accepts = usage.Verdict{Accept: true}, accepts+1
			}
		}
		// Half of them are stored already, as they would be.
		cut := rapid.IntRange(0, n).Draw(t, "stored")
		stored := usage.Fold(nil, fresh[:cut])
		var open []usage.AccessRecord
		for i := range stored {
			if stored[i].ID = int64(i + 1); !stored[i].Verdict.Accept {
				open = append(open, stored[i])
			}
		}
		more := usage.Fold(open, fresh[cut:])
		times, rows, seen := int64(0), len(stored), map[int64]bool{}
		for _, r := range append(stored, more...) {
			times += r.Times
			if !r.LastAt.IsZero() && r.LastAt.Sub(r.Access.At).Abs() >= usage.FoldTime {
				t.Fatalf("a record from %s to %s", r.Access.At, r.LastAt)
			}
		}
		for _, r := range more {
			if r.ID == 0 {
				rows++
			} else if seen[r.ID] {
				t.Fatalf("record %d is there twice", r.ID)
			}
			seen[r.ID] = r.ID != 0
		}
		if times != int64(n) {
			t.Fatalf("%d of %d", times, n)
		}
		if minutes := int(at.Sub(begun)/usage.FoldTime) + 1; rows-accepts > minutes+1 {
			t.Fatalf("%d records in %d minutes", rows-accepts, minutes)
		}
	})
}

// What differs in SIM, gateway or reason is told apart.
func TestFoldKeepsApart(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	rec := func(sim int64, nas string, why usage.Refusal) usage.AccessRecord {
		return usage.AccessRecord{SIM: sim, Access: usage.Access{At: at, NAS: nas}, Verdict: usage.Verdict{Refusal: why}}
	}
	list := []usage.AccessRecord{rec(1, "a", usage.WrongAPN), rec(2, "a", usage.WrongAPN), rec(1, "b", usage.WrongAPN), rec(1, "a", usage.OverLimit), rec(1, "a", usage.WrongAPN)}
	out := usage.Fold(nil, list)
	if len(out) != 4 || out[0].Times != 2 || out[1].Times != 1 {
		t.Errorf("%+v", out)
	}
}
