package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// What portfolios want to be told of without anything happening: that nothing
// is heard of a SIM, and what a month has come to. Rounds look at it.

// SilenceWriter keeps which silences have been told of.
type SilenceWriter interface {
	Silences(ctx context.Context, ids []int64) (map[int64]time.Time, error)
	SaveSilences(ctx context.Context, since map[int64]time.Time) error
	EndSilences(ctx context.Context, portfolio ident.PortfolioID, all bool) error
}

// silenceEvery is how often the SIMs of a portfolio are looked at for silence,
// which is counted in hours; and silencePage how many at once.
const (
	silenceEvery = 10 * time.Minute
	silencePage  = 500
)

// TellSilences alerts about SIMs in service of which nothing has been heard for
// as long as a rule of their portfolio says; of each silence once. It returns
// how many alerts there were. Of several nodes one looks at a portfolio.
func (s *Service) TellSilences(ctx context.Context) (int, error) {
	rules, err := s.store.RulesAbout(ctx, usage.NoConnection)
	if err != nil {
		return 0, err
	}
	told := 0
	for i := range rules {
		a := &rules[i]
		mine := false
		now := s.now()
		if a.Seen > now.Add(-silenceEvery).UnixMicro() {
			continue
		}
		if err := s.store.Write(ctx, func(tx Tx) (err error) {
			if mine, err = tx.SeeAlertRule(ctx, *a, now.UnixMicro(), now.Add(-silenceEvery).UnixMicro()); err != nil || !mine {
				return err
			}
			return tx.EndSilences(ctx, a.Portfolio, false)
		}); err != nil {
			return told, err
		}
		if !mine {
			continue
		}
		n, err := s.listen(ctx, a)
		if told += n; err != nil {
			return told, err
		}
	}
	return told, nil
}

// listen looks at the SIMs of a rule's portfolio, a page at a time.
func (s *Service) listen(ctx context.Context, a *usage.AlertRule) (told int, err error) {
	every := sim.Kinds(0).With(sim.Admin).With(sim.System).With(sim.Customer)
	q := sim.Query{Portfolio: a.Portfolio, Statuses: []sim.Status{sim.StatusProvisioned}, NotHeld: every, Limit: silencePage}
	for {
		page, err := s.store.List(ctx, tenant.Everything(), q)
		if err != nil {
			return told, err
		}
		silent, err := silences(ctx, s.store, page.SIMs, s.now().Add(-time.Duration(a.Value)*time.Hour))
		if err != nil {
			return told, err
		}
		n, err := s.tellSilent(ctx, a, keysOf(silent))
		if told += n; err != nil || page.Next == nil {
			return told, err
		}
		q.After = page.Next
	}
}

// hearing is what silences are found by.
type hearing interface {
	Activities(ctx context.Context, ids []int64) (map[int64]usage.Activity, error)
}

// silences returns those of the SIMs that are in service, and have been as they
// are since before a time, of which nothing has been heard since: when it last
// was, by their ids.
func silences(ctx context.Context, from hearing, sims []sim.SIM, before time.Time) (map[int64]time.Time, error) {
	var ids []int64
	for i := range sims {
		one := &sims[i]
		if one.StandsAt() == sim.InService && !one.Pending() && one.ModifiedAt.Before(before) && one.ActivatedAt.Before(before) {
			ids = append(ids, one.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	heard, err := from.Activities(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[int64]time.Time{}
	for _, id := range ids {
		last := heard[id]
		if at := last.LastHeard(); at.Before(before) {
			out[id] = at
		}
	}
	return out, nil
}

// tellSilent looks once more at SIMs that seemed silent, held now, and alerts
// about those whose silence nobody has been told of.
func (s *Service) tellSilent(ctx context.Context, a *usage.AlertRule, ids []int64) (told int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		told = 0
		sims, err := tx.LockIDs(ctx, ids)
		if err != nil {
			return err
		}
		now := s.now()
		silent, err := silences(ctx, tx, sims, now.Add(-time.Duration(a.Value)*time.Hour))
		if err != nil {
			return err
		}
		known, err := tx.Silences(ctx, ids)
		if err != nil {
			return err
		}
		var alerts []usage.Alert
		fresh := map[int64]time.Time{}
		for i := range sims {
			one := &sims[i]
			since, is := silent[one.ID]
			if before, was := known[one.ID]; !is || was && before.Equal(since) || one.Portfolio != a.Portfolio {
				continue
			}
			fresh[one.ID] = since
			alerts = append(alerts, usage.Alert{Portfolio: one.Portfolio, SIM: one.ID, ICCID: one.ICCID, At: now, Kind: usage.NoConnection, Detail: heardOf(since)})
		}
		if told = len(alerts); told == 0 {
			return nil
		}
		if err := tx.SaveSilences(ctx, fresh); err != nil {
			return err
		}
		return tx.AddAlerts(ctx, alerts)
	})
	return told, err
}

func heardOf(since time.Time) string {
	if since.IsZero() {
		return "never heard of"
	}
	return "last heard of at " + since.Format(time.RFC3339)
}

// lateCost is how long after its end a month is still looked at: its last
// sessions are priced in the hour that follows, or when they are next heard of.
const lateCost = 24 * time.Hour

// TellBalances alerts about what the use of a month has cost, once for each
// month and amount that a rule names. It returns how many alerts there were.
func (s *Service) TellBalances(ctx context.Context) (int, error) {
	rules, err := s.store.RulesAbout(ctx, usage.BalanceThreshold)
	if err != nil {
		return 0, err
	}
	told, now := 0, s.now()
	months := []time.Time{now}
	if late := now.Add(-lateCost); late.Month() != now.Month() {
		months = []time.Time{late, now}
	}
	for i := range rules {
		for _, at := range months {
			if rules[i].Seen >= usage.MonthNo(at) {
				continue
			}
			did, err := s.tellBalance(ctx, &rules[i], at)
			if err != nil {
				return told, err
			}
			if did {
				told++
			}
		}
	}
	return told, nil
}

// tellBalance alerts if the month of a time has come to what a rule names, and
// nobody has been told.
func (s *Service) tellBalance(ctx context.Context, a *usage.AlertRule, at time.Time) (did bool, err error) {
	folio, err := s.store.Portfolio(ctx, tenant.Everything(), a.Portfolio)
	if err != nil {
		return false, err
	}
	cost, err := s.store.AccountCost(ctx, tenant.Below(folio.Path), folio.Currency, at.Year(), int(at.Month()))
	if err != nil || cost < money.Amount(a.Value) {
		return false, err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		month := usage.MonthNo(at)
		if did, err = tx.SeeAlertRule(ctx, *a, month, month-1); err != nil || !did {
			return err
		}
		return tx.AddAlerts(ctx, []usage.Alert{{Portfolio: a.Portfolio, At: s.now(), Kind: usage.BalanceThreshold,
			Detail: fmt.Sprintf("%s of %s %s in %s", cost, money.Amount(a.Value), folio.Currency, at.Format("January 2006"))}})
	})
	return did, err
}
