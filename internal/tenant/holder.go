package tenant

// Holder names what carries attributes beside SIMs: a kind, and an id of that
// kind.
type Holder struct {
	Kind HolderKind
	ID   string
}

// HolderKind is what a Holder is. The numbers are stored: append only.
type HolderKind int

// The kinds of holder.
const (
	PortfolioHolder HolderKind = iota + 1
	PackageHolder
	ItemHolder
	UserHolder
	AddressHolder
	EntryHolder // of a dictionary
	PortalHolder
)
