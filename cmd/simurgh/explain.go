package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// cause is one reason why a SIM is as it is: what, why, who, since when, and
// what lifts it.
type cause struct {
	What   string     `json:"what"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
	Since  *time.Time `json:"since"`
	Lifts  string     `json:"lifts"`

	once bool // it happened at that time and does not go on
}

func (c *cause) sentence() string {
	s := c.What
	if c.Since != nil && c.once {
		s += " at " + clock(*c.Since)
	} else if c.Since != nil {
		s += " since " + clock(*c.Since)
	}
	if c.By != "" {
		s += " by " + c.By
	}
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	if c.Lifts != "" {
		s += "\n    -> " + c.Lifts
	}
	return s
}

// explain lists everything that keeps a SIM from plain service, the nearest
// first.
func explain(s *sim.SIM, ops []sim.Operation, folio *tenant.Portfolio, networks []plan.Network) []cause {
	out := []cause{}
	if s.Pending() {
		out = append(out, pending(s, ops))
	}
	out = append(out, waiting(s, ops)...)
	out = append(out, holds(s)...)
	if !s.Lock.Since.IsZero() {
		out = append(out, cause{What: "its state is locked", Reason: s.Lock.Reason, By: s.Lock.Actor, Since: at(s.Lock.Since), Lifts: "only the operator lifts it: simurgh sims unlock " + string(s.ICCID)})
	}
	if s.Barred != 0 {
		out = append(out, cause{What: "barred services: " + s.Barred.String(), Lifts: "the customer switches them on again"})
	}
	if s.Failure != "" {
		out = append(out, cause{What: "the last change did not happen", Reason: s.Failure, Since: at(s.FailedAt), Lifts: "remove the cause and give the command again", once: true})
	}
	out = append(out, offNetwork(s, networks)...)
	return append(out, account(s, folio)...)
}

// pending says how far the network has come with the newest change.
func pending(s *sim.SIM, ops []sim.Operation) cause {
	c := cause{What: "network " + s.Network + " has still to answer", Since: at(s.ModifiedAt), Lifts: "a running server tells it: simurgh serve"}
	for i := range ops {
		o := &ops[i]
		if o.Progress != sim.OpPending || o.Generation != s.Generation {
			continue
		}
		c.Since, c.By = at(o.RequestedAt), o.Actor
		if o.Attempts > 0 {
			c.Reason = fmt.Sprintf("tried %s; the last answer was: %s", times(o.Attempts), o.LastError)
			c.Lifts = "tried again by itself, next at " + clock(o.NextTry)
		}
	}
	return c
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// waiting names the task that a person has to decide.
func waiting(s *sim.SIM, ops []sim.Operation) []cause {
	if !s.Waiting() {
		return nil
	}
	c := cause{What: "a person must approve the activation", Since: at(s.Since), By: s.By, Lifts: "see simurgh tasks list"}
	if s.Wanted.State == sim.AwaitingReview {
		c.What = "a person must approve the termination; until then it stays on the network"
	}
	for i := range ops {
		if ops[i].Progress == sim.OpWaiting {
			c.Reason = ops[i].Reason
			c.Lifts = fmt.Sprintf("simurgh tasks approve %d, or simurgh tasks reject %d --reason R", ops[i].ID, ops[i].ID)
		}
	}
	return []cause{c}
}

// lifted says who ends each kind of suspension, and how.
var lifted = map[sim.Kind]string{
	sim.Admin:    "only the operator lifts it: simurgh sims resume %s",
	sim.System:   "it lifts at the start of the next billing cycle, or: simurgh sims resume %s --kind system",
	sim.Customer: "the customer lifts it, or: simurgh sims resume %s --kind customer",
}

// limitLifted is for suspensions that a data limit set.
const limitLifted = "it lifts by itself when the next month begins (UTC), with a higher limit, or: simurgh sims resume %s --kind system"

func holds(s *sim.SIM) []cause {
	var out []cause
	for _, k := range sim.AllKinds() {
		h := s.Holds[k]
		c := cause{Reason: h.Reason, By: h.Actor, Since: at(h.Since)}
		lifts := lifted[k]
		if k == sim.System && strings.HasPrefix(h.Reason, fleet.ReasonDataLimit) {
			lifts = limitLifted
		}
		switch {
		case s.Wanted.Suspended.Has(k):
			c.What, c.Lifts = "suspended ("+k.String()+")", fmt.Sprintf(lifts, s.ICCID)
		case s.Settled.Suspended.Has(k):
			c.What, c.Lifts = "still suspended ("+k.String()+")", "it has been lifted; the network has still to hear of it"
		default:
			continue
		}
		out = append(out, c)
	}
	return out
}

// offNetwork explains the states in which a SIM is in nobody's service.
func offNetwork(s *sim.SIM, networks []plan.Network) []cause {
	switch s.Wanted.State {
	case sim.Closed:
		return []cause{{What: "closed", By: s.By, Since: at(s.Since), Lifts: "nothing lifts this: closed is final"}}
	case sim.Unprovisioned:
		c := cause{What: "terminated", Since: at(s.TerminatedAt)}
		for _, n := range networks {
			if n.Name == s.Network {
				c.Lifts = "it returns to stock by itself, from " + clock(s.TerminatedAt.AddDate(0, 0, n.QuarantineDays)) + ", and can be activated again at any time"
			}
		}
		return []cause{c}
	case sim.Available:
		if s.IMSI == "" {
			return []cause{{What: "it has no IMSI, so that no network can know it", Lifts: "import it with its IMSI"}}
		}
	case sim.AwaitingApproval, sim.Provisioning, sim.Provisioned, sim.AwaitingReview, sim.Deprovisioning:
	}
	return nil
}

// account explains what keeps its account from activating it.
func account(s *sim.SIM, folio *tenant.Portfolio) []cause {
	if s.Wanted.State.OnNetwork() || s.Wanted.State == sim.Closed {
		return nil
	}
	var out []cause
	if folio.Suspended != 0 {
		out = append(out, cause{What: "its account is suspended (" + folio.Suspended.String() + ")",
			Lifts: "simurgh portfolio set " + string(folio.ID) + " with --no-suspend-admin, --no-suspend-customer or --no-suspend-system"})
	}
	if folio.Above {
		out = append(out, cause{What: "an account above its own is suspended", Lifts: "simurgh portfolio list shows which"})
	}
	if folio.NoActivations {
		out = append(out, cause{What: "the operator has stopped new activations in this account",
			Lifts: "simurgh portfolio set " + string(folio.ID) + " --no-stop-activations"})
	}
	if folio.Overdue > 0 {
		out = append(out, cause{What: "a payment of " + price(folio.Overdue, folio.Currency) + " is due before anything more is activated",
			Lifts: "once it is paid: simurgh portfolio set " + string(folio.ID) + " --overdue 0"})
	}
	return out
}
