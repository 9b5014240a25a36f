package open5gs

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// change is what one profile does to its subscriber. It ends with its first
// error.
type change struct {
	wanted *sim.Profile
	has    *subscriber // nil where the core has none
	err    error

	insert     bson.D // a new document
	set, unset bson.D // or fields of the one that is there
	cut        bool   // the MME is to be told to drop the device
	remove     bool   // the document is to be taken away
}

func (c *change) live() bool { return c.err == nil }

// fail keeps the first error, as the later ones follow from it.
func (c *change) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// barsData reports whether nobody may be connected when c is done.
func (c *change) barsData() bool { return !c.wanted.Present || c.wanted.Barred&sim.Data != 0 }

// plan fills in what is to be done, given what is there.
func (c *change) plan(config *Config) {
	p := c.wanted
	switch {
	case p.IMSI == "":
		c.fail(&network.Refusal{Why: "the SIM has no IMSI"})
	case !p.Present:
		if c.remove = c.has != nil; c.has.present() && c.has.live() {
			c.park(config, c.has.sessions())
		}
	case p.Barred&circuit != 0 && p.Barred&circuit != circuit:
		c.fail(&network.Refusal{Why: "the network bars voice and messaging only together"})
	case !p.K.IsZero() && p.OPc.IsZero():
		c.fail(&network.Refusal{Why: "the SIM has no OPc, without which a 4G or 5G network cannot check it"})
	case !c.has.present() && p.K.IsZero():
		c.fail(fault.New(fault.Unavailable, "network.no_keys", "the network has no keys for this SIM, and none are stored with it"))
	case c.has == nil:
		c.insert = append(bson.D{{Key: "imsi", Value: string(p.IMSI)}, {Key: "__v", Value: int32(0)}}, c.blank(config)...)
		c.has = &subscriber{}
		c.update(config)
		c.insert, c.set = append(c.insert, c.set...), nil
	default:
		if !c.has.present() {
			c.set = c.blank(config)
		}
		c.update(config)
	}
}

// blank is what a subscriber has to begin with and no profile speaks of. Its
// sequence number is 64 bits wide, as the core passes over any other.
func (c *change) blank(config *Config) bson.D {
	return bson.D{
		{Key: "schema_version", Value: int32(1)},
		{Key: "security", Value: bson.D{
			{Key: "k", Value: c.wanted.K.Hex()}, {Key: "opc", Value: c.wanted.OPc.Hex()},
			{Key: "amf", Value: "8000"}, {Key: "sqn", Value: int64(0)},
		}},
		{Key: "ambr", Value: config.ambr()},
		{Key: "access_restriction_data", Value: int32(32)}, // no handover to other than 3GPP
		{Key: "subscribed_rau_tau_timer", Value: int32(12)},
	}
}

// update sets the fields in which the document differs from the profile.
func (c *change) update(config *Config) {
	p := c.wanted
	if c.has.present() && !p.K.IsZero() {
		c.put("security.k", p.K.Hex(), !sameKey(c.has.Security.K, p.K))
		c.put("security.opc", p.OPc.Hex(), !sameKey(c.has.Security.OPc, p.OPc))
	}
	switch {
	case p.MSISDN == "":
		c.put("msisdn", bson.A{}, len(c.has.MSISDN) > 0 || c.insert != nil)
	case len(c.has.MSISDN) == 0:
		c.put("msisdn", bson.A{string(p.MSISDN)}, true)
	default: // a second number is the operator's
		c.put("msisdn.0", string(p.MSISDN), c.has.MSISDN[0] != string(p.MSISDN))
	}
	access := packetAndCircuit
	if p.Barred&circuit != 0 {
		access = packetOnly
	}
	c.put(fieldAccess, int32(access), c.has.Access != access || c.insert != nil)

	sessions := c.wantedSessions(config)
	if c.barsData() {
		c.park(config, sessions)
		return
	}
	c.bar(serviceGranted, barNothing)
	c.serve(config, sessions)
}

