package tenant_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func TestPortalSteps(t *testing.T) {
	t.Parallel()
	steps := tenant.PortalSteps{"r/a/": "one", "r/a/b/c/": "two", "r/x/": "one"}
	for path, want := range map[string]string{"r/": "r", "r/a/": "one", "r/a/b/": "one", "r/a/b/c/": "two", "r/a/b/c/d/": "two", "r/ab/": "r", "r/x/y/": "one", "": ""} {
		if got := steps.Of(path); got != want {
			t.Errorf("%q is in %q, not %q", path, got, want)
		}
	}
	for path, want := range map[string]string{"r/": "one r two", "r/a/b/": "one two", "r/a/b/c/": "two", "r/y/": "r"} {
		if got := strings.Join(slices.Sorted(maps.Keys(steps.Seen(tenant.Below(path)))), " "); got != want {
			t.Errorf("below %q: %q, not %q", path, got, want)
		}
	}
	p := tenant.Portal{OwnerPath: "r/a/"}
	if !p.Covers("r/a/") || !p.Covers("r/a/b/") || p.Covers("r/") || p.Covers("r/ab/") {
		t.Error("a portal covers its owner and what is below, and nothing else")
	}
}
