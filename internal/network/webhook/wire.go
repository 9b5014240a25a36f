package webhook

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What goes over the wire. docs/webhook-network.md is its contract; fields are
// added to it and never change their meaning.

// The types of calls.
const (
	typeApply   = "apply"
	typeObserve = "observe"
	typeList    = "list"
	typeControl = "control"
)

type request struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Profiles []profile    `json:"profiles,omitempty"` // of apply, and the one of control
	IMSIs    []ident.IMSI `json:"imsis,omitempty"`    // of observe
	After    *ident.IMSI  `json:"after,omitempty"`    // of list
	Limit    int          `json:"limit,omitempty"`    // of list

	Control string          `json:"control,omitempty"` // of control
	Detail  json.RawMessage `json:"detail,omitempty"`  // of control, as the caller gave it
}

type profile struct {
	ICCID      ident.ICCID  `json:"iccid"`
	IMSI       ident.IMSI   `json:"imsi"`
	MSISDN     ident.MSISDN `json:"msisdn"`
	APN        string       `json:"apn"`
	IP         string       `json:"ip"`
	Present    bool         `json:"present"`
	Barred     []string     `json:"barred"`
	Generation int64        `json:"generation"`
	K          string       `json:"k,omitempty"`
	OPc        string       `json:"opc,omitempty"`
}

type applyAnswer struct {
	Results []struct {
		IMSI   ident.IMSI `json:"imsi"`
		Result string     `json:"result"`
		Reason string     `json:"reason"`
	} `json:"results"`
}

// The results.
const (
	resultAgreed  = "agreed"
	resultRefused = "refused"
	resultRetry   = "retry"
)

type observeAnswer struct {
	Software    string   `json:"software"`
	Conditions  []string `json:"conditions"`
	Known       []string `json:"known"`
	Subscribers []struct {
		IMSI    ident.IMSI   `json:"imsi"`
		Present bool         `json:"present"`
		MSISDN  ident.MSISDN `json:"msisdn"`
		APN     string       `json:"apn"`
		IP      string       `json:"ip"`
		Barred  []string     `json:"barred"`
	} `json:"subscribers"`
}

var services = []struct {
	name    string
	service sim.Services
}{{"data", sim.Data}, {"messaging", sim.Messaging}, {"voice", sim.Voice}}

var fields = map[string]network.Fields{
	"msisdn": network.FieldMSISDN, "apn": network.FieldAPN, "ip": network.FieldIP, "barred": network.FieldBarred,
}

func profileOf(p *sim.Profile, keys bool) profile {
	out := profile{
		ICCID: p.ICCID, IMSI: p.IMSI, MSISDN: p.MSISDN, APN: p.APN, Present: p.Present, Generation: p.Generation, Barred: []string{},
	}
	if p.IP.IsValid() {
		out.IP = p.IP.String()
	}
	for _, s := range services {
		if p.Barred&s.service != 0 {
			out.Barred = append(out.Barred, s.name)
		}
	}
	if keys && !p.K.IsZero() {
		out.K = p.K.Hex()
	}
	if keys && !p.OPc.IsZero() {
		out.OPc = p.OPc.Hex()
	}
	return out
}

// known reads which fields the other side can read back.
func (a *observeAnswer) known() (network.Fields, error) {
	var known network.Fields
	for _, name := range a.Known {
		f, ok := fields[name]
		if !ok {
			return 0, fmt.Errorf(`"known" has the unknown field %q`, name)
		}
		known |= f
	}
	return known, nil
}

// actuals reads an answer to observe or list.
func (a *observeAnswer) actuals() ([]network.Actual, error) {
	known, err := a.known()
	if err != nil {
		return nil, err
	}
	out := make([]network.Actual, len(a.Subscribers))
	for i, s := range a.Subscribers {
		imsi, err := ident.ParseIMSI(string(s.IMSI))
		if err != nil || imsi != s.IMSI {
			return nil, fmt.Errorf("subscriber %d has no IMSI", i)
		}
		out[i] = network.Actual{IMSI: imsi, Known: known}
		if !s.Present {
			continue
		}
		out[i].Present, out[i].MSISDN, out[i].APN = true, s.MSISDN, s.APN
		if out[i].Barred, err = parseServices(s.Barred); err != nil {
			return nil, fmt.Errorf("subscriber %d: %w", i, err)
		}
		if s.IP != "" {
			if out[i].IP, err = netip.ParseAddr(s.IP); err != nil {
				return nil, fmt.Errorf("subscriber %d has an ip that is none", i)
			}
		}
	}
	return out, nil
}

func parseServices(names []string) (sim.Services, error) {
	var out sim.Services
next:
	for _, n := range names {
		for _, s := range services {
			if s.name == n {
				out |= s.service
				continue next
			}
		}
		return 0, fmt.Errorf(`"barred" has the unknown service %q`, n)
	}
	return out, nil
}

// maxReason is how much of a reason is shown.
const maxReason = 200

// reasonOf makes a reason of the other side fit to be shown to the SIM's
// owner: one line, no address and no key. What is not, is not shown.
func reasonOf(text string, p *sim.Profile) string {
	text = oneLine(text)
	if text == "" || secret(text, p) || slices.ContainsFunc(strings.Fields(text), isAddress) {
		return "the network gave no reason that can be shown"
	}
	return text
}

// oneLine makes a line of what the other side wrote, and no long one.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }), " ")
	if r := []rune(text); len(r) > maxReason {
		text = string(r[:maxReason])
	}
	return text
}

func secret(text string, p *sim.Profile) bool {
	folded := strings.ToLower(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(text))
	for _, k := range []ident.Key{p.K, p.OPc} {
		if !k.IsZero() && strings.Contains(folded, k.Hex()) {
			return true
		}
	}
	return false
}

func isAddress(word string) bool {
	word = strings.Trim(word, `,;.()[]"'`)
	_, err := netip.ParseAddr(word)
	_, errPort := netip.ParseAddrPort(word)
	return err == nil || errPort == nil || strings.Contains(word, "://")
}
