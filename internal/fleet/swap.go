package fleet

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Swap replaces a SIM by one from stock.
type Swap struct {
	Old, New ident.ICCID
	MSISDN   ident.MSISDN // the old SIM's, or empty
	Contract bool         // the contract goes on; else the new SIM begins one
}

// Codes of the faults of SwapSIM.
const (
	SwapOld    = "swap.old"    // the old SIM is not in service
	SwapNew    = "swap.new"    // the new SIM is not in stock
	SwapSame   = "swap.same"   // they are one SIM
	SwapMSISDN = "swap.msisdn" // the old SIM has another number
)

// SwapSIM moves the number, address, package, labels, attributes, data limit and
// device lock of a SIM in service to one from stock, terminates the old one and activates the new one,
// without asking a person: the service goes on.
// May is the dialect's own say in it; it may refuse.
func (s *Service) SwapSIM(ctx context.Context, r Request, w Swap, may func(*sim.SIM) error) (sim.SIM, error) {
	for _, need := range []tenant.Permission{tenant.SIMTerminate, tenant.SIMActivate, tenant.SIMAssign} {
		if err := r.Caller.Needs(need); err != nil {
			return sim.SIM{}, err
		}
	}
	if w.Old == w.New {
		return sim.SIM{}, fault.New(fault.Precondition, SwapSame, "a SIM cannot replace itself")
	}
	var b *swapping
	err := s.store.Write(ctx, func(tx Tx) error {
		b = &swapping{batch: batch{r: &r, known: newKnown(tx, r.Caller.Sphere), tx: tx, at: s.now(), direct: true}, w: w}
		b.result.Outcomes = make([]Outcome, 2)
		return b.run(ctx, may)
	})
	if err != nil {
		return sim.SIM{}, err
	}
	s.after(&b.batch)
	return b.fresh, nil
}

// swapping is one SwapSIM inside its transaction.
type swapping struct {
	batch
	w          Swap
	old, stock *sim.SIM // before
	gone       sim.SIM  // the old one after
	fresh      sim.SIM  // the new one after
}

func (b *swapping) run(ctx context.Context, may func(*sim.SIM) error) error {
	if err := b.find(ctx); err != nil {
		return err
	}
	if err := b.check(may); err != nil {
		return err
	}
	b.move()
	facts, err := b.facts(ctx, b.stock)
	if err != nil {
		return err
	}
	edit := Edit{Package: &b.old.Package, Portfolio: &b.old.Portfolio}
	if err := b.assign(ctx, &edit, &b.fresh, facts); err != nil {
		return err
	}
	reason := "replaced by " + string(b.w.New)
	if err := b.command(ctx, 0, sim.Terminate, reason, &b.gone); err != nil {
		return err
	}
	if err := b.command(ctx, 1, sim.Activate(b.phase()), "replaces "+string(b.w.Old), &b.fresh); err != nil {
		return err
	}
	return b.save(ctx)
}

// phase is the one that the new SIM begins in: the old one's, unless it has
// been live itself.
func (b *swapping) phase() sim.Phase {
	if b.stock.EverLive {
		return sim.Live
	}
	return b.old.Wanted.Phase
}

func (b *swapping) find(ctx context.Context) error {
	found, err := b.tx.Lock(ctx, b.r.Caller.Sphere, []ident.ICCID{b.w.Old, b.w.New})
	if err != nil {
		return err
	}
	for i := range found {
		switch found[i].ICCID {
		case b.w.Old:
			b.old = &found[i]
		case b.w.New:
			b.stock = &found[i]
		}
	}
	if b.old == nil {
		return missingSIM(b.w.Old)
	}
	if b.stock == nil {
		return missingSIM(b.w.New)
	}
	b.gone, b.fresh = *b.old, *b.stock
	return nil
}

func (b *swapping) check(may func(*sim.SIM) error) error {
	if err := may(b.old); err != nil {
		return err
	}
	if err := may(b.stock); err != nil {
		return err
	}
	if b.w.MSISDN != "" && b.w.MSISDN != b.old.MSISDN {
		return fault.New(fault.NotFound, SwapMSISDN, "the SIM does not have the number %s", b.w.MSISDN)
	}
	if st := b.old.Wanted.State; st != sim.Provisioned && st != sim.Provisioning {
		return fault.New(fault.Precondition, SwapOld, "SIM %s is %s; only one in service can be replaced", b.w.Old, b.old.Status())
	}
	if b.stock.Wanted.State != sim.Available {
		return fault.New(fault.Precondition, SwapNew, "SIM %s is %s; only one from stock can replace another", b.w.New, b.stock.Status())
	}
	return nil
}

// move hands over what belongs to the service rather than to the card.
func (b *swapping) move() {
	old, gone, fresh := b.old, &b.gone, &b.fresh
	fresh.MSISDN, fresh.IP, fresh.APN = old.MSISDN, old.IP, old.APN
	fresh.Name, fresh.Group, fresh.Device, fresh.IMEI, fresh.Barred = old.Name, old.Group, old.Device, old.IMEI, old.Barred
	fresh.DataLimit, fresh.IMEILock = old.DataLimit, old.IMEILock
	gone.MSISDN, gone.IP, gone.DataLimit, gone.IMEILock = b.stock.MSISDN, netip.Addr{}, 0, ""
	gone.Name, gone.Group, gone.Device, gone.IMEI = "", "", "", ""
	if b.w.Contract {
		fresh.ContractStart, fresh.ContractEnd = old.ContractStart, old.ContractEnd
		gone.ContractStart, gone.ContractEnd = time.Time{}, time.Time{}
	} else {
		fresh.ContractStart, fresh.ContractEnd = time.Time{}, time.Time{}
	}
	b.tell(event.SIMSwapped, old, event.Data{Subject: string(b.w.New), Changes: []event.Change{{Field: "msisdn", From: string(old.MSISDN), To: string(gone.MSISDN)}}})
	b.tell(event.SIMSwapped, b.stock, event.Data{Subject: string(b.w.Old), Changes: []event.Change{{Field: "msisdn", From: string(b.stock.MSISDN), To: string(old.MSISDN)}}})
}

// save writes the old SIM first, which lets go of the number: no two SIMs have
// it, and the network hears of the two in that order.
func (b *swapping) save(ctx context.Context) error {
	b.gone.ModifiedAt, b.fresh.ModifiedAt = b.at.Add(-time.Microsecond), b.at
	number := b.gone.MSISDN
	b.gone.MSISDN = ""
	b.changes = []sim.Change{{Before: b.old, After: &b.gone}}
	if err := b.write(ctx); err != nil {
		return err
	}
	if err := b.tx.MoveAttributes(ctx, b.old.ID, b.stock.ID, b.at); err != nil {
		return err
	}
	if err := b.tx.Save(ctx, []sim.Change{{Before: b.stock, After: &b.fresh}}); err != nil || number == "" {
		return err
	}
	// The new SIM brought a number of its own, which the old one takes.
	again := b.gone
	again.MSISDN = number
	return b.tx.Save(ctx, []sim.Change{{Before: &b.gone, After: &again}})
}
