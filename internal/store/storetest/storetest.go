// Package storetest is what every engine of the store must do. The store's own
// tests run it on SQLite and on PostgreSQL.
package storetest

import (
	"testing"

	"github.com/simurgh-iot/simurgh/internal/store"
)

// Run runs the suite. Each call of open returns an empty, migrated database
// that nobody else uses; it stays open until the test that asked for it ends.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open func(t *testing.T) *store.DB)
	}{
		{"List", testList},
		{"ListWalks", testListWalks},
		{"Search", testSearch},
		{"Totals", testTotals},
		{"Sphere", testSphere},
		{"SIMs", testSIMs},
		{"Points", testPoints},
		{"Counters", testCounters},
		{"Queue", testQueue},
		{"Operations", testOperations},
		{"Events", testEvents},
		{"Alerts", testAlerts},
		{"AlertRules", testAlertRules},
		{"AlertRulesAtOnce", testAlertRulesAtOnce},
		{"Silences", testSilences},
		{"Accounts", testAccounts},
		{"AccountsPending", testAccountsPending},
		{"AccountsAtOnce", testAccountsAtOnce},
		{"Terms", testTerms},
		{"Portals", testPortals},
		{"Links", testLinks},
		{"Tenancy", testTenancy},
		{"Packages", testPackages},
		{"Admin", testAdmin},
		{"Jobs", testJobs},
		{"Bulk", testBulk},
		{"Carried", testCarried},
		{"Rejects", testRejects},
		{"Sessions", testSessions},
		{"SessionsAt", testSessionsAt},
		{"OpenAfter", testOpenAfter},
		{"Ceilings", testCeilings},
		{"CeilingsHeld", testCeilingsHeld},
		{"DropSessions", testDropSessions},
		{"Write", testWrite},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open)
		})
	}
}
