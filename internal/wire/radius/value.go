package radius

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Text is an attribute of readable text (RFC 8044 section 3.4). What is not
// UTF-8 or holds a NUL is no value; NULs at the end, which some equipment
// adds, are cut off.
func (v Vendor) Text(typ uint8) Attr[string] {
	return Attr[string]{place{v, typ}, codec[string]{textOf, appendText}}
}

func textOf(b []byte) (string, bool) {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	s := string(b)
	return s, s != "" && isText(s)
}

func appendText(b []byte, s string) ([]byte, bool) {
	return append(b, s...), isText(s)
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Octets is an attribute of opaque octets (RFC 8044 section 3.5).
func (v Vendor) Octets(typ uint8) Attr[[]byte] {
	return Attr[[]byte]{place{v, typ}, codec[[]byte]{
		func(b []byte) ([]byte, bool) { return append([]byte(nil), b...), len(b) > 0 },
		func(b, v []byte) ([]byte, bool) { return append(b, v...), true },
	}}
}

// Integer is an attribute of 32 bits (RFC 8044 section 3.1).
func (v Vendor) Integer(typ uint8) Attr[uint32] { return Enum[uint32](v, typ) }

// Enum is an integer attribute whose values have names (RFC 8044 section 3.2).
func Enum[T ~uint32](v Vendor, typ uint8) Attr[T] {
	return Attr[T]{place{v, typ}, codec[T]{
		func(b []byte) (T, bool) {
			if len(b) != 4 {
				return 0, false
			}
			return T(binary.BigEndian.Uint32(b)), true
		},
		func(b []byte, v T) ([]byte, bool) { return binary.BigEndian.AppendUint32(b, uint32(v)), true },
	}}
}

// Byte is an attribute of one octet.
func (v Vendor) Byte(typ uint8) Attr[uint8] { return ByteEnum[uint8](v, typ) }

// ByteEnum is an attribute of one octet whose values have names.
func ByteEnum[T ~uint8](v Vendor, typ uint8) Attr[T] {
	return Attr[T]{place{v, typ}, codec[T]{
		func(b []byte) (T, bool) {
			if len(b) != 1 {
				return 0, false
			}
			return T(b[0]), true
		},
		func(b []byte, v T) ([]byte, bool) { return append(b, byte(v)), true },
	}}
}

// Time is an attribute of seconds since 1970 (RFC 8044 section 3.3).
func (v Vendor) Time(typ uint8) Attr[time.Time] {
	return Attr[time.Time]{place{v, typ}, codec[time.Time]{
		func(b []byte) (time.Time, bool) {
			if len(b) != 4 {
				return time.Time{}, false
			}
			return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC(), true
		},
		func(b []byte, t time.Time) ([]byte, bool) {
			s := t.Unix()
			return binary.BigEndian.AppendUint32(b, uint32(s)), s >= 0 && s < 1<<32
		},
	}}
}

// NTPTime is an attribute of seconds since 1900 (RFC 5905 section 6), read in
// the era that lies nearest to the present: 1968 to 2104.
func (v Vendor) NTPTime(typ uint8) Attr[time.Time] {
	return Attr[time.Time]{place{v, typ}, codec[time.Time]{
		func(b []byte) (time.Time, bool) {
			if len(b) != 4 {
				return time.Time{}, false
			}
			return ntpTime(binary.BigEndian.Uint32(b)), true
		},
		appendNTP,
	}}
}

// ntpOffset is the number of seconds from 1900 to 1970.
const ntpOffset = 2_208_988_800

func ntpTime(s uint32) time.Time {
	unix := int64(s) - ntpOffset
	if s < 1<<31 {
		unix += 1 << 32
	}
	return time.Unix(unix, 0).UTC()
}

func appendNTP(b []byte, t time.Time) ([]byte, bool) {
	s := t.Unix() + ntpOffset
	return binary.BigEndian.AppendUint32(b, uint32(s)), s >= 1<<31 && s < 1<<31+1<<32
}

// IPv4 is an attribute of one IPv4 address (RFC 8044 section 3.8).
func (v Vendor) IPv4(typ uint8) Attr[netip.Addr] { return v.address(typ, 4) }

// IPv6 is an attribute of one IPv6 address (RFC 8044 section 3.9).
func (v Vendor) IPv6(typ uint8) Attr[netip.Addr] { return v.address(typ, 16) }

func (v Vendor) address(typ uint8, size int) Attr[netip.Addr] {
	return Attr[netip.Addr]{place{v, typ}, codec[netip.Addr]{
		func(b []byte) (netip.Addr, bool) {
			if len(b) != size {
				return netip.Addr{}, false
			}
			return netip.AddrFromSlice(b)
		},
		func(b []byte, a netip.Addr) ([]byte, bool) {
			raw := a.AsSlice()
			return append(b, raw...), len(raw) == size && a.Zone() == ""
		},
	}}
}

// IPv6List is an attribute that holds any number of IPv6 addresses.
func (v Vendor) IPv6List(typ uint8) Attr[[]netip.Addr] {
	return Attr[[]netip.Addr]{place{v, typ}, codec[[]netip.Addr]{
		func(b []byte) ([]netip.Addr, bool) {
			if len(b) == 0 || len(b)%16 != 0 {
				return nil, false
			}
			list := make([]netip.Addr, 0, len(b)/16)
			for ; len(b) > 0; b = b[16:] {
				list = append(list, netip.AddrFrom16([16]byte(b)))
			}
			return list, true
		},
		func(b []byte, list []netip.Addr) ([]byte, bool) {
			for _, a := range list {
				if !a.Is6() || a.Zone() != "" {
					return b, false
				}
				raw := a.As16()
				b = append(b, raw[:]...)
			}
			return b, true
		},
	}}
}

// IPv6Prefix is an attribute of one IPv6 prefix (RFC 8044 section 3.10). Bits
// beyond the prefix are cleared; a prefix with fewer octets than its length
// needs is no value.
func (v Vendor) IPv6Prefix(typ uint8) Attr[netip.Prefix] {
	return Attr[netip.Prefix]{place{v, typ}, codec[netip.Prefix]{prefixOf, appendPrefix}}
}

func prefixOf(b []byte) (netip.Prefix, bool) {
	if len(b) < 2 || len(b) > 18 || b[1] > 128 || len(b)-2 < (int(b[1])+7)/8 {
		return netip.Prefix{}, false
	}
	var raw [16]byte
	copy(raw[:], b[2:])
	return netip.PrefixFrom(netip.AddrFrom16(raw), int(b[1])).Masked(), true
}

func appendPrefix(b []byte, p netip.Prefix) ([]byte, bool) {
	if !p.IsValid() || !p.Addr().Is6() {
		return b, false
	}
	raw := p.Masked().Addr().As16()
	b = append(b, 0, byte(p.Bits()))
	return append(b, raw[:(p.Bits()+7)/8]...), true
}
