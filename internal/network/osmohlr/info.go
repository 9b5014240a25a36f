package osmohlr

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// circuit is what an HLR bars together when it takes the circuit-switched side
// away.
const circuit = sim.Messaging | sim.Voice

// info is a subscriber as the HLR has it.
type info struct {
	present bool
	imsi    ident.IMSI
	msisdn  ident.MSISDN
	cs, ps  bool
	nodes   []string // that serve it: a VLR, an SGSN, both or none

	aud2g, aud3g keys
}

// keys are one of a subscriber's two sets, as the HLR writes them; they are
// compared and never shown.
type keys struct{ algo, k, opc string }

func (k keys) equal(other keys) bool {
	return strings.EqualFold(k.algo, other.algo) && strings.EqualFold(k.k, other.k) && strings.EqualFold(k.opc, other.opc)
}

// parseInfo reads what info and info-all say: one "name<TAB>value" per line.
func parseInfo(text string) info {
	s := info{present: true}
	for l := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(l, "\r\n"), "\t")
		switch name {
		case "imsi":
			s.imsi = ident.IMSI(value)
		case "msisdn":
			s.msisdn = ident.MSISDN(value)
		case "nam_cs":
			s.cs = value == "1"
		case "nam_ps":
			s.ps = value == "1"
		case "vlr_number", "sgsn_number":
			if value != "" {
				s.nodes = append(s.nodes, value)
			}
		case "aud2g.algo":
			s.aud2g.algo = value
		case "aud2g.ki":
			s.aud2g.k = value
		case "aud3g.algo":
			s.aud3g.algo = value
		case "aud3g.k":
			s.aud3g.k = value
		case "aud3g.opc": // with "aud3g.op" in its stead, no OPc of ours is there
			s.aud3g.opc = value
		}
	}
	return s
}

// barred returns the services that the access modes leave out.
func barred(cs, ps bool) sim.Services {
	var s sim.Services
	if !ps {
		s |= sim.Data
	}
	if !cs {
		s |= circuit
	}
	return s
}

// mode is how the VTY names access modes.
func mode(cs, ps bool) string {
	switch {
	case cs && ps:
		return "cs+ps"
	case cs:
		return "cs"
	case ps:
		return "ps"
	}
	return "none"
}

// known is what an HLR reads back.
const known = network.FieldMSISDN | network.FieldBarred

func (s *info) served() bool { return len(s.nodes) > 0 }

func (s *info) actual(imsi ident.IMSI) network.Actual {
	a := network.Actual{IMSI: imsi, Known: known}
	if s.present {
		a.Present, a.MSISDN, a.Barred = true, s.msisdn, barred(s.cs, s.ps)
	}
	return a
}
