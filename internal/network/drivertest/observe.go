package drivertest

import (
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

func observeUnknown(f *fixture) {
	if a := f.observe(f.subscriber().IMSI)[0]; a.Present {
		f.Errorf("a subscriber that nobody added is there: %+v", a)
	}
}

// observeInOrder asks out of order, for some twice and for some in vain.
func observeInOrder(f *fixture) {
	fleet := f.fleet(4)
	f.mustApply(fleet[:3]...)
	f.mustApply(absent(fleet[:1])...)

	asked := []int{3, 2, 0, 1, 2, 3, 1, 1}
	ids := make([]ident.IMSI, len(asked))
	for i, who := range asked {
		ids[i] = fleet[who].IMSI
	}
	for i, a := range f.observe(ids...) {
		who := asked[i]
		if want := who == 1 || who == 2; a.Present != want {
			f.Errorf("answer %d, %s: present is %v, want %v", i, a.IMSI, a.Present, want)
		} else if d := a.Drift(&fleet[who]); want && len(d) > 0 {
			f.Errorf("answer %d, %s differs: %+v", i, a.IMSI, d)
		}
	}
}

// listPages adds in descending order, removes some, and wants the rest listed
// once each, whatever the size of the pages.
func listPages(f *fixture) {
	lister, ok := f.Driver.(network.Lister)
	f.need(ok, "the driver is no Lister")
	fleet := f.fleet(23)
	for i := len(fleet) - 1; i >= 0; i-- {
		f.mustApply(fleet[i])
	}
	f.mustApply(absent(fleet[5:9])...)
	want := append(imsis(fleet[:5]), imsis(fleet[9:])...)

	for _, limit := range []int{1, 6, len(want), 1000} {
		var got []ident.IMSI
		for _, a := range f.walk(lister, limit) {
			if len(a.IMSI) == len(want[0]) && a.IMSI >= fleet[0].IMSI && a.IMSI <= fleet[len(fleet)-1].IMSI {
				got = append(got, a.IMSI)
			}
		}
		if len(got) != len(want) {
			f.Fatalf("pages of %d list %d of the subscribers; %d are there", limit, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				f.Fatalf("pages of %d list %s where %s was due", limit, got[i], want[i])
			}
		}
	}
}

// walk returns all that the network lists, page by page.
func (f *fixture) walk(lister network.Lister, limit int) []network.Actual {
	f.Helper()
	var all []network.Actual
	var after ident.IMSI
	for {
		page, err := lister.List(f.Context(), after, limit)
		if err != nil {
			f.Fatalf("List after %q: %v", after, err)
		}
		if len(page) > limit {
			f.Fatalf("List returned %d where %d is the limit", len(page), limit)
		}
		for _, a := range page {
			if a.IMSI <= after {
				f.Fatalf("List returned %s after %q", a.IMSI, after)
			}
			if !a.Present {
				f.Fatalf("List returned %s, which is not present", a.IMSI)
			}
			after = a.IMSI
		}
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
	}
}
