package tenant_test

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func TestFeaturesRoundTrip(t *testing.T) {
	t.Parallel()
	for f := tenant.Features(0); f <= tenant.AllFeatures; f++ {
		if got, err := tenant.ParseFeatures(f.String()); err != nil || got != f {
			t.Errorf("%q: %v, %v", f, got, err)
		}
	}
	if got, err := tenant.ParseFeatures(" API, sms ,"); err != nil || got != tenant.FeatureAPI|tenant.FeatureSMS {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := tenant.ParseFeatures("api,fax"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
