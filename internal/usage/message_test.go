package usage_test

import (
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

func TestParts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		parts int // 0 is refused
	}{
		"empty":              {"", 0},
		"one":                {"hello", 1},
		"full":               {strings.Repeat("a", 160), 1},
		"one more":           {strings.Repeat("a", 161), 2},
		"two full":           {strings.Repeat("a", 306), 2},
		"three":              {strings.Repeat("a", 307), 3},
		"extension is two":   {strings.Repeat("€", 80), 1},
		"extension too long": {strings.Repeat("€", 81), 2},
		"umlaut is GSM":      {strings.Repeat("ü", 160), 1},
		"Cyrillic":           {strings.Repeat("ж", 70), 1},
		"Cyrillic, longer":   {strings.Repeat("ж", 71), 2},
		"emoji is two":       {strings.Repeat("😀", 35), 1},
		"emoji, longer":      {strings.Repeat("😀", 36), 2},
		"ten":                {strings.Repeat("a", 1530), 10},
		"eleven":             {strings.Repeat("a", 1531), 0},
		"2,000":              {strings.Repeat("a", 2000), 0},
		"no text":            {"a\xff", 0},
		"a NUL":              {"a\x00", 0},
	} {
		n, err := usage.Parts("sms", c.text)
		if n != c.parts || (err != nil) != (c.parts == 0) || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}
