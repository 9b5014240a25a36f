package storetest

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/bulk"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// settleMore adds a collection, an item, a title, terms, an address and a token.
func (s *settled) settleMore(one *sim.SIM, account tenant.Account) {
	s.t.Helper()
	s.write(func(ctx context.Context, tx *store.Tx) error {
		c := sim.Collection{Portfolio: s.a1.ID, Name: "collection", Title: "Collection", CreatedAt: noon}
		if err := tx.SaveCollection(ctx, &c); err != nil {
			return err
		}
		s.give(c.ID)
		if err := tx.Collect(ctx, c.ID, map[ident.ICCID]int64{one.ICCID: one.ID}); err != nil {
			return err
		}
		if err := tx.SaveItem(ctx, &plan.Item{Package: s.packages[0].ID, CreatedAt: noon}); err != nil {
			return err
		}
		alert := usage.Alert{Portfolio: s.a1.ID, SIM: one.ID, ICCID: one.ICCID, At: noon, Kind: usage.StateChanged}
		if err := tx.AddAlerts(ctx, []usage.Alert{alert}); err != nil {
			return err
		}
		if err := tx.SaveAlertRule(ctx, usage.AlertRule{Portfolio: s.a1.ID, Kind: usage.StateChanged, CreatedAt: noon}); err != nil {
			return err
		}
		s.give(usage.AlertQuery{Limit: 10}, usage.AlertQuery{ICCIDs: []ident.ICCID{one.ICCID}, Limit: 10}, usage.AlertQuery{Group: &one.Group, Limit: 10})
		j := job.Job{Kind: "sweep", Portfolio: s.a1.ID, State: job.Waiting, DueAt: noon}
		if err := tx.AddJob(ctx, &j); err != nil {
			return err
		}
		s.give(j.ID)
		if err := s.settleBulk(ctx, tx); err != nil {
			return err
		}
		year := 100 // and so many months, which is what the suite gives for a number
		if err := tx.AddMonths(ctx, map[usage.MonthKey]*usage.Month{{SIM: one.ID, Year: year, Month: year}: {Year: year, Month: year, In: 5, Cost: 7}}); err != nil {
			return err
		}
		s.give(s.a1.Currency)
		if err := s.settleTerms(ctx, tx); err != nil {
			return err
		}
		return tx.AddToken(ctx, &tenant.Token{Hash: []byte("token"), Account: account.ID, CreatedAt: noon, ExpiresAt: noon.AddDate(1, 0, 0)})
	})
}

// settleTerms adds a title, terms, a portal and an address.
func (s *settled) settleTerms(ctx context.Context, tx *store.Tx) error {
	if err := tx.SaveTitle(ctx, s.a1, "A one"); err != nil {
		return err
	}
	if err := tx.SaveTerms(ctx, s.a1.ID, tenant.Terms{TaxCode: 1}); err != nil {
		return err
	}
	if err := tx.SavePortalStep(ctx, s.a1.ID, "portal"); err != nil {
		return err
	}
	return tx.SaveAddress(ctx, tenant.Address{ID: string(ident.NewPortfolioID()), Portfolio: s.a1.ID, Type: tenant.BillingAddress, Status: tenant.Active, CreatedAt: noon})
}

// settleBulk adds a file and a bulk job.
func (s *settled) settleBulk(ctx context.Context, tx *store.Tx) error {
	f := bulk.File{Portfolio: s.a1.ID, Name: "file", Status: bulk.Empty, CreatedAt: noon}
	if err := tx.AddFile(ctx, &f); err != nil {
		return err
	}
	b := bulk.Job{Job: job.Job{Kind: bulk.Kind, Portfolio: s.a1.ID, State: job.Setup}, Type: bulk.SetStatus, Name: "bulk", File: f.ID}
	if err := tx.AddBulk(ctx, &b); err != nil {
		return err
	}
	s.give(f.ID, b.ID, bulk.Query{Limit: 10}, bulk.Query{Portfolio: s.a1.ID, Limit: 10})
	return nil
}
