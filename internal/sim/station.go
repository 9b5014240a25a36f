package sim

import (
	"fmt"
	"strings"
)

// Station is where a SIM stands for callers that know one state and no
// suspensions. It follows from what is wanted.
type Station uint8

// The stations.
const (
	Shipping   Station = iota + 1 // in stock, never active
	InTest                        // active, in its test period
	ReadyToUse                    // active, waiting for its first real use
	InService                     // active and live
	Offline                       // suspended, terminated, or back in stock
	Scrapped                      // closed
	stations
)

var stationNames = [...]string{"", "shipping", "test", "ready", "live", "offline", "closed"}

// String returns the stable name of s.
func (s Station) String() string { return name(stationNames[:], int(s)) }

// Station returns where l stands once everything that is wanted has come about.
func (l *Lifecycle) Station() Station {
	switch l.Wanted.State {
	case Closed:
		return Scrapped
	case Available:
		if l.EverActive {
			return Offline
		}
		return Shipping
	case AwaitingReview, Deprovisioning, Unprovisioned:
		return Offline
	case AwaitingApproval, Provisioning, Provisioned:
	}
	if l.Wanted.Suspended != 0 {
		return Offline
	}
	return InTest + Station(l.Wanted.Phase-Test)
}

// StandsAt returns where l stands to be seen: what waits for a person has not
// begun, what waits for the network has.
func (l *Lifecycle) StandsAt() Station {
	if !l.Waiting() {
		return l.Station()
	}
	before := *l
	before.Wanted = l.Settled
	return before.Station()
}

// Order is a command in the words of callers that know stations.
type Order uint8

// The orders.
const (
	ToTest Order = iota + 1
	ToReady
	ToLive
	ToOffline
	Pause
	Unpause
	ToClosed
	orders
)

var orderNames = [...]string{"", "test", "active_ready", "activate", "deactivate", "suspend", "resume", "close"}

// String returns the stable name of o.
func (o Order) String() string { return name(orderNames[:], int(o)) }

// Orders lists every order.
func Orders() []Order {
	out := make([]Order, 0, orders-1)
	for o := ToTest; o < orders; o++ {
		out = append(out, o)
	}
	return out
}

// move is one cell of the table of orders.
type move uint8

const (
	no        move = iota // refused
	stay                  // no-op
	test                  // a test period begins
	ready                 // it waits for its first use
	live                  // it goes live; suspensions of the customer are lifted
	terminate             // it leaves the network
	pause                 // the customer suspends it
	end                   // it is closed
	fresh                 // to the order's phase, unless it has been live: then refused
)

var moveTexts = [...]string{"refused", "no-op", "→ test", "→ ready", "→ live", "→ offline (terminate)", "→ offline (suspend)", "→ closed",
	"*never live:* → its phase"}

// orderTable says what each order does at each station.
var orderTable = [stations][orders]move{
	Shipping:   {ToTest: test, ToReady: ready, ToLive: live, ToClosed: end},
	InTest:     {ToTest: stay, ToReady: ready, ToLive: live, ToOffline: terminate, ToClosed: end},
	ReadyToUse: {ToReady: stay, ToLive: live, ToOffline: terminate, ToClosed: end},
	InService:  {ToLive: stay, ToOffline: terminate, Pause: pause, Unpause: stay, ToClosed: end},
	Offline:    {ToTest: fresh, ToReady: fresh, ToLive: live, ToOffline: stay, Pause: stay, Unpause: live, ToClosed: end},
	Scrapped:   {ToClosed: stay},
}

// Plan is what an order comes to.
type Plan struct {
	Verbs []Verb
	Live  bool // the SIM is to go, or to come back, into service
}

// Carry turns an order into commands for l; no commands for a no-op. It returns a
// *[Refusal] for what the table of orders refuses. Apart tells a suspended SIM
// from one that was terminated: a suspended one can then be deactivated.
func Carry(l *Lifecycle, o Order, apart bool) (Plan, error) {
	at := l.Station()
	suspended := at == Offline && (l.Wanted.State == Provisioned || l.Wanted.State == Provisioning)
	switch m := orderTable[at][o]; {
	case m == stay && apart && o == ToOffline && suspended:
		return Plan{Verbs: []Verb{Terminate}}, nil
	case m == stay:
		return Plan{}, nil
	case m == terminate:
		return Plan{Verbs: []Verb{Terminate}}, nil
	case m == pause:
		return Plan{Verbs: []Verb{SuspendCustomer}}, nil
	case m == end:
		return Plan{Verbs: []Verb{Close}}, nil
	case m == no, m == fresh && l.EverLive:
		return Plan{}, l.misplaced(o, at)
	}
	return l.raise(o), nil
}

// raise brings a SIM into the phase of an order, and lifts what the customer
// holds.
func (l *Lifecycle) raise(o Order) Plan {
	p := Plan{Live: o == ToLive || o == Unpause}
	if l.Wanted.Suspended.Has(Customer) {
		p.Verbs = append(p.Verbs, ResumeCustomer)
	}
	switch o {
	case ToTest:
		p.Verbs = append(p.Verbs, ActivateTest)
	case ToReady:
		p.Verbs = append(p.Verbs, ActivateReady)
	case ToLive, Unpause, ToOffline, Pause, ToClosed, orders:
		p.Verbs = append(p.Verbs, ActivateLive)
	}
	return p
}

// misplaced refuses an order at a station.
func (l *Lifecycle) misplaced(o Order, at Station) *Refusal {
	r := &Refusal{Code: "station", Why: "the SIM is " + at.String(), By: l.By, Since: l.Since, order: o}
	switch {
	case at == Scrapped:
		r.Code, r.Lifts = string(reasonClosed), "nothing lifts this: closed is final"
	case o == ToTest || o == ToReady:
		r.Lifts = "test and ready come only before the first live period"
	default:
		r.Lifts = "activate it first"
	}
	return r
}

// OrdersMarkdown prints the table of orders for docs/lifecycle.md.
func OrdersMarkdown() string {
	var b strings.Builder
	b.WriteString("| station |")
	for _, o := range Orders() {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(orders-1)) + "\n")
	for s := Shipping; s < stations; s++ {
		fmt.Fprintf(&b, "| **%s** |", s)
		for _, o := range Orders() {
			fmt.Fprintf(&b, " %s |", moveTexts[orderTable[s][o]])
		}
		b.WriteString("\n")
	}
	return b.String()
}
