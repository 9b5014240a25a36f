package plan_test

import (
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func TestContractEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start  string
		months int
		want   string
	}{
		{"2026-01-22T10:35:09Z", 36, "2029-01-22T10:35:09Z"},
		{"2026-01-31T00:00:00Z", 1, "2026-02-28T00:00:00Z"},
		{"2024-01-31T00:00:00Z", 1, "2024-02-29T00:00:00Z"},
		{"2026-12-31T23:59:59Z", 2, "2027-02-28T23:59:59Z"},
		{"2024-02-29T12:00:00Z", 12, "2025-02-28T12:00:00Z"},
	} {
		start, _ := time.Parse(time.RFC3339, c.start)
		p := plan.Package{ContractMonths: c.months}
		if got := p.ContractEnd(start).Format(time.RFC3339); got != c.want {
			t.Errorf("%s + %d months = %s, want %s", c.start, c.months, got, c.want)
		}
	}
	if !(&plan.Package{}).ContractEnd(time.Now()).IsZero() || !(&plan.Package{ContractMonths: 3}).ContractEnd(time.Time{}).IsZero() {
		t.Error("a contract without a term or a start has no end")
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	live := &plan.Package{ID: 7, Status: tenant.Active, MNO: 350}
	link := &plan.Link{Status: tenant.Active}
	folio := &tenant.Portfolio{Status: tenant.Active}
	for _, c := range []struct {
		name string
		p    *plan.Package
		l    *plan.Link
		f    *tenant.Portfolio
		mno  int64
		want string
	}{
		{"fits", live, link, folio, 350, ""},
		{"operator of the SIM unknown", live, link, folio, 0, ""},
		{"package for any operator", &plan.Package{Status: tenant.Active}, link, folio, 9, ""},
		{"no package", nil, nil, folio, 0, plan.NoPackage},
		{"no link", live, nil, folio, 350, plan.NotLinked},
		{"deleted link", live, &plan.Link{Status: tenant.Deleted}, folio, 350, plan.NotLinked},
		{"suspended link", live, &plan.Link{Status: tenant.Active, Suspended: tenant.Suspensions(tenant.AdminSuspension)}, folio, 350, plan.LinkInactive},
		{"link suspended by the customer", live, &plan.Link{Status: tenant.Active, Suspended: tenant.Suspensions(tenant.CustomerSuspension)}, folio, 350, plan.LinkInactive},
		{"deleted package", &plan.Package{Status: tenant.Deleted}, link, folio, 0, plan.LinkInactive},
		{"other operator", live, link, folio, 9, plan.OtherOperator},
		{"deleted portfolio", live, link, &tenant.Portfolio{Status: tenant.Deleted}, 350, plan.NoPortfolio},
	} {
		err := plan.Fits(c.p, c.l, c.f, c.mno)
		if got := fault.CodeOf(err); got != c.want || (err != nil && fault.KindOf(err) != fault.Precondition) {
			t.Errorf("%s: %v, want code %q", c.name, err, c.want)
		}
	}
}

func TestLinkable(t *testing.T) {
	t.Parallel()
	p := &plan.Package{Currency: "GBP"}
	if err := plan.Linkable(p, &tenant.Portfolio{Currency: "GBP", Status: tenant.Active}); err != nil {
		t.Error(err)
	}
	if got := fault.CodeOf(plan.Linkable(p, &tenant.Portfolio{Currency: "EUR", Status: tenant.Active})); got != plan.OtherCurrency {
		t.Errorf("other currency: %q", got)
	}
	if got := fault.CodeOf(plan.Linkable(p, &tenant.Portfolio{Currency: "GBP", Status: tenant.Deleted})); got != plan.NoPortfolio {
		t.Errorf("deleted: %q", got)
	}
	if _, err := plan.ParseReview("activation", "sometimes"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("ParseReview = %v", err)
	}
	if r, err := plan.ParseReview("activation", "manual"); err != nil || r != plan.Manual {
		t.Errorf("ParseReview = %v, %v", r, err)
	}
}
