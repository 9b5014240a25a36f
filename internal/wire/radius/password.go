package radius

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"fmt"
)

// maxPassword is the longest User-Password (RFC 2865 section 5.2).
const maxPassword = 128

// SetUserPassword hides the password in User-Password with the secret and the
// packet's authenticator, which must not change afterwards (RFC 2865 section
// 5.2). More than 128 octets, or a NUL at the end, which could not be told
// from padding, fail the packet.
func (p *Packet) SetUserPassword(password string, secret []byte) {
	if len(password) > maxPassword || password != "" && password[len(password)-1] == 0 {
		p.fail(fmt.Errorf("%w: User-Password", ErrValue))
		return
	}
	hidden := make([]byte, max(1, (len(password)+md5.Size-1)/md5.Size)*md5.Size)
	copy(hidden, password)
	h := newHider(secret)
	previous := p.Authenticator[:]
	for at := 0; at < len(hidden); at += md5.Size {
		block := hidden[at : at+md5.Size]
		mask := h.mask(previous)
		subtle.XORBytes(block, block, mask[:])
		previous = block
	}
	UserPassword.Set(p, hidden)
}

// RevealUserPassword returns the password of an Access-Request (RFC 2865
// section 5.2). It is false when there is none or its length is impossible;
// with a wrong secret it is noise.
func (p *Packet) RevealUserPassword(secret []byte) (string, bool) {
	hidden, ok := UserPassword.Bytes(p)
	if !ok || len(hidden) == 0 || len(hidden) > maxPassword || len(hidden)%md5.Size != 0 {
		return "", false
	}
	clear := make([]byte, len(hidden))
	h := newHider(secret)
	previous := p.Authenticator[:]
	for at := 0; at < len(hidden); at += md5.Size {
		mask := h.mask(previous)
		previous = hidden[at : at+md5.Size]
		subtle.XORBytes(clear[at:], previous, mask[:])
	}
	return string(bytes.TrimRight(clear, "\x00")), true
}

// hider makes the masks of User-Password: MD5 over secret and previous block.
type hider struct {
	input  []byte
	secret int
}

func newHider(secret []byte) hider {
	input := make([]byte, len(secret)+md5.Size)
	copy(input, secret)
	return hider{input, len(secret)}
}

func (h hider) mask(previous []byte) [md5.Size]byte {
	copy(h.input[h.secret:], previous)
	return md5.Sum(h.input)
}

// CHAPResponse is the value of CHAP-Password: the response that a peer gives
// with this identifier to a challenge (RFC 1994 section 4.1, RFC 2865 section
// 5.3).
func CHAPResponse(identifier uint8, password string, challenge []byte) []byte {
	input := append([]byte{identifier}, password...)
	sum := md5.Sum(append(input, challenge...))
	return append([]byte{identifier}, sum[:]...)
}

// VerifyCHAP reports whether the packet's CHAP-Password proves the password.
// The challenge is CHAP-Challenge, or else the packet's authenticator (RFC
// 2865 section 2.2).
func (p *Packet) VerifyCHAP(password string) bool {
	response, ok := CHAPPassword.Bytes(p)
	if !ok || len(response) != 1+md5.Size {
		return false
	}
	challenge, ok := CHAPChallenge.Bytes(p)
	if !ok {
		challenge = p.Authenticator[:]
	}
	return subtle.ConstantTimeCompare(CHAPResponse(response[0], password, challenge), response) == 1
}
