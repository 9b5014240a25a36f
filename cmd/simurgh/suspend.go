package main

import (
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// suspendFlags suspend a person or a program.
type suspendFlags struct {
	SuspendAdmin    *bool `negatable:"" help:"Suspend it, or lift that: it comes in nowhere. Its tokens and sessions go on afterwards, if they last until then."`
	SuspendCustomer *bool `negatable:"" help:"Likewise, in the name of its account."`
	SuspendSystem   *bool `negatable:"" help:"Likewise, for a rule of your own."`
}

func (f *suspendFlags) suspending() tenant.Suspending {
	return toSuspend(f.SuspendAdmin, f.SuspendSystem, f.SuspendCustomer)
}

// toSuspend says what flags set and lift.
func toSuspend(admin, system, customer *bool) tenant.Suspending {
	out := tenant.Suspending{}
	for k, to := range map[tenant.Suspension]*bool{tenant.AdminSuspension: admin, tenant.SystemSuspension: system, tenant.CustomerSuspension: customer} {
		if to != nil {
			out[k] = *to
		}
	}
	return out
}

// suspensions lists the names of a set, as JSON shows them.
func suspensions(s tenant.Suspensions) []string {
	out := []string{}
	for _, k := range tenant.AllSuspensions {
		if s.Has(k.Suspension) {
			out = append(out, k.Name)
		}
	}
	return out
}

// standing says in a table whether an account comes in; gone is the word for one
// that is disabled.
func standing(a *tenant.Account, gone string) string {
	switch {
	case a.Disabled:
		return gone
	case a.Suspended != 0:
		return "suspended (" + a.Suspended.String() + ")"
	case a.Above:
		return "suspended above"
	}
	return string(tenant.Active)
}
