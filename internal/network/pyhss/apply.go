package pyhss

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Apply makes each profile so, several at a time.
func (h *HSS) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	results := make([]network.Result, 0, len(wanted))
	for len(wanted) > 0 {
		k := distinct(wanted)
		for _, err := range h.applyDistinct(ctx, wanted[:k]) {
			results = append(results, err)
		}
		wanted = wanted[k:]
	}
	return results
}

// distinct returns how many profiles at the front concern different
// subscribers: one that comes twice is changed twice, in order.
func distinct(wanted []sim.Profile) int {
	seen := make(map[ident.IMSI]bool, len(wanted))
	for i := range wanted {
		if seen[wanted[i].IMSI] {
			return i
		}
		seen[wanted[i].IMSI] = true
	}
	return len(wanted)
}

func (h *HSS) applyDistinct(ctx context.Context, wanted []sim.Profile) []error {
	has := make([]*subscriber, len(wanted))
	looked := h.each(ctx, len(wanted), func(i int) (err error) {
		if err := refusal(&wanted[i]); err != nil {
			return err
		}
		has[i], err = h.find(ctx, wanted[i].IMSI)
		return err
	})
	all, err := h.prepare(ctx, wanted, has, looked)
	return h.each(ctx, len(wanted), func(i int) error {
		if looked[i] != nil {
			return looked[i]
		}
		if err != nil {
			return err
		}
		return h.applyOne(ctx, &wanted[i], has[i], all)
	})
}

// refusal returns what PyHSS can never do, or nil.
func refusal(p *sim.Profile) error {
	switch {
	case p.IMSI == "":
		return &network.Refusal{Why: "the SIM has no IMSI"}
	case p.Present && p.Barred&circuit != 0 && p.Barred&circuit != circuit:
		return &network.Refusal{Why: "the network bars voice and messaging only together"}
	}
	return nil
}

// prepare returns the access points, among them those that the batch is about.
func (h *HSS) prepare(ctx context.Context, wanted []sim.Profile, has []*subscriber, looked []error) (points, error) {
	select {
	case h.making <- struct{}{}:
		defer func() { <-h.making }()
	case <-ctx.Done():
		return nil, unreachable(ctx.Err())
	}
	all, err := h.points(ctx)
	for i := range wanted {
		p := &wanted[i]
		if err != nil {
			return nil, err
		}
		if looked[i] != nil || !p.Present {
			continue
		}
		if h.apnOf(p, has[i], all) == 0 {
			all, err = h.ensure(ctx, all, h.nameOf(p), nil)
		}
		if err == nil && p.Barred&sim.Data != 0 && h.config.Suspend == suspendAPN {
			all, err = h.ensure(ctx, all, h.config.SuspendAPN, fields{"pgw_address": nowhere})
		}
	}
	return all, err
}

// nowhere is an address that belongs to nobody (RFC 5737): an MME that is sent
// there for a gateway finds none.
const nowhere = "192.0.2.1"

func (h *HSS) nameOf(p *sim.Profile) string {
	if p.APN == "" {
		return h.config.APN
	}
	return p.APN
}

// ensure makes the access point where there is none of that name.
func (h *HSS) ensure(ctx context.Context, all points, name string, more fields) (points, error) {
	if all.id(name) != 0 {
		return all, nil
	}
	f := fields{"apn": name, "apn_ambr_dl": h.config.DownlinkMbps * 1_000_000, "apn_ambr_ul": h.config.UplinkMbps * 1_000_000}
	for k, v := range more {
		f[k] = v
	}
	var made accessPoint
	if err := h.api.create(ctx, f, &made, "apn/"); err != nil {
		return all, asFault(err)
	}
	h.log.Info("the network has a new access point", "apn", name)
	return append(all, made), nil
}

func (h *HSS) applyOne(ctx context.Context, p *sim.Profile, has *subscriber, all points) error {
	switch {
	case !p.Present && has == nil:
		return nil
	case !p.Present:
		return h.remove(ctx, has, all)
	case has == nil:
		return h.add(ctx, p, all)
	}
	return h.change(ctx, p, has, all)
}

