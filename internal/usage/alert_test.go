package usage_test

import (
	"errors"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Rules are held to what their kinds take; the error names the field.
func TestAlertRuleCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  usage.AlertKind
		value int64
		field string // empty for a good rule
	}{
		{usage.StateChanged, 0, ""}, {usage.StateChanged, 1, "value"}, {usage.DataThreshold, 1, ""}, {usage.DataThreshold, 100, ""},
		{usage.DataThreshold, 0, "value"}, {usage.DataThreshold, 101, "value"}, {usage.SMSThreshold, -1, "value"}, {usage.SMSThreshold, 5, ""},
		{usage.NoConnection, 8785, "value"}, {usage.NoConnection, 24, ""}, {usage.BalanceThreshold, 1, ""}, {usage.BalanceThreshold, 1e15 + 1, "value"},
		{usage.IMEIChanged, 0, "kind"}, {"", 0, "kind"},
	} {
		err := (&usage.AlertRule{Kind: c.kind, Value: c.value}).Check()
		if c.field == "" {
			if err != nil {
				t.Errorf("%s %d: %v", c.kind, c.value, err)
			}
			continue
		}
		if f := fields(err); fault.KindOf(err) != fault.Invalid || len(f) != 1 || f[0].Name != c.field {
			t.Errorf("%s %d: %v, %v", c.kind, c.value, err, f)
		}
	}
}

func TestAlertRuleValueText(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]usage.AlertRule{"": {Kind: usage.StateChanged}, "24": {Kind: usage.NoConnection, Value: 24}, "12.50": {Kind: usage.BalanceThreshold, Value: 12_500_000}} {
		if got := r.ValueText(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func fields(err error) []fault.Field {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Fields
	}
	return nil
}
