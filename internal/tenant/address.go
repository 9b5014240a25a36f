package tenant

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Address is where an account is reached: its invoices, its deliveries.
type Address struct {
	ID        string // 32 hexadecimal digits
	Portfolio ident.PortfolioID
	Type      int64 // of AddressTypes
	Name      string
	Line1     string
	Line2     string
	City      string
	Region    string
	PostCode  string
	Country   string // ISO 3166-1 alpha-2
	Email     string
	Telephone string
	Status    Status
	CreatedAt time.Time
}

// NoBillingAddress is the code of the fault that an account cannot be active for
// want of an active billing address.
const NoBillingAddress = "portfolio.no_billing_address"

// Bills reports whether invoices can go there.
func (a *Address) Bills() bool { return a.Type == BillingAddress && a.Status == Active }
