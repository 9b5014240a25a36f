package tenant_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// A path lies within the sphere's bounds exactly when the sphere contains it,
// so that an index range and the predicate can never disagree.
func TestBoundsAreContains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		paths := []string{""}
		for range rapid.IntRange(1, 20).Draw(t, "portfolios") {
			id := ident.PortfolioID(rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "id"))
			paths = append(paths, tenant.Path(rapid.SampledFrom(paths).Draw(t, "parent"), id))
		}
		paths = paths[1:]
		sphere := rapid.SampledFrom([]tenant.Sphere{
			tenant.Below(rapid.SampledFrom(paths).Draw(t, "root")), tenant.Everything(), {}}).Draw(t, "sphere")
		from, to := sphere.Bounds()
		for _, p := range paths {
			if in := from <= p && p < to; in != sphere.Contains(p) {
				t.Fatalf("%s: bounds say %v, Contains %v", p, in, sphere.Contains(p))
			}
		}
	})
}

func TestSiblingWithSharedPrefixIsOutside(t *testing.T) {
	t.Parallel()
	a := tenant.Path("", "00000000000000000000000000000001")
	b := tenant.Path("", "00000000000000000000000000000002")
	if tenant.Below(a).Contains(b) || !tenant.Below(a).Contains(tenant.Path(a, "f0000000000000000000000000000000")) {
		t.Error("the sphere leaks")
	}
	if tenant.Depth(tenant.Path(a, "x")) != 2 {
		t.Error("depth")
	}
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	list, err := tenant.ParseAllowList("192.0.2.0/24, 2001:db8::1,198.51.100.7")
	if err != nil {
		t.Fatal(err)
	}
	p := tenant.Portfolio{AllowList: list}
	for addr, want := range map[string]bool{
		"192.0.2.200": true, "::ffff:192.0.2.1": true, "192.0.3.1": false, "2001:db8::1": true, "2001:db8::2": false, "198.51.100.7": true,
	} {
		if got := p.Allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Allows(%s) = %v", addr, got)
		}
	}
	if !(&tenant.Portfolio{}).Allows(netip.MustParseAddr("203.0.113.1")) {
		t.Error("an empty list must allow any")
	}
	if _, err := tenant.ParseAllowList("192.0.2.0/33"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("ParseAllowList = %v", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		roles         string
		activate, see bool
	}{{"A", true, true}, {"E", true, true}, {"UF", false, true}, {"L", false, true}, {"T", false, true}, {"TE", true, true}} {
		p, err := tenant.ParseLetters(c.roles)
		if err != nil || p.Has(tenant.SIMActivate) != c.activate || p.Has(tenant.SIMGet) != c.see || p.Has(tenant.SIMAdminSuspend) {
			t.Errorf("%s: %v, %v", c.roles, p, err)
		}
	}
	for _, bad := range []string{"", "AA", "X", "a", "A E"} {
		if _, err := tenant.ParseLetters(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseLetters(%q) = %v", bad, err)
		}
	}
	if _, err := tenant.ParseRole("A"); err == nil {
		t.Error("a letter is not a program's role")
	}
	if tenant.Rights("viewer") == 0 || tenant.Rights("AE") == 0 || tenant.Rights("nonsense") != 0 {
		t.Error("Rights")
	}
	viewer := tenant.Principal{Kind: tenant.User, Name: "v", May: tenant.Rights("viewer")}
	if err := viewer.Needs(tenant.SIMActivate); fault.KindOf(err) != fault.Forbidden || fault.CodeOf(err) != "permission.iccActivate" {
		t.Errorf("Needs = %v", err)
	}
	cli := tenant.Operator("cli")
	if cli.Needs(tenant.NetworkWrite) != nil || cli.Actor() != "system:cli" {
		t.Error("the operator lacks something")
	}
}
