package tenant

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Features are the parts of the platform that an API user may call on: those
// that its account has ordered.
type Features uint8

// The features. The numbers are stored.
const (
	FeatureAPI Features = 1 << iota // without it nothing can be called
	FeatureDiagnostics
	FeatureESIM
	FeatureSMS
	FeatureIMEILock
)

// AllFeatures is every feature.
const AllFeatures = FeatureAPI | FeatureDiagnostics | FeatureESIM | FeatureSMS | FeatureIMEILock

var featureNames = [...]string{"api", "diagnostics", "esim", "sms", "imei_lock"}

// Has reports whether every feature in f is in the set.
func (s Features) Has(f Features) bool { return s&f == f }

// Names lists the features in the set, such as "api" and "imei_lock".
func (s Features) Names() []string {
	out := make([]string, 0, len(featureNames))
	for i, name := range featureNames {
		if s.Has(1 << i) {
			out = append(out, name)
		}
	}
	return out
}

// String lists the features in the set, separated by commas.
func (s Features) String() string { return strings.Join(s.Names(), ",") }

// ParseFeatures is the inverse of String. Letters may have either case.
func ParseFeatures(list string) (Features, error) {
	var out Features
next:
	for part := range strings.SplitSeq(list, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		if part == "" {
			continue
		}
		for i, name := range featureNames {
			if name == part {
				out |= 1 << i
				continue next
			}
		}
		return 0, fault.InvalidField("features", "has %q; there are: %s", part, AllFeatures)
	}
	return out, nil
}
