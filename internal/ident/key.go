package ident

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Key is a 128-bit subscriber key: K, or the derived operator key OPc (3GPP TS
// 35.205). It prints and logs as a placeholder; [Key.Hex] is the only way out.
type Key [16]byte

// ParseKey parses 32 hexadecimal digits; field names the key in the error,
// which never holds the value.
func ParseKey(field, s string) (Key, error) {
	var k Key
	s = strings.TrimSpace(s)
	if len(s) != 32 {
		return k, fault.InvalidField(field, "has %d characters; 32 hexadecimal digits are needed", len(s))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, fault.InvalidField(field, "is not hexadecimal")
	}
	return k, nil
}

// IsZero reports whether no key is set.
func (k Key) IsZero() bool { return k == Key{} }

// Hex returns the key in the clear: for a network driver, never for a log.
func (k Key) Hex() string { return hex.EncodeToString(k[:]) }

// String hides the key.
func (k Key) String() string { return "[key]" }

// Format hides the key from every verb: %x and %#v ask no String.
func (k Key) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, "[key]") }

// LogValue hides the key.
func (k Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalJSON hides the key.
func (k Key) MarshalJSON() ([]byte, error) { return []byte(`"[key]"`), nil }

// PIN is a PIN or PUK of 4 to 8 digits. It prints as a placeholder.
type PIN string

// ParsePIN parses s; field names the code in the error, which never holds the
// value.
func ParsePIN(field, s string) (PIN, error) {
	p, err := digits[PIN](field, s, 4, 8)
	if err != nil {
		return "", fault.InvalidField(field, "is not a code of 4 to 8 digits")
	}
	return p, nil
}

// Reveal returns the code in the clear.
func (p PIN) Reveal() string { return string(p) }

// String hides the code.
func (p PIN) String() string { return "[pin]" }

// Format hides the code from every verb.
func (p PIN) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, "[pin]") }

// LogValue hides the code.
func (p PIN) LogValue() slog.Value { return slog.StringValue("[pin]") }

// MarshalJSON hides the code.
func (p PIN) MarshalJSON() ([]byte, error) { return []byte(`"[pin]"`), nil }

// ParseAPN parses an access point name: dot-separated labels of letters,
// digits and hyphens, at most 100 characters (3GPP TS 23.003 section 9.1).
func ParseAPN(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" || len(s) > 100 {
		return "", fault.InvalidField("apn", "has %d characters; 1 to 100 are needed", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return "", fault.InvalidField("apn", "has the label %q; labels are letters, digits and inner hyphens", label)
		}
	}
	return s, nil
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		c := l[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// ParseIP parses the static address of a SIM, IPv4 or IPv6, without a zone.
func ParseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fault.InvalidField("ip", "is not the address of one host")
	}
	return a.Unmap(), nil
}
