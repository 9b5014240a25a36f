package radius

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// Sizes of RFC 2865 section 3 and 5.
const (
	MinPacket = 20
	MaxPacket = 4096

	maxValue    = 253
	maxSubValue = maxValue - vendorHead - 2
)

// What parsing and building can answer; test with [errors.Is].
var (
	ErrMalformed = errors.New("radius: malformed packet")
	ErrTooLong   = errors.New("radius: too long")
	ErrValue     = errors.New("radius: value does not fit its attribute")
)

// Packet is one RADIUS packet: a header and an ordered list of attributes.
// Read and write attributes through the tables of this package, such as
//
//	imsi, ok := radius.IMSI.Get(p)
//	radius.SessionTimeout.Add(p, 3600)
//
// A value that cannot be written is not added, and makes every later encoding
// of the packet fail. A Packet may be read by many goroutines at once.
type Packet struct {
	Code          Code
	Identifier    uint8
	Authenticator [16]byte

	attrs []byte // well-formed: each attribute's length is at least 2 and inside
	err   error
}

// New returns an empty packet. A request that is told apart by a random
// authenticator gets a fresh one (RFC 2865 section 3); the sender chooses the
// identifier.
func New(code Code) *Packet {
	p := &Packet{Code: code, attrs: make([]byte, 0, 192)}
	if code.is(traitRandom) {
		_, _ = rand.Read(p.Authenticator[:])
	}
	return p
}

// Parse reads one packet from the beginning of b. What follows the packet's
// own length is padding and is ignored; a packet longer than b, or with a
// length or an attribute that RFC 2865 forbids, is ErrMalformed. The packet
// shares memory with b.
func Parse(b []byte) (*Packet, error) {
	p := new(Packet)
	if err := p.parse(b); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Packet) parse(b []byte) error {
	if len(b) < MinPacket {
		return fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if size < MinPacket || size > MaxPacket || size > len(b) {
		return fmt.Errorf("%w: length %d in %d octets", ErrMalformed, size, len(b))
	}
	attrs := b[MinPacket:size:size]
	for c := cursor(attrs); len(c) > 0; {
		if _, _, ok := c.next(); !ok {
			return fmt.Errorf("%w: attribute at %d", ErrMalformed, size-len(c))
		}
	}
	p.Code, p.Identifier = Code(b[0]), b[1]
	copy(p.Authenticator[:], b[4:MinPacket])
	p.attrs, p.err = attrs, nil
	return nil
}

// Clone returns a copy that shares no memory with p.
func (p *Packet) Clone() *Packet {
	q := *p
	q.attrs = append([]byte(nil), p.attrs...)
	return &q
}

// Len returns the encoded size in octets.
func (p *Packet) Len() int { return MinPacket + len(p.attrs) }

// Err returns the first error met while attributes were added.
func (p *Packet) Err() error { return p.err }

// AppendBinary appends the packet as it stands, unsigned. It fails when an
// attribute could not be added or the packet exceeds 4096 octets.
func (p *Packet) AppendBinary(b []byte) ([]byte, error) {
	if err := p.check(); err != nil {
		return b, err
	}
	head := p.head()
	b = append(b, head[:]...)
	return append(b, p.attrs...), nil
}

func (p *Packet) check() error {
	if p.err != nil {
		return p.err
	}
	if p.Len() > MaxPacket {
		return fmt.Errorf("%w: packet of %d octets", ErrTooLong, p.Len())
	}
	return nil
}

func (p *Packet) head() (head [MinPacket]byte) {
	head[0], head[1] = byte(p.Code), p.Identifier
	binary.BigEndian.PutUint16(head[2:], uint16(p.Len()))
	copy(head[4:], p.Authenticator[:])
	return head
}

// All walks the attributes in order: type and value, Vendor-Specific ones as
// they are. The values share memory with the packet.
func (p *Packet) All() iter.Seq2[uint8, []byte] {
	return func(yield func(uint8, []byte) bool) {
		for c := cursor(p.attrs); ; {
			typ, value, ok := c.next()
			if !ok || !yield(typ, value) {
				return
			}
		}
	}
}

// fail keeps the first error.
func (p *Packet) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// cursor walks a list of type, length, value.
type cursor []byte

// next takes one element off; ok is false at the end and, with the cursor left
// where it is, at an element that overruns or is shorter than its own head.
func (c *cursor) next() (typ uint8, value []byte, ok bool) {
	b := *c
	if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
		return 0, nil, false
	}
	n := int(b[1])
	*c = b[n:]
	return b[0], b[2:n:n], true
}
