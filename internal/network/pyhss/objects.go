package pyhss

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What PyHSS keeps, as far as the driver reads it. A pointer is nil where
// PyHSS has nothing.

type accessPoint struct {
	ID   int    `json:"apn_id"`
	Name string `json:"apn"`
}

type authentication struct {
	ID int    `json:"auc_id"`
	KI string `json:"ki"` // only where PyHSS gives keys to everybody
}

type subscriber struct {
	ID         int         `json:"subscriber_id"`
	IMSI       ident.IMSI  `json:"imsi"`
	MSISDN     string      `json:"msisdn"`
	Enabled    *bool       `json:"enabled"`
	DefaultAPN int         `json:"default_apn"`
	APNList    string      `json:"apn_list"`
	NAM        int         `json:"nam"`
	Roaming    *bool       `json:"roaming_enabled"`
	MME        *string     `json:"serving_mme"`
	MMERealm   *string     `json:"serving_mme_realm"`
	MMEPeer    *string     `json:"serving_mme_peer"`
	Attributes []attribute `json:"attributes"`
}

type attribute struct {
	ID    int    `json:"subscriber_attributes_id"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

type route struct {
	ID int    `json:"subscriber_routing_id"`
	IP string `json:"ip_address"`
}

// Network access modes.
const (
	packetAndCircuit = 0
	packetOnly       = 2
)

// circuit is what an MME keeps from a device together, when the subscriber may
// use nothing but packets.
const circuit = sim.Messaging | sim.Voice

// What PyHSS reads back of one subscriber, and of one in a list.
const (
	known       = network.FieldMSISDN | network.FieldAPN | network.FieldIP | network.FieldBarred
	knownListed = network.FieldMSISDN | network.FieldBarred
)

// points are the access points by name. PyHSS allows a name twice; the first
// counts.
type points []accessPoint

func (p points) id(name string) int {
	i := slices.IndexFunc(p, func(a accessPoint) bool { return a.Name == name })
	if i < 0 {
		return 0
	}
	return p[i].ID
}

func (p points) name(id int) string {
	i := slices.IndexFunc(p, func(a accessPoint) bool { return a.ID == id })
	if i < 0 {
		return ""
	}
	return p[i].Name
}

// attributeKey names the attribute in which the access points of a suspended
// subscriber wait: "<default>;<list>".
const attributeKey = "simurgh_apns"

func (s *subscriber) parkedAttribute() attribute {
	i := slices.IndexFunc(s.Attributes, func(a attribute) bool { return a.Key == attributeKey })
	if i < 0 {
		return attribute{}
	}
	return s.Attributes[i]
}

// moved reports whether s is on the access point that leads nowhere.
func (s *subscriber) moved(all points, config *Config) bool {
	nowhere := all.id(config.SuspendAPN)
	return nowhere != 0 && s.DefaultAPN == nowhere
}

// access returns the access points that s has when it is not suspended.
func (s *subscriber) access(all points, config *Config) (id int, list string) {
	if !s.moved(all, config) {
		return s.DefaultAPN, s.APNList
	}
	first, list, _ := strings.Cut(s.parkedAttribute().Value, ";")
	id, _ = strconv.Atoi(first)
	return id, list
}

// barred returns the services that s cannot use.
func (s *subscriber) barred(all points, config *Config) sim.Services {
	var out sim.Services
	off := s.Enabled != nil && !*s.Enabled
	grounded := config.Suspend == suspendRoaming && s.Roaming != nil && !*s.Roaming
	if off || grounded || s.moved(all, config) {
		out |= sim.Data
	}
	if s.NAM == packetOnly {
		out |= circuit
	}
	return out
}

func (s *subscriber) actual(all points, config *Config, ip netip.Addr) network.Actual {
	id, _ := s.access(all, config)
	return network.Actual{
		IMSI: s.IMSI, Present: true, MSISDN: ident.MSISDN(s.MSISDN), APN: all.name(id), IP: ip,
		Barred: s.barred(all, config), Known: known,
	}
}

// fields are what is written of an object.
type fields map[string]any

// want returns what p asks of a subscriber, given what is there (nil for
// nothing) and the access point that p is about.
func want(p *sim.Profile, has *subscriber, all points, config *Config, apn int) fields {
	nam := packetAndCircuit
	if p.Barred&circuit != 0 {
		nam = packetOnly
	}
	// None is an empty text: PyHSS fails at a null.
	f := fields{"msisdn": string(p.MSISDN), "nam": nam, "enabled": true, "default_apn": apn, "apn_list": accessList(has, all, config, apn)}
	if config.Suspend == suspendRoaming {
		f["roaming_enabled"] = true
	}
	if p.Barred&sim.Data != 0 {
		f.bar(all, config)
	}
	return f
}

func (f fields) bar(all points, config *Config) {
	switch config.Suspend {
	case suspendDisable:
		f["enabled"] = false
	case suspendRoaming:
		f["roaming_enabled"] = false
	default:
		nowhere := all.id(config.SuspendAPN)
		f["default_apn"], f["apn_list"] = nowhere, strconv.Itoa(nowhere)
	}
}

// accessList is the list of access points with apn in it, in the place of the
// default one where that changes. The others are the operator's.
func accessList(has *subscriber, all points, config *Config, apn int) string {
	if has == nil {
		return strconv.Itoa(apn)
	}
	id, list := has.access(all, config)
	ids := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
	if id != apn {
		ids = slices.DeleteFunc(ids, func(s string) bool { return s == strconv.Itoa(id) })
	}
	if !slices.Contains(ids, strconv.Itoa(apn)) {
		ids = append([]string{strconv.Itoa(apn)}, ids...)
	}
	return strings.Join(ids, ",")
}

// differing returns the fields of f that s does not have so.
func (f fields) differing(s *subscriber) fields {
	has := fields{
		"msisdn": s.MSISDN, "nam": s.NAM, "default_apn": s.DefaultAPN, "apn_list": s.APNList,
		"enabled": s.Enabled == nil || *s.Enabled, "roaming_enabled": s.Roaming == nil || *s.Roaming,
	}
	out := fields{}
	for name, v := range f {
		if has[name] != v {
			out[name] = v
		}
	}
	return out
}
