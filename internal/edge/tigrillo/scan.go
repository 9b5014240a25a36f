package tigrillo

import (
	"unicode/utf16"
	"unicode/utf8"
)

// The texts of E0001 for a body that is no JSON: those of PHP's well-known
// json_last_error example.
const (
	jsonSyntax  = "Syntax error, malformed JSON"
	jsonMode    = "Underflow or the modes mismatch"
	jsonDepth   = "Maximum stack depth exceeded"
	jsonControl = "Unexpected control character found"
	jsonUTF8    = "Malformed UTF-8 characters, possibly incorrectly encoded"
)

// maxDepth is how deep a body may nest: PHP's default.
const maxDepth = 512

// malformed returns the text that says what is wrong with a body, or "" when it
// is one JSON value (RFC 8259) that nests no deeper than maxDepth and whose
// strings are Unicode: no stray bytes, no half surrogates.
func malformed(body []byte) string {
	s := &scanner{in: body}
	if s.blank(); !s.value(0) {
		return s.why
	}
	if s.blank(); s.at < len(s.in) {
		s.stray()
	}
	return s.why
}

// scanner reads one value; why holds what stopped it.
type scanner struct {
	in  []byte
	at  int
	why string
}

func (s *scanner) fail(why string) bool {
	s.why = why
	return false
}

// stray explains a byte that no value can have here.
func (s *scanner) stray() bool {
	if s.at >= len(s.in) {
		return s.fail(jsonSyntax)
	}
	if s.in[s.at] < ' ' {
		return s.fail(jsonControl)
	}
	if r, n := utf8.DecodeRune(s.in[s.at:]); r == utf8.RuneError && n == 1 {
		return s.fail(jsonUTF8)
	}
	return s.fail(jsonSyntax)
}

func (s *scanner) blank() {
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take skips c when it comes next.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.in) && s.in[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) value(depth int) bool {
	if s.at >= len(s.in) {
		return s.stray()
	}
	switch c := s.in[s.at]; {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return s.fail(jsonDepth)
		}
		s.at++
		if c == '{' {
			return s.list('}', ']', func() bool { return s.member(depth + 1) })
		}
		return s.list(']', '}', func() bool { return s.value(depth + 1) })
	case c == '"':
		return s.text()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.stray()
}

// list reads items up to its closing bracket; the other kind of bracket in its
// place is a mismatch.
func (s *scanner) list(closing, other byte, item func() bool) bool {
	for first := true; ; first = false {
		s.blank()
		if s.take(closing) {
			return true
		}
		if s.at < len(s.in) && s.in[s.at] == other {
			return s.fail(jsonMode)
		}
		if !first {
			if !s.take(',') {
				return s.stray()
			}
			s.blank()
		}
		if !item() {
			return false
		}
	}
}

func (s *scanner) member(depth int) bool {
	if s.at >= len(s.in) || s.in[s.at] != '"' {
		return s.stray()
	}
	if !s.text() {
		return false
	}
	s.blank()
	if !s.take(':') {
		return s.stray()
	}
	s.blank()
	return s.value(depth)
}

func (s *scanner) word(w string) bool {
	for i := range len(w) {
		if !s.take(w[i]) {
			return s.stray()
		}
	}
	return true
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.stray()
	}
	if s.take('.') && !s.digits() {
		return s.stray()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.stray()
		}
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.in) && s.in[s.at] >= '0' && s.in[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) text() bool {
	s.at++ // the quote
	for s.at < len(s.in) {
		switch c := s.in[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\\':
			s.at++
			if !s.escape() {
				return false
			}
		case c < ' ':
			return s.fail(jsonControl)
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, n := utf8.DecodeRune(s.in[s.at:])
			if r == utf8.RuneError && n == 1 {
				return s.fail(jsonUTF8)
			}
			s.at += n
		}
	}
	return s.fail(jsonSyntax)
}

func (s *scanner) escape() bool {
	if s.at >= len(s.in) {
		return s.fail(jsonSyntax)
	}
	c := s.in[s.at]
	s.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		return s.unit()
	}
	s.at--
	return s.stray()
}

// unit reads \uXXXX, and the second half of a surrogate pair with it.
func (s *scanner) unit() bool {
	high, ok := s.hex()
	if !ok {
		return s.stray()
	}
	if !utf16.IsSurrogate(high) {
		return true
	}
	if !s.take('\\') || !s.take('u') {
		return s.fail(jsonUTF8)
	}
	low, ok := s.hex()
	if !ok {
		return s.stray()
	}
	if utf16.DecodeRune(high, low) == utf8.RuneError {
		return s.fail(jsonUTF8)
	}
	return true
}

func (s *scanner) hex() (rune, bool) {
	var r rune
	for range 4 {
		if s.at >= len(s.in) {
			return 0, false
		}
		switch c := s.in[s.at]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
		s.at++
	}
	return r, true
}
