package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

type setAsideCmd struct {
	List   setAsideList   `cmd:"" help:"List them, oldest first, with the reasons."`
	Replay setAsideReplay `cmd:"" help:"Count them now, each once; those that still cannot be counted stay, with the new reason."`
	Remove setAsideRemove `cmd:"" help:"Forget them: they are never counted."`
}

type setAsideList struct {
	After int64 `placeholder:"ID" help:"Those behind this one."`
	Limit int   `default:"100" help:"How many at most, 1 to 1000."`
}

// Help is the detail of the manual.
func (setAsideList) Help() string { return example("simurgh set-aside list --limit 20") }

type setAsideView struct {
	ID   int64      `json:"setAsideId"`
	At   *time.Time `json:"setAsideAt"`
	Why  string     `json:"reason"`
	Size int64      `json:"bytes"`
}

func viewSetAside(s *usage.SetAside) setAsideView { return setAsideView{s.ID, at(s.At), s.Why, s.Size} }

func (c *setAsideList) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		all, err := a.Fleet.SetAsides(ctx, sh.request(), c.After, c.Limit)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"setAside": items(all, viewSetAside)}, func(w io.Writer) {
			t := newTable(w, "ID", "SET ASIDE", "BYTES", "REASON")
			defer t.flush()
			for _, s := range all {
				t.row(strconv.FormatInt(s.ID, 10), clock(s.At), strconv.FormatInt(s.Size, 10), s.Why)
			}
		})
	})
}

// someSetAside are those that a command is about.
type someSetAside struct {
	IDs []int64 `arg:"" optional:"" name:"id" placeholder:"ID" help:"Which of them."`
	All bool    `help:"All of them."`
}

// each calls do for each of them. With All, what somebody else has taken
// meanwhile is left out.
func (c *someSetAside) each(ctx context.Context, a *app.App, r fleet.Request, do func(id int64) error) error {
	if c.All == (len(c.IDs) > 0) {
		return fault.InvalidField("all", "or ids are needed, and not both")
	}
	for _, id := range c.IDs {
		if err := do(id); err != nil {
			return err
		}
	}
	for last := int64(0); c.All; {
		page, err := a.Fleet.SetAsides(ctx, r, last, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			if err := do(s.ID); err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			last = s.ID
		}
	}
	return nil
}

type setAsideReplay struct{ someSetAside }

// Help is the detail of the manual.
func (setAsideReplay) Help() string { return example("simurgh set-aside replay --all") }

type replayed struct {
	Replayed int `json:"replayed"`
	Counted  int `json:"counted"`
	Ignored  int `json:"ignored"` // repetitions, or older than what is known
	Unknown  int `json:"unknown"` // of no SIM
	Left     int `json:"left"`    // they still cannot be counted
}

func (c *setAsideReplay) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		var n replayed
		err := c.each(ctx, a, sh.request(), func(id int64) error {
			done, err := a.Fleet.ReplaySetAside(ctx, sh.request(), id)
			if fault.CodeOf(err) == fleet.StillAside {
				n.Left++
				return nil
			}
			if err == nil {
				n.Replayed++
			}
			n.Counted, n.Ignored, n.Unknown = n.Counted+done.Taken, n.Ignored+done.Ignored, n.Unknown+done.Unknown
			return err
		})
		if err != nil {
			return err
		}
		if err := sh.say(n, "%d replayed: %d reports counted, %d ignored as known, %d of no SIM. %d still cannot be counted.",
			n.Replayed, n.Counted, n.Ignored, n.Unknown, n.Left); err != nil || n.Left == 0 {
			return err
		}
		return errPartly
	})
}

type setAsideRemove struct{ someSetAside }

// Help is the detail of the manual.
func (setAsideRemove) Help() string { return example("simurgh set-aside remove 4503599627370520") }

func (c *setAsideRemove) Run(ctx context.Context, sh *shell) error {
	return sh.with(ctx, func(a *app.App) error {
		n := 0
		err := c.each(ctx, a, sh.request(), func(id int64) error {
			err := a.Fleet.RemoveSetAside(ctx, sh.request(), id)
			if err == nil {
				n++
			}
			return err
		})
		if err != nil {
			return err
		}
		return sh.say(map[string]int{"removed": n}, "%d removed", n)
	})
}