func (c *change) put(field string, value any, differs bool) {
	if differs {
		c.set = append(c.set, bson.E{Key: field, Value: value})
	}
}

// bar sets the flags that bar data on the air interface. The core's own MME
// and its 5G functions do not read them; those of others do.
func (c *change) bar(status, mask int) {
	c.put(fieldStatus, int32(status), c.has.Status != status || c.insert != nil)
	c.put(fieldBarring, int32(mask), c.has.Barring != mask || c.insert != nil)
}

// wantedSessions returns the sessions of each slice as the profile wants them:
// it is about the first one, and the others are the operator's.
func (c *change) wantedSessions(config *Config) []slice {
	apn := c.wanted.APN
	sessions := slices.Clone(c.has.sessions())
	i := first(sessions)
	if i < 0 {
		if apn == "" {
			apn = config.APN
		}
		fresh := []bson.D{config.sessionOf(apn, c.wanted.IP)}
		if len(sessions) == 0 {
			return []slice{{fresh}}
		}
		sessions[0] = slice{fresh}
		return sessions
	}
	s := sessions[i].Session[0]
	if name, _ := get(s, "name").(string); apn == "" && name == "" {
		apn = config.APN
	}
	if apn != "" {
		s = with(s, "name", apn)
	}
	if address(s) != c.wanted.IP {
		s = with(s, "ue", ueOf(c.wanted.IP))
	}
	sessions[i] = slice{append([]bson.D{s}, sessions[i].Session[1:]...)}
	return sessions
}

// park takes the sessions out of the core's sight and lays them aside in the
// same document. Without a session, the core lets a device pass for the one it
// says it is and then tells it that there is nothing here for it; the device
// tries again later. Without the document, it would be told that its card is
// none of ours, and would not come back before it is switched off and on.
//
// The slices stay: an empty list of them is more than the core's database
// front can take.
func (c *change) park(config *Config, sessions []slice) {
	c.bar(serviceBarred, barAllPacket)
	if c.has.parked() && slices.EqualFunc(sessions, c.has.Ours.Slice, slice.same) {
		return
	}
	c.set = append(c.set, bson.E{Key: fieldOurs, Value: bson.D{{Key: "slice", Value: sessions}}})
	if len(c.has.Slice) == 0 {
		c.set = append(c.set, bson.E{Key: "slice", Value: bson.A{config.sliceOf(nil)}})
	}
	for i := range c.has.Slice {
		if len(c.has.Slice[i].Session) > 0 {
			c.set = append(c.set, bson.E{Key: fmt.Sprintf("slice.%d.session", i), Value: bson.A{}})
			c.cut = true
		}
	}
	if c.cut {
		c.set = append(c.set, bson.E{Key: fieldCancel, Value: true})
	}
}

// serve puts the sessions where the core sees them.
func (c *change) serve(config *Config, sessions []slice) {
	if len(c.has.Ours.Slice) > 0 {
		c.unset = append(c.unset, bson.E{Key: fieldOurs, Value: ""})
	}
	if len(c.has.Slice) == 0 {
		c.set = append(c.set, bson.E{Key: "slice", Value: bson.A{config.sliceOf(sessions[0].Session)}})
		return
	}
	has := c.has.Slice
	for i := range has {
		if i < len(sessions) && !sessions[i].same(has[i]) {
			c.set = append(c.set, bson.E{Key: fmt.Sprintf("slice.%d.session", i), Value: sessions[i].Session})
		}
	}
}

// same compares what profiles are about: how many sessions there are, and the
// name and the address of the first one.
func (s slice) same(other slice) bool {
	a, b := s.Session, other.Session
	if len(a) != len(b) || len(a) == 0 {
		return len(a) == len(b)
	}
	return get(a[0], "name") == get(b[0], "name") && address(a[0]) == address(b[0])
}
