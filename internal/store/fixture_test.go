package store_test

import (
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// addRoot adds a portfolio.
func addRoot(t testing.TB, db *store.DB) tenant.Portfolio {
	t.Helper()
	p := tenant.Portfolio{ID: ident.NewPortfolioID(), Name: "root", Currency: "GBP", BillingDay: 1, Status: tenant.Active, CreatedAt: start}
	p.Path = tenant.Path("", p.ID)
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.AddPortfolio(t.Context(), p) }); err != nil {
		t.Fatal(err)
	}
	return p
}

// insert adds a SIM in stock.
func insert(t testing.TB, db *store.DB, p tenant.Portfolio, iccid ident.ICCID) sim.SIM {
	t.Helper()
	s := sim.SIM{ICCID: iccid, Number: string(iccid), Network: "lab", Lifecycle: sim.New(start, "x"), CreatedAt: start, ModifiedAt: start}
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.Insert(t.Context(), p.ID, []sim.NewSIM{{SIM: &s}}) }); err != nil {
		t.Fatal(err)
	}
	return s
}
