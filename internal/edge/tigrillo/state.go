package tigrillo

import (
	"context"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// change is one ID of getSIMStateOptions, which setSIMState takes.
type change struct {
	id, title string
	choose    fleet.Choose
	refused   *refusal
}

// changes are in the order in which they are offered.
var changes = []change{
	{"suspend", "Suspend SIM", suspend, errSuspend},
	{"active", "Reactivate SIM", reactivate, errUnsuspend},
	{"terminate", "Terminate the SIM", terminate, errTerminate},
}

type stateOption struct {
	ID    string `json:"ID"`
	Title string `json:"title"`
}

type optionsAnswer struct {
	plain
	StateOptions []stateOption `json:"stateOptions"`
}

func (h *handler) getSIMStateOptions(ctx context.Context, x *exchange) (any, error) {
	iccid, err := x.in.iccid(missing("ICCID"), errSIM)
	if err != nil {
		return nil, err
	}
	s, verbs, err := h.Fleet.Options(ctx, x.request, iccid)
	if err != nil {
		return nil, err
	}
	answer := optionsAnswer{plain: ok}
	for _, c := range changes {
		if edit, err := c.choose(fleet.Facts{SIM: &s}); err == nil && does(verbs, edit.Verb) {
			answer.StateOptions = append(answer.StateOptions, stateOption{c.id, c.title})
		}
	}
	if answer.StateOptions == nil {
		answer.StateOptions = []stateOption{{"reason", why(&s, verbs)}}
	}
	return answer, nil
}

// does reports whether the lifecycle would carry out v.
func does(verbs []sim.Option, v sim.Verb) bool {
	for _, o := range verbs {
		if o.Verb == v {
			return !o.NoOp && o.Refusal == nil
		}
	}
	return false
}

// why says in the customer's words why nothing can be changed, since when, and
// what lifts that.
func why(s *sim.SIM, verbs []sim.Option) string {
	since := s.Since.UTC().Format(wireTime)
	switch s.Status() {
	case sim.StatusAwaitingApproval:
		return "The activation has been waiting for the operator's approval since " + since + "; the SIM can be changed once that is decided"
	case sim.StatusProvisioning:
		return "The SIM has been on its way to the network since " + since + "; it can be changed once the network has answered"
	case sim.StatusAwaitingReview:
		return "The termination has been waiting for the operator's review since " + since + "; the SIM can be changed once that is decided"
	case sim.StatusDeprovisioning:
		return "The SIM has been on its way off the network since " + since + "; it can be changed once the network has answered"
	case sim.StatusAvailable, sim.StatusProvisioned, sim.StatusSuspended, sim.StatusUnprovisioned, sim.StatusClosed:
	}
	for _, o := range verbs {
		if o.Verb == sim.Terminate && o.Refusal != nil {
			return sentence(o.Refusal)
		}
	}
	return "The SIM cannot be changed now"
}

func sentence(r *sim.Refusal) string {
	text := strings.ToUpper(r.Why[:1]) + r.Why[1:]
	if !r.Since.IsZero() {
		text += " (since " + r.Since.UTC().Format(wireTime) + ")"
	}
	if r.Lifts != "" {
		text += "; " + r.Lifts
	}
	return text
}

func (h *handler) setSIMState(ctx context.Context, x *exchange) (any, error) {
	iccid, err := x.in.iccid(missing("ICCID"), errSIM)
	if err != nil {
		return nil, err
	}
	word, err := x.in.text("state")
	switch {
	case err != nil:
		return nil, err
	case word == nil || *word == "":
		return nil, missing("state")
	}
	for _, c := range changes {
		if c.id == *word {
			return h.one(ctx, x, iccid, c.choose, c.refused)
		}
	}
	return nil, invalid("state")
}

// one carries out a call on a single SIM, whose answer is a plain status.
func (h *handler) one(ctx context.Context, x *exchange, iccid ident.ICCID, choose fleet.Choose, refused *refusal) (any, error) {
	return h.apply(ctx, x, []ident.ICCID{iccid}, choose, func(a *fleet.Applied) any {
		if err := a.Outcomes[0].Err; err != nil {
			return inWords(err, refused).answer()
		}
		return ok
	})
}

type detail struct{ name, group *string }

// setSIMDetail changes the labels of one SIM: null keeps, "" clears.
func (h *handler) setSIMDetail(ctx context.Context, x *exchange) (any, error) {
	iccid, err := x.in.iccid(invalid("ICCID"), invalid("ICCID"))
	if err != nil {
		return nil, err
	}
	var d detail
	if d.name, err = x.in.label("friendlyName"); err != nil {
		return nil, err
	}
	if d.group, err = x.in.label("group"); err != nil {
		return nil, err
	}
	return h.one(ctx, x, iccid, func(fleet.Facts) (fleet.Edit, error) {
		return fleet.Edit{Name: d.name, Group: d.group}, nil
	}, invalid("ICCID"))
}

// maxLabel bounds what owners write: names, groups and device types alike.
const maxLabel = min(sim.MaxName, sim.MaxGroup)

// label returns an owner's text; nil keeps what is there.
func (p params) label(name string) (*string, error) {
	s, err := p.text(name)
	if err != nil || s == nil {
		return nil, err
	}
	text, err := sim.ParseLabel(name, *s, maxLabel)
	return &text, err
}

// orNull writes an empty text as null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timeOrNull writes a time without a zone, and none as null.
func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(t.UTC().Format(wireTime))
}
