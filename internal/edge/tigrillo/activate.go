package tigrillo

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// errPending is a SIM whose earlier activation is still on its way. It stands
// in the list without a code.
var errPending = &refusal{"", "SIM is pending activation"}

// activation is one call of activateSIMs.
type activation struct {
	named
	labels        map[ident.ICCID]label
	place         map[ident.ICCID]int // in the order of the call
	tariff        *int64              // nil leaves each SIM on its own
	group, device *string

	first *likeness // of the SIMs found, the one that stands first
	at    int       // its place
}

type label struct {
	name *string
	imei *ident.IMEI
}

func (h *handler) activateSIMs(ctx context.Context, x *exchange) (any, error) {
	if !mayActivate(&x.request.Caller, x.portfolio) {
		return nil, errPermission
	}
	a := &activation{labels: map[ident.ICCID]label{}, place: map[ident.ICCID]int{}}
	if err := a.read(x.in, h.Devices); err != nil {
		return nil, err
	}
	return h.together(ctx, x, a.named, a.choose, func(done *fleet.Applied) any { return h.activated(a, done) })
}

func (a *activation) read(in params, devices []string) error {
	list, err := in.list("sims")
	if err != nil {
		return err
	}
	for _, raw := range list {
		if err := a.readSIM(raw); err != nil {
			return err
		}
	}
	if a.tariff, err = in.tariff(); err != nil {
		return err
	}
	if a.group, err = in.label("group"); err != nil {
		return err
	}
	if a.device, err = in.label("device"); err != nil {
		return err
	}
	if a.device != nil && *a.device != "" && len(devices) > 0 && !slices.Contains(devices, *a.device) {
		return errDevice
	}
	return nil
}

func (a *activation) readSIM(raw json.RawMessage) error {
	if raw[0] != '{' {
		return invalid("sims")
	}
	in, _ := object(raw)
	number, err := in.text("ICCID")
	switch {
	case err != nil:
		return err
	case number == nil || *number == "":
		return missing("ICCID")
	}
	var l label
	if l.name, err = in.label("friendlyName"); err != nil {
		return err
	}
	if l.imei, err = in.imei(); err != nil {
		return err
	}
	if iccid, fresh := a.add(*number); fresh {
		a.labels[iccid], a.place[iccid] = l, len(a.place)
	}
	return nil
}

// imei returns 15 digits; nil keeps what is there, "" clears it.
func (p params) imei() (*ident.IMEI, error) {
	s, err := p.text("IMEI")
	if err != nil || s == nil {
		return nil, err
	}
	if *s == "" {
		return new(ident.IMEI), nil
	}
	imei, err := ident.ParseIMEI(*s)
	if err != nil || len(imei) != 15 {
		return nil, invalid("IMEI")
	}
	return &imei, nil
}

// tariff returns the package; nil when it is null or blank.
func (p params) tariff() (*int64, error) {
	s, err := p.digits("tariffID")
	if err != nil || s == "" {
		return nil, err
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id <= 0 {
		return nil, errTariff
	}
	return &id, nil
}

// likeness is what all SIMs of one call must share.
type likeness struct {
	kind   string
	tariff int64
}

// choose takes a SIM that is in stock or terminated, and leaves one that is
// active on the tariff asked for as it is.
func (a *activation) choose(f fleet.Facts) (fleet.Edit, error) {
	var none fleet.Edit
	switch w := f.SIM.Wanted; w.State {
	case sim.AwaitingApproval, sim.Provisioning:
		return none, errPending
	case sim.Provisioned:
		if w.Suspended != 0 || (a.tariff != nil && *a.tariff != f.SIM.Package) {
			return none, errTariffSet
		}
	case sim.AwaitingReview, sim.Deprovisioning, sim.Closed:
		return none, errTariffSet
	case sim.Available, sim.Unprovisioned:
	}
	if a.tariff == nil && f.Package == nil {
		return none, errNoTariff
	}
	if !a.alike(f.SIM) {
		return none, errTariffSet
	}
	l := a.labels[f.SIM.ICCID]
	return fleet.Edit{Verb: sim.ActivateLive, Name: l.name, IMEI: l.imei, Group: a.group, Device: a.device, Package: a.tariff}, nil
}

// alike holds a SIM against the first of the call. SIMs come in the order of
// the call; a transaction that is run again comes back to the first.
func (a *activation) alike(s *sim.SIM) bool {
	this := likeness{s.Type, s.Package}
	if a.tariff != nil {
		this.tariff = *a.tariff
	}
	if at := a.place[s.ICCID]; a.first == nil || at <= a.at {
		a.first, a.at = &this, at
	}
	return *a.first == this
}

// outcome is what became of one SIM. Price and currency belong to PAY.
type outcome struct {
	Status   string `json:"status"`
	Price    string `json:"price,omitempty"`
	Currency string `json:"ccy,omitempty"`
}

// activated answers with every SIM when all are done, else with those that
// stand in the way.
func (h *handler) activated(a *activation, done *fleet.Applied) any {
	list := a.unknown()
	if h.UnknownSIM && len(a.broken) > 0 {
		return unrecognised(a.broken[0]).answer()
	}
	for _, o := range done.Outcomes {
		due, owed := errors.AsType[*fleet.PaymentDue](o.Err)
		e := activationInWords(o.Err)
		switch {
		case owed:
			list.say(o.ICCID, h.shape(outcome{"PAY", due.Amount.Format(2), string(due.Currency)}))
		case e == errPermission || e == errNoTariff || e == errTariff:
			return e.answer()
		case e == errSIM && h.UnknownSIM:
			return unrecognised(string(o.ICCID)).answer()
		case e == errPending:
			list.say(o.ICCID, e.message)
		case e != nil && e != errHeldUp:
			list.say(o.ICCID, e.inList())
		case e == nil && !done.Refused:
			list.say(o.ICCID, h.shape(outcome{Status: accepted(o.Progress)}))
		}
	}
	return bulkAnswer{ok, list}
}

// accepted says who activates: the system by itself, or the operator's people.
func accepted(p sim.Progress) string {
	if p == sim.OpWaiting {
		return "OK"
	}
	return "AUTO"
}

// shape writes an outcome as an object, or as its status alone.
func (h *handler) shape(o outcome) any {
	if h.TextOutcomes {
		return o.Status
	}
	return o
}

// activationInWords tells apart a package that is not on the account from one
// that does not fit the SIM.
func activationInWords(err error) *refusal {
	switch fault.CodeOf(err) {
	case "package.not_found", plan.NotLinked, plan.LinkInactive:
		return errTariff
	case plan.NoPackage:
		return errNoTariff
	}
	return inWords(err, errTariffSet)
}
