package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// SendSMS queues a text for the devices of SIMs, all or nothing. A SIM that
// cannot take messages now is refused with NoMessages.
func (s *Service) SendSMS(ctx context.Context, r Request, iccids []ident.ICCID, field, text string) (*Applied, error) {
	parts, err := usage.Parts(field, text)
	if err != nil {
		return nil, err
	}
	check := func(_ context.Context, a *asking, of *sim.SIM) error {
		if why := a.noMessages(of); why != "" {
			return fault.New(fault.Precondition, NoMessages, "%s", why)
		}
		return nil
	}
	return s.ask(ctx, &r, iccids, sim.SendMessage, text, check, func(ctx context.Context, tx Tx, a *asking) error {
		messages := make([]usage.Message, len(a.errands))
		for i, e := range a.errands {
			messages[i] = usage.Message{ID: e.ID, SIM: e.SIM, At: a.at, Direction: usage.ToDevice, Text: text, Status: usage.MessageQueued, StatusAt: a.at,
				Parts: parts, Actor: e.Actor}
		}
		return tx.AddMessages(ctx, messages)
	})
}

// noMessages says why a SIM cannot take messages; empty when it can.
func (a *asking) noMessages(s *sim.SIM) string {
	switch {
	case !onNetwork(s):
		return "the SIM is " + s.Status().String()
	case s.Wanted.Suspended != 0:
		return "the SIM is suspended"
	case s.Barred.Has(sim.Messaging):
		return "messages are barred"
	case !a.able(s):
		return "network " + s.Network + " carries no messages"
	}
	return ""
}

// Messages lists the messages of SIMs in a time range, newest first, and how
// many there are. SIMs that are not the caller's are left out.
func (s *Service) Messages(ctx context.Context, r Request, iccids []ident.ICCID, from, to time.Time, offset, n int) ([]usage.Message, int64, error) {
	ids, err := s.mine(ctx, &r, tenant.ActivityGet, iccids)
	if err != nil || len(ids) == 0 {
		return nil, 0, err
	}
	return s.store.Messages(ctx, ids, from, to, offset, limit(n))
}

// mine returns the ids of those SIMs that are the caller's.
func (s *Service) mine(ctx context.Context, r *Request, need tenant.Permission, iccids []ident.ICCID) ([]int64, error) {
	if err := r.Caller.Needs(need); err != nil {
		return nil, err
	}
	page, err := s.store.List(ctx, r.Caller.Sphere, sim.Query{ICCIDs: iccids, Limit: len(iccids)})
	return idsOf(page.SIMs), err
}

