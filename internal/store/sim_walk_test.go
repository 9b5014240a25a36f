package store

import "testing"

// TestNextRows holds that a walk takes the rows that a page takes, going by how
// many were found, and widens step by step while that says little.
func TestNextRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ need, looked, found, quota, want int }{
		{51, 80, 0, 20, 80}, {51, 80, 4, 20, 80}, {51, 80, 40, 20, 127}, {51, 80, 8, 20, 637}, {51, 80, 80, 20, 63},
	} {
		w := walk{need: c.need, looked: c.looked, found: c.found}
		if got := w.next(c.quota); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
