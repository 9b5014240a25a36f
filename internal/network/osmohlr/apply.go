package osmohlr

import (
	"context"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Apply makes each profile so, a step of all of them at a time: those that
// lose something first, then those that give up what others take.
//
// A number that another subscriber has is an error that may be retried, unless
// its holder gives it up in the same batch, wherever in the batch that stands.
func (h *HLR) Apply(ctx context.Context, wanted []sim.Profile) []network.Result {
	results := make([]network.Result, 0, len(wanted))
	for len(wanted) > 0 {
		k := distinct(wanted)
		for _, c := range h.applyDistinct(ctx, wanted[:k]) {
			results = append(results, c.err)
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

func (h *HLR) applyDistinct(ctx context.Context, wanted []sim.Profile) []*change {
	changes := make([]*change, len(wanted))
	for i := range wanted {
		changes[i] = &change{wanted: &wanted[i]}
	}
	h.look(ctx, changes)
	h.settleNumbers(ctx, changes)
	h.cut(ctx, changes)
	h.tell(ctx, changes, func(c *change) []request {
		if !c.remove {
			return nil
		}
		return []request{set("subscriber.delete", string(c.wanted.IMSI))}
	})
	h.release(ctx, changes)
	h.tell(ctx, changes, func(c *change) []request {
		if !c.create {
			return nil
		}
		return []request{set("subscriber.create", string(c.wanted.IMSI))}
	})
	h.tell(ctx, changes, func(c *change) []request { return c.sets })
	h.number(ctx, changes)
	return changes
}

// look reads what is there and judges.
func (h *HLR) look(ctx context.Context, changes []*change) {
	requests := make([]request, len(changes))
	for i, c := range changes {
		requests[i] = get(by(c.wanted.IMSI, "info-all"))
	}
	for i, a := range h.ctrl.ask(ctx, requests) {
		c := changes[i]
		switch {
		case a.err == nil:
			c.has = parseInfo(a.value)
		case c.wanted.IMSI != "" && !missing(a.err):
			c.fail(asFault(a.err))
			continue
		}
		c.judge(h.aud2g)
	}
}

// settleNumbers fails the changes whose number is not to be had.
func (h *HLR) settleNumbers(ctx context.Context, changes []*change) {
	var takers []*change
	var requests []request
	all := make(map[ident.IMSI]*change, len(changes))
	for _, c := range changes {
		all[c.wanted.IMSI] = c
		if c.live() && c.takes() {
			takers = append(takers, c)
			requests = append(requests, get("subscriber.by-msisdn-"+string(c.wanted.MSISDN)+".info"))
		}
	}
	holder := map[ident.MSISDN]ident.IMSI{}
	for i, a := range h.ctrl.ask(ctx, requests) {
		switch {
		case a.err == nil:
			holder[takers[i].wanted.MSISDN] = parseInfo(a.value).imsi
		case !missing(a.err):
			takers[i].fail(asFault(a.err))
		}
	}
	settle(takers, holder, all)
}

// cut takes sides away over the VTY, so that the node that serves the
// subscriber drops it at once. The VTY does not say whether the change was
// written; hence it is read back.
func (h *HLR) cut(ctx context.Context, changes []*change) {
	cuts := live(changes, func(c *change) bool { return c.cut != "" })
	if len(cuts) == 0 {
		return
	}
	h.console(ctx, cuts, func(s *session, c *change) error {
		return s.do("subscriber imsi "+string(c.wanted.IMSI)+" update network-access-mode "+c.cut, silence)
	})
	cuts = live(cuts, nil)
	h.lookForNodes(ctx, cuts)
	requests := make([]request, len(cuts))
	for i, c := range cuts {
		requests[i] = get(by(c.wanted.IMSI, "info"))
	}
	for i, a := range h.ctrl.ask(ctx, requests) {
		if a.err != nil {
			cuts[i].fail(asFault(a.err))
		} else if s := parseInfo(a.value); mode(s.cs, s.ps) != cuts[i].cut {
			cuts[i].fail(failed(&denied{"the access mode is still " + mode(s.cs, s.ps)}))
		}
	}
}

// lookForNodes warns of those whose serving node was not there to be told: it
// goes on serving them until it asks the HLR again, and nothing but the node
// itself can change that.
func (h *HLR) lookForNodes(ctx context.Context, cuts []*change) {
	served := live(cuts, func(c *change) bool { return c.has.served() })
	if len(served) == 0 {
		return
	}
	there := map[string]bool{}
	err := h.vty.session(ctx, func(s *session) error {
		return s.command("show gsup-connections", func(line string) {
			name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "'"), "' from ")
			there[name] = true
		})
	})
	if err != nil {
		return // they are cut; that nobody could look is not worth a failure
	}
	for _, c := range served {
		for _, n := range c.has.nodes {
			if !there[n] {
				h.log.Warn("a subscriber was cut, but the node that serves it is not connected to the HLR",
					"imsi", string(c.wanted.IMSI), "node", n)
			}
		}
	}
}

// release takes numbers from those who keep their place but whose number goes
// to another, as no two may have the same at any time.
func (h *HLR) release(ctx context.Context, changes []*change) {
	taken := map[ident.MSISDN]bool{}
	for _, c := range live(changes, (*change).takes) {
		taken[c.wanted.MSISDN] = true
	}
	h.tell(ctx, changes, func(c *change) []request {
		if c.remove || !c.leaves() || !taken[c.has.msisdn] {
			return nil
		}
		return []request{set(by(c.wanted.IMSI, "msisdn"), noNumber)}
	})
}

const noNumber = "none"

// number writes the numbers that change. Where a node serves the subscriber,
// it is told.
func (h *HLR) number(ctx context.Context, changes []*change) {
	changed := func(c *change) bool { return c.wanted.Present && c.wanted.MSISDN != c.has.msisdn }
	value := func(c *change) string {
		if c.wanted.MSISDN == "" {
			return noNumber
		}
		return string(c.wanted.MSISDN)
	}
	h.tell(ctx, changes, func(c *change) []request {
		if !changed(c) || c.has.served() {
			return nil
		}
		return []request{set(by(c.wanted.IMSI, "msisdn"), value(c))}
	})
	served := live(changes, func(c *change) bool { return changed(c) && c.has.served() })
	h.console(ctx, served, func(s *session, c *change) error {
		return s.do("subscriber imsi "+string(c.wanted.IMSI)+" update msisdn "+value(c), updated)
	})
}

// What the VTY says where it has made a change: nothing, or that it did.
func silence(string) bool { return false }

func updated(line string) bool { return strings.HasPrefix(line, "% Updated subscriber") }

// live returns the changes that go on and that which accepts, if it is given.
func live(changes []*change, which func(*change) bool) []*change {
	return slices.DeleteFunc(slices.Clone(changes), func(c *change) bool {
		return !c.live() || which != nil && !which(c)
	})
}

// tell sends what each live change has to say to the control interface, all at
// once, and fails those that the HLR denies.
func (h *HLR) tell(ctx context.Context, changes []*change, what func(*change) []request) {
	var requests []request
	var of []*change
	for _, c := range live(changes, nil) {
		for _, r := range what(c) {
			requests, of = append(requests, r), append(of, c)
		}
	}
	for i, a := range h.ctrl.ask(ctx, requests) {
		if a.err != nil {
			of[i].fail(asFault(a.err))
		}
	}
}

// console runs a command per change in one session of the VTY. A session that
// fails takes the rest of them with it.
func (h *HLR) console(ctx context.Context, changes []*change, command func(*session, *change) error) {
	if len(changes) == 0 {
		return
	}
	done := 0
	err := h.vty.session(ctx, func(s *session) error {
		for _, c := range changes {
			err := command(s, c)
			if err != nil && !isDenied(err) {
				return err
			}
			if err != nil {
				c.fail(err)
			}
			done++
		}
		return nil
	})
	for _, c := range changes[done:] {
		c.fail(err)
	}
}

// asFault turns what an answer failed with into what a caller hears.
func asFault(err error) error {
	if isDenied(err) {
		return failed(err)
	}
	return err
}