// apnOf returns the access point that p is about: that of a subscriber who is
// there stays where p names none.
func (h *HSS) apnOf(p *sim.Profile, has *subscriber, all points) int {
	if p.APN == "" && has != nil {
		if id, _ := has.access(all, &h.config); id != 0 {
			return id
		}
	}
	return all.id(h.nameOf(p))
}

// add makes a new subscriber, whose keys must be there first.
func (h *HSS) add(ctx context.Context, p *sim.Profile, all points) error {
	auc, err := h.keys(ctx, p)
	if err != nil {
		return err
	}
	apn := h.apnOf(p, nil, all)
	f := want(p, nil, all, &h.config, apn)
	f["imsi"], f["auc_id"] = string(p.IMSI), auc
	f["ue_ambr_dl"], f["ue_ambr_ul"] = h.config.DownlinkMbps*1_000_000, h.config.UplinkMbps*1_000_000
	var made subscriber
	if err := h.api.create(ctx, f, &made, "subscriber/"); err != nil {
		return asFault(err)
	}
	if p.Barred&sim.Data != 0 {
		if err := h.park(ctx, &made, apn, strconv.Itoa(apn)); err != nil {
			return err
		}
	}
	return h.address(ctx, made.ID, apn, p.IP)
}

// change takes away first what is to be taken away.
func (h *HSS) change(ctx context.Context, p *sim.Profile, has *subscriber, all points) error {
	before, _ := has.access(all, &h.config)
	apn := h.apnOf(p, has, all)
	if p.Barred&sim.Data != 0 {
		if err := h.park(ctx, has, apn, accessList(has, all, &h.config, apn)); err != nil {
			return err
		}
	}
	now := has
	if f := want(p, has, all, &h.config, apn).differing(has); len(f) > 0 {
		now = &subscriber{}
		if err := h.api.patch(ctx, f, now, "subscriber", strconv.Itoa(has.ID)); err != nil {
			return asFault(err)
		}
	}
	if p.Barred&sim.Data != 0 {
		// A device that finds nothing on an access point may come back at once
		// and keep trying. One that would be turned down for good had better not.
		if err := h.cancel(ctx, now, h.config.Suspend == suspendAPN); err != nil {
			return err
		}
	}
	if !p.K.IsZero() {
		if _, err := h.keys(ctx, p); err != nil {
			return err
		}
	}
	if before != 0 && before != apn {
		if err := h.address(ctx, has.ID, before, netip.Addr{}); err != nil {
			return err
		}
	}
	return h.address(ctx, has.ID, apn, p.IP)
}

// remove switches the subscriber off, so that its device cannot come back,
// cancels its location, and deletes it with what hangs on it. The keys stay.
func (h *HSS) remove(ctx context.Context, has *subscriber, all points) error {
	id := strconv.Itoa(has.ID)
	now := has
	if has.Enabled == nil || *has.Enabled {
		now = &subscriber{}
		if err := h.api.patch(ctx, fields{"enabled": false}, now, "subscriber", id); err != nil {
			return asFault(err)
		}
	}
	if err := h.cancel(ctx, now, false); err != nil {
		return err
	}
	apn, _ := has.access(all, &h.config)
	if err := h.address(ctx, has.ID, apn, netip.Addr{}); err != nil {
		return err
	}
	for _, a := range has.Attributes {
		if err := h.api.remove(ctx, "subscriber_attributes", strconv.Itoa(a.ID)); err != nil {
			return err
		}
	}
	return h.api.remove(ctx, "subscriber", id)
}

// park writes down which access points the subscriber comes back to, before
// they are taken away.
func (h *HSS) park(ctx context.Context, s *subscriber, apn int, list string) error {
	if h.config.Suspend != suspendAPN {
		return nil
	}
	value := strconv.Itoa(apn) + ";" + list
	switch a := s.parkedAttribute(); {
	case a.ID == 0:
		return asFault(h.api.create(ctx, fields{"subscriber_id": s.ID, "key": attributeKey, "value": value}, &attribute{}, "subscriber_attributes/"))
	case a.Value != value:
		return asFault(h.api.patch(ctx, fields{"value": value}, &attribute{}, "subscriber_attributes", strconv.Itoa(a.ID)))
	}
	return nil
}

