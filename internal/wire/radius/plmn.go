package radius

import (
	"encoding/binary"
	"time"
)

// PLMN is a mobile network: a country code of three digits and a network code
// of two or three, such as "23415".
type PLMN string

// ParsePLMN accepts five or six digits.
func ParsePLMN(s string) (PLMN, bool) {
	if len(s) != 5 && len(s) != 6 {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return PLMN(s), true
}

// MCC returns the country code.
func (n PLMN) MCC() string { return string(n[:min(3, len(n))]) }

// MNC returns the network code.
func (n PLMN) MNC() string { return string(n[min(3, len(n)):]) }

// network is an attribute of a PLMN in digits.
func network(typ uint8) Attr[PLMN] {
	return Attr[PLMN]{place{ThreeGPP, typ}, codec[PLMN]{
		func(b []byte) (PLMN, bool) {
			s, _ := textOf(b)
			return ParsePLMN(s)
		},
		func(b []byte, n PLMN) ([]byte, bool) {
			_, ok := ParsePLMN(string(n))
			return append(b, n...), ok
		},
	}}
}

// plmnSize is the size of a PLMN in half octets (TS 24.008 section 10.5.1.13):
// 21 63 54 means country 123, network 456, and F in place of 6 a network code
// of two digits.
const plmnSize = 3

// plmnOf reads half octets; "" when they are no digits.
func plmnOf(b []byte) PLMN {
	digits := [6]byte{b[0] & 15, b[0] >> 4, b[1] & 15, b[2] & 15, b[2] >> 4, b[1] >> 4}
	n := len(digits)
	if digits[5] == 15 {
		n--
	}
	for i := range n {
		if digits[i] > 9 {
			return ""
		}
		digits[i] += '0'
	}
	return PLMN(digits[:n])
}

func appendPLMN(b []byte, n PLMN) ([]byte, bool) {
	if _, ok := ParsePLMN(string(n)); !ok {
		return b, false
	}
	digits := [6]byte{5: 15}
	for i := range len(n) {
		digits[i] = n[i] - '0'
	}
	return append(b, digits[1]<<4|digits[0], digits[5]<<4|digits[2], digits[4]<<4|digits[3]), true
}

// TimeZone is where the device is in time (TS 29.061 section 16.4.7.2,
// MS-TimeZone).
type TimeZone struct {
	Offset time.Duration // from UTC, summer time included; quarters of an hour
	Summer time.Duration // how much of it is summer time: 0, 1 or 2 hours
}

const (
	quarter     = 15 * time.Minute
	maxQuarters = 79
)

// timeZoneOf reads the half octets of TS 23.040 section 9.2.3.11: tens with a
// sign in the lower one, units in the upper one.
func timeZoneOf(b []byte) (TimeZone, bool) {
	if len(b) != 2 || b[0]>>4 > 9 || b[1]&3 == 3 {
		return TimeZone{}, false
	}
	offset := time.Duration(b[0]&7*10+b[0]>>4) * quarter
	if b[0]&8 != 0 {
		offset = -offset
	}
	return TimeZone{Offset: offset, Summer: time.Duration(b[1]&3) * time.Hour}, true
}

func appendTimeZone(b []byte, z TimeZone) ([]byte, bool) {
	quarters, sign := z.Offset/quarter, byte(0)
	if quarters < 0 {
		quarters, sign = -quarters, 8
	}
	ok := z.Offset%quarter == 0 && quarters <= maxQuarters && z.Summer%time.Hour == 0 && z.Summer >= 0 && z.Summer <= 2*time.Hour
	return append(b, byte(quarters%10)<<4|sign|byte(quarters/10), byte(z.Summer/time.Hour)), ok
}

// SecondaryUsage is what went over a second radio in some time, such as NR
// beside an LTE anchor (TS 29.061 section 16.4.7.2, Secondary-RAT-Usage). The
// session's own counters hold it already.
type SecondaryUsage struct {
	Technology uint8 // 0 NR, 1 NR-U, 2 E-UTRA, 3 E-UTRA-U, 4 unlicensed spectrum
	WholePDU   bool  // the usage is that of the PDU session, not of one bearer
	Bearer     uint8 // EPS bearer identity
	Start, End time.Time
	Downlink   uint64 // octets to the device
	Uplink     uint64 // octets from the device
}

// The sizes of a Secondary-RAT-Usage. Some equipment leaves the bearer out.
const (
	secondarySize  = 26
	secondaryShort = 25
)

func secondaryOf(b []byte) (u SecondaryUsage, ok bool) {
	if len(b) != secondarySize && len(b) != secondaryShort {
		return u, false
	}
	u.Technology, u.WholePDU = b[0]&15, b[0]&16 != 0
	b = b[1:]
	if len(b) == secondarySize-1 {
		u.Bearer, b = b[0]&15, b[1:]
	}
	u.Start, u.End = ntpTime(binary.BigEndian.Uint32(b)), ntpTime(binary.BigEndian.Uint32(b[4:]))
	u.Downlink, u.Uplink = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	return u, true
}

func appendSecondary(b []byte, u SecondaryUsage) ([]byte, bool) {
	first := u.Technology & 15
	if u.WholePDU {
		first |= 16
	}
	b, started := appendNTP(append(b, first, u.Bearer&15), u.Start)
	b, ended := appendNTP(b, u.End)
	b = binary.BigEndian.AppendUint64(b, u.Downlink)
	b = binary.BigEndian.AppendUint64(b, u.Uplink)
	return b, started && ended && u.Technology < 16 && u.Bearer < 16
}
