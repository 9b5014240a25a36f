package tenant

import "time"

// Dictionary is one of the lists that accounts, addresses and people refer to.
// Its name is that of the SIM API's path.
type Dictionary string

// The dictionaries.
const (
	AddressTypes      Dictionary = "addressType"
	BusinessCodes     Dictionary = "businessCode"
	IndustrySectors   Dictionary = "industrySector"
	InvoicingEntities Dictionary = "invoicingEntity"
	JobTitles         Dictionary = "jobTitle"
	PaymentMethods    Dictionary = "paymentMethod"
	TaxCodes          Dictionary = "taxCode"
	UserTypes         Dictionary = "userType"
)

// Entry is one entry of a dictionary. Those with ids below FirstEntry are built
// in and the same everywhere; the others belong to one tree of portfolios, by
// the id of its root.
type Entry struct {
	ID         int64
	Dictionary Dictionary
	Root       string
	Name       string
	Title      string // short, without blanks, and its own in the dictionary
	Role       string // of user types: the letters of the users who have it
	Status     Status
	ModifiedAt time.Time
}

// FirstEntry is the least id of an entry that is not built in.
const FirstEntry = 100

// Person is the built-in user type of people whose roles are their own.
const Person = 1

// StandardUser are the roles of a user, or of a user type, that names none.
const StandardUser = "U"

// BillingAddress is the type of the address that an account needs to be active.
const BillingAddress = 1

var builtIn = []Entry{
	{ID: BillingAddress, Dictionary: AddressTypes, Name: "Billing address", Title: "billing"},
	{ID: 2, Dictionary: AddressTypes, Name: "Delivery address", Title: "delivery"},
	{ID: 3, Dictionary: AddressTypes, Name: "Registered office", Title: "registered"},
	{ID: 1, Dictionary: BusinessCodes, Name: "General business", Title: "general"},
	{ID: 1, Dictionary: IndustrySectors, Name: "Other", Title: "other"},
	{ID: 1, Dictionary: InvoicingEntities, Name: "The operator", Title: "operator"},
	{ID: 1, Dictionary: JobTitles, Name: "Other", Title: "other"},
	{ID: 1, Dictionary: PaymentMethods, Name: "Direct debit", Title: "directDebit"},
	{ID: 2, Dictionary: PaymentMethods, Name: "Credit card", Title: "creditCard"},
	{ID: 3, Dictionary: PaymentMethods, Name: "Invoice", Title: "invoice"},
	{ID: 4, Dictionary: PaymentMethods, Name: "AWS", Title: "aws"},
	{ID: 1, Dictionary: TaxCodes, Name: "Standard rate", Title: "standard"},
	{ID: 2, Dictionary: TaxCodes, Name: "Zero rate", Title: "zero"},
	{ID: 3, Dictionary: TaxCodes, Name: "Exempt", Title: "exempt"},
	{ID: 4, Dictionary: TaxCodes, Name: "Reverse charge", Title: "reverseCharge"},
	{ID: Person, Dictionary: UserTypes, Name: "Person", Title: "user"},
	{ID: 4, Dictionary: UserTypes, Name: "Program", Title: "service"},
	{ID: 7, Dictionary: UserTypes, Name: "Report file store", Title: "sftp"},
}

// BuiltIn lists the entries of a dictionary that every tree has, by their ids.
func BuiltIn(d Dictionary) []Entry {
	var out []Entry
	for _, e := range builtIn {
		if e.Dictionary == d {
			e.Status = Active
			out = append(out, e)
		}
	}
	return out
}

// Terms are what an account is invoiced by, as entries of dictionaries; 0 for
// none.
type Terms struct {
	BusinessCode    int64
	TaxCode         int64
	PaymentMethod   int64
	InvoicingEntity int64
}

// Refs lists what the terms refer to, by dictionary.
func (t *Terms) Refs() map[Dictionary]*int64 {
	return map[Dictionary]*int64{BusinessCodes: &t.BusinessCode, TaxCodes: &t.TaxCode, PaymentMethods: &t.PaymentMethod, InvoicingEntities: &t.InvoicingEntity}
}