// withdrawn is the cancellation type of a subscription that has ended, on which
// a node tells the device (3GPP TS 29.272 section 7.3.24).
const withdrawn = 2

// cancel has the serving MME let go of the device, where there is one.
func (h *HSS) cancel(ctx context.Context, s *subscriber, reattach bool) error {
	if s.MME == nil || *s.MME == "" {
		return nil
	}
	peer := *s.MME
	if s.MMEPeer != nil && *s.MMEPeer != "" {
		peer, _, _ = strings.Cut(*s.MMEPeer, ";") // after it comes the HSS that has the connection
	}
	request := fields{
		"DestinationHost": *s.MME, "DestinationRealm": s.MMERealm, "diameterPeer": peer,
		"cancellationType": withdrawn, "immediateReattach": reattach,
	}
	var answer struct {
		Result string `json:"result"`
	}
	err := h.api.create(ctx, request, &answer, "push", "clr", string(s.IMSI))
	if err != nil {
		return asFault(err)
	}
	if !strings.HasPrefix(answer.Result, "Success") { // it says "OK" to a failure, too
		return failed(errors.New("PyHSS could not send the cancellation of the location"))
	}
	return nil
}

// keys sees to it that the subscriber has keys, and returns where they are. Its
// sequence number is never set, but for new keys.
func (h *HSS) keys(ctx context.Context, p *sim.Profile) (int, error) {
	var auc authentication
	err := h.api.get(ctx, &auc, "auc", "imsi", string(p.IMSI))
	if err != nil && !errors.Is(err, errMissing) {
		return 0, err
	}
	if p.K.IsZero() {
		if auc.ID == 0 {
			err = fault.New(fault.Unavailable, "network.no_keys", "the network has no keys for this SIM, and none are stored with it")
		}
		return auc.ID, err
	}
	f := fields{"ki": p.K.Hex(), "opc": p.OPc.Hex(), "algo": algorithm3G}
	if p.OPc.IsZero() {
		f["algo"] = strings.TrimPrefix(h.config.Aud2G, "comp128v")
	}
	if auc.ID != 0 {
		return auc.ID, asFault(h.api.patch(ctx, f, &authentication{}, "auc", strconv.Itoa(auc.ID)))
	}
	f["amf"], f["sqn"], f["imsi"], f["iccid"] = "8000", 0, string(p.IMSI), string(p.ICCID)
	if p.ICCID == "" {
		f["iccid"] = nil // each but the empty one is there but once
	}
	err = h.api.create(ctx, f, &auc, "auc/")
	return auc.ID, asFault(err)
}

// route returns the static address of a subscriber on an access point; one
// without an ID where there is none.
func (h *HSS) route(ctx context.Context, subscriber, apn int) (route, error) {
	var r route
	if apn == 0 {
		return r, nil
	}
	err := h.api.get(ctx, &r, "subscriber", "routing", strconv.Itoa(subscriber), strconv.Itoa(apn))
	if errors.Is(err, errMissing) {
		return route{}, nil
	}
	return r, err
}

// address makes the static address so; the zero value for none.
func (h *HSS) address(ctx context.Context, subscriber, apn int, ip netip.Addr) error {
	has, err := h.route(ctx, subscriber, apn)
	if err != nil {
		return err
	}
	version := 0
	if ip.Is6() {
		version = 1
	}
	switch {
	case !ip.IsValid() && has.ID == 0:
		return nil
	case !ip.IsValid():
		return h.api.remove(ctx, "subscriber", "routing", strconv.Itoa(subscriber), strconv.Itoa(apn))
	case has.ID == 0:
		return asFault(h.api.create(ctx, fields{"subscriber_id": subscriber, "apn_id": apn, "ip_address": ip.String(), "ip_version": version}, &route{}, "subscriber", "routing/"))
	case has.IP != ip.String():
		return asFault(h.api.patch(ctx, fields{"ip_address": ip.String(), "ip_version": version}, &route{}, "subscriber", "routing", strconv.Itoa(has.ID)))
	}
	return nil
}
