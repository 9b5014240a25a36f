package radius

// The attributes of RFC 2865.
var (
	UserName             = Standard.Text(1)
	UserPassword         = Standard.Octets(2) // hidden; see RevealUserPassword
	CHAPPassword         = Standard.Octets(3) // see VerifyCHAP
	NASIPAddress         = Standard.IPv4(4)
	NASPort              = Standard.Integer(5)
	ServiceType          = Standard.Integer(6)
	FramedProtocol       = Standard.Integer(7)
	FramedIPAddress      = Standard.IPv4(8)
	FramedIPNetmask      = Standard.IPv4(9)
	FilterID             = Standard.Text(11)
	FramedMTU            = Standard.Integer(12)
	ReplyMessage         = Standard.Text(18)
	FramedRoute          = Standard.Text(22)
	State                = Standard.Octets(24)
	Class                = Standard.Octets(25)
	SessionTimeout       = Standard.Integer(27) // seconds
	IdleTimeout          = Standard.Integer(28) // seconds
	TerminationAction    = Standard.Integer(29)
	CalledStationID      = Standard.Text(30) // the APN in mobile networks
	CallingStationID     = Standard.Text(31) // the MSISDN in mobile networks
	NASIdentifier        = Standard.Text(32)
	ProxyState           = Standard.Octets(33)
	CHAPChallenge        = Standard.Octets(60)
	NASPortType          = Standard.Integer(61)
	PortLimit            = Standard.Integer(62)
	EAPMessage           = Standard.Octets(79) // RFC 3579
	MessageAuthenticator = Attr[signature]{place{Standard, 80}, signatureCodec}
)

// The attributes of RFC 2866 and RFC 2869. Input is what came from the device
// and output what went to it.
var (
	AcctStatusType      = Enum[StatusType](Standard, 40)
	AcctDelayTime       = Standard.Integer(41) // seconds
	AcctInputOctets     = Standard.Integer(42) // see InputOctets
	AcctOutputOctets    = Standard.Integer(43) // see OutputOctets
	AcctSessionID       = Standard.Text(44)
	AcctAuthentic       = Standard.Integer(45)
	AcctSessionTime     = Standard.Integer(46) // seconds
	AcctInputPackets    = Standard.Integer(47)
	AcctOutputPackets   = Standard.Integer(48)
	AcctTerminateCause  = Enum[TerminateCause](Standard, 49)
	AcctMultiSessionID  = Standard.Text(50)
	AcctLinkCount       = Standard.Integer(51)
	AcctInputGigawords  = Standard.Integer(52)
	AcctOutputGigawords = Standard.Integer(53)
	EventTimestamp      = Standard.Time(55)
	AcctInterimInterval = Standard.Integer(85) // seconds
	NASPortID           = Standard.Text(87)
	FramedPool          = Standard.Text(88)
)

// The attributes of RFC 3162, RFC 4372, RFC 4818, RFC 5176 and RFC 6911.
var (
	ChargeableUserIdentity = Standard.Octets(89)
	NASIPv6Address         = Standard.IPv6(95)
	FramedInterfaceID      = Standard.Octets(96)
	FramedIPv6Prefix       = Standard.IPv6Prefix(97)
	FramedIPv6Route        = Standard.Text(99)
	FramedIPv6Pool         = Standard.Text(100)
	ErrorCause             = Enum[Cause](Standard, 101)
	DelegatedIPv6Prefix    = Standard.IPv6Prefix(123)
	FramedIPv6Address      = Standard.IPv6(168)
	DNSServerIPv6Address   = Standard.IPv6(169)
)

var signatureCodec = codec[signature]{
	func(b []byte) (signature, bool) {
		if len(b) != len(signature{}) {
			return signature{}, false
		}
		return signature(b), true
	},
	func(b []byte, v signature) ([]byte, bool) { return append(b, v[:]...), true },
}

// InputOctets returns what came from the device: Acct-Input-Octets and, as the
// upper half, Acct-Input-Gigawords (RFC 2869 section 5.1).
func InputOctets(p *Packet) (uint64, bool) { return octets(p, AcctInputOctets, AcctInputGigawords) }

// OutputOctets returns what went to the device: Acct-Output-Octets and, as the
// upper half, Acct-Output-Gigawords (RFC 2869 section 5.2).
func OutputOctets(p *Packet) (uint64, bool) { return octets(p, AcctOutputOctets, AcctOutputGigawords) }

func octets(p *Packet, lower, upper Attr[uint32]) (uint64, bool) {
	low, ok := lower.Get(p)
	high, _ := upper.Get(p)
	return uint64(high)<<32 | uint64(low), ok
}

// AddOctets adds the counters of a session, the gigawords only where they are
// not zero (RFC 2869 section 5.1).
func AddOctets(p *Packet, input, output uint64) {
	AcctInputOctets.Add(p, uint32(input))
	AcctOutputOctets.Add(p, uint32(output))
	if input>>32 > 0 {
		AcctInputGigawords.Add(p, uint32(input>>32))
	}
	if output>>32 > 0 {
		AcctOutputGigawords.Add(p, uint32(output>>32))
	}
}
