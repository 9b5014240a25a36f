package batch

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// coding is how the ICCIDs of a file are written.
type coding uint8

const (
	unsure  coding = iota // no row has settled it
	plain                 // as printed, perhaps with filler at the end
	swapped               // as in EF_ICCID
)

// codingOf returns how s must be written, unsure where either would do. Every
// ICCID of the public networks starts with 89 (ITU-T E.118), and only a swap
// puts filler before the last digit.
func codingOf(s string) coding {
	n := len(s)
	switch {
	case n >= 2 && isFiller(s[n-2]) && !isFiller(s[n-1]):
		return swapped
	case strings.HasPrefix(s, "89"):
		return plain
	case strings.HasPrefix(s, "98") && (n%2 == 0 || len(digitsOf(s))%2 == 0):
		return swapped
	}
	return unsure
}

// digitsOf leaves out the filler at the end.
func digitsOf(s string) string { return strings.TrimRight(s, "Ff") }

func isFiller(c byte) bool { return c == 'F' || c == 'f' }

func (r *Reader) setICCID(v string) error {
	c := codingOf(v)
	switch {
	case c == unsure:
		c = max(r.coding, plain)
	case c == swapped && r.coding == plain:
		return fault.InvalidField("iccid", "is nibble-swapped, unlike the rows before")
	case c == plain && r.coding == swapped:
		return fault.InvalidField("iccid", "is not nibble-swapped, unlike the rows before")
	}
	if c == swapped && len(v)%2 != 0 {
		return fault.InvalidField("iccid", "is nibble-swapped and has %d characters; bytes have two each", len(v))
	}
	if c == swapped {
		v = ident.Unswap(v)
	} else {
		v = digitsOf(v)
	}
	iccid, err := ident.ParseICCID(v)
	if err == nil && r.opts.Luhn {
		err = iccid.CheckLuhn()
	}
	if err != nil {
		return err
	}
	r.row.SIM.ICCID, r.coding = iccid, c
	return nil
}

func (r *Reader) setIMSI(v string) (err error) {
	switch {
	case len(v) == 18:
		v = decodeIMSI(v)
	case len(v) == 16 && r.coding == swapped:
		v = decodeIMSI("08" + v)
	}
	r.row.SIM.IMSI, err = ident.ParseIMSI(v)
	return err
}

// decodeIMSI decodes the 9 bytes of EF_IMSI (3GPP TS 31.102 section 4.2.2): the
// number of bytes that follow, then swapped digits behind a nibble that is 9
// for an odd number of them and 1 for an even one. It returns s itself when
// that is not what it holds.
func decodeIMSI(s string) string {
	n := int(s[1]-'0') * 2
	if s[0] != '0' || n < 2 || n > 16 || strings.Trim(s[2+n:], "Ff") != "" {
		return s
	}
	digits := ident.Unswap(s[2 : 2+n])
	if digits == "" || !allDigits(digits) {
		return s
	}
	parity := digits[0]
	digits = digits[1:]
	if parity == '9' && len(digits)%2 == 1 || parity == '1' && len(digits)%2 == 0 {
		return digits
	}
	return s
}

func (r *Reader) setK(v string) (err error) {
	r.row.Secrets.K, err = parseKey("ki", v)
	return err
}

func (r *Reader) setOPc(v string) (err error) {
	r.row.Secrets.OPc, err = parseKey("opc", v)
	return err
}

func parseKey(field, v string) (ident.Key, error) {
	k, err := ident.ParseKey(field, v)
	if err == nil && k.IsZero() {
		return k, fault.InvalidField(field, "is all zeros, which stands for no key; leave it empty")
	}
	return k, err
}

func (r *Reader) setPIN1(v string) (err error) {
	r.row.Secrets.PIN1, err = ident.ParsePIN("pin1", decodePIN(v))
	return err
}

func (r *Reader) setPUK1(v string) (err error) {
	r.row.Secrets.PUK1, err = ident.ParsePIN("puk1", decodePIN(v))
	return err
}

func (r *Reader) setPIN2(v string) (err error) {
	r.row.Secrets.PIN2, err = ident.ParsePIN("pin2", decodePIN(v))
	return err
}

func (r *Reader) setPUK2(v string) (err error) {
	r.row.Secrets.PUK2, err = ident.ParsePIN("puk2", decodePIN(v))
	return err
}

// decodePIN decodes the 8 bytes of a code as a card takes it (ETSI TS 102 221
// section 9.5.1): the digits in ASCII, then FF. It returns s itself when that
// is not what it holds.
func decodePIN(s string) string {
	if len(s) != 16 {
		return s
	}
	var code [8]byte
	n := 0
	for ; n < 8 && s[2*n] == '3' && '0' <= s[2*n+1] && s[2*n+1] <= '9'; n++ {
		code[n] = s[2*n+1]
	}
	if strings.Trim(s[2*n:], "Ff") != "" {
		return s
	}
	return string(code[:n])
}
