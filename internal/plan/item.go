package plan

import (
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/money"
)

// Category is what a package item is about. The numbers are those of the
// contracts.
type Category int

// The categories.
const (
	DataItem  Category = 105 // bytes
	MMSItem   Category = 106 // messages
	SMSItem   Category = 122 // messages
	USSDItem  Category = 130 // sessions
	VoiceItem Category = 133 // seconds
)

// Categories lists every category.
func Categories() []Category { return []Category{DataItem, SMSItem, VoiceItem, USSDItem, MMSItem} }

var categoryNames = map[Category]string{DataItem: "Data", SMSItem: "SMS", VoiceItem: "Voice", USSDItem: "USSD", MMSItem: "message"}

// String returns the title of c, such as "Data".
func (c Category) String() string { return categoryNames[c] }

// Per is how many units an out-of-bundle price is for: a megabyte, a minute, or
// one.
func (c Category) Per() int64 {
	switch c {
	case DataItem:
		return 1 << 20
	case VoiceItem:
		return 60
	case MMSItem, SMSItem, USSDItem:
	}
	return 1
}

// Rounding is the usual rounding of c: a kilobyte, a minute, or one.
func (c Category) Rounding() int64 {
	switch c {
	case DataItem:
		return 1024
	case VoiceItem:
		return 60
	case MMSItem, SMSItem, USSDItem:
	}
	return 1
}

// Item prices one kind of use on a package. Units are bytes, messages, seconds
// or sessions, by the category.
type Item struct {
	ID       int64
	Package  int64
	Category Category

	Bundle    int64        // units that the package's price covers in a billing period
	Price     money.Amount // out of bundle, per Category.Per units
	RoundIn   int64        // in bundle, use is rounded up to multiples of this
	RoundOut  int64        // out of bundle
	Countries []string     // mobile country codes that it is for, in order; empty for all
	Deleted   bool
	CreatedAt time.Time
}

// ItemExists is the code of the fault that two items of a package are for the
// same use.
const ItemExists = "item.exists"

// Check fills in what is missing and returns an Invalid fault for what cannot
// be.
func (i *Item) Check() error {
	if i.RoundIn == 0 {
		i.RoundIn = i.Category.Rounding()
	}
	if i.RoundOut == 0 {
		i.RoundOut = i.Category.Rounding()
	}
	slices.Sort(i.Countries)
	var errs []error
	bad := func(wrong bool, field, format string, args ...any) {
		if wrong {
			errs = append(errs, fault.InvalidField(field, format, args...))
		}
	}
	bad(categoryNames[i.Category] == "", "packageItemCategoryId", "is %d, which is no category", i.Category)
	bad(i.Bundle < 0, "bundleAmount", "is negative")
	bad(i.Price < 0, "outOfBundlePrice", "is negative")
	bad(i.RoundIn < 0, "inBundleRounding", "is negative")
	bad(i.RoundOut < 0, "outOfBundleRounding", "is negative")
	return fault.Join(errs...)
}

// Overlaps reports whether both items would price the same use: of one
// category, in one country.
func (i *Item) Overlaps(o *Item) bool {
	if i.Category != o.Category || i.Deleted || o.Deleted {
		return false
	}
	if len(i.Countries) == 0 || len(o.Countries) == 0 {
		return len(i.Countries) == len(o.Countries) // a country's own item comes before the one for all
	}
	return slices.ContainsFunc(i.Countries, func(c string) bool { return slices.Contains(o.Countries, c) })
}
