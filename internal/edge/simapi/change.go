package simapi

import (
	"context"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// change is what a PATCH asks of a SIM. Empty texts and nil fields are absent.
//
// This dialect refuses more than the lifecycle does: nothing but suspensions
// changes on a suspended SIM, and a customer resumes alone, in a request of its
// own. All is judged by what is wanted, so a command can follow another at once.
type change struct {
	caller   *tenant.Principal
	names    int // how many members the request has
	status   SIMChangeStatus
	customer Flag
	admin    Flag
	system   Flag
	card     fleet.Card
	pkg      *int64
	noPkg    bool // packageId is null
	folio    *ident.PortfolioID
}

// The errors of changes.
var (
	errNothing   = refusal(codeNothing, "Nothing would change")
	errSuspended = refusal(codeSuspended, "The SIM is suspended")
	errNullID    = refusal(codeNullPackage, "packageId may not be null")
	errSystem    = refusal(codeNotRequested, "systemSuspend can only be lifted: a rule sets it")
	errContrary  = refusal(codeBadValue, "a SIM cannot be activated and suspended at once")
)

// ChangeSIM implements StrictServerInterface.
func (h *handler) ChangeSIM(ctx context.Context, r ChangeSIMRequestObject) (ChangeSIMResponseObject, error) {
	x := of(ctx)
	c, err := x.readChange(r.Body)
	if err != nil {
		return nil, err
	}
	s, err := x.carryOut(ctx, x.sim.ICCID, c)
	if err != nil {
		return nil, err
	}
	out, err := x.one(ctx, &s)
	return ChangeSIM200JSONResponse(out), err
}

// readChange parses what the contract's check has let through.
func (x *exchange) readChange(b *SIMChange) (*change, error) {
	c, err := x.readMove(b.PackageId, b.PortfolioId)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range []struct {
		name string
		from *Digits
		to   **int64
	}{{"iccMnoId", b.IccMnoId, &c.card.MNO}, {"iccSpecId", b.IccSpecId, &c.card.Spec}, {"iccTypeId", b.IccTypeId, &c.card.Part}} {
		if f.from != nil {
			n, err := f.from.id(f.name)
			*f.to, c.names = &n, c.names+1
			errs = append(errs, err)
		}
	}
	if !b.EId.absent() {
		eid := ident.EID("")
		if !b.EId.null() {
			eid = ident.EID(b.EId.text())
		}
		c.card.EID, c.names = &eid, c.names+1
	}
	for _, f := range []struct{ from, to *Flag }{{b.CustomerSuspend, &c.customer}, {b.AdminSuspend, &c.admin}, {b.SystemSuspend, &c.system}} {
		if f.from != nil {
			*f.to, c.names = *f.from, c.names+1
		}
	}
	if b.Status != nil {
		c.status, c.names = *b.Status, c.names+1
	}
	return c, fault.Join(errs...)
}

// readMove parses the two members that move a SIM.
func (x *exchange) readMove(pkg Given, folio *PortfolioId) (*change, error) {
	c := &change{caller: &x.request.Caller}
	if !pkg.absent() {
		c.names, c.noPkg = c.names+1, pkg.null()
		if !c.noPkg {
			n, err := Digits(pkg.text()).id("packageId")
			if err != nil {
				return nil, err
			}
			c.pkg = &n
		}
	}
	if folio != nil {
		id, err := ident.ParsePortfolioID(*folio)
		if err != nil {
			return nil, err
		}
		c.folio, c.names = &id, c.names+1
	}
	return c, nil
}

// moves reports whether the SIM is to go to another package or portfolio.
func (c *change) moves() bool { return c.pkg != nil || c.noPkg || c.folio != nil }

// carryOut does what c asks in one transaction, and returns the SIM after it.
func (x *exchange) carryOut(ctx context.Context, iccid ident.ICCID, c *change) (sim.SIM, error) {
	if err := c.permitted(); err != nil {
		return sim.SIM{}, err
	}
	switch {
	case c.names == 0:
		return sim.SIM{}, errNothing
	case c.customer == FlagYes && c.status == SIMChangeStatusActive:
		return sim.SIM{}, errContrary
	}
	done, err := x.fleet.Apply(ctx, x.request, []ident.ICCID{iccid}, c.choose, nil)
	if err != nil {
		return sim.SIM{}, err
	}
	o := &done.Outcomes[0]
	switch {
	case o.Err != nil:
		return sim.SIM{}, c.outside(o.Err)
	case !o.Changed:
		return sim.SIM{}, c.same()
	}
	return o.SIM, nil
}

// permitted checks the permissions that the members need, each before anything
// is said of the SIM's state.
func (c *change) permitted() error {
	for _, need := range []struct {
		asked bool
		p     tenant.Permission
	}{
		{c.card != fleet.Card{}, tenant.SIMImport},
		{c.admin != "" || c.system != "", tenant.SIMAdminSuspend},
		{c.customer != "", tenant.SIMSuspend},
		{c.status == SIMChangeStatusActive, tenant.SIMActivate},
		{c.status == SIMChangeStatusAvailable, tenant.SIMTerminate},
		{c.moves(), tenant.SIMAssign},
	} {
		if need.asked {
			if err := c.caller.Needs(need.p); err != nil {
				return err
			}
		}
	}
	return nil
}

// operator reports whether the caller stands above customers.
func (c *change) operator() bool { return c.caller.May.Has(tenant.SIMAdminSuspend) }

// choose turns the change into an edit of a SIM as it stands.
func (c *change) choose(f fleet.Facts) (fleet.Edit, error) {
	var none fleet.Edit
	if err := c.suspended(f.SIM.Wanted.Suspended); err != nil {
		return none, err
	}
	switch {
	case c.system == FlagYes:
		return none, errSystem
	case c.noPkg:
		return none, errNullID
	case c.moves() && f.SIM.Package == 0 && !c.operator():
		return none, fault.New(fault.Precondition, plan.NoPackage, "the SIM has no package")
	}
	edit := fleet.Edit{Then: c.verbs(&f.SIM.Lifecycle), Card: c.card, Package: c.pkg, Portfolio: c.folio}
	if c.customer == FlagYes {
		edit.Reason = "suspended by the customer"
	} else if c.admin == FlagYes {
		edit.Reason = "suspended by the operator"
	}
	return edit, nil
}

// suspended holds the change against the suspensions of the SIM.
func (c *change) suspended(held sim.Kinds) error {
	own := held.Has(sim.Customer)
	switch {
	case held == 0:
		return nil
	case c.status != "" || c.moves() || c.card != fleet.Card{}:
		return errSuspended
	case c.customer == FlagYes && own:
		return already("suspended by the customer")
	case c.customer == FlagYes && !c.operator():
		return errSuspended
	case c.customer == FlagNo && c.names > 1:
		return errSuspended
	case c.customer == FlagNo && !own && !c.operator():
		return errSuspended
	}
	return nil
}

func already(state string) *problem { return refusal(codeAlready, "The SIM is "+state+" already") }

// verbs lists the commands that bring the SIM to the states asked for; none for
// one that it is in.
func (c *change) verbs(l *sim.Lifecycle) []sim.Verb {
	var out []sim.Verb
	switch st := l.Wanted.State; {
	case c.status == SIMChangeStatusActive && st != sim.Provisioning && st != sim.Provisioned:
		out = append(out, sim.ActivateLive)
	case c.status == SIMChangeStatusAvailable && (statusOf(st) == SIMStatusActive || st == sim.AwaitingApproval):
		out = append(out, sim.Terminate)
	}
	for _, f := range []struct {
		flag Flag
		kind sim.Kind
	}{{c.admin, sim.Admin}, {c.system, sim.System}, {c.customer, sim.Customer}} {
		switch held := l.Wanted.Suspended.Has(f.kind); {
		case f.flag == FlagYes && !held:
			out = append(out, sim.Suspend(f.kind))
		case f.flag == FlagNo && held:
			out = append(out, sim.Resume(f.kind))
		}
	}
	return out
}

// same says why nothing changed.
func (c *change) same() error {
	switch {
	case c.names > 1 || c.moves() || c.card != fleet.Card{}:
		return errNothing
	case c.status != "":
		return already(string(c.status))
	case c.customer == FlagNo || c.admin == FlagNo || c.system == FlagNo:
		return already("free of that suspension")
	}
	return already("suspended so")
}

// outside tells a portfolio that is not in the caller's sphere: whether it
// exists is not said.
func (c *change) outside(err error) error {
	if c.folio != nil && fault.CodeOf(err) == "portfolio.not_found" {
		return notInSphere(*c.folio)
	}
	return err
}

func notInSphere(id ident.PortfolioID) error {
	return &problem{status: http.StatusForbidden, code: codeOutside, message: "portfolio " + string(id) + " is not in your sphere"}
}
