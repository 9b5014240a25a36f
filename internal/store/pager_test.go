package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

func TestPagerForgets(t *testing.T) {
	t.Parallel()
	l := newLists()
	now := time.Unix(1, 0)
	l.now = func() time.Time { return now }
	at := func(n int) sim.Cursor { return sim.Cursor{Value: fmt.Sprint(n)} }
	want := func(offset, wantOffset int) {
		t.Helper()
		c, found := l.before("list", offset)
		if found != wantOffset || (c == nil) != (wantOffset == 0) || (c != nil && *c != at(wantOffset)) {
			t.Errorf("before %d: %v at %d, want %d", offset, c, found, wantOffset)
		}
	}
	want(100, 0)
	l.remember("list", 100, at(100))
	now = now.Add(endLife)
	l.remember("list", 50, at(50))
	want(49, 0)
	want(50, 50)
	want(99, 50)
	want(1000, 100)
	now = now.Add(1)
	want(1000, 50) // the older one is over
	for i := range 3 * maxEnds {
		now = now.Add(1)
		l.remember("list", 1000+i, at(1000+i))
	}
	if n := len(l.trails["list"].ends); n > maxEnds {
		t.Errorf("%d ends are kept", n)
	}
	want(1e6, 1000+3*maxEnds-1) // the newest stays
	for i := range 2 * maxTrails {
		now = now.Add(1)
		l.remember(fmt.Sprint(i), 1, at(1))
	}
	if n := len(l.trails); n > maxTrails {
		t.Errorf("%d lists are kept", n)
	}
	if c, _ := l.before(fmt.Sprint(2*maxTrails-1), 1); c == nil {
		t.Error("the newest list is forgotten")
	}
}
