package aaa

import (
	"bytes"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// classMark begins the Class that we send with an accept; the IMSI follows. A
// gateway returns it with every report (RFC 2865 section 5.25).
const classMark = "simurgh1:"

// subscriber finds out whom a packet is about: by 3GPP-IMSI, User-Name, our own
// Class, or Calling-Station-Id, in this order. Both are empty when it does not
// say.
func subscriber(p *radius.Packet) (ident.IMSI, ident.MSISDN) {
	number := msisdn(p)
	if text, ok := radius.IMSI.Get(p); ok {
		if imsi, err := ident.ParseIMSI(text); err == nil {
			return imsi, number
		}
	}
	if name, ok := radius.UserName.Get(p); ok {
		if imsi, ok := imsiOf(name); ok && string(imsi) != string(number) {
			return imsi, number
		}
	}
	for class := range radius.Class.All(p) {
		if text, ours := bytes.CutPrefix(class, []byte(classMark)); ours {
			if imsi, err := ident.ParseIMSI(string(text)); err == nil {
				return imsi, number
			}
		}
	}
	return "", number
}

// imsiOf reads a User-Name: digits, or the identity of a subscriber with a realm
// (3GPP TS 23.003 section 14 and 19), which may begin with the digit that EAP
// puts before an IMSI.
func imsiOf(name string) (ident.IMSI, bool) {
	digits, realm, _ := strings.Cut(name, "@")
	if marked(digits, realm) {
		digits = digits[1:]
	}
	imsi, err := ident.ParseIMSI(digits)
	return imsi, err == nil
}

// marked reports that the first digit says how the subscriber authenticates: 0
// for EAP-AKA, 1 for EAP-SIM, 6 for EAP-AKA' (RFC 4187, RFC 4186, RFC 9048). No
// IMSI has 16 digits; a shorter one is told by its country, which the realm
// repeats.
func marked(digits, realm string) bool {
	if len(digits) < 2 || digits[0] != '0' && digits[0] != '1' && digits[0] != '6' {
		return false
	}
	if len(digits) == 16 {
		return true
	}
	_, country, found := strings.Cut(strings.ToLower(realm), ".mcc")
	return found && len(country) >= 3 && strings.HasPrefix(digits[1:], country[:3]) && !strings.HasPrefix(digits, country[:3])
}

// msisdn reads Calling-Station-Id; other equipment has a hardware address there.
func msisdn(p *radius.Packet) ident.MSISDN {
	text, _ := radius.CallingStationID.Get(p)
	number, err := ident.ParseMSISDN(text)
	if err != nil {
		return ""
	}
	return number
}

// device reads 3GPP-IMEISV: 14 digits, 15 with a check digit or 16 with a
// software version.
func device(p *radius.Packet) ident.IMEI {
	text, _ := radius.IMEISV.Get(p)
	text = strings.TrimSpace(text)
	if len(text) == 14 && strings.Trim(text, "0123456789") == "" {
		text = ident.WithLuhn(text)
	}
	imei, err := ident.ParseIMEI(text)
	if err != nil {
		return ""
	}
	return imei
}

// apn reads Called-Station-Id. A hardware address there, with or without the
// name of a wireless network (RFC 3580 section 3.20), is no APN.
func apn(p *radius.Packet) string {
	text, _ := radius.CalledStationID.Get(p)
	if isHardware(text) {
		return ""
	}
	return text
}

// isHardware recognises six pairs of hexadecimal digits at the beginning, parted
// by hyphens, colons, or nothing.
func isHardware(text string) bool {
	digits := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			digits++
		case c == ':' || c == '-':
			if digits == 12 {
				return true
			}
			if digits%2 != 0 || digits == 0 {
				return false
			}
		default:
			return false
		}
	}
	return digits == 12
}

// place is where a subscriber is, as a packet tells it.
type place struct{ mcc, mnc, lai, ci, rat string }

// placeOf reads the visited network from 3GPP-SGSN-MCC-MNC, or else from the
// location.
func placeOf(p *radius.Packet) place {
	var at place
	plmn, _ := radius.SGSNMCCMNC.Get(p)
	if l, ok := radius.UserLocationInfo.Get(p); ok {
		if plmn == "" {
			plmn = l.PLMN()
		}
		if l.Area != "" {
			at.lai = hexadecimal(uint64(l.AreaID))
		}
		if l.Cell != "" {
			at.ci = hexadecimal(l.CellID)
		}
	}
	at.mcc, at.mnc = plmn.MCC(), plmn.MNC()
	if rat, ok := radius.RATType.Get(p); ok {
		at.rat = rat.String()
	}
	return at
}

// hexadecimal writes at least four digits.
func hexadecimal(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	i := len(b)
	for ; n > 0 || i > len(b)-4; n >>= 4 {
		i--
		b[i] = digits[n&15]
	}
	return string(b[i:])
}
