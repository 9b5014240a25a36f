package store

import (
	"strings"
	"testing"
)

// TestBehindAll holds that a text stands behind all that begin with another, and
// no valid text stands between.
func TestBehindAll(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a": "b", "meter 5": "meter 6", "é": "ê", "a\U0010FFFF": "b", "\uD7FF": "\uE000", "\u540D": "\u540E", "": "", "\U0010FFFF": "",
	} {
		got, found := behindAll(text)
		if got != want || found != (want != "") {
			t.Errorf("%q: %q, %t, not %q", text, got, found, want)
		}
		if found && (got <= text || strings.HasPrefix(got, text) || got <= text+strings.Repeat("\U0010FFFF", 3)) {
			t.Errorf("%q is not behind all of %q", got, text)
		}
	}
}
