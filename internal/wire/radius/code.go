package radius

import "strconv"

// Code is the kind of a packet (RFC 2865 section 3).
type Code uint8

// The codes of RFC 2865, 2866, 5176 and 5997.
const (
	AccessRequest      Code = 1
	AccessAccept       Code = 2
	AccessReject       Code = 3
	AccountingRequest  Code = 4
	AccountingResponse Code = 5
	AccessChallenge    Code = 11
	StatusServer       Code = 12
	DisconnectRequest  Code = 40
	DisconnectACK      Code = 41
	DisconnectNAK      Code = 42
	CoARequest         Code = 43
	CoAACK             Code = 44
	CoANAK             Code = 45
)

var codeNames = map[Code]string{
	AccessRequest: "Access-Request", AccessAccept: "Access-Accept", AccessReject: "Access-Reject",
	AccessChallenge: "Access-Challenge", StatusServer: "Status-Server",
	AccountingRequest: "Accounting-Request", AccountingResponse: "Accounting-Response",
	DisconnectRequest: "Disconnect-Request", DisconnectACK: "Disconnect-ACK", DisconnectNAK: "Disconnect-NAK",
	CoARequest: "CoA-Request", CoAACK: "CoA-ACK", CoANAK: "CoA-NAK",
}

// String returns the name of c in the RFCs.
func (c Code) String() string { return nameOf(codeNames, c) }

// nameOf returns the name of v, or its number when it has none.
func nameOf[T ~uint8 | ~uint32](names map[T]string, v T) string {
	if s, ok := names[v]; ok {
		return s
	}
	return strconv.FormatUint(uint64(v), 10)
}

// trait is what the rules of signing ask about a code.
type trait uint8

const (
	traitRandom  trait = 1 << iota // a request whose authenticator is a random number
	traitHashed                    // a request whose authenticator is a hash with the secret
	traitAccess                    // a reply to an Access-Request
	traitDynamic                   // RFC 5176
)

var traits = [256]trait{
	AccessRequest:     traitRandom,
	StatusServer:      traitRandom,
	AccountingRequest: traitHashed,
	DisconnectRequest: traitHashed | traitDynamic,
	CoARequest:        traitHashed | traitDynamic,
	AccessAccept:      traitAccess,
	AccessReject:      traitAccess,
	AccessChallenge:   traitAccess,
	DisconnectACK:     traitDynamic,
	DisconnectNAK:     traitDynamic,
	CoAACK:            traitDynamic,
	CoANAK:            traitDynamic,
}

func (c Code) is(t trait) bool { return traits[c]&t != 0 }

// repliesToOrder reports whether c answers a request that a server sends.
func (c Code) repliesToOrder() bool { return c.is(traitDynamic) && !c.is(traitHashed) }

// replies lists what may answer each request. Status-Server is answered like
// the requests of the port that it came to (RFC 5997 section 3).
var replies = [256][]Code{
	AccessRequest:     {AccessAccept, AccessReject, AccessChallenge},
	StatusServer:      {AccessAccept, AccountingResponse},
	AccountingRequest: {AccountingResponse},
	DisconnectRequest: {DisconnectACK, DisconnectNAK},
	CoARequest:        {CoAACK, CoANAK},
}

// Answers reports whether a packet of code c may be the reply to a request.
func (c Code) Answers(request Code) bool {
	for _, may := range replies[request] {
		if may == c {
			return true
		}
	}
	return false
}
