// Package demo fills a platform to look around in: accounts, packages, people,
// and a thousand SIMs in every state there is. It gives the commands that
// people would give, through the use cases and the sync loop, and writes no row
// itself.
package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	driver "github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/network/simulated"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Latency is what the simulated network takes for a call once the platform is
// filled: long enough to see a SIM pending.
const Latency = 200 * time.Millisecond

// Held is a SIM that is worth a look: two hold it at once.
func Held() ident.ICCID { return card(twiceHeld) }

// Fill fills an empty platform. One that it has filled before is left as it
// is; any other is refused with kind Precondition.
func Fill(ctx context.Context, a *app.App) error {
	f := &filling{a: a, operator: fleet.Request{Caller: tenant.Operator("demo"), Via: "cli", ID: "demo"}, as: map[ident.PortfolioID]fleet.Request{}}
	there, err := f.there(ctx)
	if err != nil || there {
		return err
	}
	n, err := a.Network(ctx, network)
	if err != nil {
		return err
	}
	if f.net, err = a.Simulated(n); err != nil {
		return err
	}
	defer func() { _ = f.net.Close() }()
	for _, step := range []func(context.Context) error{
		f.accounts, f.tariffs, f.people, f.cards, f.refusing, f.activations, f.decisions, f.suspensions, f.limits, f.endings, f.slow, f.last,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("filling the demonstration: %w", err)
		}
	}
	return nil
}

// filling is one Fill under way.
type filling struct {
	a        *app.App
	net      *simulated.Network
	operator fleet.Request
	as       map[ident.PortfolioID]fleet.Request // as the first person of each account
}

// there reports whether the platform is filled.
func (f *filling) there(ctx context.Context) (bool, error) {
	all, err := f.a.Fleet.Portfolios(ctx, f.operator)
	if err != nil || len(all) == 0 {
		return false, err
	}
	people, err := f.a.Fleet.Accounts(ctx, f.operator)
	if err != nil {
		return false, err
	}
	for _, p := range people {
		if p.Name == Users[len(Users)-1].Username {
			return true, nil
		}
	}
	return false, fault.New(fault.Precondition, "demo.occupied", "the demonstration needs an empty platform, and this one has %d accounts", len(all))
}

func (f *filling) accounts(ctx context.Context) error {
	for _, n := range portfolios {
		if _, err := f.a.Fleet.CreatePortfolio(ctx, f.operator, n); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) tariffs(ctx context.Context) error {
	for _, p := range packages {
		p.Network = network
		if _, err := f.a.Fleet.CreatePackage(ctx, f.operator, p.Package, p.to); err != nil {
			return err
		}
	}
	for _, i := range items {
		if _, err := f.a.Fleet.CreateItem(ctx, f.operator, i); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) people(ctx context.Context) error {
	for _, u := range Users[:len(Users)-1] {
		if err := f.person(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) last(ctx context.Context) error { return f.person(ctx, Users[len(Users)-1]) }

func (f *filling) person(ctx context.Context, u User) error {
	made, err := f.a.Fleet.CreateUser(ctx, f.operator, fleet.NewUser{Username: u.Username, Password: u.Password, Portfolio: u.Portfolio, Roles: u.Roles})
	if _, known := f.as[u.Portfolio]; !known {
		f.as[u.Portfolio] = fleet.Request{Caller: made.Principal, Via: "tigrillo", ID: "demo"}
	}
	return err
}

func (f *filling) cards(ctx context.Context) error {
	first := 0
	for _, s := range stock {
		rows := app.OpenBatch(strings.NewReader(file(first, s.count, s.name, s.groups)), batch.Options{Luhn: true})
		in := fleet.Import{Portfolio: s.portfolio, Package: s.pkg, File: strings.ToLower(s.name) + "s.csv"}
		sum, err := f.a.Fleet.Import(ctx, f.operator, in, rows)
		if err != nil {
			return err
		}
		if sum.Imported != s.count {
			return fmt.Errorf("%d of %d SIMs were taken", sum.Imported, s.count)
		}
		first += s.count
	}
	return nil
}

// told tells the network what waits for it.
func (f *filling) told(ctx context.Context) error {
	waiting, err := f.a.WorkOff(ctx, network, driver.Driver(f.net))
	if err == nil && waiting > 0 {
		err = fmt.Errorf("%d SIMs still wait for the network", waiting)
	}
	return err
}

// do gives a command to the cards from one number up to another.
func (f *filling) do(ctx context.Context, as fleet.Request, from, to int, edit fleet.Edit) error {
	var iccids []ident.ICCID
	for n := from; n < to; n++ {
		iccids = append(iccids, card(n))
	}
	done, err := f.a.Fleet.Apply(ctx, as, iccids, func(fleet.Facts) (fleet.Edit, error) { return edit, nil }, nil)
	if err != nil || !done.Refused {
		return err
	}
	for _, o := range done.Outcomes {
		if o.Err != nil {
			return fmt.Errorf("SIM %s: %w", o.ICCID, o.Err)
		}
	}
	return nil
}

// act is a command to cards that one of the people, or the operator, gives.
type act struct {
	who      ident.PortfolioID // empty for the operator
	from, to int
	edit     fleet.Edit
}

// play gives commands in turn and tells the network.
func (f *filling) play(ctx context.Context, acts []act) error {
	for _, a := range acts {
		as := f.operator
		if a.who != "" {
			as = f.as[a.who]
		}
		if err := f.do(ctx, as, a.from, a.to, a.edit); err != nil {
			return err
		}
	}
	return f.told(ctx)
}

// slow lets the network take a while from now on.
func (f *filling) slow(ctx context.Context) error {
	s, err := f.net.Settings(ctx)
	if err != nil {
		return err
	}
	s.Latency = Latency
	return f.net.SetSettings(ctx, s)
}

// refusing makes the network refuse one SIM for good.
func (f *filling) refusing(ctx context.Context) error {
	return f.net.SetSettings(ctx, simulated.Settings{RefusedIMSIs: []ident.IMSI{imsi(refusedCard)}})
}

func verb(v sim.Verb, reason string) fleet.Edit { return fleet.Edit{Verb: v, Reason: reason} }
