package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

type alertRuleCmd struct {
	Set    alertRuleSet    `cmd:"" help:"Have an account alerted about something."`
	List   alertRuleList   `cmd:"" help:"List what an account is alerted about."`
	Remove alertRuleRemove `cmd:"" help:"End a rule. Alerts that it has raised stay."`
}

// ruleWords are what the kinds of rules are about, for the manual.
const ruleWords = `Kinds, and what VALUE is:

    state-changed                  none: a SIM of the account stands elsewhere, as its network has agreed
    data-usage-threshold PERCENT   of a SIM's data limit, instead of what the server has (--limit-alert)
    sms-threshold        MESSAGES  of a SIM in a calendar month, UTC; several rules are possible
    no-connection        HOURS     that nothing is heard of a SIM in service; one alert for each silence
    balance-threshold    AMOUNT    that the use of a month costs, as the account's balance shows it; several rules are possible

All but the last are about the account's own SIMs, not those of accounts below it.

`

type alertRuleOf struct {
	Portfolio string `required:"" placeholder:"HEX32" help:"The account."`
}

func (p *alertRuleOf) id() (ident.PortfolioID, error) {
	id, err := ident.ParsePortfolioID(p.Portfolio)
	return id, ident.As("portfolio", err)
}

type alertRuleArgs struct {
	alertRuleOf
	Kind  string `arg:"" help:"What the alert is about, such as no-connection."`
	Value string `arg:"" optional:"" help:"From where on; see above."`
}

// rule parses the arguments. A value that is missing is 0.
func (c *alertRuleArgs) rule() (usage.AlertRule, error) {
	kind := usage.AlertKind(strings.ToUpper(strings.ReplaceAll(c.Kind, "-", "_")))
	a := usage.AlertRule{Kind: kind}
	var errs [2]error
	a.Portfolio, errs[0] = c.id()
	form, ok := a.Form()
	switch {
	case !ok:
		errs[1] = fault.InvalidField("kind", "is %q; rules are about %s", c.Kind, ruleKinds())
	case c.Value == "":
	case form.Unit == usage.Currency:
		amount, err := money.Parse(c.Value)
		a.Value, errs[1] = int64(amount), ident.As("value", err)
	default:
		n, err := strconv.ParseInt(c.Value, 10, 64)
		if err != nil {
			errs[1] = fault.InvalidField("value", "is %q, which is no whole number", c.Value)
		}
		a.Value = n
	}
	return a, fault.Join(errs[:]...)
}

// kindWord writes a kind as commands take it.
func kindWord(k usage.AlertKind) string {
	return strings.ToLower(strings.ReplaceAll(string(k), "_", "-"))
}

func ruleKinds() string {
	var words []string
	for _, f := range usage.RuleForms() {
		words = append(words, kindWord(f.Kind))
	}
	return strings.Join(words, ", ")
}

type alertRuleSet struct{ alertRuleArgs }

// Help is the detail of the manual.
func (alertRuleSet) Help() string {
	return ruleWords + example("simurgh alert-rule set --portfolio 0123456789abcdef0123456789abcdef no-connection 24",
		"simurgh alert-rule set --portfolio 0123456789abcdef0123456789abcdef balance-threshold 250.00")
}

func (c *alertRuleSet) Run(ctx context.Context, sh *shell) error {
	a, err := c.rule()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(p *app.App) error {
		set, err := p.Fleet.SetAlertRule(ctx, sh.request(), a)
		if err != nil {
			return err
		}
		return sh.say(viewRule(&set), "The account is alerted: %s", ruleText(&set))
	})
}

type alertRuleView struct {
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Trigger   usage.AlertKind   `json:"trigger"`
	Value     string            `json:"value"` // empty where the kind takes none
	Unit      usage.Unit        `json:"unit"`
	Since     *time.Time        `json:"since"`
}

func viewRule(a *usage.AlertRule) alertRuleView {
	form, _ := a.Form() // a stored rule has one
	return alertRuleView{a.Portfolio, a.Kind, a.ValueText(), form.Unit, at(a.CreatedAt)}
}

// ruleText is a rule in words: "no-connection 24 hours".
func ruleText(a *usage.AlertRule) string {
	v := viewRule(a)
	return strings.TrimSpace(kindWord(a.Kind) + " " + v.Value + " " + string(v.Unit))
}

type alertRuleList struct{ alertRuleOf }

// Help is the detail of the manual.
func (alertRuleList) Help() string {
	return example("simurgh alert-rule list --portfolio 0123456789abcdef0123456789abcdef")
}

func (c *alertRuleList) Run(ctx context.Context, sh *shell) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(a *app.App) error {
		list, err := a.Fleet.AlertRules(ctx, sh.request(), id)
		if err != nil {
			return err
		}
		views := items(list, viewRule)
		return sh.print(map[string]any{"rules": views}, func(w io.Writer) {
			t := newTable(w, "KIND", "VALUE", "UNIT", "SINCE")
			defer t.flush()
			for _, v := range views {
				t.row(kindWord(v.Trigger), v.Value, string(v.Unit), clock(*v.Since))
			}
		})
	})
}

type alertRuleRemove struct{ alertRuleArgs }

// Help is the detail of the manual.
func (alertRuleRemove) Help() string {
	return "The value tells apart several rules of a kind; one alone needs none.\n\n" +
		example("simurgh alert-rule remove --portfolio 0123456789abcdef0123456789abcdef no-connection")
}

func (c *alertRuleRemove) Run(ctx context.Context, sh *shell) error {
	a, err := c.rule()
	if err != nil {
		return err
	}
	return sh.with(ctx, func(p *app.App) error {
		was, err := p.Fleet.RemoveAlertRule(ctx, sh.request(), a)
		if err != nil {
			return err
		}
		return sh.say(viewRule(&was), "The account is not alerted any more: %s", ruleText(&was))
	})
}
