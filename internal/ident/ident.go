// Package ident holds the identifiers of the field. Each is parsed once, at
// the edge, and is a type from then on: nothing below checks it again.
//
// A failed parse returns a fault of kind Invalid whose field is the
// identifier's own name in lower case ("iccid", "imsi", ...); [As] renames it
// to what the caller called it.
package ident

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// ICCID identifies a SIM card or profile: 14 to 20 digits (ITU-T E.118; the
// last digit of a conforming one is a Luhn check digit).
type ICCID string

// EID identifies an eUICC: 32 digits (GSMA SGP.29).
type EID string

// IMSI identifies a subscription on a network: 6 to 15 digits (3GPP TS 23.003
// section 2.2; real ones have 14 or 15, lab networks use less).
type IMSI string

// IMEI identifies a device: 15 digits, or 16 for an IMEISV (3GPP TS 23.003
// section 6.2).
type IMEI string

// MSISDN is a telephone number: 3 to 15 digits in international form without
// the plus sign (ITU-T E.164).
type MSISDN string

// PortfolioID names an account: 32 lower-case hexadecimal digits.
type PortfolioID string

// ParseICCID parses s. Blanks around it are dropped; nothing else is repaired.
func ParseICCID(s string) (ICCID, error) {
	return digits[ICCID]("iccid", s, 14, 20)
}

// ParseEID parses s.
func ParseEID(s string) (EID, error) { return digits[EID]("eid", s, 32, 32) }

// ParseIMSI parses s.
func ParseIMSI(s string) (IMSI, error) { return digits[IMSI]("imsi", s, 6, 15) }

// ParseIMEI parses an IMEI or an IMEISV.
func ParseIMEI(s string) (IMEI, error) { return digits[IMEI]("imei", s, 15, 16) }

// ParseMSISDN parses s, with or without its leading plus sign.
func ParseMSISDN(s string) (MSISDN, error) {
	n, err := digits[MSISDN]("msisdn", strings.TrimPrefix(strings.TrimSpace(s), "+"), 3, 15)
	if err == nil && n[0] == '0' {
		return "", fault.InvalidField("msisdn", "starts with 0; the international form starts with the country code")
	}
	return n, err
}

// ParsePortfolioID parses s; upper-case digits are accepted and folded.
func ParsePortfolioID(s string) (PortfolioID, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) != 32 {
		return "", fault.InvalidField("portfolioId", "has %d characters; 32 hexadecimal digits are needed", len(s))
	}
	if _, err := hex.DecodeString(s); err != nil {
		return "", fault.InvalidField("portfolioId", "is not hexadecimal")
	}
	return PortfolioID(s), nil
}

// NewPortfolioID returns a random one.
func NewPortfolioID() PortfolioID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return PortfolioID(hex.EncodeToString(b[:]))
}

// As renames the fields of a parse error to name: As("sims[3].ICCID", err). It
// returns nil for nil and any other error unchanged.
func As(name string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid {
		return err
	}
	out := *e
	out.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		out.Fields[i] = fault.Field{Name: name, Reason: f.Reason}
	}
	return &out
}

func digits[T ~string](name, s string, lo, hi int) (T, error) {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", fault.InvalidField(name, "has %q at position %d; only digits are allowed", s[i:i+1], i+1)
		}
	}
	if n := len(s); n < lo || n > hi {
		need := fmt.Sprintf("%d to %d", lo, hi)
		if lo == hi {
			need = fmt.Sprint(lo)
		}
		return "", fault.InvalidField(name, "has %d digits; %s are needed", n, need)
	}
	return T(s), nil
}

// CheckLuhn returns an error that names the check digit when the last digit of
// i is not the Luhn sum of the others (ISO/IEC 7812-1 annex B). Call it where
// the batch says that its ICCIDs carry one; many private batches do not.
func (i ICCID) CheckLuhn() error {
	body, last := string(i[:len(i)-1]), i[len(i)-1]
	if want := luhn(body); last != want {
		return fault.InvalidField("iccid", "ends in %c, but its Luhn check digit is %c", last, want)
	}
	return nil
}

// WithLuhn appends the Luhn check digit to body, which must be all digits.
func WithLuhn(body string) string { return body + string(luhn(body)) }

func luhn(body string) byte {
	sum, double := 0, true
	for i := len(body) - 1; i >= 0; i-- {
		d := int(body[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return byte('0' + (10-sum%10)%10)
}

// Unswap undoes the nibble swap of an ICCID as it lies in EF_ICCID (ETSI TS
// 102 221 section 13.2): digit pairs reversed, an odd length filled with F.
// Some card vendors deliver it so. It does not check the result.
func Unswap(s string) string {
	b := []byte(strings.TrimSpace(s))
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return strings.TrimRight(strings.ToUpper(string(b)), "F")
}

// TACSNR returns the first 14 digits, which name the device whatever the check
// digit or the software version that follows.
func (i IMEI) TACSNR() string { return string(i[:14]) }
