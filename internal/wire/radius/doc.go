// Package radius speaks RADIUS: packets and their attributes (RFC 2865, 2866,
// 2869, 5176, and 3GPP TS 29.061), the authenticators that make them
// trustworthy, a server and a client over UDP, and both over TLS (RFC 6614).
//
// It knows the protocol and nothing of what it is used for: no SIM, no
// session, no store. EAP is not spoken; a packet that carries it is only held
// to the stricter rules that RFC 3579 sets for its signature.
//
// Whatever arrives, memory stays bounded and nothing panics: lengths are
// checked once when a packet is parsed and again in each getter, and a value
// that is malformed looks absent.
package radius
