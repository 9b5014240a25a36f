package fleet

import (
	"context"
	"slices"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// AlertRuleReader reads what portfolios want alerts about.
type AlertRuleReader interface {
	AlertRules(ctx context.Context, in tenant.Sphere, portfolio ident.PortfolioID) ([]usage.AlertRule, error)
	RulesAbout(ctx context.Context, kind usage.AlertKind) ([]usage.AlertRule, error)
	RulesOver(ctx context.Context, simID int64, kind usage.AlertKind) ([]int64, error)
	AccountCost(ctx context.Context, in tenant.Sphere, c money.Currency, year, month int) (money.Amount, error)
}

// AlertRuleWriter changes what portfolios want alerts about.
type AlertRuleWriter interface {
	SaveAlertRule(ctx context.Context, a usage.AlertRule) error
	DropAlertRule(ctx context.Context, a usage.AlertRule) (bool, error)
	SeeAlertRule(ctx context.Context, a usage.AlertRule, seen, past int64) (bool, error)
	Unrule(ctx context.Context, portfolio ident.PortfolioID) error
	SilenceWriter
}

// AlertRules lists the rules of a portfolio, by kind and value.
func (s *Service) AlertRules(ctx context.Context, r Request, portfolio ident.PortfolioID) ([]usage.AlertRule, error) {
	if err := r.Caller.Needs(tenant.PortfolioGet); err != nil {
		return nil, err
	}
	if _, err := s.store.Portfolio(ctx, r.Caller.Sphere, portfolio); err != nil {
		return nil, err
	}
	return s.store.AlertRules(ctx, r.Caller.Sphere, portfolio)
}

// SetAlertRule gives a portfolio a rule. One of a kind of which there is one at
// most takes the place of the one before; the same rule again changes nothing.
// It returns the rule as it is kept.
func (s *Service) SetAlertRule(ctx context.Context, r Request, a usage.AlertRule) (usage.AlertRule, error) {
	if err := fault.Join(r.Caller.Needs(tenant.PortfolioWrite), a.Check()); err != nil {
		return a, err
	}
	a.CreatedAt, a.Seen = s.now(), 0
	if a.Kind == usage.BalanceThreshold {
		a.Seen = usage.MonthNo(a.CreatedAt) - 1 // what came before the rule is not told of
	}
	err := s.store.WriteBulk(ctx, func(tx Tx) error {
		if _, err := tx.Portfolio(ctx, r.Caller.Sphere, a.Portfolio); err != nil {
			return err
		}
		old, err := others(ctx, tx, &a)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(old, func(o usage.AlertRule) bool { return o.Value == a.Value }); i >= 0 {
			a = old[i]
			return nil
		}
		if err := replaces(ctx, tx, &a, old); err != nil {
			return err
		}
		if err := tx.SaveAlertRule(ctx, a); err != nil {
			return err
		}
		return s.ruleChanged(ctx, tx, &r, &a, "set")
	})
	return a, err
}

// replaces makes room for a rule among those of its kind.
func replaces(ctx context.Context, tx Tx, a *usage.AlertRule, old []usage.AlertRule) error {
	form, _ := a.Form() // Check has found it
	switch {
	case form.Several && len(old) >= usage.MaxAlertRules:
		return fault.New(fault.Exhausted, "alert_rule.limit", "the account has %d rules of kind %s; at most %d are allowed", len(old), a.Kind, usage.MaxAlertRules)
	case form.Several:
		return nil
	}
	for i := range old {
		if _, err := tx.DropAlertRule(ctx, old[i]); err != nil {
			return err
		}
	}
	return nil
}

// others lists the rules of the kind that the portfolio has, and keeps them as
// they are.
func others(ctx context.Context, tx Tx, a *usage.AlertRule) ([]usage.AlertRule, error) {
	if err := tx.LockPortfolio(ctx, a.Portfolio); err != nil {
		return nil, err
	}
	all, err := tx.AlertRules(ctx, tenant.Everything(), a.Portfolio)
	return slices.DeleteFunc(all, func(o usage.AlertRule) bool { return o.Kind != a.Kind }), err
}

// RemoveAlertRule ends a rule, and returns it as it was. Without a value it is
// the only one of its kind.
func (s *Service) RemoveAlertRule(ctx context.Context, r Request, a usage.AlertRule) (usage.AlertRule, error) {
	if err := r.Caller.Needs(tenant.PortfolioWrite); err != nil {
		return a, err
	}
	if _, ok := a.Form(); !ok {
		return a, a.Check()
	}
	err := s.store.WriteBulk(ctx, func(tx Tx) error {
		if _, err := tx.Portfolio(ctx, r.Caller.Sphere, a.Portfolio); err != nil {
			return err
		}
		old, err := others(ctx, tx, &a)
		if err != nil {
			return err
		}
		if a.Value == 0 && len(old) > 1 {
			return fault.InvalidField("value", "is missing; the account has %d rules of kind %s", len(old), a.Kind)
		}
		i := slices.IndexFunc(old, func(o usage.AlertRule) bool { return a.Value == 0 || o.Value == a.Value })
		if i < 0 {
			return fault.Missing("alert rule", strings.TrimSpace(string(a.Kind)+" "+a.ValueText()))
		}
		a = old[i]
		if _, err := tx.DropAlertRule(ctx, a); err != nil {
			return err
		}
		return s.ruleChanged(ctx, tx, &r, &a, "removed")
	})
	return a, err
}

// ruleChanged does what follows from a change of a rule, and tells of it.
func (s *Service) ruleChanged(ctx context.Context, tx Tx, r *Request, a *usage.AlertRule, what string) error {
	switch {
	case a.Kind == usage.DataThreshold:
		// Sessions go on unseen up to where the rule before had its mark.
		if err := tx.Unrule(ctx, a.Portfolio); err != nil {
			return err
		}
	case a.Kind == usage.NoConnection && what == "removed":
		if err := tx.EndSilences(ctx, a.Portfolio, true); err != nil {
			return err
		}
	}
	return tx.AddEvents(ctx, []event.Event{r.event(event.PortfolioChanged, a.Portfolio, s.now(),
		event.Data{Subject: strings.TrimSpace("alert rule " + string(a.Kind) + " " + a.ValueText()), To: what})})
}

// percent is how much of a data limit raises an alert for the SIMs of a
// portfolio; 0 where it is the platform's.
func (k *known) percent(ctx context.Context, portfolio ident.PortfolioID) (int64, error) {
	rules, err := k.alertRules(ctx, portfolio)
	for _, a := range rules {
		if a.Kind == usage.DataThreshold {
			return a.Value, err
		}
	}
	return 0, err
}

// alertRules are those of a portfolio, whoever asks.
func (k *known) alertRules(ctx context.Context, portfolio ident.PortfolioID) ([]usage.AlertRule, error) {
	rules, err := remember(k.rules, portfolio, func() (*[]usage.AlertRule, error) {
		list, err := k.tx.AlertRules(ctx, tenant.Everything(), portfolio)
		return &list, err
	})
	if err != nil {
		return nil, err
	}
	return *rules, nil
}
