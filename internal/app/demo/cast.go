package demo

import (
	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
	"github.com/simurgh-iot/simurgh/internal/plan"
)

// The accounts: an operator, its reseller, and three customers of that one. A
// zero more is a level less.
const (
	Operator  ident.PortfolioID = "10000000000000000000000000000000"
	Reseller  ident.PortfolioID = "11000000000000000000000000000000"
	Pumps     ident.PortfolioID = "11100000000000000000000000000000"
	ColdChain ident.PortfolioID = "11200000000000000000000000000000"
	Bikes     ident.PortfolioID = "11300000000000000000000000000000"
)

// Password opens every account of the demonstration.
const Password = "simurgh-demo"

var portfolios = []fleet.NewPortfolio{
	{ID: Operator, Name: "Aurora Networks (operator)", Currency: "GBP"},
	{ID: Reseller, Parent: Operator, Name: "Brightwave M2M (reseller)"},
	{ID: Pumps, Parent: Reseller, Name: "Pump & Meter Co", BillingDay: 5},
	{ID: ColdChain, Parent: Reseller, Name: "Cold Chain Logistics", Currency: "EUR"},
	{ID: Bikes, Parent: Reseller, Name: "City Bikes"},
}

// The packages.
const (
	meterPackage   = 20401
	trackerPackage = 20402
	coldPackage    = 20403
)

var packages = []struct {
	plan.Package
	to []ident.PortfolioID
}{
	{plan.Package{ID: meterPackage, Name: "Meter 10 MB", Price: 3 * money.Unit / 2, ContractMonths: 36}, []ident.PortfolioID{Reseller, Pumps, Bikes}},
	{plan.Package{ID: trackerPackage, Name: "Tracker 100 MB", Price: 16 * money.Unit / 5, ActivationPrice: money.Unit, ContractMonths: 12,
		Activation: plan.Manual, Termination: plan.Manual}, []ident.PortfolioID{Reseller, Bikes}},
	{plan.Package{ID: coldPackage, Name: "Cold Chain 250 MB", Price: 49 * money.Unit / 10, ContractMonths: 24, Termination: plan.Manual},
		[]ident.PortfolioID{ColdChain}},
}

// items are what the packages charge for use. Data in France and Germany is
// outside the cold chain's bundle.
var items = []plan.Item{
	{Package: meterPackage, Category: plan.DataItem, Bundle: 10 << 20, Price: money.Unit / 10},
	{Package: trackerPackage, Category: plan.DataItem, Bundle: 100 << 20, Price: money.Unit / 20},
	{Package: trackerPackage, Category: plan.SMSItem, Price: money.Unit / 25},
	{Package: coldPackage, Category: plan.DataItem, Bundle: 250 << 20, Price: money.Unit / 20},
	{Package: coldPackage, Category: plan.DataItem, Price: 2 * money.Unit / 5, Countries: []string{"208", "262"}},
}

// User is one of the people; all have the same password.
type User struct {
	Username  string            `json:"username"`
	Password  string            `json:"password"`
	Portfolio ident.PortfolioID `json:"portfolioId"`
	Roles     string            `json:"roles"`
}

// Users are the people of the demonstration. The last one is made last of all.
var Users = []User{
	{"ops@pumps.example", Password, Pumps, "AEFT"},
	{"ops@coldchain.example", Password, ColdChain, "AEFT"},
	{"ops@bikes.example", Password, Bikes, "AEFT"},
	{"view@pumps.example", Password, Pumps, "L"},
	{"sales@brightwave.example", Password, Reseller, "AEF"},
	{"admin@aurora.example", Password, Operator, "AEFLTU"},
}

// stock are the SIMs in the order of their ICCIDs.
var stock = []struct {
	portfolio ident.PortfolioID
	pkg       int64
	count     int
	name      string
	groups    []string
}{
	{Pumps, meterPackage, 500, "Pump", []string{"North", "South", "Islands"}},
	{ColdChain, coldPackage, 200, "Trailer", []string{"Rotterdam", "Lyon"}},
	{Bikes, trackerPackage, 300, "Bike", []string{"Centre", "Harbour", "Campus"}},
}

// network is where they all live.
const network = app.FirstNetwork