// ResetSIMs has the devices of SIMs register anew, all or nothing: their data
// sessions are cut, the network forgets where they are where it can, and is told
// once more what it should have of them. A SIM that is not on its network is
// refused with NotActive.
func (s *Service) ResetSIMs(ctx context.Context, r Request, iccids []ident.ICCID) (*Applied, error) {
	if err := r.Caller.Needs(tenant.Control); err != nil {
		return nil, err
	}
	var result *Applied
	cut := false
	networks := map[string]bool{}
	err := s.store.Write(ctx, func(tx Tx) error {
		a := &asking{known: newKnown(tx, r.Caller.Sphere), s: s, r: &r, at: s.now(), kind: sim.ResetOnNetwork, networks: map[string]bool{}}
		err := a.run(ctx, distinct(iccids), "", func(_ context.Context, _ *asking, of *sim.SIM) error {
			if !onNetwork(of) {
				return fault.New(fault.Precondition, NotActive, "the SIM is %s", of.Status())
			}
			return nil
		})
		if result = &a.result; err != nil || a.result.Refused {
			return err
		}
		networks = a.networks
		cut, err = s.reset(ctx, tx, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.told(networks)
	if cut {
		s.cut()
	}
	return result, nil
}

func (s *Service) reset(ctx context.Context, tx Tx, a *asking) (cut bool, err error) {
	var sims []sim.SIM
	for i := range a.result.Outcomes {
		sims = append(sims, a.result.Outcomes[i].SIM)
	}
	n, err := tx.Cut(ctx, idsOf(sims), "reset", a.at)
	if err != nil {
		return false, err
	}
	if err := tx.Requeue(ctx, sims, a.at); err != nil {
		return false, err
	}
	if err := tx.AddErrands(ctx, a.errands); err != nil {
		return false, err
	}
	return n > 0, tx.AddEvents(ctx, a.events)
}

// ChangeProfile changes a profile on the eUICCs of SIMs, all or nothing. A SIM
// without one is refused with NoEUICC; a profile that is not offered to the SIM's
// account, or is not on the card, with NoProfile.
func (s *Service) ChangeProfile(ctx context.Context, r Request, iccids []ident.ICCID, kind sim.ErrandKind, name string) (*Applied, error) {
	return s.ask(ctx, &r, iccids, kind, name, func(ctx context.Context, a *asking, of *sim.SIM) error {
		switch {
		case !of.IsEUICC():
			return fault.New(fault.Precondition, NoEUICC, "the SIM is not on an eUICC")
		case !a.able(of):
			return fault.New(fault.Precondition, NoEUICC, "network %s changes no profiles", of.Network)
		case !onNetwork(of):
			return fault.New(fault.Precondition, NotActive, "the SIM is %s", of.Status())
		}
		return a.profileThere(ctx, of, kind, name)
	}, nil)
}

// enables reports whether an errand puts another profile in the place of the
// enabled one.
func enables(e sim.Errand) bool {
	return e.Kind == sim.EnableProfile || e.Kind == sim.InstallProfile
}

// profileThere checks a profile against what is offered, what lies on the card,
// and what is under way there.
func (a *asking) profileThere(ctx context.Context, of *sim.SIM, kind sim.ErrandKind, name string) error {
	there, err := a.tx.CardProfiles(ctx, []int64{of.ID})
	if err != nil {
		return err
	}
	underWay, err := a.tx.Errands(ctx, []int64{of.ID}, true, maxPage)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(there[of.ID], func(p sim.CardProfile) bool { return p.Name == name })
	coming := slices.ContainsFunc(underWay, func(e sim.Errand) bool { return e.Kind.OfProfile() && e.Subject == name })
	no := func(format string, args ...any) error {
		return fault.New(fault.Precondition, NoProfile, "%s", fmt.Sprintf(format, args...))
	}
	if kind == sim.EnableProfile || kind == sim.DeleteProfile {
		switch {
		case coming: // what is under way decides
		case i < 0:
			return no("profile %q is not on the card", name)
		case kind == sim.DeleteProfile && there[of.ID][i].Enabled && !slices.ContainsFunc(underWay, enables):
			return no("profile %q is enabled; enable another one first", name)
		}
		return nil
	}
	folio, err := a.portfolio(ctx, of.Portfolio)
	if err != nil {
		return err
	}
	offered, err := a.tx.Offered(ctx, *folio)
	switch {
	case err != nil:
		return err
	case !slices.Contains(offered, name):
		return no("profile %q is not available", name)
	case i >= 0 && !coming:
		return no("profile %q is on the card already", name)
	}
	return nil
}

// MaxProfileName bounds the names of profiles, in characters.
const MaxProfileName = 64

// OfferProfile lets the SIMs of a portfolio, and of those below it, download a
// profile.
func (s *Service) OfferProfile(ctx context.Context, r Request, portfolio ident.PortfolioID, name string) error {
	if err := fault.Join(r.Caller.Needs(tenant.PackageWrite), checkName("name", name, MaxProfileName)); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, portfolio)
		if err != nil {
			return err
		}
		if err := tx.Offer(ctx, p.ID, name, s.now()); err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, p.ID, s.now(), event.Data{Subject: "profile " + name, To: "offered"})})
	})
}

// WithdrawProfile ends an offer. What lies on cards stays there.
func (s *Service) WithdrawProfile(ctx context.Context, r Request, portfolio ident.PortfolioID, name string) error {
	if err := r.Caller.Needs(tenant.PackageWrite); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		p, err := tx.Portfolio(ctx, r.Caller.Sphere, portfolio)
		if err != nil {
			return err
		}
		found, err := tx.Withdraw(ctx, p.ID, name)
		if err == nil && !found {
			err = fault.Missing("profile", name)
		}
		if err != nil {
			return err
		}
		return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, p.ID, s.now(), event.Data{Subject: "profile " + name, To: "withdrawn"})})
	})
}

// Offered lists the profiles that the caller's SIMs in a portfolio may download.
func (s *Service) Offered(ctx context.Context, r Request, portfolio ident.PortfolioID) ([]string, error) {
	if err := r.Caller.Needs(tenant.SIMGet); err != nil {
		return nil, err
	}
	p, err := s.store.Portfolio(ctx, r.Caller.Sphere, portfolio)
	if err != nil {
		return nil, err
	}
	return s.store.Offered(ctx, p)
}
