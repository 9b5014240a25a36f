package radius

import (
	"crypto/md5"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
)

// What verifying a packet can answer; test with [errors.Is].
var (
	ErrCode          = errors.New("radius: code has no place here")
	ErrAuthenticator = errors.New("radius: wrong authenticator")
	ErrUnsigned      = errors.New("radius: no Message-Authenticator")
)

// signature is the value of a Message-Authenticator.
type signature = [md5.Size]byte

// AppendRequest appends the packet as a request signed with the secret, and
// sets p.Authenticator to the one sent, for VerifyReply.
//
// Access-Request and Status-Server begin with a Message-Authenticator (RFC
// 3579 section 3.2, RFC 5997 section 2); the authenticator that New drew for
// them is kept. The others get the authenticator of RFC 2866 section 3 and RFC
// 5176 section 2.3, and a Message-Authenticator only where p has one, of any
// value, to mark its place.
func (p *Packet) AppendRequest(b, secret []byte) ([]byte, error) {
	q := *p
	switch {
	case p.Code.is(traitRandom):
		q.signFirst()
	case p.Code.is(traitHashed):
		q.Authenticator = [16]byte{}
	default:
		return b, fmt.Errorf("%w: %v is no request", ErrCode, p.Code)
	}
	start := len(b)
	b, err := q.AppendBinary(b)
	if err != nil {
		return b, err
	}
	wire := b[start:]
	q.attrs = wire[MinPacket:]
	q.fillSignature(secret)
	if p.Code.is(traitHashed) {
		p.Authenticator = q.digest(secret)
		copy(wire[4:], p.Authenticator[:])
	}
	return b, nil
}

// AppendReply appends the packet as the signed reply to a request.
//
// Replies to an Access-Request begin with a Message-Authenticator, which is
// what defeats the forgery of CVE-2024-3596. Accounting-Response never gets
// one: FreeRADIUS 3.2.1 ignores an Accounting-Response that carries it. Other
// replies get one where p marks its place. The request's Proxy-State is
// returned in order (RFC 2865 section 5.33).
func (p *Packet) AppendReply(b []byte, request *Packet, secret []byte) ([]byte, error) {
	if !p.Code.Answers(request.Code) {
		return b, fmt.Errorf("%w: %v does not answer %v", ErrCode, p.Code, request.Code)
	}
	q := *p
	q.Identifier, q.Authenticator = request.Identifier, request.Authenticator
	q.attrs = slices.Clip(q.attrs)
	if q.Code.is(traitAccess) {
		q.signFirst()
	}
	for state := range ProxyState.All(request) {
		ProxyState.Add(&q, state)
	}
	start := len(b)
	b, err := q.AppendBinary(b)
	if err != nil {
		return b, err
	}
	wire := b[start:]
	q.attrs = wire[MinPacket:]
	q.fillSignature(secret)
	sum := q.digest(secret)
	copy(wire[4:], sum[:])
	return b, nil
}

// VerifyRequest answers nil for a request that somebody with the secret made.
//
// An Access-Request has no other proof than its Message-Authenticator. One
// without is ErrUnsigned when strict, and in any case when it carries
// EAP-Message (RFC 3579 section 3.2) or Proxy-State, which the forgery of
// CVE-2024-3596 needs; Status-Server is never accepted without (RFC 5997
// section 2).
func (p *Packet) VerifyRequest(secret []byte, strict bool) error {
	if p.Code.is(traitRandom) && !MessageAuthenticator.Has(p) &&
		(strict || p.Code == StatusServer || EAPMessage.Has(p) || ProxyState.Has(p)) {
		return fmt.Errorf("%w: %v", ErrUnsigned, p.Code)
	}
	return p.verifyProof(secret)
}

// verifyProof checks what proof a request has, and misses none.
func (p *Packet) verifyProof(secret []byte) error {
	switch {
	case p.Code.is(traitHashed):
		return p.verifyHashed(secret)
	case !p.Code.is(traitRandom):
		return fmt.Errorf("%w: %v is no request", ErrCode, p.Code)
	case MessageAuthenticator.Has(p):
		return p.verifySignature(p.Authenticator, secret)
	}
	return nil
}

// verifyHashed checks the authenticator of RFC 2866 section 3. RFC 5176
// section 3.4 defines a Message-Authenticator over an authenticator of zeros;
// for accounting none is defined, and one that is there is not looked at.
func (p *Packet) verifyHashed(secret []byte) error {
	q := *p
	q.Authenticator = [16]byte{}
	want := q.digest(secret)
	if subtle.ConstantTimeCompare(want[:], p.Authenticator[:]) != 1 {
		return fmt.Errorf("%w: %v", ErrAuthenticator, p.Code)
	}
	if p.Code.is(traitDynamic) && MessageAuthenticator.Has(p) {
		return p.verifySignature([16]byte{}, secret)
	}
	return nil
}

