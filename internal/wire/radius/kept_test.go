package radius

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens, memory stays below the limit and a reply is the one that
// was kept.
func TestKeptRepliesAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 4000).Draw(t, "limit")
		k := newKeptReplies(10*time.Second, limit)
		now := time.Unix(0, 0)
		replies := map[requestKey][]byte{}
		underWay := map[requestKey]bool{}
		keys := rapid.Map(rapid.Uint8Range(0, 30), func(i uint8) requestKey { return requestKey{identifier: i} })
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				reply, isNew := k.begin(key, now)
				switch {
				case isNew && underWay[key]:
					t.Fatal("a request under way is begun again")
				case isNew:
					underWay[key] = true
				case reply == nil && !underWay[key], reply != nil && !bytes.Equal(reply, replies[key]):
					t.Fatalf("a duplicate gets %x", reply)
				}
			},
			"answered": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				if underWay[key] {
					replies[key] = rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "reply")
					k.answered([]*job{{key: key, out: replies[key]}}, now)
				}
				delete(underWay, key)
			},
			"forget": func(t *rapid.T) {
				if key := keys.Draw(t, "key"); underWay[key] {
					if rapid.Bool().Draw(t, "silent") {
						k.answered([]*job{{key: key}}, now)
					}
					k.forget(key)
					delete(underWay, key)
				}
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "seconds")) * time.Second) },
			"": func(t *rapid.T) {
				size, n := 0, 0
				for e := k.oldest; e != nil; e = e.next {
					size, n = size+keptCost+len(e.reply), n+1
				}
				if size != k.size || size > limit || n+len(underWay) != len(k.byKey) || (k.oldest == nil) != (k.newest == nil) {
					t.Fatalf("%d octets of %d in %d replies; %d counted, %d known, %d under way", size, limit, n, k.size, len(k.byKey), len(underWay))
				}
			},
		})
	})
}
