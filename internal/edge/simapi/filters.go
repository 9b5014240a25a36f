package simapi

import (
	"errors"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// fields are what SIMs can be matched and sorted by.
var fields = map[string]sim.Field{
	"iccId": sim.ByICCID, "friendlyName": sim.ByName, "imei": sim.ByIMEI, "imsi": sim.ByIMSI, "ipAddress": sim.ByIP, "msisdn": sim.ByMSISDN,
}

var hows = map[string]sim.How{"S": sim.Starts, "E": sim.Ends, "C": sim.Contains}

// search turns filters of GET /sim into a query.
func (x *exchange) search() (sim.Query, error) {
	var q sim.Query
	known := func(name string) bool { _, ok := fields[name]; return ok }
	matched, err := x.matching(known)
	if err != nil {
		return q, err
	}
	if len(matched) > 1 {
		return q, refusal(codeMatchField, "one field can be matched at a time")
	}
	if err := x.sort(&q, matched, known); err != nil {
		return q, err
	}
	return q, errors.Join(x.filter(&q, matched))
}

// sort reads the order of a list of SIMs. What is matched by how it begins stands
// side by side in the order of that field, so that is the order unless another
// is asked for.
func (x *exchange) sort(q *sim.Query, matched map[string]string, known func(string) bool) error {
	orders, err := x.sorting(known)
	if err != nil {
		return err
	}
	if len(orders) == 0 {
		for name, how := range matched {
			if hows[how] == sim.Starts {
				q.Sort = fields[name]
			}
		}
		return nil
	}
	// SIMs of one value are in the order of their ICCIDs, which therefore may
	// follow as a second field.
	if len(orders) > 2 || len(orders) == 2 && orders[1] != (order{"iccId", orders[0].sign}) {
		return refusal(codeSortField, "SIMs are sorted by one field, and then by iccId in the same order")
	}
	q.Sort, q.Descending = fields[orders[0].field], orders[0].sign < 0
	return nil
}

// filter reads every filter; what is wrong with them is told at once.
func (x *exchange) filter(q *sim.Query, matched map[string]string) error {
	v := x.query
	var errs []error
	for name, how := range matched {
		q.Match = &sim.Match{Text: v[name][0], How: hows[how], Fields: []sim.Field{fields[name]}}
	}
	whole := func(name string) bool { return v.text(name) != "" && matched[name] == "" }
	if whole("iccId") {
		errs = append(errs, readICCIDs(v["iccId"], &q.ICCIDs))
	}
	if whole("imei") {
		errs = append(errs, read("imei", v, ident.ParseIMEI, &q.IMEI))
	}
	if whole("imsi") {
		errs = append(errs, read("imsi", v, ident.ParseIMSI, &q.IMSI))
	}
	if whole("msisdn") {
		errs = append(errs, read("msisdn", v, ident.ParseMSISDN, &q.MSISDN))
	}
	for _, name := range []string{"friendlyName", "ipAddress"} {
		switch {
		case !whole(name):
		case q.Match != nil:
			return refusal(codeMatchField, name+" and another matched field cannot be looked for at once")
		default:
			q.Match = &sim.Match{Text: v.text(name), How: sim.Whole, Fields: []sim.Field{fields[name]}}
		}
	}
	errs = append(errs, read("eId", v, ident.ParseEID, &q.EID), read("portfolioId", v, ident.ParsePortfolioID, &q.Portfolio))
	q.Number, q.MNO, q.Spec, q.Part, q.RSP, q.Package = v.text("simId"), v.id("iccMnoId"), v.id("iccSpecId"), v.id("iccTypeId"), v.id("platformId"),
		v.id("packageId")
	if g := v.text("groupName"); g != "" {
		q.Group = &g
	}
	q.Statuses = statusesOf(v.text("status"))
	var err error
	q.ActivatedAt, err = v.moment("activatedDate")
	errs = append(errs, err)
	q.TerminatedAt, err = v.moment("terminatedDate")
	errs = append(errs, err, x.codes(q))
	v.flags(q)
	return fault.Join(errs...)
}

// flags reads the six filters that are yes or no.
func (v values) flags(q *sim.Query) {
	for name, k := range map[string]sim.Kind{"adminSuspend": sim.Admin, "systemSuspend": sim.System, "customerSuspend": sim.Customer} {
		switch v.text(name) {
		case "yes":
			q.Held = q.Held.With(k)
		case "no":
			q.NotHeld = q.NotHeld.With(k)
		}
	}
	for name, s := range map[string]sim.Services{"dataSuspend": sim.Data, "messagingSuspend": sim.Messaging, "voiceSuspend": sim.Voice} {
		switch v.text(name) {
		case "yes":
			q.Barred |= s
		case "no":
			q.NotBarred |= s
		}
	}
}

// codes reads the filters by PIN and PUK, which need a permission.
func (x *exchange) codes(q *sim.Query) error {
	var c fleet.Codes
	asked := false
	for name, to := range map[string]*ident.PIN{"pin1": &c.PIN1, "puk1": &c.PUK1, "pin2": &c.PIN2, "puk2": &c.PUK2} {
		if s := x.query.text(name); s != "" {
			asked = true
			*to = ident.PIN(s)
		}
	}
	if !asked {
		return nil
	}
	var err error
	q.Tags, err = x.fleet.CodeTags(x.request, c)
	return err
}

// read parses one filter; the zero value when it is missing.
func read[T any](name string, v values, parse func(string) (T, error), to *T) error {
	s := v.text(name)
	if s == "" {
		return nil
	}
	var err error
	*to, err = parse(s)
	return ident.As("portalId", err)
}

func readICCIDs(all []string, to *[]ident.ICCID) error {
	var errs []error
	for _, s := range all {
		iccid, err := ident.ParseICCID(s)
		errs = append(errs, ident.As("iccId", err))
		*to = append(*to, iccid)
	}
	return fault.Join(errs...)
}

// statusOf is what the contract calls a state: it reports the target of what is
// on its way.
func statusOf(s sim.State) SIMStatus {
	switch s {
	case sim.Provisioning, sim.Provisioned:
		return SIMStatusActive
	case sim.Available, sim.AwaitingApproval, sim.AwaitingReview, sim.Deprovisioning, sim.Unprovisioned, sim.Closed:
	}
	return SIMStatusAvailable
}

// activeStatuses are the platform's statuses that the contract calls active.
var activeStatuses = []sim.Status{sim.StatusProvisioning, sim.StatusProvisioned, sim.StatusSuspended}

// statusesOf lists the platform's statuses that a filter means; nil for none.
func statusesOf(word string) []sim.Status {
	switch word {
	case "":
		return nil
	case string(SIMStatusActive):
		return activeStatuses
	case string(SIMStatusAvailable):
		return slices.DeleteFunc(sim.Statuses(), func(s sim.Status) bool { return slices.Contains(activeStatuses, s) })
	}
	s, _ := sim.ParseStatus(strings.TrimSpace(word)) // one of the contract's enum
	return []sim.Status{s}
}
