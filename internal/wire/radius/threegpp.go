package radius

// The vendor-specific attributes of 3GPP TS 29.061 section 16.4.7.2. In an EPC
// or 5G core, SGSN stands for the S-GW and GGSN for the P-GW or the SMF.
var (
	IMSI                    = ThreeGPP.Text(1)
	ChargingID              = ThreeGPP.Integer(2) // unique together with the GGSN address
	PDPType                 = Enum[PDP](ThreeGPP, 3)
	CGAddress               = ThreeGPP.IPv4(4)
	GPRSNegotiatedQoS       = ThreeGPP.Text(5)
	SGSNAddress             = ThreeGPP.IPv4(6)
	GGSNAddress             = ThreeGPP.IPv4(7)
	IMSIMCCMNC              = network(8) // the home network
	GGSNMCCMNC              = network(9)
	NSAPI                   = ThreeGPP.Text(10) // one hexadecimal digit; the EPS bearer in an EPC
	SessionStopIndicator    = ThreeGPP.Byte(11) // 255: the last bearer of the session ends
	SelectionMode           = ThreeGPP.Text(12)
	ChargingCharacteristics = ThreeGPP.Text(13) // four hexadecimal digits
	CGIPv6Address           = ThreeGPP.IPv6(14)
	SGSNIPv6Address         = ThreeGPP.IPv6(15)
	GGSNIPv6Address         = ThreeGPP.IPv6(16)
	IPv6DNSServers          = ThreeGPP.IPv6List(17)
	SGSNMCCMNC              = network(18)       // the visited network
	TeardownIndicator       = ThreeGPP.Byte(19) // 0: this bearer, 1: the whole session
	IMEISV                  = ThreeGPP.Text(20) // 14 to 16 digits; the first 14 name the device
	RATType                 = ByteEnum[RAT](ThreeGPP, 21)
	UserLocationInfo        = Attr[Location]{place{ThreeGPP, 22}, codec[Location]{locationOf, appendLocation}}
	MSTimeZone              = Attr[TimeZone]{place{ThreeGPP, 23}, codec[TimeZone]{timeZoneOf, appendTimeZone}}
	CAMELChargingInfo       = ThreeGPP.Octets(24)
	PacketFilter            = ThreeGPP.Octets(25)
	NegotiatedDSCP          = ThreeGPP.Byte(26)
	AllocateIPType          = ByteEnum[IPAllocation](ThreeGPP, 27)
	ExternalIdentifier      = ThreeGPP.Text(28)
	TWANIdentifier          = ThreeGPP.Octets(29)
	UserLocationInfoTime    = ThreeGPP.NTPTime(30)
	SecondaryRATUsage       = Attr[SecondaryUsage]{place{ThreeGPP, 31}, codec[SecondaryUsage]{secondaryOf, appendSecondary}}
)

// PDP is the type of a session.
type PDP uint32

// The types of session.
const (
	PDPIPv4 PDP = iota
	PDPPPP
	PDPIPv6
	PDPIPv4v6
	PDPNonIP
	PDPUnstructured
	PDPEthernet
)

var pdpNames = map[PDP]string{
	PDPIPv4: "IPv4", PDPPPP: "PPP", PDPIPv6: "IPv6", PDPIPv4v6: "IPv4v6",
	PDPNonIP: "Non-IP", PDPUnstructured: "Unstructured", PDPEthernet: "Ethernet",
}

// String returns the name of t.
func (t PDP) String() string { return nameOf(pdpNames, t) }

// RAT is a radio access technology: the values of TS 29.274 section 8.17 up to
// 50, of TS 29.061 above.
type RAT uint8

// The technologies that cellular devices use.
const (
	RATUTRAN RAT = 1
	RATGERAN RAT = 2
	RATLTE   RAT = 6
	RATNBIoT RAT = 8
	RATLTEM  RAT = 9
	RATNR    RAT = 51
)

var ratNames = map[RAT]string{
	RATUTRAN: "UTRAN", RATGERAN: "GERAN", 3: "WLAN", 4: "GAN", 5: "HSPA+", RATLTE: "E-UTRAN", 7: "Virtual",
	RATNBIoT: "NB-IoT", RATLTEM: "LTE-M", RATNR: "NR", 52: "NR-U", 53: "Trusted WLAN", 54: "Trusted non-3GPP",
	55: "Wireline", 56: "Wireline cable", 57: "Wireline BBF", 58: "NR RedCap",
	101: "IEEE 802.16e", 102: "eHRPD", 103: "HRPD", 104: "1xRTT", 105: "UMB",
}

// String returns the name of r.
func (r RAT) String() string { return nameOf(ratNames, r) }

// IPAllocation says which addresses the server is asked for.
type IPAllocation uint8

// What may be asked for.
const (
	AllocateNone IPAllocation = iota
	AllocateIPv4
	AllocateIPv6
	AllocateIPv4v6
)

var allocationNames = map[IPAllocation]string{
	AllocateNone: "none", AllocateIPv4: "IPv4", AllocateIPv6: "IPv6", AllocateIPv4v6: "IPv4v6",
}

// String returns the name of a.
func (a IPAllocation) String() string { return nameOf(allocationNames, a) }
