package fault

import (
	"strings"
	"unicode"
)

// maxText bounds what is kept of an error, in characters.
const maxText = 500

// Text is what may be stored and shown of an error that another system had a
// hand in: valid UTF-8 in one line, without control characters, which databases
// refuse and terminals obey, and at most 500 characters.
func Text(err error) string {
	if err == nil {
		return ""
	}
	text, n := strings.ToValidUTF8(err.Error(), "\uFFFD"), 0
	for i := range text {
		if n++; n > maxText {
			text = text[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