// VerifyReply answers nil when p is the reply to request and somebody with the
// secret made it. A reply to an Access-Request must be signed when strict;
// anybody who can alter packets on the way can forge one that is not
// (CVE-2024-3596).
func (p *Packet) VerifyReply(request *Packet, secret []byte, strict bool) error {
	if p.Identifier != request.Identifier || !p.Code.Answers(request.Code) {
		return fmt.Errorf("%w: %v %d does not answer %v %d", ErrCode, p.Code, p.Identifier, request.Code, request.Identifier)
	}
	q := *p
	q.Authenticator = request.Authenticator
	want := q.digest(secret)
	if subtle.ConstantTimeCompare(want[:], p.Authenticator[:]) != 1 {
		return fmt.Errorf("%w: %v", ErrAuthenticator, p.Code)
	}
	switch {
	case p.Code == AccountingResponse:
		return nil
	case MessageAuthenticator.Has(p):
		return p.verifySignature(request.Authenticator, secret)
	case strict && p.Code.is(traitAccess):
		return fmt.Errorf("%w: %v", ErrUnsigned, p.Code)
	}
	return nil
}

// signFirst puts a Message-Authenticator, still empty, before all attributes.
// It does not touch the octets that p shares with another packet.
func (p *Packet) signFirst() {
	rest := *p
	MessageAuthenticator.Remove(&rest)
	p.attrs = make([]byte, 0, len(rest.attrs)+2+md5.Size+64)
	MessageAuthenticator.Add(p, signature{})
	p.attrs = append(p.attrs, rest.attrs...)
}

// fillSignature computes the Message-Authenticator in place, if p has one.
func (p *Packet) fillSignature(secret []byte) {
	at, ok := p.signatureAt()
	if !ok {
		return
	}
	sum := p.sign(at, secret)
	copy(p.attrs[at:], sum[:])
}

// verifySignature checks the Message-Authenticator, computed with this request
// authenticator. More than one, or one of another size, is none.
func (p *Packet) verifySignature(authenticator [16]byte, secret []byte) error {
	at, ok := p.signatureAt()
	if !ok {
		return fmt.Errorf("%w: %v with a malformed Message-Authenticator", ErrAuthenticator, p.Code)
	}
	q := *p
	q.Authenticator = authenticator
	want := q.sign(at, secret)
	if subtle.ConstantTimeCompare(want[:], p.attrs[at:at+md5.Size]) != 1 {
		return fmt.Errorf("%w: Message-Authenticator of %v", ErrAuthenticator, p.Code)
	}
	return nil
}

// signatureAt returns where in p.attrs the only Message-Authenticator's value
// begins.
func (p *Packet) signatureAt() (at int, ok bool) {
	for c := cursor(p.attrs); ; {
		typ, value, more := c.next()
		if !more {
			return at, ok
		}
		if typ != MessageAuthenticator.typ {
			continue
		}
		if ok || len(value) != md5.Size {
			return 0, false
		}
		at, ok = len(p.attrs)-len(c)-md5.Size, true
	}
}

// digest is MD5 over the packet and the secret: with the right authenticator
// in place, that of a request or a reply (RFC 2865 section 3, RFC 2866 section
// 3).
func (p *Packet) digest(secret []byte) [16]byte {
	h := digesters.Get().(*digester)
	defer digesters.Put(h)
	h.md5.Reset()
	h.head = p.head()
	h.write(h.head[:], p.attrs, secret)
	return h.sum()
}

// sign is HMAC-MD5 over the packet with zeros in place of the
// Message-Authenticator at this place in p.attrs (RFC 3579 section 3.2).
func (p *Packet) sign(at int, secret []byte) signature {
	h := digesters.Get().(*digester)
	defer digesters.Put(h)
	h.key(secret)
	h.pad(0x36)
	h.head = p.head()
	h.write(h.head[:], p.attrs[:at], zeros[:], p.attrs[at+md5.Size:])
	h.out = h.sum()
	h.pad(0x5c)
	h.write(h.out[:])
	return h.sum()
}

var zeros signature

// digester is what one MD5 or HMAC-MD5 needs, kept for the next: every packet
// takes two of them.
type digester struct {
	md5   hash.Hash
	head  [MinPacket]byte
	block [md5.BlockSize]byte
	xored [md5.BlockSize]byte
	out   [md5.Size]byte
}

var digesters = sync.Pool{New: func() any { return &digester{md5: md5.New()} }}

func (h *digester) write(parts ...[]byte) {
	for _, b := range parts {
		_, _ = h.md5.Write(b)
	}
}

func (h *digester) sum() (out [md5.Size]byte) {
	h.md5.Sum(h.out[:0])
	return h.out
}

// key takes the key of an HMAC (RFC 2104 section 2).
func (h *digester) key(secret []byte) {
	h.block = [md5.BlockSize]byte{}
	if len(secret) > md5.BlockSize {
		h.md5.Reset()
		h.write(secret)
		h.out = h.sum()
		secret = h.out[:]
	}
	copy(h.block[:], secret)
}

// pad begins the inner or the outer hash of an HMAC.
func (h *digester) pad(with byte) {
	for i, b := range h.block {
		h.xored[i] = b ^ with
	}
	h.md5.Reset()
	h.write(h.xored[:])
}
