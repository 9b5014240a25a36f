package sim

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// SIM is one card or profile of the fleet. Secrets are not in it: they lie
// sealed beside it and only the room that tells the network opens them.
type SIM struct {
	ID    int64 // internal; callers know a SIM by its ICCID
	ICCID ident.ICCID
	EID   ident.EID // empty where the card is no eUICC

	Number string // printed on the card; the ICCID where the batch names none
	IMSI   ident.IMSI
	MSISDN ident.MSISDN
	IMEI   ident.IMEI // of the device: as its owner says, or as the network saw it
	IP     netip.Addr // static address; the zero value means dynamic
	APN    string

	Name   string // the owner's label
	Group  string // the owner's group; empty for none
	Device string // the owner's device type

	Type string // such as "UICC" or "eSIM"
	Form string // form factor, such as "2FF/3FF/4FF"
	MNO  int64  // operator that issued the profile; 0 unknown
	Spec int64  // manufacturing batch; 0 unknown
	Part int64  // part number (the contracts' iccTypeId); 0 unknown
	RSP  int64  // remote provisioning platform; 0 none

	Portfolio ident.PortfolioID
	Package   int64 // 0 for none
	Network   string
	Barred    Services // services switched off one by one; not a suspension

	DataLimit int64      // megabytes per calendar month, UTC; 0 for none
	Lock      Hold       // the operator's lock on every state command of others; zero for none
	IMEILock  ident.IMEI // the only device it may be used in; empty for any

	Lifecycle
	ContractEnd time.Time // zero before the contract starts and where it has no end

	CreatedAt  time.Time
	ModifiedAt time.Time // last change by a command or a person
	Version    int64     // grows with every write: the order of what happened to the SIM
}

// Services is a set of network services.
type Services uint8

// The services.
const (
	Data Services = 1 << iota
	Messaging
	Voice
)

// MayUse reports whether the SIM may be used in a device. Devices are compared
// without their check digit and software version.
func (s *SIM) MayUse(imei ident.IMEI) bool {
	return s.IMEILock == "" || (len(imei) >= 14 && imei.TACSNR() == s.IMEILock.TACSNR())
}

// Profile is what a network should have of one SIM. A driver makes it so.
type Profile struct {
	SIM    int64
	ICCID  ident.ICCID
	IMSI   ident.IMSI
	MSISDN ident.MSISDN // empty for none
	APN    string       // empty for the network's default
	IP     netip.Addr   // zero for dynamic

	Present bool     // the network knows the subscriber
	Barred  Services // services to refuse; all of them while suspended

	K, OPc ident.Key // zero where the network holds the keys itself

	Generation int64     // the change this profile stands for
	Wanted     Condition // the condition it was made from
}

// Has reports whether every service in t is in s.
func (s Services) Has(t Services) bool { return s&t == t }

// AllServices is every service.
const AllServices = Data | Messaging | Voice

// Profile returns what the network should have of s, without its keys.
func (s *SIM) Profile() Profile {
	p := Profile{
		SIM: s.ID, ICCID: s.ICCID, IMSI: s.IMSI, MSISDN: s.MSISDN, APN: s.APN, IP: s.IP,
		Generation: s.Generation, Wanted: s.Wanted, Barred: s.Barred,
	}
	p.Present = s.Wanted.Agreed().State == Provisioned
	if s.Wanted.Suspended != 0 {
		p.Barred = AllServices
	}
	if !p.Present {
		p.Barred = 0
	}
	return p
}

// Secrets are what a batch delivers with a SIM and nobody reads back.
type Secrets struct {
	K, OPc                 ident.Key
	PIN1, PUK1, PIN2, PUK2 ident.PIN
}

// IsZero reports whether there is nothing to keep.
func (s Secrets) IsZero() bool { return s == Secrets{} }

// Limits of what owners write.
const (
	MaxName  = 255 // characters
	MaxGroup = 255
)

// ParseLabel checks an owner's text for field: valid UTF-8, at most limit
// characters, no comma (the contracts export CSV without quotes) and no
// control character.
func ParseLabel(field, s string, limit int) (string, error) {
	if !utf8.ValidString(s) {
		return "", fault.InvalidField(field, "is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return "", fault.InvalidField(field, "has %d characters; at most %d are allowed", n, limit)
	}
	if strings.Contains(s, ",") {
		return "", fault.InvalidField(field, "contains a comma")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", fault.InvalidField(field, "contains a control character")
	}
	return s, nil
}

// String lists the services in the set, such as "data+voice".
func (s Services) String() string {
	out := make([]string, 0, 3)
	for i, n := range [...]string{"data", "messaging", "voice"} {
		if s&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, "+")
}
