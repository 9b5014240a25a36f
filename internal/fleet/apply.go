package fleet

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// MaxBatch is how many SIMs one call may name. More is a job for a file.
const MaxBatch = 10_000

// bulkFrom is where a call takes the bulk lane, so that small ones do not wait
// behind it.
const bulkFrom = 200

// Edit is what a caller wants of one SIM. Nil fields stay as they are.
type Edit struct {
	Verb      sim.Verb   // 0 leaves the lifecycle alone
	Then      []sim.Verb // further commands, in order
	Reason    string
	Name      *string
	Group     *string
	Device    *string
	IMEI      *ident.IMEI
	Package   *int64
	Portfolio *ident.PortfolioID
	Card      Card

	DataLimit *int64 // megabytes per month, up to MaxDataLimit; 0 for none
	IMEILock  *ident.IMEI
	Lock      *bool // the operator's, for the Reason

	// NotBelowUse refuses a data limit below what the month brought. Without it
	// such a limit suspends the SIM at once.
	NotBelowUse bool

	// InService refuses the edit while the SIM's data limit is used up; if it is
	// not, the suspension that the limit once set ends with the edit.
	InService bool
}

// verbs lists the commands of the edit.
func (e *Edit) verbs() []sim.Verb {
	if e.Verb == 0 {
		return e.Then
	}
	return append([]sim.Verb{e.Verb}, e.Then...)
}

// Card is what the operator may correct about a card. Nil fields stay.
type Card struct {
	MNO, Spec, Part *int64
	EID             *ident.EID
}

// Facts are what a dialect may look at to choose an edit.
type Facts struct {
	SIM       *sim.SIM
	Portfolio *tenant.Portfolio
	Package   *plan.Package // nil when the SIM has none
}

// Choose translates a call into an edit of one SIM, or refuses it. It is pure:
// it may be asked again when a transaction is run again.
type Choose func(Facts) (Edit, error)

// Outcome is what became of one SIM.
type Outcome struct {
	ICCID     ident.ICCID
	SIM       sim.SIM // as it is now; the zero SIM when it is missing
	Changed   bool
	Progress  sim.Progress // of the operation; 0 when there is none
	Operation int64
	Err       error // why not; a NotFound fault, a *sim.Refusal, or another fault
}

// Applied is the result of Apply.
type Applied struct {
	Outcomes []Outcome // one per SIM, in the order asked, without repetitions
	Refused  bool      // some SIM refused, so that nothing was changed
	Replay   []byte    // the stored answer, when the request was answered before
}

// Apply carries out one edit per SIM, all or nothing: one SIM that refuses
// leaves every other as it was. A render turns the result into the answer that
// is stored for an idempotent request; it may be nil for others.
func (s *Service) Apply(ctx context.Context, r Request, iccids []ident.ICCID, choose Choose, render func(*Applied) ([]byte, error)) (*Applied, error) {
	iccids = distinct(iccids)
	if len(iccids) > MaxBatch {
		return nil, fault.New(fault.Exhausted, "sim.batch", "%d SIMs in one call; at most %d are allowed", len(iccids), MaxBatch)
	}
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	if replay, err := s.replay(ctx, s.store, &r); err != nil || replay != nil {
		return &Applied{Replay: replay}, err
	}
	write := s.store.Write
	if len(iccids) >= bulkFrom {
		write = s.store.WriteBulk
	}
	var b *batch
	err := write(ctx, func(tx Tx) error {
		b = &batch{r: &r, known: newKnown(tx, r.Caller.Sphere), tx: tx, at: s.now(), rules: &s.rules}
		if err := b.run(ctx, iccids, choose); err != nil {
			return err
		}
		return s.keep(ctx, tx, &r, &b.result, render)
	})
	if err != nil {
		return s.beaten(ctx, &r, err)
	}
	s.after(b)
	return &b.result, nil
}

func distinct(iccids []ident.ICCID) []ident.ICCID {
	seen := make(map[ident.ICCID]bool, len(iccids))
	out := make([]ident.ICCID, 0, len(iccids))
	for _, i := range iccids {
		if !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// beaten gives the answer of another caller with the same key who was first, or
// refuses the key when that one asked for something else; any other error stands.
func (s *Service) beaten(ctx context.Context, r *Request, err error) (*Applied, error) {
	if r.Key == "" || fault.KindOf(err) != fault.Conflict {
		return nil, err
	}
	replay, again := s.replay(ctx, s.store, r)
	switch {
	case again != nil:
		return nil, again
	case replay == nil:
		return nil, err
	}
	return &Applied{Replay: replay}, nil
}

// labels applies the texts that an owner may change at any time, and lists what
// changed.
func (e *Edit) labels(s *sim.SIM) []event.Change {
	var changes []event.Change
	set := func(field string, to *string, at *string) {
		if to != nil && *to != *at {
			changes = append(changes, event.Change{Field: field, From: *at, To: *to})
			*at = *to
		}
	}
	set("name", e.Name, &s.Name)
	set("group", e.Group, &s.Group)
	set("device", e.Device, &s.Device)
	for _, f := range []struct {
		name string
		to   *ident.IMEI
		at   *ident.IMEI
	}{{"imei", e.IMEI, &s.IMEI}, {"imeiLock", e.IMEILock, &s.IMEILock}} {
		if f.to != nil && *f.to != *f.at {
			changes = append(changes, event.Change{Field: f.name, From: string(*f.at), To: string(*f.to)})
			*f.at = *f.to
		}
	}
	if e.DataLimit != nil && *e.DataLimit != s.DataLimit {
		changes = append(changes, event.Change{Field: "dataLimit", From: strconv.FormatInt(s.DataLimit, 10), To: strconv.FormatInt(*e.DataLimit, 10)})
		s.DataLimit = *e.DataLimit
	}
	return changes
}

// refit applies what the operator corrects about the card, and lists what
// changed.
func (c *Card) refit(s *sim.SIM) []event.Change {
	var changes []event.Change
	for _, f := range []struct {
		name string
		to   *int64
		at   *int64
	}{{"mno", c.MNO, &s.MNO}, {"spec", c.Spec, &s.Spec}, {"part", c.Part, &s.Part}} {
		if f.to != nil && *f.to != *f.at {
			changes = append(changes, event.Change{Field: f.name, From: strconv.FormatInt(*f.at, 10), To: strconv.FormatInt(*f.to, 10)})
			*f.at = *f.to
		}
	}
	if c.EID != nil && *c.EID != s.EID {
		changes = append(changes, event.Change{Field: "eid", From: string(s.EID), To: string(*c.EID)})
		s.EID = *c.EID
	}
	return changes
}
