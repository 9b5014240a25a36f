package open5gs

import (
	"net/netip"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// subscriber is what the driver reads of a document. The rest of it belongs to
// the core and to its operator: no document is ever written as a whole, since
// the HSS counts sequence numbers in it.
type subscriber struct {
	ID       any        `bson:"_id"`
	IMSI     ident.IMSI `bson:"imsi"`
	MSISDN   []string   `bson:"msisdn"`
	Security struct {
		K   string `bson:"k"`
		OPc string `bson:"opc"`
	} `bson:"security"`
	Slice   []slice       `bson:"slice"`
	Status  int           `bson:"subscriber_status"`
	Barring int           `bson:"operator_determined_barring"`
	Access  int           `bson:"network_access_mode"`
	Cancel  bool          `bson:"request_cancel_location"`
	MME     bson.RawValue `bson:"mme_host"`   // text where the HSS wrote it, a list where a console did
	Purged  bson.RawValue `bson:"purge_flag"` // likewise
	Ours    ours          `bson:"simurgh"`

	broken error // why it cannot be read, where it cannot
}

type slice struct {
	Session []bson.D `bson:"session"`
}

// ours is the field of a document that is ours alone.
type ours struct {
	// Slice holds the sessions that were taken from each slice to bar data.
	Slice []slice `bson:"slice"`
}

// Fields of a document, and values that the core understands.
const (
	fieldOurs    = "simurgh"
	fieldCancel  = "request_cancel_location"
	fieldStatus  = "subscriber_status"
	fieldBarring = "operator_determined_barring"
	fieldAccess  = "network_access_mode"

	serviceGranted = 0
	serviceBarred  = 1 // operator-determined barring applies
	barNothing     = 0
	barAllPacket   = 1 // a mask: its bit 0 bars all packet services, and a 0 nothing

	packetAndCircuit = 0
	packetOnly       = 2
)

// circuit is what an MME keeps from a device together, when the subscriber may
// use nothing but packets.
const circuit = sim.Messaging | sim.Voice

// known is what a document tells.
const known = network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred

// present reports whether the core can serve s. One without keys it cannot:
// such documents come back by themselves, as the HSS writes where a device was
// into a document that has just gone.
func (s *subscriber) present() bool { return s != nil && s.Security.K != "" }

// parked reports whether the sessions lie aside. A console that gives a
// subscriber new ones meanwhile ends that.
func (s *subscriber) parked() bool { return len(s.Ours.Slice) > 0 && !s.live() }

// live reports whether s has sessions that the core sees.
func (s *subscriber) live() bool {
	return first(s.Slice) >= 0
}

// attached reports whether an MME has s, as far as the HSS knows.
func (s *subscriber) attached() bool {
	host, ok := s.MME.StringValueOK()
	purged, _ := s.Purged.BooleanOK()
	return ok && host != "" && !purged
}

// sessions returns the sessions of each slice, wherever they lie.
func (s *subscriber) sessions() []slice {
	if s.parked() {
		return s.Ours.Slice
	}
	return s.Slice
}

// first returns the slice of the session that a profile is about, which is the
// first one; -1 where there is none.
func first(sessions []slice) int {
	return slices.IndexFunc(sessions, func(s slice) bool { return len(s.Session) > 0 })
}

// barred returns the services that s cannot use.
func (s *subscriber) barred() sim.Services {
	var out sim.Services
	if !s.live() {
		out |= sim.Data
	}
	if s.Access == packetOnly {
		out |= circuit
	}
	return out
}

func (s *subscriber) actual(imsi ident.IMSI) network.Actual {
	a := network.Actual{IMSI: imsi, Known: known}
	if !s.present() {
		return a
	}
	a.Present, a.Barred = true, s.barred()
	if len(s.MSISDN) > 0 {
		a.MSISDN = ident.MSISDN(s.MSISDN[0])
	}
	sessions := s.sessions()
	if i := first(sessions); i >= 0 {
		a.APN, _ = get(sessions[i].Session[0], "name").(string)
		a.IP = address(sessions[i].Session[0])
	}
	return a
}

// address returns the static address of a session; the zero value where it is
// dynamic.
func address(session bson.D) netip.Addr {
	ue, _ := get(session, "ue").(bson.D)
	for _, field := range []string{"ipv4", "ipv6"} {
		if text, _ := get(ue, field).(string); text != "" {
			a, _ := netip.ParseAddr(text)
			return a
		}
	}
	return netip.Addr{}
}

func get(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// with returns d with one field set; d itself stays as it is.
func with(d bson.D, key string, value any) bson.D {
	out := slices.Clone(d)
	for i := range out {
		if out[i].Key == key {
			out[i].Value = value
			return out
		}
	}
	return append(out, bson.E{Key: key, Value: value})
}

// sameKey compares keys as people and consoles write them: in any case, and
// with blanks between groups of digits.
func sameKey(stored string, k ident.Key) bool {
	return strings.EqualFold(strings.ReplaceAll(stored, " ", ""), k.Hex())
}

// ueOf is a static address as a session holds it.
func ueOf(ip netip.Addr) bson.D {
	switch {
	case !ip.IsValid():
		return bson.D{}
	case ip.Is4():
		return bson.D{{Key: "ipv4", Value: ip.String()}}
	}
	return bson.D{{Key: "ipv6", Value: ip.String()}}
}

// sessionOf is a new session with the values that the core's own tools give
// one. Its numbers are 32 bits wide, as the core passes over any others.
func (c *Config) sessionOf(apn string, ip netip.Addr) bson.D {
	return bson.D{
		{Key: "name", Value: apn},
		{Key: "type", Value: int32(3)}, // IPv4 and IPv6
		{Key: "qos", Value: bson.D{
			{Key: "index", Value: int32(c.QCI)},
			{Key: "arp", Value: bson.D{
				{Key: "priority_level", Value: int32(8)},
				{Key: "pre_emption_capability", Value: int32(1)},    // disabled
				{Key: "pre_emption_vulnerability", Value: int32(2)}, // enabled
			}},
		}},
		{Key: "ambr", Value: c.ambr()},
		{Key: "ue", Value: ueOf(ip)},
		{Key: "pcc_rule", Value: bson.A{}},
	}
}

func (c *Config) ambr() bson.D {
	rate := func(mbps int) bson.D {
		return bson.D{{Key: "value", Value: int32(mbps)}, {Key: "unit", Value: int32(2)}}
	}
	return bson.D{{Key: "downlink", Value: rate(c.DownlinkMbps)}, {Key: "uplink", Value: rate(c.UplinkMbps)}}
}

// sliceOf is a new slice.
func (c *Config) sliceOf(sessions []bson.D) bson.D {
	s := bson.D{{Key: "sst", Value: int32(c.SST)}}
	if c.SD != "" {
		s = append(s, bson.E{Key: "sd", Value: strings.ToLower(c.SD)})
	}
	list := bson.A{}
	for _, session := range sessions {
		list = append(list, session)
	}
	return append(s, bson.E{Key: "default_indicator", Value: true}, bson.E{Key: "session", Value: list})
}
