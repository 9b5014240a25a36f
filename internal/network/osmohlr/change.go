package osmohlr

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// change is what one profile does to its subscriber. It fails at its first
// step that does: what remains of it is left out.
type change struct {
	wanted *sim.Profile
	has    info
	err    error

	cut    string // access modes to be told to the serving node; empty for none
	remove bool
	create bool
	sets   []request // what the control interface alone can do
}

// live reports whether there is something left to be done, as far as is known.
func (c *change) live() bool { return c.err == nil }

// takes reports whether c wants a number that its subscriber does not have.
func (c *change) takes() bool {
	return c.wanted.Present && c.wanted.MSISDN != "" && c.wanted.MSISDN != c.has.msisdn
}

// leaves reports whether c gives up a number.
func (c *change) leaves() bool {
	return c.has.msisdn != "" && (!c.wanted.Present || c.wanted.MSISDN != c.has.msisdn)
}

// fail keeps the first error, as the later ones follow from it.
func (c *change) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// judge fills in what is to be done, given what is there. Numbers are another
// matter, since two subscribers have a say in them.
func (c *change) judge(aud2g string) {
	p := c.wanted
	switch {
	case p.IMSI == "":
		c.fail(&network.Refusal{Why: "the SIM has no IMSI"})
	case !p.Present:
		c.remove = c.has.present
		if c.has.present && (c.has.cs || c.has.ps) {
			c.cut = mode(false, false)
		}
	case p.Barred&circuit != 0 && p.Barred&circuit != circuit:
		c.fail(&network.Refusal{Why: "the network bars voice and messaging only together"})
	default:
		c.create = !c.has.present
		c.access(p.Barred&circuit == 0, p.Barred&sim.Data == 0)
		c.keys(aud2g)
	}
}

// access turns the two sides on and off. A new subscriber has both, but no
// keys to use them with, so that the control interface is soon enough.
func (c *change) access(cs, ps bool) {
	has := c.has
	if c.create {
		has.cs, has.ps = true, true
	} else if (has.cs && !cs) || (has.ps && !ps) {
		c.cut = mode(cs, ps)
		return
	}
	if has.cs != cs {
		c.set("cs-enabled", bit(cs))
	}
	if has.ps != ps {
		c.set("ps-enabled", bit(ps))
	}
}

// keys writes the keys that the profile brings, and only where they differ:
// the HLR counts the sequence number of new ones from zero, and the card would
// answer the next ones from there as a replay.
func (c *change) keys(aud2g string) {
	if c.wanted.K.IsZero() {
		return
	}
	want2g, want3g := keys{}, keys{algo: "milenage", k: c.wanted.K.Hex(), opc: c.wanted.OPc.Hex()}
	if c.wanted.OPc.IsZero() {
		want2g, want3g = keys{algo: aud2g, k: c.wanted.K.Hex()}, keys{}
	}
	if !c.has.aud3g.equal(want3g) {
		c.set("aud3g", orNone(want3g, want3g.algo, want3g.k, "OPC", want3g.opc))
	}
	if !c.has.aud2g.equal(want2g) {
		c.set("aud2g", orNone(want2g, want2g.algo, want2g.k))
	}
}

func orNone(k keys, parts ...string) string {
	if k == (keys{}) {
		return "none"
	}
	return strings.Join(parts, ",")
}

func (c *change) set(what, value string) {
	c.sets = append(c.sets, set(by(c.wanted.IMSI, what), value))
}

// by names a variable of a subscriber.
func by(imsi ident.IMSI, what string) string {
	return "subscriber.by-imsi-" + string(imsi) + "." + what
}

func bit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// settle fails the takers whose number stays with its holder. One that fails
// keeps its own number, which may fail the next; hence until nothing moves.
//
// That is never final: the holder may be a SIM whose own change has not come
// through yet.
func settle(takers []*change, holder map[ident.MSISDN]ident.IMSI, by map[ident.IMSI]*change) {
	for moved := true; moved; {
		moved = false
		for _, c := range takers {
			imsi, held := holder[c.wanted.MSISDN]
			if !held || !c.live() {
				continue
			}
			if h := by[imsi]; h == nil || !h.live() || !h.leaves() {
				c.fail(numberInUse(c.wanted.MSISDN))
				moved = true
			}
		}
	}
}

// numberInUse does not say by whom: that may be another owner's SIM.
func numberInUse(number ident.MSISDN) error {
	return fault.New(fault.Unavailable, "network.number_in_use",
		"the number %s still belongs to another subscriber of the network", number)
}
