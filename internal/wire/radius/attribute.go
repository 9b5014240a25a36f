package radius

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Vendor is an enterprise number, the namespace of an attribute; Standard is
// that of the RFCs.
type Vendor uint32

// The vendors whose attributes this package lists.
const (
	Standard Vendor = 0
	ThreeGPP Vendor = 10415
)

const (
	typeVendorSpecific = 26
	vendorHead         = 4
)

// Attr is one attribute: where it lies in a packet, and how its value is
// written. A table of attributes is one line each:
//
//	var IMSI = radius.ThreeGPP.Text(1)
type Attr[T any] struct {
	place
	codec[T]
}

// codec turns octets into a value and back. Decode owns nothing of b
// afterwards and answers false when b is no such value; append answers false
// when v cannot be written.
type codec[T any] struct {
	decode func(b []byte) (T, bool)
	append func(b []byte, v T) ([]byte, bool)
}

// Get returns the first such attribute's value. It is false when there is none
// or when it is malformed. The value does not share memory with the packet.
func (a Attr[T]) Get(p *Packet) (v T, ok bool) {
	b, ok := a.Bytes(p)
	if !ok {
		return v, false
	}
	if v, ok = a.decode(b); !ok {
		var none T
		return none, false // what could not be read is nobody's to store
	}
	return v, true
}

// All walks the values of every such attribute in order, past malformed ones.
func (a Attr[T]) All(p *Packet) iter.Seq[T] {
	return func(yield func(T) bool) {
		a.each(p, func(b []byte) bool {
			v, ok := a.decode(b)
			return !ok || yield(v)
		})
	}
}

// Add appends one more such attribute. Nothing is added for a value of zero
// length, as RFC 2865 section 5 asks; a value that does not fit fails the
// packet. See [Packet.Err].
func (a Attr[T]) Add(p *Packet, v T) {
	before := len(p.attrs)
	b, limit := a.open(p.attrs)
	start := len(b)
	b, ok := a.append(b, v)
	size := len(b) - start
	switch {
	case !ok:
		p.fail(fmt.Errorf("%w: %v", ErrValue, a.place))
	case size > limit:
		p.fail(fmt.Errorf("%w: %v has %d octets, %d at most", ErrTooLong, a.place, size, limit))
	case size > 0:
		a.close(b[before:])
		p.attrs = b
	}
}

// Set replaces all such attributes by one.
func (a Attr[T]) Set(p *Packet, v T) {
	a.Remove(p)
	a.Add(p, v)
}

// place says where an attribute lies: its type, inside a Vendor-Specific
// attribute unless the vendor is Standard (RFC 2865 section 5.26).
type place struct {
	vendor Vendor
	typ    uint8
}

// String names the place by its numbers, such as "26/10415/1".
func (a place) String() string {
	if a.vendor == Standard {
		return fmt.Sprintf("attribute %d", a.typ)
	}
	return fmt.Sprintf("attribute %d/%d/%d", typeVendorSpecific, a.vendor, a.typ)
}

// Has reports whether the packet carries the attribute.
func (a place) Has(p *Packet) bool {
	_, ok := a.Bytes(p)
	return ok
}

// Bytes returns the first such attribute's octets as they lie in the packet.
func (a place) Bytes(p *Packet) (b []byte, ok bool) {
	a.each(p, func(value []byte) bool {
		b, ok = value, true
		return false
	})
	return b, ok
}

// Joined returns the octets of all such attributes, one after another: the
// value of one that was split because it exceeds what an attribute can hold
// (as RFC 2869 section 5.13 does).
func (a place) Joined(p *Packet) []byte {
	var out []byte
	a.each(p, func(value []byte) bool {
		out = append(out, value...)
		return true
	})
	return out
}

// AddSplit appends b in as many attributes as that takes; see Joined.
func (a place) AddSplit(p *Packet, b []byte) {
	for len(b) > 0 {
		before := len(p.attrs)
		out, limit := a.open(p.attrs)
		n := min(limit, len(b))
		out = append(out, b[:n]...)
		a.close(out[before:])
		p.attrs, b = out, b[n:]
	}
}

// each calls f with the octets of every such attribute until it answers false.
// A Vendor-Specific attribute may hold several sub-attributes; one of them
// that overruns ends the reading of that Vendor-Specific attribute only.
func (a place) each(p *Packet, f func([]byte) bool) {
	for c := cursor(p.attrs); ; {
		typ, value, ok := c.next()
		switch {
		case !ok:
			return
		case a.vendor == Standard:
			if typ == a.typ && !f(value) {
				return
			}
		case typ == typeVendorSpecific && vendorOf(value) == a.vendor:
			for sub := cursor(value[vendorHead:]); ; {
				typ, value, ok := sub.next()
				if !ok {
					break
				}
				if typ == a.typ && !f(value) {
					return
				}
			}
		}
	}
}

// vendorOf returns whose a Vendor-Specific value is; Standard when it is too
// short to say.
func vendorOf(value []byte) Vendor {
	if len(value) < vendorHead {
		return Standard
	}
	return Vendor(binary.BigEndian.Uint32(value))
}

// open appends the head of an attribute, its length unset, and returns how
// many octets its value may have.
func (a place) open(b []byte) ([]byte, int) {
	if a.vendor == Standard {
		return append(b, a.typ, 0), maxValue
	}
	b = append(b, typeVendorSpecific, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(a.vendor))
	return append(b, a.typ, 0), maxSubValue
}

// close sets the lengths of the attribute that fills b.
func (a place) close(b []byte) {
	b[1] = byte(len(b))
	if a.vendor != Standard {
		b[2+vendorHead+1] = byte(len(b) - 2 - vendorHead)
	}
}

// Remove takes all such attributes out of the packet, and with the last of its
// sub-attributes a Vendor-Specific attribute.
func (a place) Remove(p *Packet) {
	if !a.Has(p) {
		return
	}
	kept := make([]byte, 0, cap(p.attrs))
	for c := cursor(p.attrs); len(c) > 0; {
		whole := c
		typ, value, ok := c.next()
		if !ok {
			break
		}
		whole = whole[:len(whole)-len(c)]
		switch {
		case a.vendor == Standard && typ == a.typ:
		case a.vendor != Standard && typ == typeVendorSpecific && vendorOf(value) == a.vendor:
			kept = a.appendWithout(kept, whole)
		default:
			kept = append(kept, whole...)
		}
	}
	p.attrs = kept
}

// appendWithout appends one Vendor-Specific attribute without the sub-attribute
// a. What cannot be read as sub-attributes stays.
func (a place) appendWithout(b, whole []byte) []byte {
	start := len(b)
	b = append(b, whole[:2+vendorHead]...)
	c := cursor(whole[2+vendorHead:])
	for len(c) > 0 {
		rest := c
		typ, _, ok := c.next()
		if !ok {
			break
		}
		if typ != a.typ {
			b = append(b, rest[:len(rest)-len(c)]...)
		}
	}
	b = append(b, c...)
	if len(b) == start+2+vendorHead {
		return b[:start]
	}
	b[start+1] = byte(len(b) - start)
	return b
}
